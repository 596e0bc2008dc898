import Testing

@testable import MailAuth

struct AnswerCacheTests {
  private let start = ContinuousClock.now

  private func text(_ number: Int) -> DNSAnswer {
    DNSAnswer(
      outcome: .answer, records: [.txt([Array(repeating: UInt8(number & 0xFF), count: 400)])],
      ttlSeconds: 60)
  }

  private func question(_ number: Int) -> DNSQuestion {
    DNSQuestion("name\(number).example", .txt)
  }

  @Test(arguments: [(0.0, 60), (0.9, 60), (1.0, 59), (59.9, 1)])
  func countsTheTimeDown(seconds: Double, left: Int) {
    var cache = AnswerCache(octets: 100_000)
    cache.keep(text(1), to: question(1), at: start)
    let found = cache.answer(to: question(1), at: start + .seconds(seconds))
    #expect(found?.ttlSeconds == left)
    #expect(found?.isCached == true)
    #expect(found?.records == text(1).records)
    #expect(cache.answer(to: DNSQuestion("name1.example", .a), at: start) == nil)
  }

  @Test func forgetsWhatIsTooOld() {
    var cache = AnswerCache(octets: 100_000)
    cache.keep(text(1), to: question(1), at: start)
    #expect(cache.answer(to: question(1), at: start + .seconds(60)) == nil)
    // It is gone, also for a clock that would stand earlier.
    #expect(cache.answer(to: question(1), at: start) == nil)
  }

  @Test(arguments: [DNSOutcome.servfail, .refused, .bogus, .timeout])
  func keepsNoFailure(outcome: DNSOutcome) {
    var cache = AnswerCache(octets: 100_000)
    cache.keep(text(1), to: question(1), at: start)
    cache.keep(DNSAnswer(outcome: outcome, ttlSeconds: 60), to: question(1), at: start)
    #expect(cache.answer(to: question(1), at: start) == nil)
  }

  @Test(arguments: [DNSOutcome.nodata, .nxdomain])
  func keepsThatThereIsNothing(outcome: DNSOutcome) {
    var cache = AnswerCache(octets: 100_000)
    cache.keep(DNSAnswer(outcome: outcome), to: question(1), at: start)
    cache.keep(DNSAnswer(outcome: outcome, ttlSeconds: 9), to: question(2), at: start)
    #expect(cache.answer(to: question(1), at: start) == nil)
    #expect(cache.answer(to: question(2), at: start + .seconds(8))?.outcome == outcome)
  }

  @Test func staysWithinItsSizeAndKeepsWhatIsUsed() {
    var cache = AnswerCache(octets: 100_000)
    for number in 0..<1000 {
      cache.keep(text(number), to: question(number), at: start)
      #expect(cache.answer(to: question(number), at: start) != nil)
      #expect(cache.answer(to: question(0), at: start) != nil)
    }
    let kept = (0..<1000).filter { cache.answer(to: question($0), at: start) != nil }
    #expect((50...150).contains(kept.count))
    #expect(kept.first == 0 && kept.last == 999)
  }

  @Test func oneHugeAnswerPushesOutNoOthers() {
    var cache = AnswerCache(octets: 100_000)
    cache.keep(text(1), to: question(1), at: start)
    let huge = DNSAnswer(
      outcome: .answer, records: [.txt([Array(repeating: 0x61, count: 60_000)])], ttlSeconds: 60)
    for number in 2..<9 { cache.keep(huge, to: question(number), at: start) }
    #expect(cache.answer(to: question(1), at: start) != nil)
    #expect(cache.answer(to: question(2), at: start) == nil)
  }
}
