import ArgumentParser
import Foundation
import TestSupport

/// The command that sends.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Sends messages through a chain of filters and prints what that took, as JSON.")

  @Argument(help: "The directory that prepare made.") var corpus: String
  @Option(help: "The mix to send.") var mix: String
  @Option(help: "A filter's Unix socket; several are called one after the other.")
  var socket: [String]
  @Option(help: "How many connections send at the same time.") var connections = 8
  @Option(help: "Messages after which a connection is made anew.") var messagesPerConnection = 20
  @Option(help: "How many messages to send; as many as the time allows without it.")
  var count: Int?
  @Option(help: "How long to send, in seconds.") var seconds: Double?
  @Option(help: "The process ID of a filter whose processor time counts.") var cpuOf: [Int32] = []
  @Option(help: "What Authentication-Results must also contain.") var expect: [String] = []
  @Option(help: "How long a reply may take, in seconds.") var timeout = 60

  mutating func validate() throws {
    guard count != nil || seconds != nil else {
      throw ValidationError("--count or --seconds is needed")
    }
    guard connections > 0, messagesPerConnection > 0, !socket.isEmpty else {
      throw ValidationError("at least one connection, message and socket are needed")
    }
  }

  mutating func run() throws {
    let corpus = Corpus(corpus)
    let load = try Load(corpus, mix: mix, alsoExpected: expect)
    let plan = Sending.Plan(
      sockets: socket, connections: connections, messagesPerConnection: messagesPerConnection,
      timeoutSeconds: timeout)
    let own = ProcessorTime()
    let theirs = cpuOf.map { ProcessorTime(of: $0) }
    var result = Sending(plan, load, count: count, seconds: seconds).run()
    let ownSeconds = own.elapsed
    let theirSeconds = theirs.map(\.elapsed)
    result.tally.judge()
    let report = RunReport(result, generatorSeconds: ownSeconds, filterSeconds: theirSeconds)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
  }
}
