import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// Builds and sends under the lease, so that no other run does so at the same time.
struct ReportWork {
  let parts: ReportParts
  private let lease: HeldLease

  /// Runs `body` under the lease; SIGTERM and SIGINT end it between two steps.
  static func run<Value>(
    _ configuration: Configuration, _ body: (ReportWork) throws -> Value
  ) throws -> Value {
    StopRequest.listen()
    let parts = try ReportParts(configuration, isReadOnly: false)
    let lease = try HeldLease(parts.store, now: currentTime)
    defer { lease.release() }
    return try body(ReportWork(parts: parts, lease: lease))
  }

  var mayGoOn: () -> Bool {
    let lease = lease
    return { !StopRequest.isMade && lease.holds() }
  }

  /// What building did.
  struct Built: Encodable {
    var reports = 0
    var rejected = 0
    var messages = 0
    var lateMessages = 0
    var days: [String] = []
  }

  /// Builds the days that are due, or one.
  func build(day: UTCDay?, domain: DomainName?, _ output: OutputOptions) throws -> Built {
    let calendar = try parts.calendar()
    let days = day.map { [$0] } ?? calendar.due
    var production = try parts.production()
    production.mayGoOn = mayGoOn
    let bar = ProgressBar("building")
    defer { bar.close() }
    production.progress = { bar.show($0, of: $1) }
    var total = Built()
    for day in days {
      guard mayGoOn() else { throw ReportsInterrupted() }
      let result = try making { try production.make(day: day, domain: domain) }
      bar.close()
      total.days.append("\(day)")
      total.reports += result.build.reports.count - result.build.problems
      total.rejected += result.build.problems
      total.messages += result.build.messages
      total.lateMessages += result.build.lateMessages
      try output.show(ReportWording.day(result), DayJSON(result))
    }
    if day == nil, !days.isEmpty, let text = ReportWording.tooOld(calendar.tooOld, parts.settings) {
      notice(text)
    }
    return total
  }

  /// Sends what is due.
  func send(_ filter: ReportFilter, now isAtOnce: Bool) throws -> SendingRun.Summary {
    let sending = try SendingParts(parts)
    var run = SendingRun(
      sender: sending.sender, store: parts.store, filter: filter, now: currentTime)
    run.spreadSeconds = isAtOnce ? 0 : Double(parts.settings.spreadMinutes) * 60
    run.mayGoOn = mayGoOn
    run.wait = { StopRequest.wait($0) }
    let bar = ProgressBar("sending")
    defer { bar.close() }
    run.progress = { bar.show($0, of: $1) }
    let prepared = run
    return try making { try prepared.run() }
  }

  /// Tells what an administrator can mend from faults of our own.
  func making<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as CannotWriteReport {
      throw CannotCreate(message: "\(error)")
    } catch let error as ReportTransportError {
      throw CannotCreate(message: "\(error)")
    } catch is ProductionStopped {
      throw ReportsInterrupted()
    } catch let error where exitStatus(of: error) != nil {
      throw error
    } catch {
      throw InternalFault(message: "\(error)")
    }
  }
}

/// The work was ended by a signal, or by the loss of the lease, before all was done; exit status 75.
struct ReportsInterrupted: Error, CustomStringConvertible {
  var description: String { "ended before everything was done; the next run goes on from here" }
}
