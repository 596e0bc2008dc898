import MailAuth

/// A stay of the message at one host: from its arrival to its departure.
struct PathStop {
  /// How the message came.
  enum Arrival: Equatable {
    /// It began here.
    case written
    /// A host sent it.
    case sent(address: String)
    /// This host has a copy and sends it again.
    case again
  }

  var actor: LabActor
  var arrival: Arrival
  /// What was done here, the sending away included.
  var steps: [PathStep] = []
  /// Whether the message goes on from here.
  var isSentOn: Bool { steps.last?.step.peer != nil }
  /// What is alive at the end of the stay; nil when nothing was done.
  var identifiers: LabIdentifiers? { steps.last?.step.identifiers }

  /// What was found here last; nil when nothing was.
  var lastReceipt: LabReceipt? { steps.last { $0.receipt != nil }?.receipt }

  /// The stays of a run, in order.
  static func stops(of run: LabRun) -> [PathStop] {
    func actor(_ key: String) -> LabActor {
      run.actors.first { $0.key == key } ?? LabActor(key: key, name: key, address: "")
    }
    var stops: [PathStop] = []
    var receipts = run.receipts[...]
    var before: LabIdentifiers?
    for step in run.steps {
      if stops.last?.actor.key != step.actor {
        var stop = PathStop(actor: actor(step.actor), arrival: stops.isEmpty ? .written : .again)
        // Whoever sends a message again waited before, not the host that has received it.
        while let waiting = stops.last?.steps.last, waiting.step.hop == "delay" {
          stop.steps.insert(waiting, at: 0)
          stops[stops.count - 1].steps.removeLast()
        }
        stops.append(stop)
      }
      let receipt = step.hop == "receive" ? receipts.popFirst() : nil
      stops[stops.count - 1].steps.append(
        PathStep(
          step: step, receipt: receipt,
          effects: before.map { StepEffect.effects($0, step.identifiers) } ?? []))
      before = step.identifiers
      if let peer = step.peer {
        stops.append(
          PathStop(actor: actor(peer), arrival: .sent(address: actor(step.actor).address)))
      }
    }
    return stops
  }
}

/// What was done in one hop, and to what it led.
struct PathStep {
  var step: LabStep
  /// What was found, if this was `receive`.
  var receipt: LabReceipt?
  var effects: [StepEffect]

  /// The changes in fewer words, without the envelope sender, which is told at the departure.
  var changes: [String] {
    // Everybody who gets a message adds Received, and of some hops the sentence says everything.
    var rest = step.changes
    if ["send", "resend"].contains(step.hop) { rest.removeAll { $0 == "Received added" } }
    if ["sign", "arc_seal", "strip", "add", "replace"].contains(step.hop) { return [] }
    // Whoever does not take a message writes nothing on it.
    if let answer = receipt?.answer, answer == .reject || answer == .tempfail { return [] }
    // The sentence names them.
    if step.hop == "forward" { rest.removeAll { $0.hasPrefix("recipient is ") } }
    let recipients = rest.filter { $0.hasPrefix("recipient is ") }
    rest.removeAll { $0.hasPrefix("envelope sender is ") || recipients.contains($0) }
    let groups = ["added", "changed", "removed"].compactMap { verb -> String? in
      let names = rest.filter { $0.hasSuffix(" " + verb) }.map { $0.dropLast(verb.count + 1) }
      rest.removeAll { $0.hasSuffix(" " + verb) }
      return names.isEmpty ? nil : "\(verb): \(Self.listFieldsTogether(names))"
    }
    return groups + rest + recipients
  }

  private static func listFieldsTogether(_ names: [Substring]) -> String {
    let ofList = names.filter { $0.hasPrefix("List-") }
    guard ofList.count > 1 else { return names.joined(separator: ", ") }
    return (["List-..."] + names.filter { !ofList.contains($0) }).joined(separator: ", ")
  }
}

/// What a hop did to an identifier.
struct StepEffect: Equatable {
  /// A sentence without its full stop.
  var text: String
  /// What the identifier is worth now.
  var state: Finding.State

  /// What is different for the next receiver.
  static func effects(_ before: LabIdentifiers, _ after: LabIdentifiers) -> [StepEffect] {
    var effects = signatures(before.signatures, after.signatures)
    effects += spf(before.spf, after.spf)
    if before.chain != after.chain {
      switch after.chain {
      case .fail: effects.append(StepEffect(text: "the ARC chain is broken", state: .bad))
      case .none: effects.append(StepEffect(text: "the ARC chain is gone", state: .bad))
      case .pass: break
      }
    }
    if before.dmarc != after.dmarc {
      let state = Finding.dmarc(after.dmarc, "DMARC").state
      effects.append(
        StepEffect(text: "from here on DMARC gives \(after.dmarc.rawValue)", state: state))
    }
    return effects
  }

  private static func signatures(
    _ before: [LabIdentifiers.Signature], _ after: [LabIdentifiers.Signature]
  ) -> [StepEffect] {
    before.filter { $0.result == .pass }.compactMap { old in
      let same = after.filter { $0.domain == old.domain && $0.selector == old.selector }
      guard let now = same.first else {
        return StepEffect(text: "the signature of \(old.domain) is gone", state: .bad)
      }
      guard !same.contains(where: { $0.result == .pass }) else { return nil }
      return StepEffect(
        text: now.result == .fail
          ? "breaks the signature of \(old.domain)"
          : "the signature of \(old.domain) gives \(now.result.rawValue)",
        state: .bad)
    }
  }

  private static func spf(
    _ before: LabIdentifiers.SPF, _ after: LabIdentifiers.SPF
  ) -> [StepEffect] {
    let (didPass, passes) = (before.result == .pass, after.result == .pass)
    switch (didPass, passes) {
    case (true, false):
      return [StepEffect(text: "SPF passes no more: \(after.result.rawValue)", state: .bad)]
    case (false, true):
      let state = after.isAligned == true ? Finding.State.good : .other
      return [StepEffect(text: "SPF passes for \(after.domain)", state: state)]
    case (true, true) where before.isAligned == true && after.isAligned == false:
      return [StepEffect(text: "SPF passes for \(after.domain) instead", state: .other)]
    default: return []
    }
  }
}
