import MailAuth

/// The sealing of one message on its way through the milter.
///
/// Of the header it keeps the fields that a seal covers, of the body a hash.
final class MessageSealing {
  /// How it ended.
  enum End {
    /// The set, and its fields from the top down.
    case sealed(AddedARCSet, [AddedField])
    /// No set, and why not: a sentence.
    case refused(String)
    /// No set through a fault of ours: a sentence.
    case failed(String)
  }

  private let sealer: ARCSealer
  private var header: SealedHeader
  private var sealing: Result<ARCSealing, ARCSealingRefusal>?

  /// Makes the sealing of a message whose header may be as large as `limits` say.
  init(_ sealer: ARCSealer, limits: Configuration.Limits) {
    self.sealer = sealer
    header = SealedHeader(sealer, limits: limits)
  }

  /// Takes a field that is to stay, from the top down.
  func add(_ field: HeaderField) { header.add(field) }

  /// Ends the header.
  func endHeaders() {
    guard !header.isTooLarge else { return }
    let fields = header.takeFields()
    sealing = Result { () throws(ARCSealingRefusal) in try sealer.begin(header: fields) }
  }

  /// Takes a piece of the body.
  func body(_ chunk: UnsafeRawBufferPointer) {
    if case .success(let sealing) = sealing { unsafe sealing.body(chunk) }
  }

  /// Makes the set.
  ///
  /// - Parameters:
  ///   - evaluation: What was found out.
  ///   - verdict: Its results, and the fields that will stand below the set.
  ///   - now: Seconds since the epoch.
  /// - Returns: The set, or why there is none.
  func finish(_ evaluation: Evaluation, _ verdict: Verdict, now: Int64) -> End {
    guard let sealing else { return .refused("The header is too large.") }
    if evaluation.arc.isUndecided {
      return .refused("Whether the chain is intact is not known. \(evaluation.arc.explanation)")
    }
    do throws(ARCSealingRefusal) {
      let sealing = try sealing.get()
      let fields = try sealing.finish(
        results: verdict.authenticationResults, chainValidation: evaluation.arc.result, now: now,
        above: verdict.addedFields)
      let set = AddedARCSet(
        instance: sealing.instance,
        chainValidation: sealing.status(found: evaluation.arc.result), domain: sealer.domain,
        selector: sealer.selector)
      return .sealed(set, fields)
    } catch .noSignature {
      return .failed(ARCSealingRefusal.noSignature.description)
    } catch {
      return .refused(error.description)
    }
  }
}
