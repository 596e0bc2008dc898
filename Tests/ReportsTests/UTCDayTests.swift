import Reports
import Testing

@Suite struct UTCDayTests {
  @Test(arguments: [
    ("1970-01-01", 0), ("1970-01-02", 86_400), ("1969-12-31", -86_400),
    ("2000-02-29", 951_782_400), ("2000-03-01", 951_868_800), ("2024-02-29", 1_709_164_800),
    ("2026-11-02", 1_793_577_600), ("2100-03-01", 4_107_542_400),
    ("9999-12-31", 253_402_214_400), ("0001-01-01", -62_135_596_800),
    // The days on which clocks change in many places are days like others here.
    ("2026-03-29", 1_774_742_400), ("2026-10-25", 1_792_886_400),
  ])
  func beginsAtMidnightUTC(_ text: String, _ begin: Int64) throws {
    let day = try #require(UTCDay(text))
    #expect(day.begin == begin)
    #expect(day.end == begin + 86_399)
    #expect(day.window == begin..<(begin + 86_400))
    #expect(day.description == text)
    #expect(UTCDay(containing: begin) == day)
    #expect(UTCDay(containing: begin + 86_399) == day)
    #expect(UTCDay(containing: begin - 1) < day)
  }

  @Test(arguments: [
    "", "2026", "2026-11", "2026-11-2", "2026-1-02", "26-11-02", "2026/11/02", "2026-11-02 ",
    " 2026-11-02", "2026-11-02T00:00", "2026-00-10", "2026-13-01", "2026-11-00", "2026-11-31",
    "2026-02-29", "2100-02-29", "1900-02-29", "2024-02-30", "0000-01-01", "-001-01-01",
    "+026-11-02", "2O26-11-02", "٢٠٢٦-11-02", "2026-11-0a", "yesterday", "20261-1-02",
  ])
  func refusesWhatIsNotADay(_ text: String) {
    #expect(UTCDay(text) == nil)
  }

  @Test func countsEveryDayOfFourCenturiesOnce() throws {
    let first = try #require(UTCDay("1970-01-01")).daysSinceEpoch
    for offset in stride(from: first, to: first + 146_097, by: 1) {
      let day = UTCDay(containing: offset * 86_400)
      #expect(day.daysSinceEpoch == offset)
      if UTCDay(day.description) != day { Issue.record("\(day) is not parsed back") }
    }
    #expect(UTCDay(containing: (first + 146_097) * 86_400).description == "2370-01-01")
  }
}
