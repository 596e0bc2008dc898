import MailAuth

/// Finds the aggregate reports in a file: XML, gzip, zip, or mail with any of these attached.
///
/// What the octets are is read from themselves; names and media types lie. No uncompressed text is
/// held as a whole, except for mail inside of archives.
public struct ReportInput {
  /// How many entries an archive may have.
  public static let maximumEntries = 100
  /// How many archives and mails may lie in each other.
  public static let maximumNesting = 4

  private let maximumSize: Int

  /// Makes a reader.
  ///
  /// - Parameter maximumSize: Octets that a file may have, and those that all in it may have when
  ///   uncompressed.
  public init(maximumSize: Int) {
    self.maximumSize = maximumSize
  }

  /// Reads a file and gives what was found in it, in order: reports, and why others cannot be read.
  ///
  /// Where there is neither, the reason is given why the file holds no report.
  ///
  /// - Throws: What `each` throws.
  public func read(
    _ octets: [UInt8],
    each: @escaping (Result<ReadReport, UnreadableReport>) throws -> Void
  ) throws {
    let budget = OctetBudget(maximumSize)
    guard octets.count <= maximumSize else {
      return try each(.failure(UnreadableReport(budget.refusal)))
    }
    var search = ReportSearch(budget: budget, each: each)
    do {
      try search.visit(OctetSource(octets), part: nil, nesting: 0)
    } catch let error as CallerError {
      throw error.error
    }
  }
}

/// How many uncompressed octets are left; more are a trap.
private final class OctetBudget {
  private let maximum: Int
  private var left: Int
  /// Whether somebody was told.
  var isToldSpent = false

  init(_ maximum: Int) {
    self.maximum = maximum
    left = maximum
  }

  func spend(_ count: Int) throws {
    left -= count
    if left < 0 { throw UnreadableReport(refusal) }
  }

  var isSpent: Bool { left < 0 }

  var refusal: String {
    "more than \(maximum / 1_000_000) MB, uncompressed: larger than --max-size allows"
  }
}

/// Octets that are taken piece by piece, the first of which can be looked at before.
private final class OctetSource {
  private let more: (_ most: Int) throws -> [UInt8]
  private var ahead: [UInt8] = []
  private var taken = 0

  init(read: @escaping (_ most: Int) throws -> [UInt8]) { more = read }

  convenience init(_ octets: [UInt8]) {
    self.init { _ in [] }
    ahead = octets
  }

  /// The first octets, as many as there are up to `count`.
  func peek(_ count: Int) throws -> ArraySlice<UInt8> {
    while ahead.count - taken < count {
      let piece = try more(64 * 1024)
      if piece.isEmpty { break }
      ahead += piece
    }
    return ahead[taken...].prefix(count)
  }

  func read(_ most: Int) throws -> [UInt8] {
    guard taken < ahead.count else { return try more(most) }
    let piece = ahead[taken...].prefix(most)
    taken += piece.count
    if taken == ahead.count {
      ahead = []
      taken = 0
    }
    return Array(piece)
  }

  func drop(_ count: Int) { taken += count }

  /// All that is left.
  func readAll() throws -> [UInt8] {
    if taken > 0 { ahead.removeFirst(taken) }
    var all = ahead
    (ahead, taken) = ([], 0)
    while true {
      let piece = try more(64 * 1024)
      if piece.isEmpty { return all }
      all += piece
    }
  }
}

/// What octets are, by the first of them.
private enum OctetKind {
  case gzip
  case zip
  case xml
  case mail
  case unknown

  /// Enough to get past blank lines.
  static let lookahead = 1_024

  init(_ start: ArraySlice<UInt8>) {
    let marks: [[UInt8]] = [
      [0xEF, 0xBB, 0xBF], [0xFE, 0xFF], [0xFF, 0xFE], [0x00, 0x3C], [0x3C, 0x00],
    ]
    if start.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if start.starts(with: [0x50, 0x4B, 3, 4]) || start.starts(with: [0x50, 0x4B, 5, 6]) {
      self = .zip
    } else if marks.contains(where: start.starts) || Self.isAngle(start) {
      self = .xml
    } else if Self.isField(start) {
      self = .mail
    } else {
      self = .unknown
    }
  }

  private static func isAngle(_ start: ArraySlice<UInt8>) -> Bool {
    start.first { !OctetKind.blanks.contains($0) } == UInt8(ascii: "<")
  }

  static let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]

  /// Whether the first line is a header field, or the separator of a mailbox file.
  private static func isField(_ start: ArraySlice<UInt8>) -> Bool {
    if start.starts(with: "From ".utf8) { return true }
    guard let colon = start.firstIndex(of: UInt8(ascii: ":")), colon > start.startIndex else {
      return false
    }
    return start[..<colon].allSatisfy { (0x21...0x7E).contains($0) }
  }
}

/// An error of the caller's, which is not about the file.
private struct CallerError: Error {
  let error: any Error
}

/// The way through a file and all that lies in it.
private struct ReportSearch {
  let budget: OctetBudget
  let each: (Result<ReadReport, UnreadableReport>) throws -> Void
  private var found = 0

  init(
    budget: OctetBudget, each: @escaping (Result<ReadReport, UnreadableReport>) throws -> Void
  ) {
    self.budget = budget
    self.each = each
  }

  /// Looks into octets and tells what is there; `isOffered` says that a report was to be expected,
  /// so that its absence is worth telling.
  mutating func visit(
    _ source: OctetSource, part: String?, nesting: Int, isOffered: Bool = true
  ) throws {
    try telling(part) { search in
      let kind = OctetKind(try source.peek(OctetKind.lookahead))
      guard nesting <= ReportInput.maximumNesting else {
        throw UnreadableReport(
          "archives and mails lie in each other more than \(ReportInput.maximumNesting) deep")
      }
      switch kind {
      case .xml: try search.readXML(source, part: part)
      case .gzip:
        let gzip = try GzipReader { try source.read($0) }
        try search.visit(search.counted { try gzip.read($0) }, part: part, nesting: nesting + 1)
      case .zip: try search.visitZip(source, nesting: nesting)
      case .mail where isOffered:
        let message = try MIMEEntity(parsing: try source.readAll())
        let before = search.found
        try search.visitMail(message, nesting: nesting)
        if search.found == before { throw UnreadableReport("the mail has no report attached") }
      case .mail, .unknown:
        if isOffered { throw UnreadableReport("this is neither XML, gzip, zip nor a mail") }
      }
    }
  }

  private mutating func readXML(_ source: OctetSource, part: String?) throws {
    // Some reporters begin with empty lines, which XML forbids in front of its declaration.
    let blanks = try source.peek(OctetKind.lookahead).prefix { OctetKind.blanks.contains($0) }
    source.drop(blanks.count)
    var report = try AggregateReportReader.read(
      firstLine: 1 + blanks.count { $0 == 0x0A }, { try source.read($0) })
    report.part = part
    try tell(.success(report))
  }

  private mutating func visitZip(_ source: OctetSource, nesting: Int) throws {
    let zip = try ZipReader(try source.readAll())
    let before = found
    var entries = 0
    while let entry = try zip.next() {
      entries += 1
      guard entries <= ReportInput.maximumEntries else {
        throw UnreadableReport("the archive has more than \(ReportInput.maximumEntries) entries")
      }
      guard entry.isFile else { continue }
      let name = entry.name.asciiLowercased()
      try visit(
        counted { try zip.read($0) }, part: entry.name, nesting: nesting + 1,
        isOffered: [".xml", ".eml", ".gz"].contains(where: name.hasSuffix))
    }
    if found == before { throw UnreadableReport("the archive holds no report") }
  }

  private mutating func visitMail(_ message: MIMEEntity, nesting: Int) throws {
    let leaves = message.leaves
    if leaves.contains(where: { $0.mediaType == "message/feedback-report" }) {
      throw UnreadableReport(
        "the mail is a failure report (RFC 6591), about single messages; only aggregate reports "
          + "are read")
    }
    if leaves.contains(where: { $0.mediaType == "message/delivery-status" }) {
      throw UnreadableReport("the mail is a bounce (RFC 3464) and no report")
    }
    guard nesting < ReportInput.maximumNesting else {
      throw UnreadableReport(
        "archives and mails lie in each other more than \(ReportInput.maximumNesting) deep")
    }
    for leaf in leaves {
      let part = leaf.fileName ?? leaf.mediaType
      try telling(part) { search in
        if let inner = try leaf.embeddedMessage() {
          return try search.visitMail(inner, nesting: nesting + 1)
        }
        let likelihood = AttachmentLikelihood(leaf)
        guard likelihood != .none else { return }
        let octets = try leaf.decodedBody()
        guard likelihood != .possible || AttachmentLikelihood.isReport(octets) else { return }
        try search.visit(
          OctetSource(octets), part: part, nesting: nesting + 1, isOffered: likelihood == .likely)
      }
    }
  }

  /// Octets that come out of an archive, and count.
  private func counted(_ read: @escaping (_ most: Int) throws -> [UInt8]) -> OctetSource {
    let budget = budget
    return OctetSource { most in
      let piece = try read(most)
      try budget.spend(piece.count)
      return piece
    }
  }

  /// Does something and tells what cannot be read.
  private mutating func telling(
    _ part: String?, _ body: (inout ReportSearch) throws -> Void
  ) throws {
    do {
      try body(&self)
    } catch let error as CallerError {
      throw error
    } catch {
      var refusal = (error as? UnreadableReport) ?? UnreadableReport("\(error)")
      refusal.part = refusal.part ?? part
      // What was too large once makes all that follows too large; once is enough to tell.
      if budget.isToldSpent { return }
      budget.isToldSpent = budget.isSpent
      try tell(.failure(refusal))
    }
  }

  private mutating func tell(_ result: Result<ReadReport, UnreadableReport>) throws {
    found += 1
    do {
      try each(result)
    } catch {
      throw CallerError(error: error)
    }
  }
}

/// Whether a part of a mail may be a report, by what the sender calls it.
private enum AttachmentLikelihood {
  /// It is called one.
  case likely
  /// It may be one, if it begins like one.
  case possible
  /// It is something else.
  case none

  init(_ part: MIMEEntity) {
    let name = (part.fileName ?? "").asciiLowercased()
    let types: Set<String> = [
      "application/gzip", "application/x-gzip", "application/zip", "application/x-zip",
      "application/x-zip-compressed", "application/xml", "text/xml",
    ]
    if types.contains(part.mediaType) || [".xml", ".gz", ".zip"].contains(where: name.hasSuffix) {
      self = .likely
    } else if ["application/octet-stream", "text/plain"].contains(part.mediaType) {
      self = .possible
    } else {
      self = .none
    }
  }

  /// Whether octets begin like a report or an archive.
  static func isReport(_ octets: [UInt8]) -> Bool {
    switch OctetKind(octets.prefix(OctetKind.lookahead)) {
    case .gzip, .zip: true
    case .xml:
      [[UInt8]("<?xml".utf8), [UInt8]("<feedback".utf8)].contains { start in
        octets.drop { OctetKind.blanks.contains($0) || $0 >= 0x80 }.starts(with: start)
      }
    case .mail, .unknown: false
    }
  }
}
