import Foundation
import GRDB
import Glibc
import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Ledger

/// What is written to the file of the commit log, and what is read from it after a crash.
@Suite struct CommitLogFileTests {
  private let scene: JournaledStoreScene
  private var logPath: String { scene.logPath }

  init() throws { scene = try JournaledStoreScene() }

  private func openFile() throws -> CommitLogFile {
    try #require(try CommitLogFile(ledgerPath: scene.path))
  }

  // MARK: Segments

  @Test func beginsASegmentAnewOnlyWhenTheDatabaseHasIt() throws {
    let file = try openFile()
    try file.prepare()
    let half = CommitLogFile.segmentBytes / 2
    var applied: UInt64 = 0
    func write(_ name: String) throws -> UInt64? {
      var batch = CommitLogFile.batch([MessageRow(.test(queueID: name))])
      batch += [UInt8](repeating: 0, count: half - batch.count)
      guard let place = file.place(for: batch.count, applied: applied) else { return nil }
      return try file.write(batch, at: place)
    }
    #expect(try (1...4).map { try write("\($0)") } == [1, 2, 3, 4])
    #expect(try write("5") == nil)
    applied = 1
    #expect(try write("5") == nil)
    applied = 2
    #expect(try write("5") == 5)
    #expect(try write("6") == 6)
    #expect(try write("7") == nil)
    applied = 6
    #expect(try write("7") == 7)
  }

  @Test func readsTheSegmentsInTheOrderOfTheirBatches() throws {
    let file = try openFile()
    try file.prepare()
    var applied: UInt64 = 0
    // The second filling of the first segment stands before what is in the second.
    for number in 1...1200 {
      let batch = CommitLogFile.batch([MessageRow(.test(queueID: "\(number)"))])
      applied = try file.append(batch, applied: applied) - 1
    }
    file.note(applied: 900)
    let left = try file.left().rows.map { $0.message.databaseValues[1] }
    #expect(left == (901...1200).map { "\($0)".databaseValue })
  }

  // MARK: After a crash

  /// Of the batch that was being written any part may be on the disk, in any order; of all others
  /// every message is.
  @Test func losesNothingToABatchThatIsNotWhole() throws {
    let file = try openFile()
    try file.prepare()
    var random = SystemRandomNumberGenerator()
    var answered: [[String]] = []
    var applied: UInt64 = 0
    var used = 0
    var fillings = 1
    for number in 1...900 {
      let names = (0..<Int.random(in: 1...12, using: &random)).map { "\(number)-\($0)" }
      let batch = CommitLogFile.batch(names.map { MessageRow(.test(queueID: $0)) })
      let begins = used + batch.count > CommitLogFile.segmentBytes
      used = (begins ? 0 : used) + DurableBlocks.wholeBlocks(batch.count)
      fillings += begins ? 1 : 0
      let isTorn = begins || number % 60 == 0
      if begins || Int.random(in: 0..<20, using: &random) == 0 {
        let least = max(applied, UInt64(max(number - 8, 0)))
        applied = UInt64.random(in: least..<UInt64(number), using: &random)
        while file.place(for: batch.count, applied: applied) == nil { applied += 1 }
        // What is noted may be behind.
        if Bool.random(using: &random) { file.note(applied: applied) }
      }
      let before = isTorn ? try Data(contentsOf: URL(fileURLWithPath: logPath)) : Data()
      try file.append(batch, applied: applied)
      let earlier = Set(answered.dropFirst(Int(applied)).joined())
      answered.append(names)
      guard isTorn else { continue }
      let after = try Data(contentsOf: URL(fileURLWithPath: logPath))
      // What the database has is noted before a segment is begun anew.
      try overwrite(before) { $0 / 8 != 1 && Bool.random(using: &random) }
      let found = try file.left()
      #expect(found.damagedBatches == 0)
      let left = found.rows.compactMap {
        String.fromDatabaseValue($0.message.databaseValues[1])
      }
      #expect(earlier.subtracting(left) == [])
      #expect(Set(left).subtracting(answered.joined()) == [])
      #expect(Set(left).count == left.count)
      try overwrite(after) { _ in true }
    }
    #expect(fillings > 3)
  }

  /// What was noted before a power failure may be of long ago, but not of before what is written over.
  @Test func missesNothingThatIsWrittenOver() throws {
    let file = try openFile()
    try file.prepare()
    let row = MessageRow(.test(queueID: "A"))
    while try file.append(CommitLogFile.batch([row])) < 2 * CommitLogFile.mostBatches {}
    let start = Int(CommitLogFile.start(0))
    let before = try Data(contentsOf: URL(fileURLWithPath: logPath))
    try file.append(
      CommitLogFile.batch(Array(repeating: row, count: 6)), applied: 2 * CommitLogFile.mostBatches)
    // Of the new batch only what comes behind its first block is on the disk.
    try overwrite(before[start..<(start + CommitLogFile.blockBytes)], at: off_t(start))
    let left = try file.left()
    #expect(left.damagedBatches == 0)
    #expect(left.rows.isEmpty)
  }

  /// Overwrites sectors of the file that differ.
  private func overwrite(_ octets: Data, where isWanted: (Int) -> Bool) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: logPath))
    defer { try? file.close() }
    let now = try Data(contentsOf: URL(fileURLWithPath: logPath))
    #expect(now.count == octets.count)
    for sector in 0..<(octets.count / 512) {
      let range = (512 * sector)..<(512 * sector + 512)
      guard now[range] != octets[range], isWanted(sector) else { continue }
      try file.seek(toOffset: UInt64(range.lowerBound))
      try file.write(contentsOf: octets[range])
    }
  }

  // MARK: Damage

  /// Overwrites octets of the log.
  private func overwrite(_ octets: some DataProtocol, at offset: off_t) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: logPath))
    defer { try? file.close() }
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: octets)
  }

  /// Overwrites one octet of the log with another one.
  private func damage(_ offset: off_t) throws {
    let octet = try Data(contentsOf: URL(fileURLWithPath: logPath))[Int(offset)]
    try overwrite([octet ^ 0x55], at: offset)
  }

  /// Six batches of a message each but for the third, which takes several blocks.
  private static let batches = (0..<6).map { number in
    (0..<(number == 2 ? 4 : 1)).map { MessageRecord.test(queueID: "\(number)-\($0)") }
  }

  /// Where each of them begins.
  private static let places: [off_t] = {
    var place = CommitLogFile.start(0)
    return batches.map { batch in
      defer {
        place += off_t(
          DurableBlocks.wholeBlocks(CommitLogFile.batch(batch.map { MessageRow($0) }).count))
      }
      return place
    }
  }()

  /// The last batch may have been cut off by a crash; of any other it is the disk's fault.
  @Test(arguments: 0..<6, [0, 5, 12, 20, 25, 30, CommitLogFile.headerBytes + 100])
  func saysWhatADiskDamages(batch: Int, offset: Int) throws {
    try scene.leave(Self.batches)
    try damage(Self.places[batch] + off_t(offset))
    let before = try Data(contentsOf: URL(fileURLWithPath: logPath))
    let store = try scene.makeStore(usesCommitLog: true)
    store.close()
    let others = Self.batches.enumerated().filter { $0.offset != batch }.flatMap(\.element)
    #expect(try scene.records(scene.path).map(\.queueID) == others.map(\.queueID))
    let copy = logPath + ".damaged"
    guard batch < 5 else {
      #expect(scene.events.all == [.recovered(others.count)])
      #expect(!FileManager.default.fileExists(atPath: copy))
      return
    }
    #expect(
      scene.events.all == [.recovered(others.count), .damaged(1, file: logPath, keptAs: copy)])
    #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == before)
  }

  /// What the disk refuses to give back is as good as damaged, and keeps nothing else from the ledger.
  @Test(arguments: 0..<5)
  func readsOnWhereTheDiskReadsNothing(batch: Int) throws {
    // As far as a test can have that: nothing of the batch is there.
    try scene.leave(Self.batches)
    let count = Int(Self.places[batch + 1] - Self.places[batch])
    try overwrite(Data(repeating: 0, count: count), at: Self.places[batch])
    let left = try openFile().left()
    #expect(left.damagedBatches == 1)
    #expect(left.rows.count == 9 - Self.batches[batch].count)
  }

  /// Headers that no process wrote, each whole by itself.
  @Test func countsNoMoreThanFits() throws {
    try scene.leave(Self.batches)
    for (segment, number) in [(0, UInt64(1) << 63), (1, .max - 5)] {
      var header: [UInt8] = []
      header.append(integer: CommitLogFile.batchMark)
      header.append(integer: UInt32(0))
      header.append(integer: number)
      header.append(integer: number)
      header.append(integer: LibZlib.checksum([]))
      header.append(integer: LibZlib.checksum(header))
      try overwrite(header, at: CommitLogFile.start(segment))
    }
    let left = try openFile().left()
    #expect(left.damagedBatches <= 2 * Int(CommitLogFile.mostBatches))
  }

  /// Without its beginning nothing in it can be read, and nothing may be written over.
  @Test func leavesAloneWhatHasLostItsBeginning() throws {
    try scene.leave(Self.batches)
    try overwrite(Data(repeating: 0, count: CommitLogFile.blockBytes), at: 0)
    try expectUntouched(Self.unreadable)
  }

  /// Where messages have no place yet, nothing is decided.
  @Test func setsNothingAsideBeforeTheRestHasAPlace() throws {
    try scene.leave(Self.batches)
    try damage(Self.places[1])
    let before = try Data(contentsOf: URL(fileURLWithPath: logPath))
    var settings = SQLiteStore.Settings()
    settings.busyTimeoutSeconds = 0.05
    let database = try SQLiteStore(path: scene.path, settings: settings)
    // Neither the database nor the journal takes anything.
    _ = try scene.directory.makeDirectory("ledger.sqlite.pending")
    let events = scene.events
    try scene.whileLocked { JournaledStore(database) { events.add($0) }.close() }
    #expect(try Data(contentsOf: URL(fileURLWithPath: logPath)) == before)
    #expect(!FileManager.default.fileExists(atPath: logPath + ".damaged"))
    #expect(events.all.contains { if case .waitsInLog = $0 { true } else { false } })
    #expect(!events.all.contains { if case .damaged = $0 { true } else { false } })
  }

  @Test func keepsEachDamagedFile() throws {
    for _ in 0..<3 {
      try scene.leave(Self.batches)
      for batch in [1, 3] { try damage(Self.places[batch]) }
      try scene.makeStore(usesCommitLog: true).close()
    }
    let copies = ["", "2", "3"].map { logPath + ".damaged" + $0 }
    #expect(copies.allSatisfy(FileManager.default.fileExists))
    let damage = scene.events.all.filter { if case .damaged = $0 { true } else { false } }
    #expect(damage == copies.map { .damaged(2, file: logPath, keptAs: $0) })
    #expect(
      damage.first?.description
        == "\(logPath) does not hold what was written to it: 2 batches of messages cannot be read, "
        + "and may be missing from the ledger and from reports; see to the disk; the file is kept as "
        + "\(copies[0])")
  }

  /// What the database has already is not missing, whatever became of it.
  @Test func doesNotMissWhatTheDatabaseHas() throws {
    try scene.leave(Self.batches, applied: 4)
    for batch in 0..<4 { try damage(Self.places[batch]) }
    let left = try openFile().left()
    #expect(left.damagedBatches == 0)
    #expect(left.rows.count == 2)
  }

  /// A wrong number is no reason to leave messages out.
  @Test(arguments: [0, 5, 9])
  func readsAllWhereTheNumberOfWhatIsDoneIsDamaged(offset: off_t) throws {
    try scene.leave(Self.batches, applied: 4)
    try damage(off_t(CommitLogFile.blockBytes) + offset)
    let left = try openFile().left()
    #expect(left.damagedBatches == 0)
    #expect(left.rows.count == 9)
  }

  /// The end of one segment is missing if the next one goes on behind it.
  @Test func missesTheEndOfASegment() throws {
    let file = try openFile()
    try file.prepare()
    var place: off_t = 0
    for number in 1...600 {
      let batch = CommitLogFile.batch([MessageRow(.test(queueID: "\(number)"))])
      if try file.append(batch) == 512 { place = CommitLogFile.start(1) }
    }
    #expect(place > 0)
    try damage(place - off_t(CommitLogFile.blockBytes))
    let left = try file.left()
    #expect(left.damagedBatches == 1)
    #expect(left.rows.count == 599)
  }

  /// Whatever stands in the file, nothing crashes, and no message appears that was not written.
  @Test func survivesAnyDamage() throws {
    let records = (0..<6).map { MessageRecord.test(queueID: "\($0)") }
    try scene.leave([
      [records[0], records[1]], [records[2]], [records[3], records[4], records[5]],
    ])
    let whole = try #require(FileManager.default.contents(atPath: logPath))
    var random = SystemRandomNumberGenerator()
    let written = 6 * CommitLogFile.blockBytes
    for _ in 0..<200 {
      var damaged = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<written, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      if Bool.random(using: &random) {
        damaged = damaged.prefix(Int.random(in: 0...written, using: &random))
      }
      try damaged.write(to: URL(fileURLWithPath: logPath))
      let file = try openFile()
      do {
        #expect(try file.left().rows.count <= records.count)
      } catch {
        #expect(error.description.hasPrefix(file.path))
      }
    }
  }

  /// A process that was killed while it made the file had answered for nothing yet.
  @Test(arguments: [0, 1, 8, 100, 4096, 8192, 100_000])
  func takesAFileThatIsNotWhole(octets count: Int) throws {
    try scene.leave([])
    #expect(unsafe truncate(logPath, off_t(count)) == 0)
    let file = try openFile()
    #expect(try file.left().rows.isEmpty)
    try file.prepare()
  }

  // MARK: What is not for this version

  private func expectUntouched(_ problem: String) throws {
    let before = FileManager.default.contents(atPath: logPath)
    let store = try scene.makeStore(usesCommitLog: true)
    try store.append(.test(queueID: "new"))
    store.close()
    #expect(try scene.records(scene.path).map(\.queueID) == ["new"])
    #expect(FileManager.default.contents(atPath: logPath) == before)
    #expect(scene.events.all == [.logUnused("\(logPath) \(problem)")])
  }

  @Test(arguments: ["somebody's own notes", "PLBLOG02 of a later version"])
  func leavesAloneWhatIsNoCommitLog(_ text: String) throws {
    try text.write(toFile: logPath, atomically: false, encoding: .utf8)
    try expectUntouched("is not a commit log that this version knows; move it away")
  }

  private static let unreadable =
    "holds messages that this version cannot read; start the version that wrote it, or move it away"

  @Test func leavesAloneRowsOfUnknownColumns() throws {
    try scene.leave([[.test(queueID: "A")]])
    try overwrite(Data("?".utf8), at: 12)
    try expectUntouched(Self.unreadable)
  }

  @Test func leavesAloneRowsOfAnUnknownKind() throws {
    let file = try openFile()
    try file.prepare()
    var batch = CommitLogFile.batch([MessageRow(.test(queueID: "A"))])
    // Behind the header and the length of the entry.
    batch[CommitLogFile.headerBytes + 4] = 200
    try file.append(batch)
    file.unlock()
    try expectUntouched(Self.unreadable)
  }

  /// The descriptors of this process that lead to the log.
  private func descriptors() throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
      // Some are closed again by now.
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/" + name)
      return target?.hasPrefix(logPath) == true
    }.compactMap { Int32($0) }
  }

  /// A disk that does not give back what it was given is no reason to begin anew.
  @Test func saysThatItCannotBeRead() throws {
    try scene.leave([[.test(queueID: "A")]])
    let file = try openFile()
    // What reads a directory gets an error.
    let directory = unsafe open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    #expect(dup2(directory, try #require(try descriptors().first)) >= 0)
    close(directory)
    let error = #expect(throws: CommitLogFile.Failure.self) { try file.left() }
    #expect(error?.description == "\(logPath) cannot be read: Is a directory")
  }

  // MARK: Beginning and end

  /// Who waits for the file of a process that is about to end gets one that has the name.
  @Test func takesNoFileThatIsGone() throws {
    let first = try openFile()
    let path = scene.path
    let hasEnded = Mutex(false)
    // Looked at when the thread has ended.
    nonisolated(unsafe) var second: CommitLogFile?
    let thread = JoinableThread {
      // Why there is none does not matter.
      unsafe second = try? CommitLogFile(ledgerPath: path)
      hasEnded.withLock { $0 = true }
    }
    thread.start()
    while try descriptors().count < 2, !hasEnded.withLock({ $0 }) {}
    first.remove()
    first.unlock()
    thread.join()
    guard let file = unsafe second else { return }
    try file.prepare()
    let batch = CommitLogFile.batch([MessageRow(.test(queueID: "A"))])
    #expect(try file.append(batch) == 1)
  }

  /// Half a file would take the room that the ledger needs.
  @Test func leavesNothingThatCannotBePrepared() throws {
    try FileManager.default.createSymbolicLink(
      atPath: logPath, withDestinationPath: "/dev/full")
    let file = try openFile()
    #expect(throws: CommitLogFile.Failure.self) { try file.prepare() }
    #expect(throws: (any Error).self) {
      try FileManager.default.destinationOfSymbolicLink(atPath: logPath)
    }
  }
}
