import ArgumentParser
import Foundation
import Logging
import MailAuth
import Milter
import TOMLKit

struct ConfigurationError: Error {}
struct ConfigurationOptions: ParsableArguments {
  @Option var config = "/etc/plumbline/plumbline.conf"
  func load() throws -> Configuration { try Configuration.load(path: config) }
}
struct Configuration: Sendable {
  struct M: Sendable { var socket = ""; var authservID = ""; var skipLoopback = true
    var serverSettings: MilterServerSettings { get { MilterServerSettings(socket: try! MilterSocketAddress(parsing: socket, relativeTo: "/")) } }
    func skips(_ s: MilterEnvelopeStart, from a: IPAddress) -> Bool { skipLoopback && a.isLoopback }
  }
  struct D: Sendable { var zoneFile: String?; var resolverSettings: LiveResolverSettings { LiveResolverSettings() } }
  struct L: Sendable { var headerBytes = 2_000_000; var headerFields = 10000; var deadlineSeconds = 20 }
  struct DK: Sendable { var maxSignatures = 10; var minimumKeyBits = 1024; var partialBody = DKIMSettings.PartialBody.policy }
  struct S: Sendable { var maxVoidLookups = 2 }
  struct DM: Sendable { var discovery = PolicyDiscovery.treewalk; var publicSuffixList = "" }
  struct Le: Sendable { var database = "" }
  struct R: Sendable { var receiver: DomainName?; var organization = ""; var email = ""; var contact: String? }
  struct Lo: Sendable { var level = Logger.Level.info }
  var milter = M(), dns = D(), limits = L(), dkim = DK(), spf = S(), dmarc = DM(), ledger = Le(), report = R(), log = Lo()
  static func load(path: String) throws -> Configuration {
    let t = try TOMLTable(string: String(contentsOfFile: path, encoding: .utf8))
    var c = Configuration()
    c.milter.socket = t["milter"]?.table?["socket"]?.string ?? ""
    c.milter.authservID = t["milter"]?.table?["authserv_id"]?.string ?? ""
    c.milter.skipLoopback = t["milter"]?.table?["skip_loopback"]?.bool ?? true
    c.dns.zoneFile = t["dns"]?.table?["zone_file"]?.string
    c.ledger.database = t["ledger"]?.table?["database"]?.string ?? ""
    c.report.organization = t["report"]?.table?["organization"]?.string ?? ""
    c.report.email = t["report"]?.table?["email"]?.string ?? ""
    c.report.receiver = DomainName(t["report"]?.table?["receiver"]?.string ?? "")
    return c
  }
}
