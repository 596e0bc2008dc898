import Foundation
import MailAuth
import TestSupport
import Testing

// In the suite of the other tests with libunbound, so that they wait for each other.
extension LiveResolverTests {
  private func withTemporaryDirectory(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "plumbline-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }  // A leftover harms nobody.
    try body(directory)
  }

  private func error(_ settings: LiveResolverSettings) -> LiveResolverError? {
    do throws(LiveResolverError) {
      _ = try LiveResolver(settings)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: ["127.0.0.1", "192.0.2.1@5353", "::1", "2001:db8::53@53"])
  func acceptsServers(text: String) {
    #expect(LiveResolverSettings.problem(inServer: text) == nil)
    #expect(error(LiveResolverSettings(servers: [text])) == nil)
  }

  @Test(arguments: [
    ("127.0.0.1:5353", "at sign"), ("[::1]:53", "at sign"), ("ns.example", "not an IPv4 or IPv6"),
    ("", "not an IPv4 or IPv6"), ("127.0.0.1@", "is not a port"), ("::1@0", "is not a port"),
    ("::1@65536", "is not a port"), ("::1@5 3", "is not a port"), ("127.0.0.1@53@53", "not a port"),
  ])
  func refusesServers(text: String, why: String) throws {
    let problem = try #require(LiveResolverSettings.problem(inServer: text))
    #expect(problem.contains(why), "\(problem)")
    #expect(error(LiveResolverSettings(servers: ["127.0.0.1", text])) == .badServer(problem))
  }

  @Test func readsTheSystemsServers() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending(path: "resolv.conf")
      try "nameserver 127.0.0.1\noptions edns0\n".write(to: file, atomically: true, encoding: .utf8)
      #expect(error(LiveResolverSettings(systemServersFile: file.path)) == nil)
      let missing = directory.appending(path: "missing").path
      let error = error(LiveResolverSettings(systemServersFile: missing))
      #expect(error == .unreadableServersFile(path: missing, reason: "No such file or directory"))
    }
  }

  @Test func refusesUnusableTrustAnchors() throws {
    try withTemporaryDirectory { directory in
      let missing = directory.appending(path: "missing.key").path
      #expect(
        error(LiveResolverSettings(servers: ["127.0.0.1"], trustAnchorFile: missing))
          == .badTrustAnchor(path: missing, reason: "No such file or directory"))
      let file = directory.appending(path: "broken.key")
      try "this is ( no anchor\n".write(to: file, atomically: true, encoding: .utf8)
      let error = error(
        LiveResolverSettings(servers: ["127.0.0.1"], trustAnchorFile: file.path))
      #expect(error?.description.contains(file.path) == true, "\(String(describing: error))")
    }
  }

  @Test func withholdsAnswersThatFailValidation() throws {
    try withTemporaryDirectory { directory in
      let anchor = directory.appending(path: "anchor.key")
      let digest = String(repeating: "ab", count: 32)
      try "signed.example. IN DS 12345 13 2 \(digest)\n"
        .write(to: anchor, atomically: true, encoding: .utf8)
      let server = try DNSServer(zone: [
        "a.signed.example": [.address("192.0.2.1")], "a.other.example": [.address("192.0.2.2")],
      ])
      let resolver = try LiveResolver(
        LiveResolverSettings(
          servers: [server.address], timeout: .seconds(20), trustAnchorFile: anchor.path))
      let bogus = resolver.answer(DNSQuestion("a.signed.example", .a), deadline: nil)
      #expect(bogus.outcome == .bogus && bogus.records.isEmpty, "\(bogus)")
      #expect(bogus.detail?.contains("signed.example") == true, "\(bogus)")
      let other = resolver.answer(DNSQuestion("a.other.example", .a), deadline: nil)
      #expect(other.outcome == .answer && !other.isSecure, "\(other)")
    }
  }
}
