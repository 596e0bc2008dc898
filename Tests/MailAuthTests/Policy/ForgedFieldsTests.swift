import MailAuth
import TestSupport
import Testing

@Suite struct ForgedFieldsTests {
  private static let ours = HeaderField(
    "Authentication-Results", " MX.receiver.example; dmarc=pass")
  private static let others = HeaderField("authentication-Results", " other.example; dmarc=pass")
  private static let mark = HeaderField("x-plumbline-disposition", " none")
  private static let spf = HeaderField("Received-SPF", " pass (x) receiver=mx.Receiver.example;")
  private static let otherSPF = HeaderField("Received-SPF", " pass (receiver=mx.receiver.example)")

  private func found(_ header: [HeaderField], spf: Bool = false) -> [String] {
    var forged = ForgedFields(
      VerdictSettings(authservID: "mx.receiver.example", writesReceivedSPF: spf))
    header.forEach { forged.add($0) }
    return forged.occurrences.map { "\($0.name) \($0.number)" }
  }

  /// Every mix of up to six fields, ours or another's.
  @Test func findsOursInEveryMixFromTheBottomUp() {
    for length in 0...6 {
      for bits in 0..<(1 << length) {
        let isOurs = (0..<length).map { bits >> $0 & 1 == 1 }
        let header = isOurs.flatMap { [$0 ? Self.ours : Self.others, HeaderField("To", " x")] }
        let wanted = isOurs.indices.filter { isOurs[$0] }.reversed()
          .map { "Authentication-Results \($0 + 1)" }
        #expect(found(header) == wanted)
      }
    }
  }

  @Test func countsEachNameForItself() {
    #expect(
      found([Self.mark, Self.others, Self.ours, Self.mark, Self.spf, Self.ours], spf: true) == [
        "Authentication-Results 3", "Received-SPF 1", "X-Plumbline-Disposition 2",
        "Authentication-Results 2", "X-Plumbline-Disposition 1",
      ])
  }

  @Test func leavesReceivedSPFAloneWhereItWritesNone() {
    #expect(found([Self.spf]).isEmpty)
    #expect(found([Self.otherSPF], spf: true).isEmpty)
  }

  @Test(arguments: [
    " pass receiver=mx.receiver.example", " pass x=y; RECEIVER = \"mx.receiver.example\" ;",
    " pass receiver(c)=(c)mx.receiver.example", " pass receiver=\r\n mx.receiver.example.",
    " pass (unclosed", " pass x=\"unclosed",
  ])
  func findsReceivedSPFInOurName(_ value: String) {
    #expect(found([HeaderField("Received-SPF", value)], spf: true) == ["Received-SPF 1"])
  }

  @Test(arguments: [
    " pass receiver=mx.other.example", " pass x=\"receiver=mx.receiver.example\"", "", " pass",
    " pass helo=mx.receiver.example; receiver=other.example",
  ])
  func keepsReceivedSPFOfOthers(_ value: String) {
    #expect(found([HeaderField("Received-SPF", value)], spf: true).isEmpty)
  }
}
