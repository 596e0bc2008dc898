/// What ends a signature's evaluation before or after the cryptography: result, cause, sentence.
struct DKIMProblem: Error, Equatable {
  var result: DKIMResult
  var cause: DKIMCause
  var explanation: String

  static func permerror(_ cause: DKIMCause, _ explanation: String) -> DKIMProblem {
    DKIMProblem(result: .permerror, cause: cause, explanation: explanation)
  }

  /// A fault of ours: a temporary error, so that it is never held against the message.
  static func internalError(_ explanation: String) -> DKIMProblem {
    DKIMProblem(result: .temperror, cause: .internalError, explanation: explanation)
  }
}
