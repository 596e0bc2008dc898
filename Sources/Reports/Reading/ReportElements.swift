import MailAuth

/// An element of a report with all that lies in it, foreign elements left out.
struct ReportElement {
  /// The local name.
  let name: String
  /// The line in which it begins.
  let line: Int
  /// The text directly in it, cut at ``ReadReport/longestText``.
  fileprivate(set) var text = ""
  /// The elements directly in it.
  fileprivate(set) var children: [ReportElement] = []
  /// Whether ``text`` was cut.
  fileprivate(set) var isCut = false
}

/// The elements directly below `feedback`, one after another, each complete.
///
/// A report may be large, one of these elements may not.
struct ReportElements {
  /// How many elements one element may hold: a record of RFC 9990 has at most some 600.
  static let maximumElements = 20_000
  /// The namespaces in which elements of a report are; drafts and most reporters use none.
  static let namespaces: Set<String> = [
    "", ReportFormat.namespaceOfRFC9990, "http://dmarc.org/dmarc-xml/0.1",
  ]
  /// Elements that hold elements, so that text in them is a sign of damage.
  private static let containers: Set<String> = [
    "report_metadata", "date_range", "policy_published", "record", "row", "policy_evaluated",
    "reason", "identifiers", "identities", "auth_results",
  ]

  /// The namespace of the root.
  let namespace: String
  private let reader: XMLReader
  private var open: [ReportElement] = []
  private var elements = 0

  /// Reads up to the root.
  ///
  /// - Throws: ``UnreadableReport`` when there is none, or it is not `feedback`.
  init(_ reader: XMLReader) throws {
    self.reader = reader
    while let place = try reader.next() {
      guard case .open(let name, let namespace, _) = place.node else { continue }
      guard name == "feedback" else {
        let words = name.utf8.printable(limit: 60)
        throw UnreadableReport(
          line: place.line, "this is no aggregate report: it begins with <\(words)>, not <feedback>"
        )
      }
      self.namespace = namespace
      return
    }
    throw UnreadableReport("the document is empty")
  }

  /// The next element; nil at the end of the document.
  ///
  /// - Throws: ``UnreadableReport`` when text stands where elements belong, or an element holds too
  ///   many others; ``XMLDamage`` when the document is not well-formed.
  mutating func next() throws -> ReportElement? {
    while let place = try reader.next() {
      switch place.node {
      case .open(let name, let namespace, _):
        guard Self.namespaces.contains(namespace) || namespace == self.namespace,
          !(open.isEmpty && name == "extension")
        else {
          try skip()
          continue
        }
        if open.isEmpty { elements = 0 }
        elements += 1
        guard elements <= Self.maximumElements else {
          throw UnreadableReport(
            line: place.line, "<\(open[0].name)> holds more than \(Self.maximumElements) elements")
        }
        open.append(ReportElement(name: name, line: place.line))
      case .text(let text): try add(text, line: place.line)
      case .close:
        guard let element = open.popLast() else { continue }
        guard let parent = open.indices.last else { return element }
        open[parent].children.append(element)
      }
    }
    return nil
  }

  private mutating func add(_ text: String, line: Int) throws {
    let name = open.last?.name ?? "feedback"
    guard let last = open.indices.last, !isContainer(last) else {
      let words = Self.trimmed(text)
      guard words.isEmpty else {
        // libxml2 gives the line in which a text ends.
        let linesBehind = text.utf8.drop { Self.blanks.contains($0) }.count { $0 == 0x0A }
        throw UnreadableReport(
          line: max(1, line - linesBehind),
          "text stands between the elements of <\(name)>: \"\(ReportText.sanitized(words, limit: 60))\""
        )
      }
      return
    }
    let room = ReadReport.longestText - open[last].text.utf8.count
    if text.utf8.count <= room {
      open[last].text += text
    } else {
      open[last].isCut = true
      open[last].text += String(decoding: text.utf8.prefix(max(room, 0)), as: UTF8.self)
    }
  }

  /// Whether the open element holds elements; `dkim` and `spf` do in auth_results only.
  private func isContainer(_ index: Int) -> Bool {
    if Self.containers.contains(open[index].name) { return true }
    return index > 0 && open[index - 1].name == "auth_results"
  }

  /// Leaves out the element that was just opened.
  private func skip() throws {
    var depth = 1
    while depth > 0, let place = try reader.next() {
      switch place.node {
      case .open: depth += 1
      case .close: depth -= 1
      case .text: break
      }
    }
  }

  private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]

  /// Text without white space at its ends, as XML has it.
  static func trimmed(_ text: String) -> String {
    var rest = Substring(text).utf8
    while let first = rest.first, blanks.contains(first) { rest.removeFirst() }
    while let last = rest.last, blanks.contains(last) { rest.removeLast() }
    return String(Substring(rest))
  }
}

/// What is odd in a report, each kind of it once.
struct ReadingProblems {
  private static let maximumKinds = 50
  private var order: [String] = []
  private var places: [String: (line: Int, more: Int)] = [:]
  private var left = 0

  /// Notes a problem: the middle of a sentence, at a line.
  mutating func add(_ problem: String, line: Int) {
    if places[problem] != nil {
      places[problem]?.more += 1
    } else if order.count < Self.maximumKinds {
      order.append(problem)
      places[problem] = (line, 0)
    } else {
      left += 1
    }
  }

  /// A sentence for each kind, in the order in which they were met.
  var sentences: [String] {
    order.map { problem in
      guard let place = places[problem] else { return problem }
      let more = place.more == 0 ? "" : ", and \(place.more) more"
      return "Line \(place.line)\(more): \(problem)."
    } + (left == 0 ? [] : ["And \(left) more of other kinds."])
  }
}
