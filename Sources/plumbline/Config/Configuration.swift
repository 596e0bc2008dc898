import Logging
import MailAuth
import Milter

/// The settings of Plumbline, read once and never changed.
struct Configuration: Sendable, Equatable {
  /// Where the file is unless the command line says otherwise.
  static let defaultPath = "/etc/plumbline/plumbline.conf"

  /// A larger file is refused: nobody wrote it by hand.
  static let mostOctets = 1_048_576

  struct Milter: Sendable, Equatable {
    var socket: MilterSocketAddress
    /// The permissions of a unix socket.
    var socketMode: UInt32
    /// The name under which results are written.
    var authservID: String
    /// How long a stopping milter waits for open messages.
    var drainSeconds: Int
    var skipAuthenticated: Bool
    var skipLoopback: Bool
    var trustedNetworks: [IPNetwork]
    var onFailure: OnFailure
    var buffered: Bool
    /// Messages a second.
    var busyRate: Int

    /// The same for the server.
    var serverSettings: MilterServerSettings {
      MilterServerSettings(
        socket: socket, socketMode: socketMode, drainSeconds: drainSeconds,
        buffersConnections: buffered, busyRate: busyRate)
    }

    /// Whether mail that begins like this is left alone.
    func skips(_ start: MilterEnvelopeStart, from address: IPAddress) -> Bool {
      (skipAuthenticated && start.authenticatedName != nil) || (skipLoopback && address.isLoopback)
        || trustedNetworks.contains { $0.contains(address) }
    }
  }

  /// What a message is answered when evaluation itself fails.
  enum OnFailure: String, Sendable, CaseIterable { case accept, tempfail }

  struct DNS: Sendable, Equatable {
    /// Empty: the system's.
    var servers: [String]
    var timeoutSeconds: Double
    /// The file to answer from; nil asks the DNS.
    var zoneFile: String?
    /// The DNSSEC trust anchors; nil for none.
    var trustAnchorFile: String?
    var cacheMegabytes: Int

    /// The same for the resolver.
    var resolverSettings: LiveResolverSettings {
      LiveResolverSettings(
        servers: servers, timeout: .seconds(timeoutSeconds), trustAnchorFile: trustAnchorFile,
        cacheMegabytes: cacheMegabytes)
    }
  }

  struct Limits: Sendable, Equatable {
    var deadlineSeconds: Int
    var headerBytes: Int
    var headerFields: Int
  }

  struct SPF: Sendable, Equatable {
    var maxVoidLookups: Int
  }

  struct DKIM: Sendable, Equatable {
    var maxSignatures: Int
    var minimumKeyBits: Int
    var partialBody: DKIMSettings.PartialBody
    var directKeyParsing: Bool
  }

  struct DMARC: Sendable, Equatable {
    var discovery: DiscoveryChoice
    var publicSuffixList: String
    var maxAuthorDomains: Int
  }

  struct Headers: Sendable, Equatable {
    var receivedSPF: Bool
  }

  struct Ledger: Sendable, Equatable {
    var database: String
    /// Whether records go to a commit log first.
    var commitLog: Bool
    var capture: CaptureSettings
  }

  struct Log: Sendable, Equatable {
    var level: Logger.Level
  }

  var milter: Milter
  var dns: DNS
  var limits: Limits
  var spf: SPF
  var dkim: DKIM
  var dmarc: DMARC
  /// The table policy and arc.trusted_sealers.
  var policy: LocalPolicy
  /// How messages are sealed; nil when they are not.
  var sealing: Sealing?
  var headers: Headers
  var ledger: Ledger
  var report: Report
  var failureReports: FailureReports
  var log: Log

  /// How verdicts are reached and written.
  var verdictSettings: VerdictSettings {
    VerdictSettings(
      authservID: milter.authservID, policy: policy, writesReceivedSPF: headers.receivedSPF)
  }

  /// Reads a configuration file.
  ///
  /// - Parameter path: The file; relative file names in it are relative to its directory.
  /// - Returns: The settings.
  /// - Throws: ``ConfigurationError`` with everything that is wrong with it.
  static func load(path: String) throws(ConfigurationError) -> Configuration {
    try LoadedConfiguration(path: path, hostName: HostName.fullName).configuration
  }
}
