import Glibc
import MailAuth
import Synchronization

/// A DNS server for tests: UDP and TCP on one port of 127.0.0.1 that the system chooses.
///
/// It says what its closure says, as a recursive resolver would, and writes down what it was asked.
/// One thread serves everything; it ends with the object.
public final class DNSServer: Sendable {
  /// A question as it arrived; the name in lower case, one octet for each Unicode scalar.
  public struct Query: Sendable, Hashable {
    /// The labels joined by dots.
    public var name: String
    /// The number of the record type.
    public var type: UInt16
    /// Whether it came over TCP.
    public var isTCP: Bool
  }

  /// What the server says to a question.
  public indirect enum Response: Sendable {
    /// NOERROR with these records; longer than UDP carries is truncated and given over TCP.
    case records([DNSServerRecord])
    /// NOERROR without records, but with an SOA record that allows keeping this for 300 seconds.
    case nodata
    /// NXDOMAIN, with an SOA record as for ``nodata``; a CNAME chain may come before it.
    case nxdomain(after: [DNSServerRecord] = [])
    /// Only a response code, as 2 for SERVFAIL and 5 for REFUSED.
    case rcode(UInt8)
    /// Nothing at all.
    case silence
    /// The response after a while.
    case delayed(milliseconds: Int, Response)
    /// The response together with those to all other questions that are out, see ``rounds``.
    case inRounds(Response)
    /// Over UDP an empty answer that says it is truncated, over TCP the response.
    case truncated(Response)
    /// The response, but it says that it is truncated, over TCP too.
    case alwaysTruncated(Response)
    /// NOERROR with nothing but an NS record for this zone, and no recursion available: what a server
    /// says that is not for clients.
    case referral(String)
    /// These octets after the question's ID, whatever they mean.
    case malformed([UInt8])

    /// SERVFAIL.
    public static var servfail: Response { .rcode(2) }
    /// REFUSED.
    public static var refused: Response { .rcode(5) }
  }

  private struct State {
    var queries: [Query] = []
    var rounds = 0
  }

  private let state: Mutex<State>
  private let wakeWrite: CInt
  /// The port that the system chose.
  public let port: UInt16

  /// Starts a server.
  ///
  /// - Parameter respond: What to say; called on the server's thread.
  /// - Throws: ``DNSServerError`` when no port can be had.
  public init(respond: @escaping @Sendable (Query) -> Response) throws {
    let sockets = try DNSServerSockets()
    port = sockets.port
    wakeWrite = sockets.wakeWrite
    state = Mutex(State())
    let loop = DNSServerLoop(sockets: sockets) { [weak self] query in
      self?.state.withLock { $0.queries.append(query) }
      return respond(query)
    } didEndRound: { [weak self] in
      self?.state.withLock { $0.rounds += 1 }
    }
    try loop.start()
  }

  /// Starts a server with a table: names not in it do not exist, types not in a name's list are
  /// no data, and a CNAME is followed within the table.
  ///
  /// - Parameters:
  ///   - zone: The table.
  ///   - inRounds: Whether answers are given as ``Response/inRounds(_:)``.
  /// - Throws: ``DNSServerError`` when no port can be had.
  public convenience init(zone: [String: [DNSServerRecord]], inRounds: Bool = false) throws {
    try self.init { query in
      let response = DNSServer.lookUp(query, in: zone)
      return inRounds ? .inRounds(response) : response
    }
  }

  // The thread owns the sockets and closes them when it sees this.
  deinit { _ = unsafe write(wakeWrite, [UInt8(0)], 1) }

  /// The server as ``LiveResolverSettings/servers`` names it.
  public var address: String { "127.0.0.1@\(port)" }

  /// Everything asked so far, in order.
  public var queries: [Query] { state.withLock { $0.queries } }

  /// How often the answers held by ``Response/inRounds(_:)`` were sent.
  ///
  /// They are sent when no question came in for a quarter of a second, as then whoever asks waits
  /// for them: each round stands for one round trip that others had to wait for. A client that is
  /// kept from running for so long makes it more rounds than it needs, never fewer.
  public var rounds: Int { state.withLock { $0.rounds } }

  /// How often a name was asked for, whatever the type and transport.
  public func count(of name: String) -> Int { queries.count { $0.name == name } }

  /// What a server with this table says, see ``init(zone:inRounds:)``.
  public static func lookUp(_ query: Query, in zone: [String: [DNSServerRecord]]) -> Response {
    var answers: [DNSServerRecord] = []
    var name = query.name
    // A chain longer than this is a loop.
    for _ in 0..<16 {
      guard let records = zone[name] else { return .nxdomain(after: answers) }
      let wanted = records.filter { $0.type == query.type }
      guard wanted.isEmpty, let alias = records.first(where: { $0.target != nil }),
        let target = alias.target
      else {
        answers += wanted.map { $0.owned(by: name) }
        return answers.isEmpty ? .nodata : .records(answers)
      }
      answers.append(alias.owned(by: name))
      name = target
    }
    return .servfail
  }
}

/// A record that a ``DNSServer`` gives.
public struct DNSServerRecord: Sendable {
  /// The owner; nil stands for the name asked for.
  public var owner: String?
  /// The number of the type.
  public var type: UInt16
  /// Seconds the record may be kept.
  public var ttl: UInt32
  /// The data, names uncompressed.
  public var data: [UInt8]
  /// Where a CNAME points.
  fileprivate var target: String?

  /// A record of any type, with whatever data.
  public init(type: UInt16, ttl: UInt32 = 3600, data: [UInt8]) {
    self.type = type
    self.ttl = ttl
    self.data = data
  }

  /// An A or AAAA record; an unparsable address gives a record without data.
  public static func address(_ text: String, ttl: UInt32 = 3600) -> DNSServerRecord {
    let bytes = IPAddress(text)?.bytes ?? []
    return DNSServerRecord(type: bytes.count == 16 ? 28 : 1, ttl: ttl, data: bytes)
  }

  /// An MX record.
  public static func mx(_ preference: UInt16, _ host: String) -> DNSServerRecord {
    let number = [UInt8(preference >> 8), UInt8(preference & 0xFF)]
    return DNSServerRecord(type: 15, data: number + DNSServerWire.name(host))
  }

  /// A PTR record.
  public static func ptr(_ name: String) -> DNSServerRecord {
    DNSServerRecord(type: 12, data: DNSServerWire.name(name))
  }

  /// A TXT record; the text is cut into strings of 255 octets.
  public static func txt(_ text: String, ttl: UInt32 = 3600) -> DNSServerRecord {
    var data: [UInt8] = []
    var rest = Array(text.utf8)[...]
    repeat {
      let piece = rest.prefix(255)
      data += [UInt8(piece.count)] + piece
      rest = rest.dropFirst(255)
    } while !rest.isEmpty
    return DNSServerRecord(type: 16, ttl: ttl, data: data)
  }

  /// A CNAME record.
  public static func cname(_ target: String, ttl: UInt32 = 3600) -> DNSServerRecord {
    var record = DNSServerRecord(type: 5, ttl: ttl, data: DNSServerWire.name(target))
    record.target = target
    return record
  }

  /// The record with an owner of its own, as in a CNAME chain.
  public func owned(by name: String) -> DNSServerRecord {
    var record = self
    record.owner = name
    return record
  }
}

/// Why a ``DNSServer`` could not start.
public struct DNSServerError: Error {
  /// The call that failed.
  public var call: String
  /// The system's error number.
  public var number: CInt
}
