import ArgumentParser
import Foundation
import MailAuth

/// `plumbline check`: evaluates one message file and explains the outcome.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Evaluate one message file, offline or live, and explain the outcome.",
    discussion: """
      With --config the message is evaluated and judged as the milter would do it with that file; the \
      other options come before what it says. Without --config and --zone the system's DNS is \
      asked, and nothing is enforced. Exit status: 0 evaluated, 64 bad usage, 66 unreadable input, \
      70 a fault of our own, 74 unwritable output, 78 the configuration cannot be used.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "The message, LF or CRLF; - reads standard input.")
  var message = "-"

  @Option(help: "The address of the SMTP client.")
  var ip: IPAddress

  @Option(help: "The client's HELO or EHLO name.")
  var helo: String

  @Option(help: "The client's name, if it is verified: it leads to the address and back.")
  var clientName: String?

  @Option(help: "The reverse-path; empty for the null reverse-path.")
  var mailFrom: String

  @Option(help: "A recipient; may be repeated.")
  var rcpt: [String] = []

  @Option(help: "Evaluate and judge as this configuration file says.")
  var config: String?

  @Option(help: "Answer DNS questions from this YAML file.")
  var zone: String?

  @Option(help: "The time of evaluation in seconds since the epoch (default: now).")
  var now: Int64?

  @Option(
    help: "The name under which results are written (default: the configuration's, or this host's)."
  )
  var authservId: String?

  @Option(
    help: "How policies are found: treewalk (RFC 9989), psl (RFC 7489), or compare: by both.")
  var discovery: DiscoveryChoice?

  @Option(help: "The public suffix list for --discovery psl and compare.")
  var publicSuffixList = "/usr/share/publicsuffix/public_suffix_list.dat"

  @Option(help: "text or json.")
  var format = Format.text

  func validate() throws {
    if let now, now < 0 {
      throw ValidationError("--now: \(now) lies before the epoch (allowed: 0 and up)")
    }
    let key = ConfigurationKey.milterAuthservID
    if let authservId, let problem = ConfigurationChecks.authservID(authservId) {
      throw ValidationError("--authserv-id: \(problem) (allowed: \(key.allowed))")
    }
  }

  func run() throws {
    let wiring = try config.map { path throws(ConfigurationError) in
      Wiring(configuration: try Configuration.load(path: path))
    }
    // Looking up the host's own name can ask the DNS, so it is not done without need.
    let authservID =
      authservId ?? wiring?.configuration.milter.authservID ?? HostName.fullName()
    var verdicts = wiring?.configuration.verdictSettings ?? VerdictSettings(authservID: authservID)
    verdicts.authservID = authservID
    let evaluator = try makeEvaluator(wiring, receivingHost: authservID)
    let envelope = Envelope(
      clientAddress: ip, clientName: clientName, helo: Array(helo.utf8),
      mailFrom: Self.addressOctets(mailFrom), recipients: rcpt.map(Self.addressOctets))
    let seconds = wiring?.configuration.limits.deadlineSeconds ?? 20
    let evaluation = evaluator.begin(
      envelope, now: now ?? Int64(Date().timeIntervalSince1970),
      deadline: { ContinuousClock.now.advanced(by: .seconds(seconds)) })
    try feed(evaluation)
    let result = evaluation.finish()
    let verdict = Verdict(result, envelope: envelope, settings: verdicts)
    switch format {
    case .json: print(try internally { try CheckJSON(result, verdict).text() })
    case .text: print(CheckText(result, verdict, envelope).text)
    }
  }

  private func makeEvaluator(_ wiring: Wiring?, receivingHost: String) throws -> Evaluator {
    var settings =
      try wiring?.evaluatorSettings() ?? EvaluatorSettings(receivingHost: receivingHost)
    if let discovery { settings.discovery = try discovery.mode(loadPublicSuffixList) }
    let resolver = try makeResolver(wiring)
    return try internally { try Evaluator(settings: settings, resolver: resolver) }
  }

  private func makeResolver(_ wiring: Wiring?) throws -> any Resolver {
    if let zone {
      do {
        return try ZoneResolver(contentsOf: zone)
      } catch {
        throw UnreadableInput(message: "\(error)")
      }
    }
    if let wiring { return try starting { try wiring.resolver() } }
    return try internally { try LiveResolver(LiveResolverSettings()) }
  }

  private func loadPublicSuffixList() throws -> PublicSuffixList {
    guard let list = PublicSuffixList(path: publicSuffixList) else {
      throw UnreadableInput(
        message: "\(publicSuffixList): cannot be read as a public suffix list; "
          + "install the Debian package publicsuffix or give --public-suffix-list")
    }
    return list
  }

  private func feed(_ evaluation: MessageEvaluation) throws {
    var reader = MessageReader()
    let input = try openInputFile(message, kind: "message")
    while true {
      let chunk: Data?
      do {
        chunk = try input.read(upToCount: 64 * 1024)
      } catch {
        throw UnreadableInput(message: "\(message): \(error.localizedDescription)")
      }
      guard let chunk, !chunk.isEmpty else { break }
      evaluation.take(reader.read(chunk))
    }
    evaluation.take(reader.finish())
  }

  /// An address without the angle brackets that people paste with it.
  private static func addressOctets(_ text: String) -> [UInt8] {
    var octets = Array(text.utf8)
    if octets.first == UInt8(ascii: "<"), octets.last == UInt8(ascii: ">") {
      octets = Array(octets.dropFirst().dropLast())
    }
    return octets
  }
}
