import Foundation
import TestSupport
import Testing

/// `plumbline check --config`: what would be done with a message.
@Suite struct CheckPolicyTests {
  private let message = """
    From: Ann <ann@example.com>
    To: user@receiver.example
    Subject: Lunch

    Hello.

    """
  private let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.9 ~all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject; t=y"}]
    """

  private func run(
    _ extra: [String] = [], message: String? = nil, zone: String? = nil
  ) throws -> (status: Int32, output: String, errors: String) {
    let directory = try TemporaryDirectory()
    try directory.write(zone ?? self.zone, to: "zone.yml")
    let result = try Program.run(
      Program.plumblinePath,
      [
        "check", "-", "--ip", "192.0.2.1", "--helo", "mail.example.com", "--mail-from",
        "<ann@example.com>", "--zone", directory.path("zone.yml"), "--now", "1795218211",
        "--authserv-id", "mx.example",
      ] + extra, input: Data((message ?? self.message).utf8))
    return (result.status, result.output, result.errors)
  }

  private func object(_ output: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }

  @Test func judgesAsAConfigurationSays() throws {
    let directory = try TemporaryDirectory()
    let config = try directory.write(
      """
      [milter]
      authserv_id = "mx.configured.example"
      [dns]
      zone_file = "missing.yml"
      [policy]
      enforce = "reject"
      trusted_forwarders = ["alumni.example"]
      [headers]
      received_spf = true
      """, to: "plumbline.conf")
    try directory.write("x.example: [{A: 192.0.2.1}]", to: "missing.yml")
    let zone = self.zone.replacing("; t=y", with: "")
    let arguments = ["--config", config, "--format", "json"]
    let refused = try object(run(arguments, zone: zone).output)
    #expect(refused["disposition"] as? String == "reject")
    #expect(refused["reply"] as? String == "550 5.7.26 Rejected by the DMARC policy of example.com")
    #expect(refused["answer"] as? String == "reject")
    #expect((refused["overrides"] as? [Any])?.isEmpty == true)
    #expect((refused["overrideReasons"] as? [Any])?.isEmpty == true)
    // An option comes before the file.
    #expect((refused["authenticationResults"] as? String)?.hasPrefix("mx.example; ") == true)
    let fields = try #require(refused["addedFields"] as? [String])
    #expect(fields.map { $0.prefix { $0 != ":" } } == ["Authentication-Results", "Received-SPF"])

    let forwarded = try object(
      run(arguments + ["--client-name", "mx.alumni.example"], zone: zone).output)
    #expect(forwarded["disposition"] as? String == "none")
    let overrides = try #require(forwarded["overrides"] as? [[String: String]])
    #expect(overrides.map { $0["type"] } == ["trusted_forwarder"])
    #expect(forwarded["answer"] as? String == "accept")
    #expect(forwarded["reply"] is NSNull)

    let text = try run(["--config", config], zone: zone).output
    for part in [
      "asks for reject on this message; done: reject",
      "the client is told: 550 5.7.26 Rejected by the DMARC policy of example.com",
      "Received-SPF: softfail (",
    ] {
      #expect(text.contains(part), "\(part) is missing in:\n\(text)")
    }
  }

  @Test func refusesAConfigurationWithErrors() throws {
    let directory = try TemporaryDirectory()
    let config = try directory.write("policy.enforce = 'no'", to: "plumbline.conf")
    let result = try run(["--config", config])
    #expect(result.status == 78)
    #expect(result.errors.contains("policy.enforce"))
    #expect(try run(["--config", directory.path("none.conf")]).status == 78)
  }
}
