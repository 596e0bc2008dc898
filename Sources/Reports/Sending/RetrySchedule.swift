/// When a delivery that could not be made is tried again, and when it is given up.
public struct RetrySchedule: Sendable, Equatable {
  /// Seconds until the second attempt; each further pause is twice as long.
  public var firstSeconds: Int64 = 900
  /// The longest pause, in seconds.
  public var longestSeconds: Int64 = 14_400
  /// Seconds after ``StoredDelivery/plannedAt`` from which a failed attempt is the last one.
  public var giveUpSeconds: Int64 = 172_800

  /// Makes the default schedule: 15 minutes, doubled up to 4 hours, for 48 hours.
  public init() {}

  /// When to try next after an attempt that failed for now.
  ///
  /// The last attempt is made when the time is over, not one pause before.
  ///
  /// - Parameters:
  ///   - attempts: How many attempts were made, the failed one included; at least 1.
  ///   - plannedAt: When it was planned, seconds since the epoch.
  ///   - now: Seconds since the epoch.
  /// - Returns: Seconds since the epoch; nil to give up.
  public func nextAttempt(after attempts: Int, plannedAt: Int64, now: Int64) -> Int64? {
    let end = plannedAt + giveUpSeconds
    guard now < end else { return nil }
    // Beyond 2^20 every pause is the longest.
    let pause = min(firstSeconds << Int64(min(max(attempts - 1, 0), 20)), longestSeconds)
    return min(now + pause, end)
  }
}
