/// Who may build and send reports at the moment: at most one process, for a limited time.
public struct ReportLease: Sendable, Equatable {
  /// Letters and digits that name the holder; a new one for each run.
  public var holder: String
  /// The host that the holder runs on.
  public var host: String
  /// The process number of the holder.
  public var process: Int32
  /// Tells apart processes that had the same number; the start of the process in the host's words.
  public var processStart: String
  /// Until when it holds unless renewed, seconds since the epoch.
  public var expiresAt: Int64

  /// Makes a lease.
  public init(
    holder: String, host: String, process: Int32, processStart: String, expiresAt: Int64
  ) {
    self.holder = holder
    self.host = host
    self.process = process
    self.processStart = processStart
    self.expiresAt = expiresAt
  }
}
