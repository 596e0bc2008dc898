public import MailAuth
import Synchronization

/// The keys of one run: the first key of a kind in each scenario is the same, and so is the second.
///
/// Making an RSA key takes longer than a whole scenario, so that each is made once.
public final class KeyStock: Sendable {
  /// Where keys come from.
  public enum Source: Sendable {
    /// Made anew.
    case new
    /// Built into the program, always the same: for comparing outputs, never for real mail.
    case fixed
  }

  private struct Made {
    var key: DKIMPrivateKey
    var pem: [UInt8]
  }

  private let source: Source
  private let made = Mutex<[KeyKind: [Made]]>([:])

  /// Makes a stock without any keys.
  public init(_ source: Source = .new) {
    self.source = source
  }

  /// The keys of a scenario, by name.
  ///
  /// - Throws: ``LabFailure`` when a key cannot be made, or there are not enough fixed ones.
  public func keys(of scenario: Scenario) throws(LabFailure) -> [String: DKIMPrivateKey] {
    try pairs(of: scenario).mapValues(\.key)
  }

  /// The same keys as PEM.
  func texts(of scenario: Scenario) throws(LabFailure) -> [String: String] {
    try pairs(of: scenario).mapValues { String(decoding: $0.pem, as: UTF8.self) }
  }

  private func pairs(of scenario: Scenario) throws(LabFailure) -> [String: Made] {
    var counts: [KeyKind: Int] = [:]
    var keys: [String: Made] = [:]
    for (name, kind) in scenario.keys {
      let number = counts[kind, default: 0]
      counts[kind] = number + 1
      keys[name] = try key(kind, number)
    }
    return keys
  }

  private func key(_ kind: KeyKind, _ number: Int) throws(LabFailure) -> Made {
    do {
      return try made.withLock { made throws -> Made in
        while made[kind, default: []].count <= number {
          made[kind, default: []].append(try make(kind, made[kind, default: []].count))
        }
        return made[kind, default: []][number]
      }
    } catch let failure as LabFailure {
      throw failure
    } catch {
      throw LabFailure("a key cannot be made: \(error)")
    }
  }

  private func make(_ kind: KeyKind, _ number: Int) throws -> Made {
    let pem: [UInt8]
    switch source {
    case .new:
      guard let made = LibKeyGeneration.pem(kind) else {
        throw LabFailure("libcrypto made no \(kind.rawValue) key")
      }
      pem = made
    case .fixed:
      let keys = Self.fixed[kind] ?? []
      guard keys.indices.contains(number) else {
        throw LabFailure(
          "there are \(keys.count) fixed \(kind.rawValue) keys; the scenario needs more")
      }
      pem = Array(keys[number].utf8)
    }
    return Made(
      key: try DKIMPrivateKey(pem: pem, source: "the \(kind.rawValue) key \(number + 1)"), pem: pem)
  }

  /// The keys that are built in: each stands behind a line with `#` and its kind.
  private static let fixed: [KeyKind: [String]] = {
    var keys: [KeyKind: [String]] = [:]
    let text = String(decoding: PackageResources.fixed_keys_pem, as: UTF8.self)
    for part in text.split(separator: "# ") {
      guard let end = part.firstIndex(of: "\n"), let kind = KeyKind(rawValue: String(part[..<end]))
      else { continue }
      keys[kind, default: []].append(String(part[end...]))
    }
    return keys
  }()
}

/// What keeps a scenario from being played although its file is in order.
public struct LabFailure: Error, Equatable, CustomStringConvertible {
  /// What is wrong.
  public let description: String

  /// Makes a failure.
  public init(_ description: String) { self.description = description }
}
