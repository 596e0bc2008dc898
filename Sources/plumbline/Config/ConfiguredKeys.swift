import Foundation
import MailAuth

/// The private keys that a configuration names: whether they can be used, and whether the DNS has
/// their other halves.
struct ConfiguredKeys {
  /// A key, and how it shows what it can do.
  private struct Key {
    var name: ConfigurationKey
    var file: String
    /// Signs a message with the key; gives the name of its record and what the receiver finds.
    var attempt: (DKIMPrivateKey, Evaluator) throws -> (record: String, finding: Finding)
  }

  private enum Finding {
    case fits
    case another
    case problem(String)
  }

  private let loaded: LoadedConfiguration
  private let path: String
  private let keys: [Key]

  /// Collects the keys.
  ///
  /// - Parameters:
  ///   - loaded: The configuration.
  ///   - path: The file as it was named.
  init(_ loaded: LoadedConfiguration, path: String) {
    self.loaded = loaded
    self.path = path
    let configuration = loaded.configuration
    var keys: [Key] = []
    if let sealing = configuration.sealing {
      keys.append(
        Key(name: .arcSealKey, file: sealing.keyFile) { key, evaluator in
          try Self.seal(
            ARCSealer(domain: sealing.domain, selector: sealing.selector, key: key), evaluator)
        })
    }
    let report = configuration.report
    if let file = report.dkimKeyFile, let domain = report.dkimDomain,
      let selector = report.dkimSelector
    {
      keys.append(
        Key(name: .reportDKIMKeyFile, file: file) { key, evaluator in
          try Self.sign(DKIMSigner(domain: domain, selector: selector, key: key), evaluator)
        })
    }
    self.keys = keys
  }

  /// Keys that cannot be used.
  var problems: [ConfigurationProblem] {
    keys.compactMap { key in
      do throws(DKIMKeyError) {
        _ = try DKIMPrivateKey(contentsOf: key.file)
        return nil
      } catch {
        return problem(key, "\(error)")
      }
    }.inFileOrder()
  }

  /// Keys that every user of this host can read.
  var warnings: [ConfigurationProblem] {
    keys.filter { Self.isReadableForAll($0.file) }
      .map { problem($0, "warning: \($0.file) can be read by every user; chmod 640 it") }
      .inFileOrder()
  }

  /// Whether a file can be read by everybody.
  static func isReadableForAll(_ file: String) -> Bool {
    // A file that is gone by now is found out by whoever reads it.
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    return (attributes?[.posixPermissions] as? Int ?? 0) & 0o004 != 0
  }

  /// Signs a message with each key and verifies it as a receiver would.
  ///
  /// - Returns: What is wrong, and a sentence for each key that is published rightly.
  /// - Throws: What keeps the DNS from being asked, or a signature from being made.
  func published() throws -> (problems: [ConfigurationProblem], sentences: [String]) {
    var problems: [ConfigurationProblem] = []
    var sentences: [String] = []
    guard !keys.isEmpty else { return ([], ["no key is configured"]) }
    let wiring = Wiring(configuration: loaded.configuration)
    let evaluator = try wiring.evaluator(try wiring.resolver())
    for key in keys {
      let (record, finding) = try key.attempt(DKIMPrivateKey(contentsOf: key.file), evaluator)
      switch finding {
      case .fits: sentences.append("\(key.name.name): \(record) publishes this key")
      case .another: problems.append(problem(key, "\(record) publishes another key"))
      case .problem(let text): problems.append(problem(key, "\(record): \(text)"))
      }
    }
    return (problems.inFileOrder(), sentences)
  }

  private func problem(_ key: Key, _ text: String) -> ConfigurationProblem {
    ConfigurationProblem(
      path: path, line: loaded.values[key.name.name]?.line, key: key.name.name, problem: text)
  }

  // MARK: - Attempts

  private static func seal(
    _ sealer: ARCSealer, _ evaluator: Evaluator
  ) throws -> (String, Finding) {
    let header = header(sealer.domain)
    let fields = try sealer.begin(header: header).finish(
      results: "\(sealer.domain); none", chainValidation: .none, now: currentTime())
    let sealed =
      fields.map { HeaderField($0.name, $0.foldedValue.replacing("\n", with: "\r\n")) } + header
    let outcome = evaluate(sealed, sealer.domain, evaluator).arc
    let finding: Finding =
      switch outcome.cause {
      case .verified: .fits
      case .messageSignatureMismatch: .another
      default: .problem(outcome.explanation)
      }
    return (sealer.keyName, finding)
  }

  private static func sign(
    _ signer: DKIMSigner, _ evaluator: Evaluator
  ) throws -> (String, Finding) {
    let header = header(signer.domain)
    let field = try signer.sign(header: header, body: [], now: currentTime())
    let outcome = evaluate([field] + header, signer.domain, evaluator).dkim.first
    let finding: Finding =
      switch outcome?.cause {
      case .verified: .fits
      case .signatureMismatch: .another
      default: .problem(outcome?.explanation ?? "the signature was not found again")
      }
    return (signer.keyName, finding)
  }

  private static func header(_ domain: DomainName) -> [HeaderField] {
    [HeaderField("From", " postmaster@\(domain)"), HeaderField("Subject", " a test of the key")]
  }

  private static func evaluate(
    _ header: [HeaderField], _ domain: DomainName, _ evaluator: Evaluator
  ) -> Evaluation {
    // Nobody sends this message, so the address stands for nobody (RFC 5737).
    guard let address = IPAddress(bytes: [192, 0, 2, 1]) else {
      preconditionFailure("four octets are an address")
    }
    let evaluation = evaluator.begin(
      Envelope(clientAddress: address, helo: Array(domain.text.utf8), mailFrom: []),
      now: currentTime(), deadline: { ContinuousClock.now.advanced(by: .seconds(20)) })
    evaluation.take(header.map { .field($0) } + [.endOfHeaders])
    return evaluation.finish()
  }
}
