/// How DKIM is verified.
public struct DKIMSettings: Sendable {
  /// What a signature is worth that leaves a part of the body unsigned (`l=`).
  public enum PartialBody: String, Sendable, CaseIterable {
    /// Result `policy`: it does not count (RFC 6376 section 8.2).
    case policy
    /// Result `pass`, with the fact in the explanation.
    case pass
  }

  /// Signatures evaluated per message, from the top, 1 to 50; the others are only recorded.
  public var maximumSignatures = 10
  /// How often the names in `h=` of all signatures may be compared with the names of fields.
  ///
  /// libopendkim looks for each of them among all fields of the header, so that names times fields is
  /// what a signature costs: this many take it half a second. Real mail needs some ten thousand.
  public var maximumComparisons = 50_000_000
  /// RSA keys below this size are refused; RFC 8301 demands at least 1024 bits.
  public var minimumKeyBits = 1024
  /// What a partly signed body is worth.
  public var partialBody = PartialBody.policy
  /// How far `t=` and `x=` may disagree with our clock, in seconds.
  public var clockSkewSeconds: Int64 = 300
  /// Whether ordinary RSA keys are kept from OpenSSL's decoders, which take several times as long as
  /// the verification itself.
  ///
  /// Results are the same; all other keys go to the decoders in any case. It holds for the verifiers
  /// with these settings only. `Sources/CDirectKeys/direct_keys.c` tells how it is done.
  public var readsKeysDirectly = true

  /// Makes the default settings.
  public init() {}
}

/// DKIM verification of one message (RFC 6376 section 6): judged by us, computed by libopendkim, but
/// for the hash of a small plain body, see ``PlainBody``.
///
/// The order of calls is `init` with the whole header, `body` for each piece, `finish`.
final class DKIMVerifier {
  /// One DKIM-Signature field on its way to an outcome.
  private struct Candidate {
    var signature: DKIMSignature
    /// Its place among the signatures libopendkim was given; nil when it was not given.
    var libraryIndex: Int?
    var keyBits: Int?
    var isTestKey = false
    var keyRecord: String?
    var problem: DKIMProblem?
  }

  private let settings: DKIMSettings
  private let meanings: RecordMeanings
  private var candidates: [Candidate] = []
  private var verification: LibOpenDKIMVerification?
  // Only for signatures with l=; libopendkim stops counting there.
  private var bodies: [BodyCanonicalizer] = []
  /// What stands for the body when libopendkim gets none; nil when it gets one.
  private var bodiless: BodilessVerification?
  /// A body that came in one piece so far, and that libopendkim does not have yet.
  private var heldBody: [UInt8]?
  private var hasBody = false

  /// Reads and judges the signatures of a header and hands the header to libopendkim if any of
  /// them can be verified.
  ///
  /// With `bodyHashes` no body will be given.
  init(
    settings: DKIMSettings, libraries: DKIMLibraries, header: [HeaderField], now: Int64,
    bodyHashes: BodyHashes? = nil, meanings: RecordMeanings = RecordMeanings()
  ) {
    self.settings = settings
    self.meanings = meanings
    let fields = header.filter { $0.isNamed("DKIM-Signature") }
    candidates = fields.enumerated().map { index, field in
      guard index < settings.maximumSignatures else {
        return notEvaluated(field, now: now)
      }
      let signature = DKIMSignature(
        field, now: now, clockSkewSeconds: settings.clockSkewSeconds)
      return Candidate(signature: signature, problem: signature.problem)
    }
    leaveOutWhatCostsTooMuch(fieldCount: header.count)
    bodiless = bodyHashes.map {
      BodilessVerification($0, signatures: candidates.map(\.signature))
    }
    guard candidates.contains(where: { $0.problem == nil }) else { return }
    feedHeader(header, libraries.library(for: candidates.map(\.signature)))
    let limited = candidates.map(\.signature).filter { $0.bodyLength != nil }
    bodies = Canonicalization.allCases.filter { canonicalization in
      limited.contains { $0.canonicalizations?.body == canonicalization }
    }.map(BodyCanonicalizer.init)
  }

  /// The key names that will be asked for, so that they can be fetched ahead.
  var keyQuestions: [DNSQuestion] {
    // By index, here and below: a candidate is large, and iteration copies it.
    candidates.indices.compactMap { index in
      guard candidates[index].problem == nil else { return nil }
      return candidates[index].signature.keyName.map { DNSQuestion($0, .txt) }
    }
  }

  /// How many signatures libopendkim hashes the header for, which is where the time goes.
  var libraryCount: Int { candidates.count { $0.libraryIndex != nil } }

  /// How many RSA keys were read without OpenSSL's decoders; complete after ``finish(_:first:)``.
  var keysReadDirectly: Int { verification?.keysReadDirectly ?? 0 }

  /// The domains of the signatures that are evaluated, as far as they are domain names.
  var signingDomains: [DomainName] {
    candidates.prefix(settings.maximumSignatures).compactMap(\.signature.domain)
  }

  /// Takes a piece of the body.
  ///
  /// The first is held back: libopendkim takes three times as long for the canonical form of a body
  /// as we do. Where `l=` leaves out a part of it, it gets the body in any case.
  func body(_ chunk: UnsafeRawBufferPointer) {
    guard verification != nil, chunk.count > 0 else { return }
    if !hasBody, bodies.isEmpty, chunk.count <= PlainBody.mostOctets {
      heldBody = unsafe Array(chunk)
    } else {
      giveHeldBody()
      unsafe give(chunk)
    }
    hasBody = true
  }

  private func giveHeldBody() {
    guard let body = heldBody else { return }
    heldBody = nil
    unsafe body.withUnsafeBytes { unsafe give($0) }
  }

  private func give(_ chunk: UnsafeRawBufferPointer) {
    guard let verification else { return }
    for index in bodies.indices { unsafe bodies[index].take(chunk) { _ in } }
    do throws(LibOpenDKIMError) {
      try unsafe verification.body(chunk)
    } catch {
      fail(error)
    }
  }

  /// Fetches the keys, verifies, and gives one outcome for each DKIM-Signature field.
  ///
  /// Keys at and below `organization` are fetched first, so that the slow DNS of others does not use
  /// up the time for them.
  func finish(_ resolver: CheckResolver, first organization: DomainName?) -> [DKIMOutcome] {
    func isFirst(_ index: Int) -> Bool {
      guard let organization, let domain = candidates[index].signature.domain else { return false }
      return domain.isEqualOrBelow(organization)
    }
    let open = candidates.indices.filter { candidates[$0].problem == nil }
    for index in open.filter(isFirst) + open.filter({ !isFirst($0) }) {
      fetchKey(&candidates[index], resolver)
    }
    endBody()
    for index in bodies.indices { unsafe bodies[index].finish { _ in } }
    if let verification, let bodiless {
      do throws(LibOpenDKIMError) { try bodiless.feed(verification) } catch { fail(error) }
    }
    if let verification {
      var records: [String?] = []
      for index in candidates.indices where candidates[index].libraryIndex != nil {
        records.append(candidates[index].problem == nil ? candidates[index].keyRecord : nil)
      }
      let results = verification.endOfMessage(
        keyRecords: records, readsKeysDirectly: settings.readsKeysDirectly)
      return candidates.enumerated().map { position, candidate in
        outcome(position, candidate, result: candidate.libraryIndex.map { results[$0] })
      }
    }
    return candidates.map { outcome($0, result: nil) }
  }

  /// Hashes a body that was held back, or gives it to libopendkim.
  private func endBody() {
    guard let body = heldBody, PlainBody.isPlain(body) else { return giveHeldBody() }
    heldBody = nil
    bodiless = BodilessVerification(of: body, signatures: candidates.map(\.signature))
  }

  // MARK: - Header

  private func notEvaluated(_ field: HeaderField, now: Int64) -> Candidate {
    // The facts are cheap to read and worth recording; nothing else is done with it.
    let signature = DKIMSignature(field, now: now, clockSkewSeconds: settings.clockSkewSeconds)
    return Candidate(
      signature: signature,
      problem: DKIMProblem(
        result: .neutral, cause: .notEvaluated,
        explanation: "Only the first \(settings.maximumSignatures) signatures are evaluated."))
  }

  /// Leaves out signatures that would make libopendkim compare too much, from the top down; smaller
  /// ones behind them are still verified.
  private func leaveOutWhatCostsTooMuch(fieldCount: Int) {
    var left = settings.maximumComparisons
    for index in candidates.indices.prefix(settings.maximumSignatures) {
      let signature = candidates[index].signature
      guard signature.isSafeForLibrary else { continue }
      let (cost, isOverflow) = signature.signedNames.count
        .multipliedReportingOverflow(by: fieldCount)
      guard isOverflow || cost > left else {
        left -= cost
        continue
      }
      candidates[index].signature.isSafeForLibrary = false
      candidates[index].problem =
        candidates[index].problem
        ?? .permerror(
          .messageTooLarge,
          "The signature names \(signature.signedNames.count) fields of a header of "
            + "\(fieldCount): to look for them all is more work than is done for a message.")
    }
  }

  private func feedHeader(_ header: [HeaderField], _ library: LibOpenDKIM) {
    do throws(LibOpenDKIMError) {
      let verification = try LibOpenDKIMVerification(library)
      var fed = 0
      var position = 0
      for field in header {
        if field.isNamed("DKIM-Signature") {
          defer { position += 1 }
          guard position < settings.maximumSignatures,
            candidates[position].signature.isSafeForLibrary, !field.value.contains(0)
          else { continue }
          candidates[position].libraryIndex = fed
          fed += 1
        }
        verification.header(field)
      }
      let found = try verification.endOfHeaders()
      guard found == fed else {
        // Results could then not be told apart; nothing may pass.
        throw LibOpenDKIMError(operation: "matching \(fed) signatures to \(found)", status: 0)
      }
      self.verification = verification
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: LibOpenDKIMError) {
    verification = nil
    for index in candidates.indices {
      candidates[index].libraryIndex = nil
      if candidates[index].problem == nil {
        candidates[index].problem = .internalError("\(error)")
      }
    }
  }

  // MARK: - Keys

  private func fetchKey(_ candidate: inout Candidate, _ resolver: CheckResolver) {
    guard let name = candidate.signature.keyName else { return }
    let answer = resolver.answer(name, .txt)
    do throws(DKIMProblem) {
      let found = try DKIMKey(in: answer, name: name, known: meanings.keys)
      candidate.isTestKey = found.record.isTest
      try found.record.check(for: candidate.signature)
      // Before its size is judged, so that a refused key's size is recorded too.
      candidate.keyBits = try found.publicKey.get().bits
      candidate.keyRecord =
        try found.publicKey(minimumRSABits: settings.minimumKeyBits).recordText
    } catch {
      candidate.problem = error
    }
  }

  // MARK: - Outcomes

  /// The outcome of one signature; where the body is not there its hashes complete the result.
  private func outcome(
    _ position: Int, _ candidate: Candidate, result: LibOpenDKIMVerification.Result?
  ) -> DKIMOutcome {
    guard let bodiless, let result, candidate.problem == nil else {
      return outcome(candidate, result: result)
    }
    var candidate = candidate
    let completed = bodiless.completed(result, position: position, candidate.signature)
    if completed == nil {
      candidate.problem = .internalError("The hash of the body was not recorded.")
    }
    return outcome(candidate, result: completed)
  }

  private func outcome(
    _ candidate: Candidate, result: LibOpenDKIMVerification.Result?
  ) -> DKIMOutcome {
    let signature = candidate.signature
    let end =
      candidate.problem ?? result.map { judge($0, candidate) }
      ?? .internalError("libopendkim was not given this signature.")
    return DKIMOutcome(
      domain: signature.domain?.text ?? "", selector: signature.selector?.text ?? "",
      algorithm: signature.algorithm, identity: signature.identity, keyBits: candidate.keyBits,
      canonicalization: signature.canonicalization, bodyLength: signature.bodyLength,
      signatureStart: signature.signatureStart, isTestKey: candidate.isTestKey,
      result: end.result, cause: end.cause, explanation: end.explanation)
  }

  private func judge(
    _ result: LibOpenDKIMVerification.Result, _ candidate: Candidate
  ) -> DKIMProblem {
    if result.isPass { return judgePass(candidate) }
    switch result.error {
    case DKIMLibraryError.badSignature where result.isHeaderVerified:
      return DKIMProblem(
        result: .fail, cause: .bodyHashMismatch,
        explanation: "The body was changed after \(candidate.signature.signer) signed it.")
    case DKIMLibraryError.badSignature:
      return mismatch(candidate)
    case DKIMLibraryError.bodyLengthTooLarge: return Self.bodyTooShort
    case DKIMLibraryError.keyUndecodable:
      return .permerror(.keySyntax, "The key's p= holds no public key that can be used.")
    case DKIMLibraryError.expired:
      return .permerror(.expired, "The signature has expired (x=).")
    case DKIMLibraryError.future:
      return .permerror(.notYetValid, "The signature is dated in the future (t=).")
    case DKIMLibraryError.notEvaluated:
      return .internalError("libopendkim did not evaluate the signature.")
    default:
      // The sender wrote what the library stumbles over. Were it a temporary error, a forger could
      // choose between fail and temperror.
      return .permerror(
        .signatureSyntax, "libopendkim cannot process the signature: \(result.errorText).")
    }
  }

  private static let bodyTooShort = DKIMProblem.permerror(
    .bodyLengthLimit, "The signature covers more body (l=) than the message has.")

  private func mismatch(_ candidate: Candidate) -> DKIMProblem {
    if candidate.signature.signedNames.contains("dkim-signature") {
      // libopendkim takes the signature itself for one of them (RFC 6376 section 3.5, h=: it is
      // not), and it was not given all of them.
      return DKIMProblem(
        result: .neutral, cause: .notEvaluated,
        explanation: "The signature covers DKIM-Signature fields, which cannot be verified here.")
    }
    return DKIMProblem(
      result: .fail, cause: .signatureMismatch,
      explanation: "A header field that \(candidate.signature.signer) signed was changed, or "
        + "another key made the signature.")
  }

  private func bodyLength(of candidate: Candidate) -> Int? {
    if let bodiless {
      return candidate.signature.canonicalizations.flatMap { bodiless.length($0.body) }
    }
    return bodies.first { $0.canonicalization == candidate.signature.canonicalizations?.body }?
      .length
  }

  private func judgePass(_ candidate: Candidate) -> DKIMProblem {
    let signer = candidate.signature.signer
    let verified = "Header and body are as \(signer) signed them."
    guard let signed = candidate.signature.bodyLength, let total = bodyLength(of: candidate),
      signed != total
    else {
      return DKIMProblem(result: .pass, cause: .verified, explanation: verified)
    }
    // The library reads l= beyond 2^63 as "no limit".
    guard signed < total else { return Self.bodyTooShort }
    let part = "\(total - signed) of \(total) octets of the body are not signed (l=\(signed))."
    switch settings.partialBody {
    case .policy: return DKIMProblem(result: .policy, cause: .bodyLengthLimit, explanation: part)
    case .pass:
      return DKIMProblem(result: .pass, cause: .verified, explanation: "\(verified) \(part)")
    }
  }
}

extension DKIMSignature {
  /// The signing domain for sentences.
  fileprivate var signer: String { domain?.text ?? "the signer" }
}
