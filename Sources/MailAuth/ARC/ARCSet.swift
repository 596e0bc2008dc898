/// An ARC-Authentication-Results field (RFC 8617 section 4.1.1).
struct ARCAuthenticationResults: Sendable {
  var field: HeaderField
  /// Nil when the payload does not begin with one.
  var authservID: String?
  var results: [ReportedResult]
}

/// One ARC set: the fields of one instance, as far as they are there (RFC 8617 section 4.2).
struct ARCSet: Sendable {
  var instance: Int
  var authenticationResults: ARCAuthenticationResults?
  var messageSignature: ARCMessageSignature?
  var seal: ARCSeal?
  /// A kind of field that stands twice; the first of them was kept.
  var repeated: ARCField?
}

/// The ARC sets of a message and what is wrong with their structure, before any key is fetched
/// (RFC 8617 section 5.2, steps 1 to 3).
struct ARCChain: Sendable {
  /// The most sets a message may have (section 4.2.1).
  static let mostSets = 50

  /// The sets by ascending instance.
  private(set) var sets: [ARCSet] = []
  /// Why the chain fails; nil when its signatures are to decide.
  ///
  /// Never nil while a set lacks a field.
  private(set) var problem: ARCProblem?

  private var byInstance: [Int: ARCSet] = [:]
  // The first field that belongs to no set.
  private var strayField: ARCProblem?

  /// Reads the ARC fields of a header.
  init(_ header: [HeaderField]) {
    let fields = header.indices.compactMap { index in
      ARCField(fieldName: header[index].name).map { (index, $0) }
    }
    // More fields than can be right are not even read.
    guard fields.count <= Self.mostSets * ARCField.allCases.count else {
      problem = ARCProblem(
        .tooManySets, "The message has \(fields.count) ARC fields; 50 sets have 150.")
      return
    }
    for (index, kind) in fields { add(header[index], at: index, kind) }
    sets = byInstance.values.sorted { $0.instance < $1.instance }
    guard !fields.isEmpty else { return }
    do throws(ARCProblem) {
      try checkStructure()
      try checkFields()
    } catch {
      problem = error
    }
  }

  // MARK: - Collecting

  private mutating func add(_ field: HeaderField, at index: Int, _ kind: ARCField) {
    do throws(ARCProblem) {
      switch kind {
      case .authenticationResults:
        var parser = ReportedResultsParser(field.value)
        let instance = try Self.instance(parser.instance(), kind)
        let authservID = parser.authservID()
        let content = ARCAuthenticationResults(
          field: field, authservID: authservID,
          results: authservID == nil ? [] : parser.results())
        put(content, \.authenticationResults, kind, instance)
      case .messageSignature:
        let tags = try Self.tags(field, kind)
        let instance = try Self.instance(tags["i"].map { Array($0) }, kind)
        let content = ARCMessageSignature(
          tags, instance: instance, field: field, headerIndex: index)
        put(content, \.messageSignature, kind, instance)
      case .seal:
        let tags = try Self.tags(field, kind)
        let instance = try Self.instance(tags["i"].map { Array($0) }, kind)
        put(ARCSeal(tags, instance: instance, field: field), \.seal, kind, instance)
      }
    } catch {
      strayField = strayField ?? error
    }
  }

  private mutating func put<Content>(
    _ content: Content, _ path: WritableKeyPath<ARCSet, Content?>, _ kind: ARCField,
    _ instance: Int
  ) {
    var set = byInstance[instance] ?? ARCSet(instance: instance)
    if set[keyPath: path] == nil {
      set[keyPath: path] = content
    } else {
      set.repeated = set.repeated ?? kind
    }
    byInstance[instance] = set
  }

  private static func tags(_ field: HeaderField, _ kind: ARCField) throws(ARCProblem) -> TagList {
    do {
      return try TagList(field.value)
    } catch {
      throw ARCProblem(
        .fieldSyntax, field: kind, "An \(kind.rawValue) field cannot be read: \(error.sentence).")
    }
  }

  /// Reads an instance: one or two digits, 1 to 50 (section 4.2.1); "01" is 1.
  private static func instance(
    _ digits: [UInt8]?, _ kind: ARCField
  ) throws(ARCProblem) -> Int {
    guard let digits, !digits.isEmpty, digits.allSatisfy(\.isASCIIDigit) else {
      throw ARCProblem(
        .instanceInvalid, field: kind, "An \(kind.rawValue) field has no instance (i=).")
    }
    let number = Int(String(decoding: digits.prefix(9), as: UTF8.self)) ?? 0
    guard number <= mostSets else {
      throw ARCProblem(
        .tooManySets, field: kind,
        "An \(kind.rawValue) field has the instance \(digits.printable(limit: 20)); "
          + "\(mostSets) is the last.")
    }
    guard number > 0, digits.count <= 2 else {
      throw ARCProblem(
        .instanceInvalid, field: kind,
        "An \(kind.rawValue) field has the instance \(digits.printable(limit: 20)), which is none.")
    }
    return number
  }

  // MARK: - Judging

  private func checkStructure() throws(ARCProblem) {
    if let strayField, strayField.cause == .tooManySets { throw strayField }
    if let newest = sets.last, newest.seal?.chainValidation == .fail {
      let sealer = newest.seal?.signature.domain.map { " (\($0))" } ?? ""
      throw ARCProblem(
        .failedBefore, instance: newest.instance, field: .seal,
        "Its sealer\(sealer) found the chain broken already (cv=fail).")
    }
    if let strayField { throw strayField }
    for (set, instance) in zip(sets, 1...) {
      guard set.instance == instance else {
        throw ARCProblem(
          .setMissing, instance: instance, "There is a set \(set.instance), but no set \(instance)."
        )
      }
      try checkFieldsAreThere(set)
      let wanted = instance == 1 ? ChainValidation.none : .pass
      guard let status = set.seal?.chainValidation else {
        throw ARCProblem(
          .chainStatusWrong, instance: instance, field: .seal,
          "The seal does not say how the chain was found: cv= is missing or unknown.")
      }
      guard status == wanted else {
        throw ARCProblem(
          .chainStatusWrong, instance: instance, field: .seal,
          "The seal says cv=\(status.rawValue) where only cv=\(wanted.rawValue) can be right.")
      }
    }
  }

  private func checkFieldsAreThere(_ set: ARCSet) throws(ARCProblem) {
    if let field = set.repeated {
      throw ARCProblem(
        .fieldRepeated, instance: set.instance, field: field, "The field stands twice.")
    }
    let isThere: [(ARCField, Bool)] = [
      (.authenticationResults, set.authenticationResults != nil),
      (.messageSignature, set.messageSignature != nil), (.seal, set.seal != nil),
    ]
    for (field, isThere) in isThere where !isThere {
      throw ARCProblem(
        .fieldMissing, instance: set.instance, field: field, "There is no such field.")
    }
  }

  /// What is wrong in a field that has to verify: the newest message signature and every seal.
  private func checkFields() throws(ARCProblem) {
    if let problem = sets.last?.messageSignature?.problem { throw problem }
    for set in sets.reversed() {
      if let problem = set.seal?.problem { throw problem }
    }
  }
}
