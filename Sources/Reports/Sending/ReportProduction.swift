public import Ledger
public import MailAuth

/// Builds the reports of days, plans where they go, and records both.
public struct ReportProduction {
  /// What was made of a day.
  public struct Result: Sendable, Equatable {
    /// The day.
    public var day: UTCDay
    /// The reports as built.
    public var build: ReportBuild
    /// How many of them were recorded now; the others were before.
    public var recorded = 0
    /// Deliveries planned now, by state.
    public var deliveries: [DeliveryState: Int] = [:]

    /// Makes the result of a build of which nothing is recorded.
    public init(day: UTCDay, build: ReportBuild) {
      self.day = day
      self.build = build
    }
  }

  /// What would be made of a day.
  public struct Preview: Sendable, Equatable {
    /// The reports; nothing of them is recorded.
    public var result: Result
    /// Where each would go, by its ID; none for a report that is recorded already.
    public var plans: [String: DeliveryPlan] = [:]
  }

  private let store: any ReportStore
  private let builder: ReportBuilder
  private let planner: ReportPlanner
  private let settings: ReportPlanSettings
  private let archive: ReportArchive
  private let now: () -> Int64

  /// Asked between reports; false ends the work with ``ProductionStopped``, and what is recorded
  /// stays.
  public var mayGoOn: () -> Bool = { true }
  /// Called after each report that was built.
  public var progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }

  /// Makes a production.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - builder: Builds files from it.
  ///   - planner: Decides where they go, by the same settings.
  ///   - settings: Say which forms may be needed.
  ///   - archive: Where files are put.
  ///   - now: The clock, seconds since the epoch.
  public init(
    store: any ReportStore, builder: ReportBuilder, planner: ReportPlanner,
    settings: ReportPlanSettings, archive: ReportArchive, now: @escaping () -> Int64
  ) {
    self.store = store
    self.builder = builder
    self.planner = planner
    self.settings = settings
    self.archive = archive
    self.now = now
  }

  /// Closes a day's window, builds its reports, plans and records them.
  ///
  /// Ended at any moment and done again it goes on where it was: the window has the same members,
  /// a report the same ID and bytes, and what is recorded is not planned a second time. A report
  /// that failed its check earlier is built anew.
  ///
  /// - Parameters:
  ///   - day: The day, which has ended.
  ///   - domain: Only the reports about this policy domain; the day stays due then.
  /// - Returns: What was built and recorded.
  /// - Throws: ``LedgerError``, ``CannotWriteReport``, ``ProductionStopped``.
  public func make(day: UTCDay, domain: DomainName? = nil) throws -> Result {
    let window = try store.closeWindow(day.window, now: now())
    let build = try build(window, domain)
    var result = Result(day: day, build: build)
    let byID = Dictionary(
      build.reports.map { ($0.reportID, $0) }, uniquingKeysWith: { first, _ in first })
    try planner.plan(try toPlan(build, window), now: now()) { toPlan, plan in
      guard mayGoOn() else { throw ProductionStopped() }
      guard let built = byID[toPlan.reportID], !toPlan.isPlanned else { return }
      let report = stored(built, window.period, plan)
      guard try store.keep(report, plan.deliveries) else { return }
      result.recorded += 1
      for delivery in plan.deliveries { result.deliveries[delivery.state, default: 0] += 1 }
    }
    if domain == nil { try store.windowIsPlanned(window.period, now: now()) }
    return result
  }

  /// Builds a day's reports and plans them as ``make(day:domain:)`` would, and records nothing: for
  /// an archive in a directory of its own and a planner that keeps no answers.
  ///
  /// Only a cap on reports for one address may let other ones through, as it counts what is recorded.
  ///
  /// - Parameters:
  ///   - day: The day, which has ended.
  ///   - domain: Only the reports about this policy domain.
  /// - Returns: What would be built and where it would go.
  /// - Throws: ``LedgerError``, ``CannotWriteReport``.
  public func preview(day: UTCDay, domain: DomainName? = nil) throws -> Preview {
    let windows = try store.reportWindows()
    // The window as it would be closed now.
    let window =
      windows.first { $0.period == day.window }
      ?? ReportWindow(
        period: day.window, closedAt: now(),
        afterMessageID: windows.map(\.throughMessageID).max() ?? 0, throughMessageID: .max)
    let build = try build(window, domain)
    var preview = Preview(result: Result(day: day, build: build))
    try planner.plan(try toPlan(build, window), now: now()) { toPlan, plan in
      preview.plans[toPlan.reportID] = plan
      for delivery in plan.deliveries {
        preview.result.deliveries[delivery.state, default: 0] += 1
      }
    }
    return preview
  }

  private func build(_ window: ReportWindow, _ domain: DomainName?) throws -> ReportBuild {
    var request = ReportBuilder.Request(
      policyDomain: domain, directories: archive.directories(of: window.period))
    request.formats = { formats(for: $0, $1) }
    request.progress = progress
    return try builder.build(window: window, request)
  }

  /// The reports of a build, told apart from those that are recorded already.
  private func toPlan(_ build: ReportBuild, _ window: ReportWindow) throws -> [ReportToPlan] {
    let filter = ReportFilter(period: window.period, kind: .aggregate)
    let known = Set(
      try store.reports(filter).filter { $0.problem == nil }.map(\.reportID))
    return build.reports.map { ReportToPlan($0, isPlanned: known.contains($0.reportID)) }
  }

  /// The forms in which a report may be needed; none when nobody gets it.
  private func formats(for domain: DomainName, _ uris: [String]) -> Set<ReportFormat> {
    guard settings.isEnabled else { return [settings.format] }
    // How many passed is not known before it is built.
    guard settings.recipients.refusal(of: domain, alignedMessages: 1) == nil else { return [] }
    return settings.formats(for: ReportURIList(uris).uris)
  }

  private func stored(
    _ built: BuiltReport, _ period: Range<Int64>, _ plan: DeliveryPlan
  ) -> StoredReport {
    // A report with a problem may be replaced by a better one; one that leaves in another form stays.
    let isUnfit = !built.files.isEmpty && built.files.allSatisfy { $0.problem != nil }
    let notes = [plan.note, isUnfit ? nil : built.problem].compactMap { $0 }
    return StoredReport(
      kind: .aggregate, reportID: built.reportID, policyDomain: built.policyDomain,
      period: period, fileName: built.fileName, messages: built.messages,
      lateMessages: built.lateMessages, alignedMessages: built.alignedMessages,
      rows: built.files.first?.rows ?? 0, problem: isUnfit ? built.problem : nil,
      note: notes.isEmpty ? nil : notes.joined(separator: "; "), builtAt: now())
  }
}

/// The work was ended on request.
public struct ProductionStopped: Error, Equatable, CustomStringConvertible {
  /// Makes one.
  public init() {}

  /// What happened and how it goes on.
  public var description: String { "ended before all reports were planned; the next run goes on" }
}
