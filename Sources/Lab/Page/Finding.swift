import MailAuth

extension LabReceipt {
  /// What became of the message, in a few words.
  var outcome: String {
    switch (answer, disposition) {
    case (.reject, _): "refused"
    case (.tempfail, _): "deferred"
    case (.hold, _): "held"
    case (.accept, .none): "let through"
    case (.accept, .quarantine): "quarantined"
    case (.accept, .reject): "to be rejected"
    }
  }
}

/// An identifier or a result with a sign for its state: shapes, so that colour is not needed.
struct Finding: Equatable {
  /// What it is worth.
  enum State: String, CaseIterable {
    /// Holds, and speaks for the author's domain.
    case good
    /// Holds, and speaks for somebody else.
    case other
    /// Does not hold.
    case bad
    /// There is none.
    case absent

    /// The state in words.
    var words: String {
      switch self {
      case .good: "holds and speaks for the author's domain"
      case .other: "holds and speaks for another domain"
      case .bad: "does not hold"
      case .absent: "there is none"
      }
    }
  }

  var state: State
  var text: String

  /// What is alive behind a hop, or was found by a receiver.
  static func findings(_ found: LabIdentifiers) -> [Finding] {
    let spf = found.spf
    let signatures = found.signatures.map { signature in
      self.signature(
        signature.domain, signature.result, signature.cause, isAligned: signature.isAligned)
    }
    return [self.spf(spf.domain, spf.result, isAligned: spf.isAligned)]
      + (signatures.isEmpty ? [Finding(state: .absent, text: "DKIM: no signature")] : signatures)
      + [chain(found.chain, found.sealers)]
  }

  /// The same of what a receiver found.
  static func findings(_ receipt: LabReceipt) -> [Finding] {
    let signatures = receipt.dkim.map { signature in
      self.signature(
        signature.domain, signature.result, signature.cause, isAligned: signature.isAligned)
    }
    return [spf(receipt.spf.domain, receipt.spf.result, isAligned: receipt.spf.isAligned)]
      + (signatures.isEmpty ? [Finding(state: .absent, text: "DKIM: no signature")] : signatures)
      + [chain(receipt.arc.result, receipt.arc.sealers)]
  }

  static func spf(_ domain: String, _ result: SPFResult, isAligned: Bool?) -> Finding {
    let state: State = result == .pass ? isAligned == true ? .good : .other : .bad
    return Finding(
      state: result == .none ? .absent : state,
      text: "SPF: \(result.rawValue)" + (domain.isEmpty ? "" : " \(domain)")
        + (result == .pass && isAligned == false ? ", not aligned" : ""))
  }

  static func signature(
    _ domain: String, _ result: DKIMResult, _ cause: DKIMCause, isAligned: Bool?
  ) -> Finding {
    let note =
      result == .pass
      ? isAligned == false ? ", not aligned" : ""
      : " (\(words(cause.rawValue)))"
    return Finding(
      state: result == .pass ? isAligned == true ? .good : .other : .bad,
      text: "DKIM: \(result.rawValue) \(domain)\(note)")
  }

  static func chain(_ result: ChainValidation, _ sealers: [String]) -> Finding {
    guard result != .none || !sealers.isEmpty else {
      return Finding(state: .absent, text: "ARC: no sets")
    }
    let count = "\(sealers.count) set\(sealers.count == 1 ? "" : "s")"
    return Finding(
      state: result == .pass ? .other : .bad,
      text: "ARC: \(result.rawValue), \(count) by \(folded(sealers))")
  }

  static func dmarc(_ result: DMARCResult, _ words: String) -> Finding {
    Finding(
      state: result == .pass ? .good : result == .none ? .absent : .bad,
      text: "\(words): \(result.rawValue)")
  }

  /// The sealers, the oldest first; equal ones in a row are told once, and of many the last three.
  static func folded(_ sealers: [String]) -> String {
    var groups: [(name: String, count: Int)] = []
    for sealer in sealers {
      let name = sealer.isEmpty ? "somebody" : sealer
      if groups.last?.name == name {
        groups[groups.count - 1].count += 1
      } else {
        groups.append((name, 1))
      }
    }
    let words = groups.map { $0.count == 1 ? $0.name : "\($0.name) (\($0.count) times)" }
    return words.count <= 6
      ? words.joined(separator: ", ")
      : "\(words.count - 3) others, " + words.suffix(3).joined(separator: ", ")
  }

  /// A name such as `bodyHashMismatch` in words.
  static func words(_ name: String) -> String {
    name.reduce(into: "") { words, character in
      words +=
        character.isUppercase && !words.isEmpty
        ? " " + character.lowercased() : String(character)
    }
  }

  /// The shape of a state, 12 by 12, at a place.
  static func shape(_ state: State, x: Double, y: Double) -> Markup {
    let place: Markup = "transform=\"translate(\(number(x)) \(number(y)))\""
    return switch state {
    case .good:
      "<path class=\"sign good\" \(place) d=\"M1 6.5 4.6 10.2 11 2.2\"/>"
    case .other:
      "<circle class=\"sign other\" \(place) cx=\"6\" cy=\"6\" r=\"4.3\"/>"
    case .bad:
      "<path class=\"sign bad\" \(place) d=\"M1.8 1.8 10.2 10.2M10.2 1.8 1.8 10.2\"/>"
    case .absent:
      "<path class=\"sign absent\" \(place) d=\"M2 6H10\"/>"
    }
  }

  /// The shape as a picture of its own, for text.
  static func icon(_ state: State) -> Markup {
    """
    <svg class="icon" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">\
    \(shape(state, x: 0, y: 0))</svg>
    """
  }

  /// A number for SVG, with at most one digit behind the dot.
  static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
  }

  /// The finding as an element of a list.
  var item: Markup {
    "<li>\(Self.icon(state))<span class=\"said\">\(state.words): </span>\(text)</li>"
  }
}
