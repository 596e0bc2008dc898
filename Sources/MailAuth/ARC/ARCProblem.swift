/// What ends a chain (RFC 8617 section 5.2): where and why.
struct ARCProblem: Error, Equatable {
  var cause: ARCCause
  /// Nil when no set can be named.
  var instance: Int?
  /// Nil when no field can be named.
  var field: ARCField?
  /// Why, as a sentence.
  var reason: String

  init(_ cause: ARCCause, instance: Int? = nil, field: ARCField? = nil, _ reason: String) {
    self.cause = cause
    self.instance = instance
    self.field = field
    self.reason = reason
  }

  /// A key that cannot verify, as DKIM words it: the rules for keys are DKIM's.
  init(_ problem: DKIMProblem, instance: Int, field: ARCField) {
    self.init(
      ARCCause(rawValue: problem.cause.rawValue) ?? .internalError, instance: instance,
      field: field, problem.explanation)
  }

  /// The sentence for people: place, then reason.
  var explanation: String {
    guard let instance else { return "The ARC chain is broken. \(reason)" }
    let field = field.map { " at its \($0.rawValue)" } ?? ""
    return "The ARC chain fails in set \(instance)\(field). \(reason)"
  }
}
