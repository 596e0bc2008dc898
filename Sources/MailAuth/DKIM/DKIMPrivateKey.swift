internal import Glibc

/// How a signature is computed: the values of `a=` that may be signed with (RFC 8301, RFC 8463).
public enum DKIMAlgorithm: String, Sendable, CaseIterable {
  /// RSA, PKCS#1 v1.5, with SHA-256.
  case rsaSHA256 = "rsa-sha256"
  /// Ed25519 over a SHA-256 hash.
  case ed25519SHA256 = "ed25519-sha256"
}

/// A private key to sign with, read and checked once.
public struct DKIMPrivateKey: Sendable {
  /// The smallest RSA key that may sign (RFC 8301 section 3.2), in bits.
  public static let minimumBits = 1024
  /// The largest key file read, in octets; an RSA key of 16,384 bits has a fifth of that.
  static let longestFile = 64 * 1024

  /// What signatures with this key are called in `a=`.
  public let algorithm: DKIMAlgorithm
  /// The size of an RSA key; 256 for Ed25519.
  public let bits: Int
  /// The text of the TXT record that publishes the public half (RFC 6376 section 3.6.1).
  public let publicKeyRecord: String
  /// PKCS#8 PEM without a passphrase.
  let pem: [UInt8]

  /// Reads a key in PEM: PKCS#8, or PKCS#1 for RSA.
  ///
  /// - Parameters:
  ///   - pem: The octets; text around the key does not matter.
  ///   - source: What errors call the key, such as the path it came from.
  /// - Throws: ``DKIMKeyError``.
  public init(pem: [UInt8], source: String) throws(DKIMKeyError) {
    let key: LibCryptoKey
    switch LibCryptoKey.parse(pem: pem) {
    case .key(let parsed): key = parsed
    case .encrypted: throw DKIMKeyError(source: source, problem: .encrypted)
    case .notAKey: throw DKIMKeyError(source: source, problem: .notAKey)
    case .otherType(let name): throw DKIMKeyError(source: source, problem: .otherType(name))
    }
    if key.algorithm == .rsaSHA256, key.bits < Self.minimumBits {
      throw DKIMKeyError(source: source, problem: .tooSmall(bits: key.bits))
    }
    algorithm = key.algorithm
    bits = key.bits
    let type = key.algorithm == .rsaSHA256 ? "rsa" : "ed25519"
    publicKeyRecord = "v=DKIM1; k=\(type); p=\(Base64.encode(key.publicKey))"
    self.pem = key.pem
  }

  /// Reads a key from a file.
  ///
  /// - Throws: ``DKIMKeyError``.
  public init(contentsOf path: String) throws(DKIMKeyError) {
    try self.init(pem: Self.read(path), source: path)
  }

  private static func read(_ path: String) throws(DKIMKeyError) -> [UInt8] {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw unreadable(path) }
    defer { close(file) }
    var octets = [UInt8](repeating: 0, count: longestFile)
    var length = 0
    while length < octets.count {
      let count = unsafe octets.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(
          file, buffer.baseAddress.map { unsafe $0 + length }, buffer.count - length)
      }
      guard count >= 0 else { throw unreadable(path) }
      guard count > 0 else { break }
      length += count
    }
    return Array(octets.prefix(length))
  }

  private static func unreadable(_ path: String) -> DKIMKeyError {
    let text = unsafe strerror(errno).map { unsafe String(cString: $0) }
    return DKIMKeyError(source: path, problem: .unreadable(text ?? "unknown error"))
  }
}

/// Why a private key cannot be used.
public struct DKIMKeyError: Error, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Problem: Sendable, Equatable {
    /// The file cannot be read; with the system's words.
    case unreadable(String)
    /// There is no private key in PEM in it.
    case notAKey
    /// The key is protected by a passphrase.
    case encrypted
    /// The key is of a type that DKIM does not know; with libcrypto's name for it.
    case otherType(String)
    /// The RSA key has fewer than ``DKIMPrivateKey/minimumBits`` bits.
    case tooSmall(bits: Int)
  }

  /// The file, or what the caller called the key.
  public var source: String
  /// What is wrong.
  public var problem: Problem

  /// Makes an error.
  public init(source: String, problem: Problem) {
    self.source = source
    self.problem = problem
  }

  /// What, where, and what to do.
  public var description: String {
    switch problem {
    case .unreadable(let reason): "\(source): the DKIM key cannot be read: \(reason)"
    case .notAKey:
      "\(source): no private key found; a PEM file is needed, such as"
        + " `openssl genpkey -algorithm ed25519` writes"
    case .encrypted:
      "\(source): the key is encrypted with a passphrase; remove it with `openssl pkey`"
    case .otherType(let name):
      "\(source): a key of type \(name) cannot sign mail; RSA or Ed25519 is needed"
    case .tooSmall(let bits):
      "\(source): the RSA key has \(bits) bits; at least \(DKIMPrivateKey.minimumBits) are"
        + " needed, 2048 are advised"
    }
  }
}
