/// A day in UTC, counted by arithmetic alone: time zones and leap seconds do not exist here.
public struct UTCDay: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Days since 1970-01-01, which may be negative.
  public let daysSinceEpoch: Int64

  /// Parses `YYYY-MM-DD`, years 0001 to 9999 of the Gregorian calendar; nil for anything else.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    let hyphen = UInt8(ascii: "-")
    guard octets.count == 10, octets[4] == hyphen, octets[7] == hyphen,
      let year = Self.number(octets[0..<4]), let month = Self.number(octets[5..<7]),
      let day = Self.number(octets[8..<10]),
      year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year)
    else { return nil }
    daysSinceEpoch = Self.daysSinceEpoch(year: year, month: month, day: day)
  }

  /// The day that holds a moment.
  ///
  /// - Parameter epochSeconds: Seconds since the epoch, UTC.
  public init(containing epochSeconds: Int64) {
    let (quotient, remainder) = epochSeconds.quotientAndRemainder(dividingBy: 86_400)
    daysSinceEpoch = remainder < 0 ? quotient - 1 : quotient
  }

  /// The first second of the day, since the epoch.
  public var begin: Int64 { daysSinceEpoch * 86_400 }

  /// The last second of the day, since the epoch: what `date_range` names as the end.
  public var end: Int64 { begin + 86_399 }

  /// The seconds of the day.
  public var window: Range<Int64> { begin..<(begin + 86_400) }

  /// The day as `YYYY-MM-DD`.
  public var description: String {
    let (year, month, day) = civil
    return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
  }

  /// A moment, given in seconds since the epoch, as `YYYY-MM-DD hh:mm:ss`, UTC.
  public static func timeText(_ epochSeconds: Int64) -> String {
    let day = UTCDay(containing: epochSeconds)
    let second = epochSeconds - day.begin
    return "\(day) \(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2))"
      + ":\(padded(second % 60, 2))"
  }

  /// Orders by time.
  public static func < (left: Self, right: Self) -> Bool {
    left.daysSinceEpoch < right.daysSinceEpoch
  }

  // Years here begin on 1 March, so that a leap day is the last day of its year; an era has 400
  // years and always 146097 days.

  private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let monthFromMarch = (month + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private var civil: (year: Int64, month: Int64, day: Int64) {
    let days = daysSinceEpoch + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func days(in month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    let zero = UInt8(ascii: "0")
    var value: Int64 = 0
    for digit in digits {
      guard (zero...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - zero)
    }
    return value
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(width - text.utf8.count, 0)) + text
  }
}
