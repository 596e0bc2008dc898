import MailAuth

/// What a scenario is about, found out from what happens in it; the names of files that answer a
/// question begin with `ask-`.
enum ScenarioGroup: String, CaseIterable {
  case direct, forwarding, lists, arc, dns, questions

  /// The group's name on the page.
  var title: String {
    switch self {
    case .direct: "Direct mail"
    case .forwarding: "Forwarding"
    case .lists: "Mailing lists and gateways"
    case .arc: "ARC"
    case .dns: "DNS trouble and broken records"
    case .questions: "Questions people ask"
    }
  }

  /// The group of a scenario.
  init(_ run: LabRun, _ scenario: Scenario) {
    let words = Set(scenario.hops.map(\.action.word))
    if scenario.name.hasPrefix("ask-") {
      self = .questions
    } else if words.contains("arc_seal") {
      self = .arc
    } else if Self.hasDNSTrouble(run, scenario) {
      self = .dns
    } else if !words.isDisjoint(with: ["list", "gateway"]) {
      self = .lists
    } else if !words.isDisjoint(with: ["forward", "srs", "resend", "strip", "replace"]) {
      self = .forwarding
    } else {
      self = .direct
    }
  }

  private static func hasDNSTrouble(_ run: LabRun, _ scenario: Scenario) -> Bool {
    let failures = ["TIMEOUT", "SERVFAIL", "REFUSED"]
    let codes: [RootCause.Code] = [.dnsFailure, .spfRecordBroken, .policyRecordBroken]
    return run.receipts.contains { receipt in
      receipt.rootCause.map { codes.contains($0.code) } ?? false
        || receipt.row?.recordProblems.isEmpty == false
    }
      || scenario.zone.owners.contains { owner in
        owner.delay != nil
          || owner.elements.contains { element in
            if case .plain(let yaml) = element.content { failures.contains(yaml) } else { false }
          }
      }
  }
}
