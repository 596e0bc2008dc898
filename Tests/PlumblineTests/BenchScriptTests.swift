import Foundation
import TestSupport
import Testing

/// The benchmark runs and measures everything; its figures are no matter of tests.
@Suite struct BenchScriptTests {
  private struct Result: Decodable {
    struct Figure: Decodable {
      let median: Double
      let min: Double
      let max: Double

      var isPositive: Bool { 0 < min && min <= median && median <= max }
    }

    struct Contender: Decodable {
      let rate: Figure
      let latency: [String: Figure]
      let endOfMessage: [String: Figure]
      let filterMicroseconds: Figure
      let generatorMicroseconds: Figure
      let peakMegabytes: Figure
      let messages: Int
      let errors: Int
      let wrong: Int
      let rounds: Int

      var figures: [Figure] {
        [rate, filterMicroseconds, generatorMicroseconds, peakMegabytes]
          + Array(latency.values) + Array(endOfMessage.values)
      }
    }

    struct Cell: Decodable {
      let mix: String
      let connections: Int
      let messagesPerConnection: Int
      let contenders: [String: Contender]
      let ratios: [String: Double]
      let roundsSetAside: Int
      let stolenPercent: Figure
      let `case`: String?
    }

    struct Rates: Decodable {
      let one: Double
      let two: Double
    }

    struct Limits: Decodable {
      let libopendkim: Rates
      let rsaVerifySHA256: Rates
      let messageOctets: Int
    }

    struct Soak: Decodable {
      struct Point: Decodable {
        let messages: Int
        let residentMegabytes: Double
      }

      let curve: [Point]
      let first: Double
      let last: Double
      let max: Double
    }

    struct Check: Decodable {
      let text: String
      let wanted: String
      let found: String
      let met: Bool
    }

    struct Machine: Decodable {
      struct Ledger: Decodable {
        let fileSystem: String
        let syncMilliseconds: Double
      }

      let cpu: String
      let cores: Int
      let kernel: String
      let versions: [String: String?]
      let ledger: Ledger
    }

    let begun: String
    let stolenAllowed: Double
    let minutes: Double
    let machine: Machine
    let limits: Limits
    let cells: [Cell]
    let dns: [Cell]
    let soak: Soak
    let checks: [Check]
    let complaints: [String]
  }

  private static let folder = URL(filePath: Program.plumblinePath).deletingLastPathComponent()

  /// Whether there may be namespaces, and what Plumbline is compared with is installed.
  private static let canRun: Bool = {
    let installed = ["/usr/sbin/opendkim", "/usr/sbin/opendmarc", "/usr/sbin/unbound"]
    guard geteuid() == 0, installed.allSatisfy(FileManager.default.isExecutableFile(atPath:))
    else { return false }
    // Where it cannot even be started there are none.
    let trial = try? Program.run("/usr/bin/unshare", ["--net", "--mount", "true"])
    return trial?.status == 0
  }()

  @Test(
    .enabled(if: canRun, "needs root, namespaces, and scripts/setup --bench"))
  func quickRunHasEveryPart() throws {
    let directory = try TemporaryDirectory()
    let (run, result) = try bench(
      Result.self, in: directory, ["--markdown", directory.path("bench.md")])
    #expect(result.complaints == [])
    let mixes = ["signed", "unsigned", "two", "arc3", "1M", "20M", "slow"]
    #expect(result.cells.map(\.mix) == mixes)
    #expect(Set(result.dns.compactMap(\.case)) == ["cold", "warm"])
    for cell in result.cells + result.dns { try check(cell) }
    for rates in [result.limits.libopendkim, result.limits.rsaVerifySHA256] {
      #expect(rates.one > 0 && rates.two > 0)
    }
    #expect(result.limits.messageOctets > 4000)
    #expect(result.soak.curve.count == 5)
    #expect(result.soak.curve.last?.messages == 40)
    #expect(result.soak.first > 0 && result.soak.last > 0)
    #expect(result.soak.max == result.soak.curve.map(\.residentMegabytes).max())
    #expect(!result.checks.isEmpty)
    for name in ["opendkim", "opendmarc", "openssl", "unbound"] {
      #expect(result.machine.versions[name] ?? nil != nil, "the version of \(name)")
    }
    // The printed tables, and those of the page, name every mix and aim.
    let page = try String(contentsOfFile: directory.path("bench.md"), encoding: .utf8)
    for text in mixes + result.checks.map(\.text) {
      #expect(run.output.contains(text))
      #expect(page.contains("| \(text) |"))
    }
    // Nothing is left behind.
    let left = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    #expect(left.sorted() == ["bench.json", "bench.md"])
  }

  /// A quick run of Plumbline's own programs that ends well, and what its JSON says.
  private func bench<Figures: Decodable>(
    _ figures: Figures.Type, in directory: TemporaryDirectory, _ options: [String]
  ) throws -> (run: Program.Result, figures: Figures) {
    let run = try Program.run(
      PackageRoot.url.appending(path: "scripts/bench").path,
      [
        "--quick", "--debug", "--program", Program.plumblinePath,
        "--generator", Self.folder.appending(path: "MilterBench").path,
        "--work", directory.url.path, "--json", directory.path("bench.json"),
      ] + options, within: .seconds(600))
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let json = try Data(contentsOf: URL(filePath: directory.path("bench.json")))
    return (run, try JSONDecoder().decode(figures, from: json))
  }

  private func check(_ cell: Result.Cell) throws {
    let place: Comment = "\(cell.mix), \(cell.connections) connections"
    #expect(Set(cell.contenders.keys) == ["opendkim+opendmarc", "plumbline"], place)
    for (name, contender) in cell.contenders {
      #expect(contender.messages > 0 && contender.rounds > 0, place)
      // The others' own faults are not ours.
      let tolerated = name == "plumbline" ? 0 : 2
      #expect(contender.errors + contender.wrong <= tolerated, place)
      #expect(Set(contender.latency.keys) == ["p50", "p95", "p99", "max"], place)
      #expect(contender.latency.keys == contender.endOfMessage.keys, place)
      #expect(contender.figures.allSatisfy { $0.isPositive }, place)
      let latency = try #require(contender.latency["p50"]?.median)
      let endOfMessage = try #require(contender.endOfMessage["p50"]?.median)
      #expect(endOfMessage <= latency, place)
    }
    #expect(
      Set(cell.ratios.keys) == [
        "rate", "latencyP50", "latencyP99", "endOfMessageP50", "endOfMessageP99", "cpu", "peak",
      ], place)
    #expect(cell.ratios.values.allSatisfy { $0 > 0 }, place)
    #expect(cell.roundsSetAside == 0, place)
    #expect((0...100).contains(cell.stolenPercent.median), place)
  }

  @Test(.enabled(if: canRun, "needs root, namespaces, and scripts/setup --bench"))
  func repeatsRoundsThatTheHostDisturbed() throws {
    let directory = try TemporaryDirectory()
    // Every round takes more than less than nothing.
    struct Rounds: Decodable {
      let stolenAllowed: Double
      let cells: [Result.Cell]
    }
    let (run, result) = try bench(
      Rounds.self, in: directory,
      ["--stolen=-1", "--mixes", "signed", "--connections", "1,2", "--no-dns"])
    let lines = run.errors.split(separator: "\n").filter { $0.contains(", round ") }
    let rounds = lines.compactMap { $0.split(separator: " ", maxSplits: 1).last.map(String.init) }
    #expect(
      rounds == [
        "signed, 1 connections, 20 a connection, round 1",
        "signed, 2 connections, 20 a connection, round 1",
        "signed, 1 connections, 20 a connection, round 2",
        "signed, 2 connections, 20 a connection, round 2",
      ])
    #expect(result.stolenAllowed == -1)
    #expect(result.cells.map(\.roundsSetAside) == [1, 1])
    for cell in result.cells { #expect(cell.contenders.values.allSatisfy { $0.rounds == 1 }) }
    #expect(run.output.contains("2 more rounds were set aside because it gave more than -1.0 %."))
  }

  @Test(.enabled(if: canRun, "needs root, namespaces, and scripts/setup --bench"))
  func saysWhatWasAnsweredWrongly() throws {
    let directory = try TemporaryDirectory()
    // A filter that is none: it ends at once.
    let run = try Program.run(
      PackageRoot.url.appending(path: "scripts/bench").path,
      [
        "--quick", "--program", "/bin/false",
        "--generator", Self.folder.appending(path: "MilterBench").path,
        "--work", directory.url.path, "--only",
      ], within: .seconds(300))
    #expect(run.status == 1)
    #expect(run.output.contains("ANSWERED WRONGLY"))
    #expect(run.output.contains("/bin/false ended with 1"))
    let left = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
    #expect(left == [])
  }
}
