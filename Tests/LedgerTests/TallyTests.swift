import Ledger
import Testing

@Suite struct TallyTests {
  @Test(arguments: [1, 3, 1_000])
  func countsAndOrdersWhateverFitsIntoMemory(_ valuesInMemory: Int) throws {
    let tally = Tally<Int>(valuesInMemory: valuesInMemory) { value in
      .init(sortKey: value % 2 == 0 ? "a" : "b", text: "\(value)")
    } value: { line in
      try #require(Int(line.text))
    }
    for value in [5, 2, 4, 2, 1, 5, 10, 2] { try tally.add(value) }
    var lines: [String] = []
    try tally.drain { value, count in lines.append("\(value)x\(count)") }
    #expect(lines == ["10x1", "2x3", "4x1", "1x1", "5x2"])

    try tally.drain { _, _ in Issue.record("not forgotten") }
    try tally.add(7)
    try tally.forget()
    try tally.drain { _, _ in Issue.record("not forgotten") }
  }

  @Test func ordersByOctetsWhateverFitsIntoMemory() throws {
    // Canonically equal and yet different; and in another order as characters than as octets.
    let words = ["\u{E9}", "e\u{301}", "f", "\u{1F600}", "\u{FF21}"]
    var orders: [[String]] = []
    for valuesInMemory in [1, 1_000] {
      let tally = Tally<[UInt8]>(valuesInMemory: valuesInMemory) { value in
        .init(sortKey: "", text: String(decoding: value, as: UTF8.self))
      } value: { line in
        Array(line.text.utf8)
      }
      for word in words { try tally.add(Array(word.utf8)) }
      var order: [String] = []
      try tally.drain { value, _ in order.append(String(decoding: value, as: UTF8.self)) }
      orders.append(order)
    }
    #expect(orders[0].map { Array($0.utf8) } == orders[1].map { Array($0.utf8) })
    #expect(orders[0].count == words.count)
  }
}
