import Ledger
import Testing

@Suite struct TallyTests {
  @Test(arguments: [1, 3, 1_000])
  func countsAndOrdersWhateverFitsIntoMemory(_ valuesInMemory: Int) throws {
    let tally = try Tally<Int>(valuesInMemory: valuesInMemory) { value in
      .init(sortKey: value % 2 == 0 ? "a" : "b", text: "\(value)")
    }
    for value in [5, 2, 4, 2, 1, 5, 2] { try tally.add(value) }
    var lines: [String] = []
    try tally.drain { line, count in lines.append("\(line.sortKey)\(line.text)x\(count)") }
    #expect(lines == ["a2x3", "a4x1", "b1x1", "b5x2"])

    try tally.drain { _, _ in Issue.record("not forgotten") }
    try tally.add(7)
    try tally.forget()
    try tally.drain { _, _ in Issue.record("not forgotten") }
  }
}
