import Ledger
import TestSupport
import Testing

@testable import Reports

@Suite struct ReportCalendarTests {
  private let directory: TemporaryDirectory
  private let store: SQLiteStore
  private static let today = UTCDay(containing: testTime)

  init() throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
  }

  private static func day(_ offset: Int64) -> UTCDay {
    UTCDay(containing: today.begin + offset * 86_400)
  }

  private func receive(on offset: Int64) throws {
    try store.append(.test(queueID: "\(offset)", at: Self.day(offset).begin + 10))
  }

  private func calendar(at time: Int64 = today.begin + 900, back: Int = 14) throws
    -> ReportCalendar
  {
    try ReportCalendar(store, now: time, settleSeconds: 900, maximumDaysBack: back)
  }

  @Test func hasNothingToDoWithoutMessages() throws {
    #expect(try calendar().due.isEmpty)
  }

  @Test func waitsUntilADayHasSettled() throws {
    try receive(on: -1)
    #expect(try calendar(at: Self.today.begin - 1).due.isEmpty)
    #expect(try calendar(at: Self.today.begin + 899).due.isEmpty)
    #expect(try calendar(at: Self.today.begin + 900).due == [Self.day(-1)])
  }

  @Test func takesAllDaysFromTheFirstMessageOn() throws {
    try receive(on: -4)
    try receive(on: -2)
    #expect(try calendar().due == [-4, -3, -2, -1].map(Self.day))
  }

  @Test func leavesOutWhatIsDoneAndGoesOnWithWhatIsNot() throws {
    for offset in [-4, -3, -2, -1] { try receive(on: Int64(offset)) }
    for offset in [-4, -2] {
      let period = Self.day(Int64(offset)).window
      _ = try store.closeWindow(period, now: 0)
      if offset == -4 { try store.windowIsPlanned(period, now: 0) }
    }
    #expect(try calendar().due == [-3, -2, -1].map(Self.day))
  }

  @Test func namesWhatIsTooOld() throws {
    for offset in [-40, -39, -20, -14] { try receive(on: Int64(offset)) }
    _ = try store.closeWindow(Self.day(-39).window, now: 0)
    try store.windowIsPlanned(Self.day(-39).window, now: 0)
    let calendar = try calendar()
    #expect(calendar.tooOld == [-40, -20].map(Self.day))
    #expect(calendar.due.count == 14)
    #expect(calendar.due.first == Self.day(-14))
  }

  /// A day that was begun stays due, however old.
  @Test func finishesWhatWasBegun() throws {
    try receive(on: -40)
    _ = try store.closeWindow(Self.day(-40).window, now: 0)
    let calendar = try calendar(back: 1)
    #expect(calendar.due == [-40, -1].map(Self.day))
    #expect(calendar.tooOld.isEmpty)
  }
}
