import Foundation
import Ledger
import TestSupport
import Testing

/// The report commands with a real Postfix at the other end, set up as our documents say.
@Suite(.serialized, .enabled(if: PostfixInstance.isAvailable, "needs root and Postfix"))
struct ReportPostfixTests {
  // MARK: - A submission server

  @Test(.enabled(if: SubmissionServer.isAvailable, "needs saslpasswd2"))
  func reportsGoOutThroughASubmissionServer() throws {
    let server = try SubmissionServer(settings: ["virtual_mailbox_domains = static:all"])
    let host = try ReportHost(domains: ["a.example", "b.example"])
    func configure(port: UInt16, tls: String) throws {
      try host.configure(
        """
        transport = "smtp"
        smtp_host = "127.0.0.1"
        smtp_port = \(port)
        smtp_tls = "\(tls)"
        smtp_user = "\(SubmissionServer.user)"
        smtp_password_file = "password"
        smtp_ca_file = "\(server.authorityPath)"
        """)
    }
    try configure(port: server.postfix.port, tls: "required")
    try host.directory.write("wrong\n", to: "password")

    // One try is enough to see that nothing can be handed over.
    let refused = try host.run("run", "--now")
    #expect(refused.status == 73)
    #expect(refused.output.hasSuffix("0 sent, 1 deferred, 0 suppressed, 0 failed; 2 left\n"))
    #expect(
      refused.errors.hasPrefix(
        "plumbline: the mail server 127.0.0.1 cannot be used: 535 5.7.8"), "\(refused.errors)")
    #expect(try host.deliveries().map(\.state) == [.planned, .deferred])

    try host.directory.write("\(SubmissionServer.password)\n", to: "password")
    let sent = try host.run("send", "--now")
    #expect(sent.output == "1 sent, 0 deferred, 0 suppressed, 0 failed; 1 left\n", "\(sent.errors)")
    let waiting = try #require(try host.deliveries().first { $0.state == .deferred })
    try configure(port: server.implicitPort, tls: "implicit")
    let again = try host.run("resend", waiting.reportID)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try host.deliveries().map(\.state) == [.sent, .sent])
    #expect(
      try host.deliveries().allSatisfy { $0.answer?.hasPrefix("250 2.0.0 Ok: queued as") == true })
    try waitUntil("two mails") { try server.postfix.mailbox().count == 2 }
    for mail in try server.postfix.mailbox() {
      let received = try #require(mail["Received"].first)
      #expect(received.contains("with ESMTPSA"), "\(received)")
      #expect(mail["Return-Path"].first?.hasPrefix("<dmarc-bounce+") == true)
    }
  }

  // MARK: - Bounces

  /// What keeps a user other than root from running the program, such as a home directory above it.
  private static let othersMayRunIt: Bool = {
    let result = try? Program.run(
      "/usr/bin/setpriv",
      ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", Program.plumblinePath]
        + ["--version"])
    return result?.status == 0
  }()

  /// The lines of `conf/postfix/report-bounce.example`, for another domain, user and program.
  private struct Example {
    let main: [String]
    let transport: String
    let service: String

    init(_ host: ReportHost) throws {
      let text = try String(
        contentsOf: PackageRoot.url.appending(path: "conf/postfix/report-bounce.example"),
        encoding: .utf8
      )
      .replacing("example.com", with: "mx.receiver.example")
      .replacing("/etc/postfix/transport", with: host.directory.path("transport"))
      .replacing("user=plumbline", with: "user=nobody")
      .replacing("/usr/local/bin/plumbline", with: Program.plumblinePath)
      .replacing(
        "${recipient}",
        with: "${recipient} --config \(host.directory.path("plumbline.conf"))")
      let lines = text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
      let start = try #require(lines.firstIndex { $0.hasPrefix("plumbline-bounce unix") })
      service = lines[start...].joined(separator: "\n")
      transport = try #require(lines.first { $0.hasPrefix("dmarc-bounce@") }) + "\n"
      main = lines[..<start].filter { $0.contains(" = ") }
    }
  }

  @Test(.enabled(if: othersMayRunIt, "the program lies where others may not run it"))
  func theLinesOfTheExampleTakeBouncesAndSuppressTheAddress() throws {
    let domains = ["a.example", "b.example", "c.example"]
    let host = try ReportHost(
      domains: domains, settings: "bounces_before_suppression = 3", rua: ["mailto:dmarc@a.example"],
      zone: domains.dropFirst().map { "\($0)._report._dmarc.a.example: [{TXT: v=DMARC1}]\n" }
        .joined())
    let example = try Example(host)
    #expect(example.main.count == 3)
    try host.directory.write(example.transport, to: "transport")
    // Whatever is sent anywhere else comes back.
    let postfix = try PostfixInstance(
      settings: ["smtpd_milters =", "virtual_mailbox_domains = mx.receiver.example"]
        + example.main,
      services: ["pickup unix n - n 60 1 pickup", example.service])
    let mapped = try Program.run(
      "/usr/sbin/postmap", ["-c", postfix.configurationDirectory, host.directory.path("transport")])
    #expect(mapped.status == 0, "\(mapped.errors)")
    try postfix.start()
    try host.answer("exec /usr/sbin/sendmail -C \(postfix.configurationDirectory) \"$@\"")
    let owned = try Program.run("/bin/chown", ["-R", "nobody:nogroup", host.directory.path("")])
    #expect(owned.status == 0, "\(owned.errors)")

    let run = try host.run("run", "--now")
    #expect(run.output.contains("3 sent, "), "\(run.output)\(run.errors)")
    do {
      try waitUntil("three bounces") {
        try host.deliveries().allSatisfy { $0.state == .bounced }
      }
    } catch {
      throw FixtureError("\(error)\n\(postfix.mailLog)")
    }
    #expect(
      try host.deliveries().map(\.reason)
        == Array(repeating: "5.0.0 this Postfix sends nothing", count: 3))
    try waitUntil("the suppression") { try !host.store.suppressions().isEmpty }
    let entry = try #require(try host.store.suppressions().first)
    #expect(entry.subject == .address("dmarc@a.example"))
    #expect(entry.reason == "3 reports came back")
    let id = try #require(try host.deliveries().first).reportID
    let refused = try host.run("resend", id)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("3 reports came back"), "\(refused.errors)")
    #expect(!postfix.mailLog.contains("status=deferred"), "\(postfix.mailLog)")
  }
}
