/// How many messages come in a second.
struct MessageRate {
  private var start = ContinuousClock.now
  /// Since `start`, and in the second before that.
  private var current = 0
  private var previous = 0

  /// Counts a message.
  mutating func count(now: ContinuousClock.Instant) {
    advance(to: now)
    current += 1
  }

  /// How many came in the last whole second, or in the current one if these are more already.
  mutating func perSecond(now: ContinuousClock.Instant) -> Int {
    advance(to: now)
    return max(current, previous)
  }

  private mutating func advance(to now: ContinuousClock.Instant) {
    let seconds = start.duration(to: now).components.seconds
    guard seconds > 0 else { return }
    previous = seconds == 1 ? current : 0
    current = 0
    start += .seconds(seconds)
  }
}
