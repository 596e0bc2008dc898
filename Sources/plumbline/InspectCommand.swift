import ArgumentParser
import Foundation
import MailAuth
import Reports

/// `plumbline inspect`: reads aggregate reports, our own or others', and explains their rows.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Read aggregate reports and explain their rows.",
    discussion: """
      Reads reports of RFC 9990 and RFC 7489 as XML, gzip, zip, or mail with any of these attached. \
      In the table a + behind a result marks an identifier that aligns with the From domain, a - one \
      that does not. A file that cannot be read is named on standard error with the reason; the \
      others are read. Exit status: 0 all read, 64 bad usage, 65 something that is no report or a \
      broken one, 66 a file that cannot be opened (65 if both).
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "The files; - reads standard input, and so does no file at all.")
  var files: [String] = []

  @Option(help: "text or json.")
  var format = Format.text

  @Option(
    help: "The size in MB that a file may have, and what is in it when uncompressed (1 to 4000).")
  var maxSize = 200

  @Option(help: "Tells organizations apart; without the file, the reports' policy domains do.")
  var publicSuffixList = "/usr/share/publicsuffix/public_suffix_list.dat"

  func validate() throws {
    guard (1...4_000).contains(maxSize) else {
      throw ValidationError("--max-size: \(maxSize) (allowed: 1 to 4000)")
    }
  }

  func run() throws {
    let output = InspectOutput(
      format: format, publicSuffixList: PublicSuffixList(path: publicSuffixList))
    let input = ReportInput(maximumSize: maxSize * 1_000_000)
    output.begin()
    for file in files.isEmpty ? ["-"] : files {
      do {
        let octets = try read(file)
        try input.read(octets) { result in
          switch result {
          case .success(let report): try output.show(report, file: file)
          case .failure(let refusal): output.refuse(file: file, refusal)
          }
        }
      } catch let error as UnreadableInput {
        output.refuse(error)
      }
    }
    output.end()
    if output.refused > 0 { throw ExitCode(EX_DATAERR) }
    if output.unopened > 0 { throw ExitCode(EX_NOINPUT) }
  }

  /// The file, or one octet more than may be read of it.
  private func read(_ file: String) throws -> [UInt8] {
    let handle = try openInputFile(file, kind: "report")
    do {
      return Array(try handle.read(upToCount: maxSize * 1_000_000 + 1) ?? Data())
    } catch {
      throw UnreadableInput(message: "\(file): \(error.localizedDescription)")
    }
  }
}

/// What the command prints, and the sums for its end.
private final class InspectOutput {
  private let format: InspectCommand.Format
  private let publicSuffixList: PublicSuffixList?
  private var reports = 0
  private var rows = 0
  private var messages = 0
  private var passed = 0
  /// How many parts of files cannot be read as a report.
  private(set) var refused = 0
  /// How many files cannot be opened.
  private(set) var unopened = 0

  init(format: InspectCommand.Format, publicSuffixList: PublicSuffixList?) {
    self.format = format
    self.publicSuffixList = publicSuffixList
  }

  func begin() {
    if format == .json { print("[", terminator: "") }
  }

  func show(_ report: ReadReport, file: String) throws {
    switch format {
    case .json:
      if reports > 0 { print(",") }
      try InspectJSON(report, file: file, publicSuffixList).print()
    case .text:
      let text = InspectText(report, file: file, publicSuffixList)
      text.print()
      passed = Self.sum(passed, text.passed)
      messages = Self.sum(messages, report.messages)
    }
    reports += 1
    rows += report.rows.count
  }

  func refuse(file: String, _ refusal: UnreadableReport) {
    refused += 1
    let name = file == "-" ? "standard input" : file
    warn("\(name): \(refusal)")
  }

  func refuse(_ error: UnreadableInput) {
    unopened += 1
    warn("\(error)")
  }

  func end() {
    switch format {
    case .json: print("]")
    case .text:
      let notPassed = messages >= passed ? messages - passed : 0
      var parts = [
        "\(counted(reports, "report")), \(counted(rows, "row")), \(counted(messages, "message")): "
          + "\(passed) passed DMARC, \(notPassed) did not"
      ]
      if refused > 0 { parts.append("\(refused) refused") }
      if unopened > 0 { parts.append("\(counted(unopened, "file")) not opened") }
      print(parts.joined(separator: "; "))
    }
  }

  private func warn(_ text: String) {
    FileHandle.standardError.write(Data("plumbline: \(text.onOneLine)\n".utf8))
  }

  /// A sum that stays at the largest number: counts are whatever a stranger wrote.
  private static func sum(_ left: Int, _ right: Int) -> Int {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}

extension String {
  /// The text with "?" for line ends and whatever else could steer a terminal.
  var onOneLine: String {
    // Nearly all text is of this kind, and there is much of it.
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
    let lineEnds: Set<UInt32> = [0x0A, 0x2028, 0x2029]
    var scalars = UnicodeScalarView()
    for scalar in unicodeScalars {
      scalars.append(lineEnds.contains(scalar.value) ? "?" : scalar)
    }
    return String(scalars).withoutControls
  }
}
