import Foundation
import Glibc
import Ledger
import Synchronization
import TestSupport
import Testing

/// What a milter that is killed had answered must be in the ledger of the next.
@Suite struct KilledMilterTests {
  private static let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    """

  @Test(arguments: ["", "commit_log = false"])
  func everyAnswerIsARecord(settings: String) throws {
    let milter = try RunningMilter(zone: Self.zone, ledger: settings)
    let answered = Mutex<Set<String>>([])
    let failures = Mutex<[String]>([])
    let group = DispatchGroup()
    for connection in 0..<4 {
      // Its thread is the only one that uses it.
      nonisolated(unsafe) let client = try milter.connect()
      group.enter()
      Thread {
        defer { group.leave() }
        // Until the milter is gone.
        for number in 0..<1_000_000 {
          let queueID = "4K\(connection)X\(number)"
          guard let outcome = try? unsafe client.deliver(MilterMessage(queueID: queueID)) else {
            return
          }
          if outcome.reply == .continue || outcome.reply == .accept {
            answered.withLock { _ = $0.insert(queueID) }
          } else {
            failures.withLock { $0.append("\(outcome)") }
          }
        }
      }.start()
    }
    // Several times what the database gets in one transaction.
    try waitUntil("messages to be answered") { answered.withLock { $0.count } >= 400 }
    milter.program.signal(SIGKILL)
    _ = try milter.program.result()
    group.wait()
    #expect(failures.withLock { $0 } == [])

    // As the next milter does when it starts.
    let events = Mutex<[JournaledStore.Event]>([])
    let store = JournaledStore(
      try SQLiteStore(path: milter.directory.path("ledger.sqlite"))
    ) { event in events.withLock { $0.append(event) } }
    store.close()
    let kept = try Set(milter.ledger().map(\.queueID))
    let missing = answered.withLock { $0.subtracting(kept) }
    #expect(missing == [])
    // One answer for each connection may have been on its way.
    #expect(kept.count <= answered.withLock { $0.count } + 4)
    for event in events.withLock({ $0 }) {
      guard case .recovered = event else {
        Issue.record("\(event)")
        continue
      }
    }
  }
}
