import Logging
import MailAuth
import Testing

@testable import Milter

/// The callbacks' order, without libmilter: whatever comes, there is an answer.
@Suite struct SessionTests {
  private final class Log: MilterTransaction {
    var calls: [String] = []
    var header: [HeaderField] = []
    var verdict = MilterVerdict(edits: [], reply: .accept)

    func recipient(_ address: [UInt8]) {
      calls.append("recipient \(String(decoding: address, as: UTF8.self))")
    }
    func header(_ field: HeaderField) {
      calls.append("header")
      header.append(field)
    }
    func endOfHeaders() { calls.append("endOfHeaders") }
    func body(_ chunk: UnsafeRawBufferPointer) { calls.append("body \(chunk.count)") }
    func abort() { calls.append("abort") }
    func endOfMessage(queueID: String) -> MilterVerdict {
      calls.append("end \(queueID)")
      return verdict
    }
  }

  // A test's log is used on the test's thread only; the closure is @Sendable for libmilter's.
  private struct Box: @unchecked Sendable { let log: Log }

  private func makeServer(_ log: Log, busyRate: Int = 100) -> MilterServer {
    let box = Box(log: log)
    return MilterServer(
      settings: MilterServerSettings(socket: .descriptor(0), busyRate: busyRate),
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    ) { start in start.mailFrom.isEmpty ? nil : box.log }
  }

  private func feed(_ session: Session, _ octets: Int) {
    let bytes = [UInt8](repeating: 0x61, count: octets)
    unsafe bytes.withUnsafeBytes { unsafe session.body($0) }
  }

  private let path = Array("<a@example.com>".utf8)
  private let field = HeaderField("Subject", " x")

  private func begin(_ session: Session) -> Session.Beginning {
    session.mail(from: path, authenticatedName: nil, hostName: nil)
  }

  @Test func passesAMessageOn() {
    let log = Log()
    let server = makeServer(log)
    let session = Session(server: server)
    #expect(begin(session) == .followed)
    #expect(server.openMessages == 1)
    session.recipient(Array("<b@example.org>".utf8))
    session.header(field)
    session.endOfHeaders()
    feed(session, 3)
    #expect(session.endOfMessage(queueID: "Q") { _ in nil } == .accept)
    #expect(
      log.calls == ["recipient b@example.org", "header", "endOfHeaders", "body 3", "end Q"])
    #expect(server.openMessages == 0)
  }

  @Test func ignoresAMessageThatNeverBegan() {
    let log = Log()
    let session = Session(server: makeServer(log))
    session.recipient(path)
    session.header(field)
    session.endOfHeaders()
    feed(session, 1)
    session.abort()
    #expect(session.endOfMessage(queueID: "Q") { _ in nil } == Session.outOfOrderReply)
    #expect(log.calls.isEmpty)
  }

  @Test func answersASecondEndWithTempfail() {
    let log = Log()
    let session = Session(server: makeServer(log))
    _ = begin(session)
    #expect(session.endOfMessage(queueID: "Q") { _ in nil } == .accept)
    #expect(session.endOfMessage(queueID: "Q") { _ in nil } == Session.outOfOrderReply)
    #expect(log.calls == ["endOfHeaders", "end Q"])
  }

  @Test func endsTheHeaderWhenTheBodyBegins() {
    let log = Log()
    let session = Session(server: makeServer(log))
    _ = begin(session)
    feed(session, 2)
    _ = session.endOfMessage(queueID: "Q") { _ in nil }
    #expect(log.calls == ["endOfHeaders", "body 2", "end Q"])
  }

  @Test(arguments: ["header", "endOfHeaders", "recipient"])
  func doesNotJudgeAMessageInDisorder(late call: String) {
    let log = Log()
    let server = makeServer(log)
    let session = Session(server: server)
    _ = begin(session)
    session.endOfHeaders()
    switch call {
    case "header": session.header(field)
    case "endOfHeaders": session.endOfHeaders()
    default: session.recipient(path)
    }
    #expect(session.endOfMessage(queueID: "Q") { _ in nil } == Session.outOfOrderReply)
    #expect(log.calls == ["endOfHeaders", "abort"])
    #expect(server.openMessages == 0)
  }

  @Test func beginsAnewAtMail() {
    let log = Log()
    let server = makeServer(log)
    let session = Session(server: server)
    _ = begin(session)
    _ = begin(session)
    #expect(log.calls == ["abort"])
    #expect(server.openMessages == 1)
    session.abort()
    session.abort()
    #expect(log.calls == ["abort", "abort"])
    #expect(server.openMessages == 0)
  }

  @Test func abortsWhenItGoesAway() {
    let log = Log()
    let server = makeServer(log)
    var session: Session? = Session(server: server)
    #expect(server.openSessions == 1)
    if let session { _ = begin(session) }
    session = nil
    #expect(log.calls == ["abort"])
    #expect(server.openMessages == 0)
    #expect(server.openSessions == 0)
  }

  @Test func skipsAndRefuses() {
    let log = Log()
    let server = makeServer(log)
    let session = Session(server: server)
    #expect(session.mail(from: [], authenticatedName: nil, hostName: nil) == .skipped)
    #expect(server.openMessages == 0)
    server.drain()
    #expect(begin(session) == .refused(MilterServer.drainingReply))
  }

  @Test func answersAtTheEndWhatIsNotAnsweredAtMail() {
    let log = Log()
    let server = makeServer(log)
    let session = Session(server: server)
    func mail(_ path: [UInt8]) {
      let beginning = session.mail(
        from: path, authenticatedName: nil, hostName: nil, isAnswered: false)
      #expect(beginning == .followed)
      session.recipient(self.path)
      session.header(field)
      session.endOfHeaders()
      feed(session, 10)
    }
    mail([])
    #expect(server.openMessages == 1)
    #expect(session.endOfMessage(queueID: "1") { _ in nil } == .accept)
    #expect(server.openMessages == 0)
    // RSET, and MAIL without one.
    mail([])
    session.abort()
    #expect(server.openMessages == 0)
    #expect(session.endOfMessage(queueID: "2") { _ in nil } == Session.outOfOrderReply)
    mail([])
    #expect(server.openMessages == 1)
    server.drain()
    mail(path)
    // Mail that goes on coming must not keep the milter.
    #expect(server.openMessages == 0)
    #expect(session.endOfMessage(queueID: "3") { _ in nil } == MilterServer.drainingReply)
    #expect(session.endOfMessage(queueID: "4") { _ in nil } == Session.outOfOrderReply)
    #expect(server.openMessages == 0)
    #expect(log.calls == [])
  }

  @Test func countsMessagesOfASecond() {
    let start = ContinuousClock.now
    var rate = MessageRate()
    for milliseconds in 0..<900 { rate.count(now: start + .milliseconds(milliseconds)) }
    #expect(rate.perSecond(now: start + .milliseconds(990)) == 900)
    rate.count(now: start + .milliseconds(1500))
    #expect(rate.perSecond(now: start + .milliseconds(1990)) == 900)
    #expect(rate.perSecond(now: start + .milliseconds(2500)) == 1)
    #expect(rate.perSecond(now: start + .milliseconds(9000)) == 0)
  }

  @Test func isBusyFromItsRateOn() {
    let server = makeServer(Log(), busyRate: 3)
    let session = Session(server: server)
    for isBusy in [false, false, true, true] {
      _ = begin(session)
      #expect(server.isBusy == isBusy)
    }
    // Whoever comes now is refused as early as can be.
    server.drain()
    #expect(!server.isBusy)
  }

  @Test(arguments: [
    (" a", " a"), ("a", " a"), ("\ta", "\ta"), ("", " "), (" a\n\tb", " a\r\n\tb"),
    (" a\r\n b", " a\r\n b"), (" \n\n", " \r\n\r\n"),
  ])
  func restoresFoldsAndTheLeadingBlank(given: String, wanted: String) {
    let log = Log()
    let session = Session(server: makeServer(log))
    _ = begin(session)
    session.header(HeaderField(name: field.name, value: Array(given.utf8)))
    #expect(log.header == [HeaderField("Subject", wanted)])
  }

  @Test(arguments: ["", "a", " a", "\ta", "a\nb"])
  func keepsTheLeadingSpaceWhereTheMTADoes(given: String) {
    let log = Log()
    let session = Session(server: makeServer(log))
    session.keepsLeadingSpace = true
    _ = begin(session)
    session.header(HeaderField(name: field.name, value: Array(given.utf8)))
    #expect(log.header.map(\.value) == [Array(given.replacing("\n", with: "\r\n").utf8)])
  }

  @Test(arguments: [
    (HeaderEdit.insert(index: 0, name: "A", value: " b\n\tc"), true),
    (.insert(index: 0, name: "A", value: ""), true),
    (.insert(index: -1, name: "A", value: " b"), false),
    (.insert(index: 1 << 40, name: "A", value: " b"), false),
    (.insert(index: 0, name: "", value: " b"), false),
    (.insert(index: 0, name: "A:", value: " b"), false),
    (.insert(index: 0, name: "A\nB", value: " b"), false),
    (.insert(index: 0, name: "A", value: " b\nEvil: c"), false),
    (.insert(index: 0, name: "A", value: " b\n"), false),
    (.insert(index: 0, name: "A", value: " b\r\n c"), false),
    (.insert(index: 0, name: "A", value: " b\0"), false),
    (.delete(name: "A", occurrence: 1), true),
    (.delete(name: "A", occurrence: 0), false),
    (.delete(name: "A b", occurrence: 1), false),
  ])
  func checksEdits(edit: HeaderEdit, isAllowed: Bool) {
    #expect((edit.problem == nil) == isAllowed)
  }

  @Test(arguments: [
    ("", "", " "), (" ", " ", " "), (" a", " a", " a"), ("a", "a", " a"), ("\ta", "\ta", "\ta"),
    (" a\n\tb\n c", " a\r\n\tb\r\n c", " a\r\n\tb\r\n c"), ("\n a", "\r\n a", " \r\n a"),
    (" a\r\n b", " a\r\n b", " a\r\n b"), (" a\n\n", " a\r\n\r\n", " a\r\n\r\n"),
    ("\r\r\n\n", "\r\r\n\r\n", " \r\r\n\r\n"), (" a\rb", " a\rb", " a\rb"),
  ])
  func restoresLineEndsAndTheBlank(given: String, kept: String, cut: String) {
    for (keepsLeadingSpace, expected) in [(true, kept), (false, cut)] {
      let value = unsafe Array(given.utf8).withUnsafeBytes {
        unsafe Session.messageValue($0, keepsLeadingSpace: keepsLeadingSpace)
      }
      #expect(value == Array(expected.utf8))
    }
  }
}

extension Session {
  /// A header field as the MTA sends it.
  fileprivate func header(_ field: HeaderField) {
    unsafe field.value.withUnsafeBytes { unsafe header(name: field.name, value: $0) }
  }
}
