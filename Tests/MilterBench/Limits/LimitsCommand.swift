import ArgumentParser
import Foundation
import MailAuth
import Synchronization
import TestSupport

/// The command that measures what no filter can do without.
struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Prints how fast the signature of a 4 KB message is verified without any filter.")

  @Option(help: "How long each measurement takes.") var seconds = 2.0

  private struct Report: Codable {
    /// Verifications a second on one thread and on two.
    struct Rates: Codable {
      var one: Double
      var two: Double
    }

    var messageOctets: Int
    /// libopendkim as it comes: one message after the other, the key from memory.
    var libopendkim: Rates
    /// SHA-256 of the message and one RSA-2048 verification with a key that is ready.
    var rsaVerifySHA256: Rates
  }

  mutating func run() throws {
    let rsa = try LibKeyGeneration.rsa2048()
    let author = try AuthorDomain(
      "author.example", rsa: rsa, ed25519: LibKeyGeneration.ed25519())
    let letter = try MixWriter.signedLetter(author, now: Int64(Date().timeIntervalSince1970))
    let report = Report(
      messageOctets: letter.octets.count,
      libopendkim: try rates { try LibBareDKIM(letter, record: rsa.publicKeyRecord) },
      rsaVerifySHA256: try rates { try LibBareRSA(letter.octets) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
  }

  private func rates(_ make: () throws -> some Verification) throws -> Report.Rates {
    let verification = try make()
    return Report.Rates(
      one: try rate(verification, threads: 1), two: try rate(verification, threads: 2))
  }

  private func rate(_ verification: some Verification, threads: Int) throws -> Double {
    let counts = Mutex<(done: Int, failed: Int)>((0, 0))
    let group = DispatchGroup()
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    for _ in 0..<threads {
      group.enter()
      Thread {
        var done = 0
        var failed = 0
        while ContinuousClock.now < end {
          if verification.verify() { done += 1 } else { failed += 1 }
        }
        counts.withLock { $0 = ($0.done + done, $0.failed + failed) }
        group.leave()
      }.start()
    }
    group.wait()
    let (done, failed) = counts.withLock { $0 }
    guard failed == 0, done > 0 else { throw FixtureError("\(failed) verifications failed") }
    return Double(done) / (start.duration(to: .now) / .seconds(1))
  }
}

/// Something to be done again and again, on several threads.
protocol Verification: Sendable {
  /// Does it once.
  ///
  /// - Returns: Whether the signature was right.
  func verify() -> Bool
}
