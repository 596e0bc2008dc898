import MailAuth

/// The making of one ARC set, with whatever is to be wrong with it.
struct SealWork {
  var sealer: ARCSealer
  var fault: Hop.Seal.Fault?
  /// How the chain was found on arrival.
  var chain: ChainValidation
  /// What the set says of the message: authserv-id and results.
  var results: String

  /// What was done, a sentence.
  var sentence: String {
    let who = "seals for \(sealer.domain)"
    return switch fault {
    case nil: who
    case .messageSignature: who + ", with a message signature that does not verify"
    case .seal: who + ", with a seal that does not verify"
    case .missingInstance: who + ", and leaves out an instance"
    case .chainFailed: who + ", and calls the chain broken (cv=fail)"
    }
  }

  /// The fields of the set, to be put on top in this order.
  func fields(for letter: Letter, now: Int64) throws(ARCSealingRefusal) -> [AddedField] {
    let sealing = try sealer.begin(header: letter.header)
    let body =
      fault == .messageSignature ? letter.body + Array("Not there.\r\n".utf8) : letter.body
    unsafe body.withUnsafeBytes { unsafe sealing.body($0) }
    let made = try sealing.finish(
      results: results, chainValidation: fault == .chainFailed ? .fail : chain, now: now)
    let next = sealing.instance
    return made.map { field in
      switch fault {
      case .seal where field.name == ARCField.seal.rawValue:
        field.changing { Self.damaged($0) }
      case .missingInstance:
        field.changing { Self.replacing("i=\(next)", by: "i=\(next + 1)", in: $0) }
      case .chainFailed where field.name == ARCField.seal.rawValue:
        // The first set says cv=none whatever it is told.
        field.changing { Self.replacing("cv=none", by: "cv=fail", in: $0) }
      default: field
      }
    }
  }

  /// The field with another letter at the beginning of its signature.
  private static func damaged(_ value: String) -> String {
    value.split(separator: "; ").map { tag in
      guard tag.hasPrefix("b=") else { return String(tag) }
      let rest = tag.dropFirst(2)
      return "b=" + (rest.first == "A" ? "B" : "A") + rest.dropFirst()
    }.joined(separator: "; ")
  }

  private static func replacing(_ tag: String, by other: String, in value: String) -> String {
    value.split(separator: "; ", omittingEmptySubsequences: false)
      .map { $0 == tag ? other : String($0) }.joined(separator: "; ")
  }
}

extension AddedField {
  fileprivate func changing(_ change: (String) -> String) -> AddedField {
    AddedField(name: name, value: change(value), layout: layout)
  }
}
