/// Times as mail writes them (RFC 5322 section 3.3), in UTC and without asking the system.
enum LabClock {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// A time as `Fri, 20 Nov 2026 12:00:00 +0000`; years 1970 to 2400 or so.
  static func text(_ seconds: Int64) -> String {
    var day = seconds / 86400
    let weekday = days[Int(day % 7)]
    var year: Int64 = 1970
    while day >= length(ofYear: year) {
      day -= length(ofYear: year)
      year += 1
    }
    var month = 0
    while day >= length(ofMonth: month, year) {
      day -= length(ofMonth: month, year)
      month += 1
    }
    let rest = seconds % 86400
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
    return "\(weekday), \(day + 1) \(months[month]) \(year) \(clock.joined(separator: ":")) +0000"
  }

  private static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func length(ofYear year: Int64) -> Int64 { isLeap(year) ? 366 : 365 }

  private static func length(ofMonth month: Int, _ year: Int64) -> Int64 {
    switch month {
    case 1: isLeap(year) ? 29 : 28
    case 3, 5, 8, 10: 30
    default: 31
    }
  }
}
