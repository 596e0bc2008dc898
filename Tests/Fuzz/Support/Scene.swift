public import MailAuth

/// A message with its envelope and the DNS around it, as one input has them.
///
/// The input is text: lines of the envelope and of the DNS, an empty line, the message. So seeds can
/// be read and written, and a fuzzer finds what to change.
///
///     client 192.0.2.1
///     helo mail.example.com
///     from ann@example.com
///     dns example.com TXT v=spf1 include:spf.example.com -all
///     dns mail.example.com A 192.0.2.1
///     dns slow.example.com TIMEOUT
///     dns * NXDOMAIN
///
///     From: Ann <ann@example.com>
///
///     Hello.
///
/// Lines that mean nothing are passed over. `*` answers for all names without lines of their own.
public struct Scene {
  /// The envelope.
  public var envelope: Envelope
  /// The DNS.
  public var dns = HostileResolver()
  /// The message, LF or CRLF.
  public var message: [UInt8]

  /// Reads an input.
  public init(_ input: [UInt8]) {
    var client = IPAddress(bytes: [192, 0, 2, 1])
    var helo: [UInt8] = []
    var mailFrom: [UInt8] = []
    var rest = input[...]
    while let line = Self.line(&rest), !line.isEmpty {
      let words = line.split(separator: 0x20, maxSplits: 1)
      guard words.count == 2 else { continue }
      switch String(decoding: words[0], as: UTF8.self) {
      case "client": client = IPAddress(String(decoding: words[1], as: UTF8.self)) ?? client
      case "helo": helo = Array(words[1])
      case "from": mailFrom = Array(words[1])
      case "dns": dns.add(words[1])
      default: break
      }
    }
    guard let client else { fatalError("192.0.2.1 is no address") }
    envelope = Envelope(clientAddress: client, helo: helo, mailFrom: mailFrom, recipients: [])
    message = Array(rest)
  }

  private static func line(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    let line = rest.prefix { $0 != 0x0A }
    rest = rest.dropFirst(line.count + 1)
    return line.last == 0x0D ? line.dropLast() : line
  }
}

/// A resolver that says whatever an input makes it say, also what no real one would.
public struct HostileResolver: Resolver {
  private struct Entry {
    var type: DNSRecordType?
    var answer: DNSAnswer
  }

  private var entries: [String: [Entry]] = [:]
  private static let outcomes: [String: DNSOutcome] = [
    "TIMEOUT": .timeout, "SERVFAIL": .servfail, "REFUSED": .refused, "BOGUS": .bogus,
    "NXDOMAIN": .nxdomain, "NODATA": .nodata, "EMPTY": .answer,
  ]

  mutating func add(_ line: ArraySlice<UInt8>) {
    let words = line.split(separator: 0x20, maxSplits: 2)
    guard words.count >= 2 else { return }
    let name = String(decoding: words[0], as: UTF8.self).asciiLowercased()
    let kind = String(decoding: words[1], as: UTF8.self)
    if let outcome = Self.outcomes[kind] {
      entries[name, default: []].append(Entry(answer: DNSAnswer(outcome: outcome)))
    } else if let type = DNSRecordType(rawValue: kind), words.count == 3,
      let record = Self.record(type, words[2])
    {
      entries[name, default: []].append(
        Entry(type: type, answer: DNSAnswer(outcome: .answer, records: [record])))
    }
  }

  private static func record(_ type: DNSRecordType, _ data: ArraySlice<UInt8>) -> DNSRecord? {
    let text = String(decoding: data, as: UTF8.self)
    return switch type {
    case .a, .aaaa: IPAddress(text).map { .address($0) }
    case .mx: .mx(preference: 10, host: text)
    case .ptr: .ptr(text)
    case .txt:
      .txt(
        data.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map(Array.init))
    }
  }

  /// Answers from the lines: the first failure of the name, else all records of the type.
  public func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    check(question.isValidName, "asked for a name that the DNS cannot hold: \(question.name)")
    guard let entries = entries[question.name] ?? entries["*"] else {
      return DNSAnswer(outcome: .nxdomain)
    }
    if let outcome = entries.first(where: { $0.type == nil }) { return outcome.answer }
    let records = entries.filter { $0.type == question.type }.flatMap(\.answer.records)
    return DNSAnswer(outcome: records.isEmpty ? .nodata : .answer, records: records)
  }
}
