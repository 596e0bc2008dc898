import ArgumentParser
import Foundation
import MailAuth

/// `plumbline check`: evaluates one message file and explains the outcome.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Evaluate one message file, offline or live, and explain the outcome.",
    discussion: """
      Without --zone the system's DNS is asked. Exit status: 0 evaluated, 64 bad usage, \
      66 unreadable input, 70 a fault of our own.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "The message, LF or CRLF; - reads standard input.")
  var message = "-"

  @Option(help: "The address of the SMTP client.")
  var ip: IPAddress

  @Option(help: "The client's HELO or EHLO name.")
  var helo: String

  @Option(help: "The reverse-path; empty for the null reverse-path.")
  var mailFrom: String

  @Option(help: "A recipient; may be repeated.")
  var rcpt: [String] = []

  @Option(help: "Answer DNS questions from this YAML file.")
  var zone: String?

  @Option(help: "The time of evaluation in seconds since the epoch (default: now).")
  var now: Int64?

  @Option(help: "The name under which results are written (default: this host's name).")
  var authservId: String?

  @Option(
    help: "How policies are found: treewalk (RFC 9989), psl (RFC 7489), or compare: by both.")
  var discovery = DiscoveryChoice.treewalk

  @Option(help: "The public suffix list for --discovery psl and compare.")
  var publicSuffixList = "/usr/share/publicsuffix/public_suffix_list.dat"

  @Option(help: "text or json.")
  var format = Format.text

  func validate() throws {
    guard let now, now < 0 else { return }
    throw ValidationError("--now: \(now) lies before the epoch (allowed: 0 and up)")
  }

  func run() throws {
    // Looking up the host's own name can ask the DNS, so it is not done without need.
    let authservID = authservId ?? HostName.fullName()
    var settings = EvaluatorSettings(receivingHost: authservID)
    settings.discovery = try discovery.mode(loadPublicSuffixList)
    let evaluator = try internally {
      try Evaluator(settings: settings, resolver: try makeResolver())
    }
    let envelope = Envelope(
      clientAddress: ip, helo: Array(helo.utf8), mailFrom: Self.addressOctets(mailFrom),
      recipients: rcpt.map(Self.addressOctets))
    let evaluation = evaluator.begin(
      envelope, now: now ?? Int64(Date().timeIntervalSince1970),
      deadline: { ContinuousClock.now.advanced(by: .seconds(20)) })
    try feed(evaluation)
    let result = evaluation.finish()
    let verdict = Verdict(result, envelope: envelope, authservID: authservID)
    switch format {
    case .json: print(try internally { try CheckJSON(result, verdict).text() })
    case .text: print(CheckText(result, verdict, envelope).text)
    }
  }

  private func makeResolver() throws -> any Resolver {
    guard let zone else { return try LiveResolver(LiveResolverSettings()) }
    do {
      return try ZoneResolver(contentsOf: zone)
    } catch {
      throw UnreadableInput(message: "\(error)")
    }
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
    let input = try openInput()
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

  private func openInput() throws -> FileHandle {
    if message == "-" { return .standardInput }
    var isDirectory: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: message, isDirectory: &isDirectory) else {
      throw UnreadableInput(message: "\(message): no such file")
    }
    guard !isDirectory.boolValue else {
      throw UnreadableInput(message: "\(message): is a directory; name a message file")
    }
    guard let handle = FileHandle(forReadingAtPath: message) else {
      throw UnreadableInput(message: "\(message): cannot be opened for reading")
    }
    return handle
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
