import Foundation
import Glibc
import MailAuth

/// Plays scenarios in memory and through real Postfix hosts, and compares both.
public final class PostfixRunner {
  private let configurator: any ReceiverConfigurator
  private let keys: KeyStock
  private let memory: LabRunner
  private let stage: PostfixStory.Stage
  private var number = 0

  /// Makes a runner.
  ///
  /// - Parameters:
  ///   - configurator: Makes settings and configuration files.
  ///   - keys: The keys of this run.
  ///   - program: The path of `plumbline`, whose milter is started.
  ///   - directory: Where everything happens.
  ///   - isInNamespace: Whether this process has a network namespace of its own, so that hosts can
  ///     have their real addresses.
  /// - Throws: ``PostfixUnavailable``.
  public init(
    configurator: any ReceiverConfigurator, keys: KeyStock, program: String,
    directory: LabDirectory, isInNamespace: Bool = false
  ) throws {
    try Self.check()
    self.configurator = configurator
    self.keys = keys
    memory = LabRunner(configurator: configurator, keys: keys)
    let network: any LabNetwork =
      isInNamespace ? try NamespaceNetwork(directory) : LoopbackNetwork()
    stage = PostfixStory.Stage(
      program: program, directory: directory, network: network,
      settings: { try configurator.settings(host: $0, entries: $1) },
      file: { configurator.file($0) }, overrides: [])
  }

  /// Checks what has to be there.
  ///
  /// - Throws: ``PostfixUnavailable`` with what to do.
  public static func check() throws(PostfixUnavailable) {
    guard geteuid() == 0 else {
      throw PostfixUnavailable("Postfix has to be started by root; run this as root")
    }
    for path in [PostfixHost.masterPath, "/usr/bin/setpriv"]
    where !FileManager.default.isExecutableFile(atPath: path) {
      throw PostfixUnavailable("\(path) is missing; run scripts/setup")
    }
  }

  /// What Postfix would need of a message and the file does not have; nil when nothing is missing.
  private static func missing(of mail: ScenarioMail) -> String? {
    mail.bodyHashes == nil
      ? nil : "Only hashes of the body were kept, and a mail server has to get the body itself."
  }

  /// Plays a scenario both ways.
  ///
  /// - Returns: What the hosts behind Postfix found, with every difference from the expectations and
  ///   from the run in memory; ``LabRun/skipped`` says why it was played in memory only.
  /// - Throws: As ``LabRunner/run(_:)``; hosts that do not do their work are a difference.
  public func run(_ scenario: Scenario) throws -> LabRun {
    var run = try memory.run(scenario)
    if let reason = scenario.memoryOnly ?? Self.missing(of: scenario.mail) {
      run.skipped = reason
      return run
    }
    number += 1
    let itinerary: Itinerary
    do throws(LabFailure) {
      itinerary = try Itinerary(scenario)
    } catch {
      throw LabFailure("\(scenario.path): \(error)")
    }
    let story = try PostfixStory(
      scenario, itinerary, keys: try keys.keys(of: scenario), pems: try keys.texts(of: scenario),
      number: number, stage: stage)
    do {
      try story.play()
    } catch let failure as LabFailure {
      // The other stories go on.
      run.receipts = story.receipts
      run.differences = [
        LabDifference(
          receiver: scenario.actors.last?.key ?? "", line: scenario.hops.first?.line ?? 0,
          subject: "through Postfix", expected: "that the message gets to its end",
          found: "\(failure)")
      ]
      return run
    }
    let receipts = story.receipts.map { receipt in
      var receipt = receipt
      // Of a refused message only the number of lost fields is known; an equal one is taken for it.
      if let names = run.receipts.first(where: { $0.receiver == receipt.receiver })?.removedFields,
        receipt.removedFields == names.map({ _ in PostfixReceipt.unknownField })
      {
        receipt.removedFields = names
      }
      return receipt
    }
    run.differences =
      Comparison.differences(scenario, receipts)
      + (try TransportComparison.differences(scenario, memory: run.receipts, postfix: receipts))
    run.receipts = receipts
    return run
  }
}

/// Something that has to be there for Postfix to run is missing.
public struct PostfixUnavailable: Error, CustomStringConvertible {
  /// What is missing, and what to do.
  public let description: String

  /// Makes an error.
  public init(_ description: String) { self.description = description }
}
