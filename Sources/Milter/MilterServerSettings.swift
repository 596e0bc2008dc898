/// How a ``MilterServer`` listens and ends.
public struct MilterServerSettings: Sendable {
  /// Where to listen.
  public var socket: MilterSocketAddress
  /// The permission bits of a Unix socket; only the lowest nine count.
  public var socketMode: UInt32
  /// Seconds after which libmilter gives up an MTA that is silent, at least 1; libmilter's default.
  ///
  /// A connection is silent while an SMTP client uploads a message, so this is no short time.
  public var silenceTimeoutSeconds: Int32
  /// Seconds that messages begun before ``MilterServer/drain()`` may take to finish, at least 0.
  public var drainSeconds: Int
  /// The octets that one protocol packet may have, at least 65,535; longer ones end the connection.
  ///
  /// Postfix puts a header field into one packet whatever its length, and limits a field to
  /// `header_size_limit` (102,400), which is above libmilter's own default of 65,535.
  public var packetLimitBytes: Int
  /// Whether what libmilter reads and writes is buffered, which saves most of its calls of the
  /// kernel; ``MilterServer/canBufferConnections`` says whether it can be.
  public var buffersConnections: Bool
  /// Messages a second, at least 0, from which new connections do without the answer to MAIL.
  public var busyRate: Int

  /// Makes settings; the defaults are those that `plumbline.conf` documents.
  public init(
    socket: MilterSocketAddress, socketMode: UInt32 = 0o660, silenceTimeoutSeconds: Int32 = 7210,
    drainSeconds: Int = 30, packetLimitBytes: Int = 2 * 1024 * 1024,
    buffersConnections: Bool = true, busyRate: Int = 100
  ) {
    self.socket = socket
    self.socketMode = socketMode & 0o777
    self.silenceTimeoutSeconds = max(silenceTimeoutSeconds, 1)
    self.drainSeconds = max(drainSeconds, 0)
    self.packetLimitBytes = max(packetLimitBytes, 65_535)
    self.buffersConnections = buffersConnections
    self.busyRate = max(busyRate, 0)
  }
}
