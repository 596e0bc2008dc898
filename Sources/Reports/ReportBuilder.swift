public import Ledger
public import MailAuth

/// Builds the aggregate reports of a period from the ledger (RFC 9990, RFC 7489).
public struct ReportBuilder {
  /// What to build, and where to.
  public struct Request {
    /// Only the report about this policy domain; nil for all.
    public var policyDomain: DomainName?
    /// The forms to build, each with a directory of its own for the files, which is made when it
    /// does not exist.
    public var directories: [ReportFormat: String]
    /// Which of these forms a report is needed in; none: it is counted and not written.
    public var formats: (_ policyDomain: DomainName, _ reportURIs: [String]) -> Set<ReportFormat>
    /// Called after each report, with how many there will be.
    public var progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }

    /// Asks for all reports in all of the given forms.
    public init(policyDomain: DomainName? = nil, directories: [ReportFormat: String]) {
      self.policyDomain = policyDomain
      self.directories = directories
      formats = { _, _ in Set(directories.keys) }
    }
  }

  private let store: any LedgerStore
  private let settings: ReportSettings

  /// Makes a builder.
  public init(store: any LedgerStore, settings: ReportSettings) {
    self.store = store
    self.settings = settings
  }

  /// Builds the reports of a day as the ledger is at this moment, without the late messages of
  /// other days: what would be reported if the day ended now.
  ///
  /// - Throws: As ``build(window:_:)`` does.
  public func build(day: UTCDay, _ request: Request) throws -> ReportBuild {
    try build(request, day.window) { _ in WindowMembers(period: day.window) }
  }

  /// Builds one report per policy domain and published policy of a closed window, in the order of
  /// the domains.
  ///
  /// Building a window again gives the same bytes, whatever was appended to the ledger meanwhile.
  ///
  /// A report gets its name when it is complete, passed the schema and counts exactly the messages
  /// that the ledger has; until then it does not exist under that name. One that fails is kept
  /// below `rejected/` with the reason beside it, and the others are built all the same. Records
  /// that differ only in what a report does not show, such as `rua`, share a report. When this
  /// returns, all files are durable.
  ///
  /// - Returns: What became of each report.
  /// - Throws: When no report can be built: the ledger cannot be read (``LedgerError``), a file
  ///   cannot be written (``CannotWriteReport``).
  public func build(window: ReportWindow, _ request: Request) throws -> ReportBuild {
    try build(request, window.period) { try $0.members(of: window) }
  }

  private func build(
    _ request: Request, _ period: Range<Int64>,
    _ members: (any LedgerSnapshot) throws -> WindowMembers
  ) throws -> ReportBuild {
    var writers: [ReportWriter] = []
    for format in ReportFormat.allCases {
      guard let directory = request.directories[format] else { continue }
      try ReportFile.make(directory: directory)
      writers.append(try ReportWriter(format, directory: directory))
    }
    let result = try store.read { ledger in
      let members = try members(ledger)
      let policies = try ledger.policies(of: members, policyDomain: request.policyDomain)
      let plans = try plans(of: policies.filter { $0.messages > 0 }, period)
      var reports: [BuiltReport] = []
      for plan in plans {
        let formats = request.formats(plan.policy.domain, plan.reportURIs)
        reports.append(
          try build(plan, members, from: ledger, writers.filter { formats.contains($0.format) }))
        request.progress(reports.count, plans.count)
      }
      return ReportBuild(
        reports: reports, reportTraffic: policies.reduce(0) { $0 + $1.reportTraffic })
    }
    for writer in writers { try ReportFile.synchronize(directory: writer.directory) }
    return result
  }

  // MARK: Planning

  private func plans(of policies: [StoredPolicy], _ period: Range<Int64>) throws -> [ReportPlan] {
    let groups = Dictionary(grouping: policies, by: AggregateReport.PolicyPublished.init)
    return
      try groups
      .sorted { left, right in left.key.words.lexicographicallyPrecedes(right.key.words) }
      .map { policy, members in
        let metadata = try metadata(of: policy, members, period)
        let parts = [
          settings.receiver.text, policy.domain.text, String(metadata.begin), String(metadata.end),
          metadata.reportID,
        ]
        return ReportPlan(
          policy: policy, members: members, metadata: metadata,
          fileName: parts.joined(separator: "!") + ".xml.gz")
      }
  }

  private func metadata(
    of policy: AggregateReport.PolicyPublished, _ members: [StoredPolicy],
    _ period: Range<Int64>
  ) throws -> AggregateReport.Metadata {
    // The last second is named, not the first of the next period.
    let (begin, end) = (period.lowerBound, max(period.upperBound - 1, period.lowerBound))
    let problems = Set(members.flatMap(\.record.problems)).sorted()
    return AggregateReport.Metadata(
      organization: ReportText.sanitized(settings.organization),
      email: ReportText.sanitized(settings.email),
      extraContact: settings.extraContact.map { ReportText.sanitized($0) },
      reportID: try reportID(of: policy, begin, end), begin: begin, end: end,
      errors: problems.prefix(3).map { ReportText.sanitized($0, limit: 150) },
      generator: ReportText.sanitized(settings.generator))
  }

  /// A hash of what makes the report this one and no other: unique over receivers and ledgers, the
  /// same for the same report, and made of letters and digits, as file names want it (RFC 9990
  /// section 3.5.1).
  private func reportID(
    of policy: AggregateReport.PolicyPublished, _ begin: Int64, _ end: Int64
  ) throws -> String {
    var identity = [settings.receiver.text, String(begin), String(end)] + policy.words
    if !settings.ledgerIdentity.isEmpty { identity.append("ledger=\(settings.ledgerIdentity)") }
    guard let digest = LibOpenSSL.sha256(Array(identity.joined(separator: "\n").utf8)) else {
      throw ReportError.noHash
    }
    return String(digest.prefix(32))
  }

  // MARK: One report

  private func build(
    _ plan: ReportPlan, _ members: WindowMembers, from ledger: any LedgerSnapshot,
    _ writers: [ReportWriter]
  ) throws -> BuiltReport {
    var report = plan.unwritten
    guard !writers.isEmpty else { return report }
    let assembler = RowAssembler(policy: plan.policy)
    for writer in writers { try writer.forget() }
    do {
      try ledger.reportableMessages(ofPolicies: plan.policyIDs, of: members) { message in
        if message.spfAligned || message.dkimAligned { report.alignedMessages += 1 }
        if message.hasUnansweredQuestion { report.unansweredMessages += 1 }
        let row = assembler.record(of: message)
        for writer in writers { try writer.add(row, under: plan.policy) }
      }
    } catch let error as LedgerError {
      // A row that cannot be read spoils this report; anything else spoils all of them.
      guard case .unreadable = error.problem else { throw error }
      let problem = "cannot be made: \(error)"
      report.alignedMessages = 0
      report.unansweredMessages = 0
      report.files = try writers.map { try $0.reject(plan, problem) }
      return report
    }
    var metadata = plan.metadata
    metadata.errors += report.remarks
    report.files = try writers.map { try $0.write(plan, metadata) }
    return report
  }
}

/// A report that is to be built.
struct ReportPlan {
  let policy: AggregateReport.PolicyPublished
  /// The records that share the report; at least one.
  let members: [StoredPolicy]
  let metadata: AggregateReport.Metadata
  let fileName: String

  var policyIDs: [Int64] { members.map(\.id) }

  /// How many messages the ledger counts under these records.
  var messages: Int { members.reduce(0) { $0 + $1.messages } }

  /// `rua` of the newest record: of those seen last the one that came into the ledger last.
  var reportURIs: [String] {
    let newest = members.max { ($0.lastSeenAt, $0.id) < ($1.lastSeenAt, $1.id) }
    return newest.map { ReportURIList.published(.rua, by: $0) } ?? []
  }

  /// The report before anything of it is written.
  var unwritten: BuiltReport {
    BuiltReport(
      reportID: metadata.reportID, policyDomain: policy.domain, policyIDs: policyIDs,
      reportURIs: reportURIs, fileName: fileName, messages: messages,
      lateMessages: members.reduce(0) { $0 + $1.lateMessages }, alignedMessages: 0,
      unansweredMessages: 0, files: [])
  }
}

extension BuiltReport {
  /// What a reader must know about the messages, a sentence each.
  fileprivate var remarks: [String] {
    var remarks: [String] = []
    if unansweredMessages > 0 {
      remarks.append(
        "\(unansweredMessages) of \(messages) messages: DNS lookups of the receiver did not complete"
      )
    }
    if lateMessages > 0 {
      remarks.append(
        "\(lateMessages) of \(messages) messages: received outside this period, recorded too late "
          + "for the report of their own")
    }
    return remarks
  }
}

extension ReportableMessage {
  /// Whether some DNS question about the message was not answered; an answer that DNSSEC refused is
  /// an answer.
  fileprivate var hasUnansweredQuestion: Bool {
    switch cause {
    case .policyTimeout, .policyServfail, .alignmentDNSFailure: true
    default:
      spf.cause == .dnsTimeout || spf.cause == .dnsServfail
        || dkim.contains { $0.cause == .dnsTimeout || $0.cause == .dnsServfail }
    }
  }
}
