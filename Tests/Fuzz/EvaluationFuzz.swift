// A whole message with a hostile DNS through the whole evaluation, libspf2 and libopendkim included.

import FuzzSupport
import Synchronization

@testable import MailAuth

private let now: Int64 = 1_795_218_211
private let ours = "mx.receiver.example"

/// Checks one input: a scene.
@c(LLVMFuzzerTestOneInput)
public func fuzzEvaluation(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let scene = Scene(unsafe octets(start, count))
  let result = evaluate(scene, pieces: 64 * 1024)
  // Costly, so not every time; the input decides, not chance.
  if count % 4 == 0 {
    check(result == evaluate(scene, pieces: 7), "the size of the pieces changes the result")
  }
  checkSPF(result.mailFromSPF, result)
  checkSPF(result.heloSPF, result)
  for outcome in result.dkim { checkDKIM(outcome, result) }
  checkDMARC(result)
  checkText(result, scene.envelope)
  checkVerdict(result, scene.envelope)
  // Two checks of ten terms with ten hosts each, ten keys, a walk for each identifier, a chain.
  check(result.dns.count < 800, "\(result.dns.count) questions for one message")
  return 0
}

/// The resolver of the one evaluator: whatever DNS the input now in hand has.
private final class CurrentDNS: Resolver {
  let current = Mutex<HostileResolver?>(nil)

  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    current.withLock { $0 }?.answer(question, deadline: deadline) ?? DNSAnswer(outcome: .nxdomain)
  }
}

private let dns = CurrentDNS()
private let evaluator: Evaluator = {
  do {
    return try Evaluator(settings: EvaluatorSettings(receivingHost: ours), resolver: dns)
  } catch {
    fatalError("no evaluator: \(error)")
  }
}()

private func evaluate(_ scene: Scene, pieces size: Int) -> Evaluation {
  dns.current.withLock { $0 = scene.dns }
  let evaluation = evaluator.begin(scene.envelope, now: now)
  var reader = MessageReader()
  var rest = scene.message[...]
  while !rest.isEmpty {
    evaluation.take(reader.read(rest.prefix(size)))
    rest = rest.dropFirst(size)
  }
  evaluation.take(reader.finish())
  return evaluation.finish()
}

// MARK: - Verdict

/// The strictest policy, with everything switched on.
private let enforcing: VerdictSettings = {
  var policy = LocalPolicy()
  policy.enforcement = .reject
  policy.onTemporaryError = .tempfail
  policy.onBadFrom = .reject
  policy.trustedSealers = ["example.com", "mailer.example"].compactMap(DomainName.init)
  return VerdictSettings(authservID: ours, policy: policy, writesReceivedSPF: true)
}()

private func checkVerdict(_ result: Evaluation, _ envelope: Envelope) {
  let verdict = Verdict(result, envelope: envelope, settings: enforcing)
  let dmarc = result.dmarc
  switch verdict.answer {
  case .accept, .hold:
    check(verdict.disposition != .reject, "rejected and taken")
  case .reject(let reply):
    check(verdict.disposition == .reject, "refused and not rejected")
    check(dmarc.result != .pass && dmarc.result != .temperror, "refused: \(dmarc)")
    check(dmarc.result != .fail || dmarc.appliedPolicy == .reject, "refused: \(dmarc)")
    checkReply(reply, "5")
  case .tempfail(let reply):
    check(dmarc.result == .temperror, "deferred: \(dmarc)")
    checkReply(reply, "4")
  }
  if verdict.disposition == .quarantine {
    check(dmarc.result == .fail && dmarc.appliedPolicy != DomainOwnerPolicy.none, "\(dmarc)")
  }
  if dmarc.result == .fail, dmarc.appliedPolicy != .some(.none), verdict.disposition == .none {
    check(!verdict.overrideReasons.isEmpty, "a policy is not followed, and nobody says why")
  }
  for field in verdict.addedFields { checkField(field) }
}

private func checkReply(_ reply: SMTPReply, _ digit: Character) {
  check(reply.code.first == digit && reply.enhancedCode.first == digit, "\(reply)")
  check(reply.text.utf8.count < 500, "a reply of \(reply.text.utf8.count) octets")
  check(reply.text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "an unprintable reply")
}

private func checkField(_ field: AddedField) {
  let lines = field.foldedValue.utf8.split(
    separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  check(
    lines.allSatisfy { $0.first.map { $0 == 0x20 || $0 == 0x09 } == true }, "a line begins anew")
  check(
    lines.allSatisfy { $0.contains { $0 != 0x20 && $0 != 0x09 } },
    "a line of blanks: \(field.value)")
  let longest = lines.map(\.count).max() ?? 0
  check(longest + field.name.utf8.count < 998, "a line of \(longest) octets")
  let unfolded = lines.map { Array(" ".utf8) + $0.dropFirst() }.joined()
  check(
    Array(unfolded) == Array(" \(field.value)".utf8), "folding changes the value: \(field.value)")
}

// MARK: - Properties

extension Evaluation {
  fileprivate func failedInDNS(_ name: String?) -> Bool {
    dns.contains { $0.outcome.isTemporaryFailure && (name == nil || $0.name == name) }
  }
}

private func checkSPF(_ outcome: SPFOutcome, _ result: Evaluation) {
  check(outcome.lookups <= 10, "\(outcome.lookups) lookups")
  check(outcome.voidLookups <= 3 || outcome.result != .pass, "\(outcome.voidLookups) void lookups")
  check(
    (outcome.result == .temperror) == (outcome.failedName != nil),
    "temperror without the name that failed, or the other way round: \(outcome)")
  if let name = outcome.failedName {
    check(result.failedInDNS(name), "\(name) did not fail")
  }
  if outcome.result == .pass || outcome.result == .fail || outcome.result == .softfail {
    check(outcome.cause == .matched && outcome.term != nil, "a result without a term: \(outcome)")
    check(
      result.dns.contains { $0.type == .txt && $0.outcome == .answer }, "a result out of nowhere")
  }
  check(
    outcome.explanation != "" && !outcome.explanation.contains("libspf2"),
    "libspf2 refused what we made: \(outcome.explanation)")
}

private func checkDKIM(_ outcome: DKIMOutcome, _ result: Evaluation) {
  check(outcome.cause != .internalError, "a fault of ours: \(outcome.explanation)")
  if outcome.result == .pass || outcome.result == .fail {
    let name = "\(outcome.selector)._domainkey.\(outcome.domain)"
    check(
      result.dns.contains { $0.name == name && $0.outcome == .answer },
      "judged without a key: \(outcome)")
    check((outcome.keyBits ?? 0) > 0, "judged by a key without bits")
  }
  if outcome.result == .pass {
    check((outcome.keyBits ?? 0) >= 256, "passed by a key of \(outcome.keyBits ?? 0) bits")
    check(outcome.algorithm != "rsa-sha1", "passed by rsa-sha1")
  }
  if outcome.result == .temperror { check(result.failedInDNS(nil), "temperror out of nowhere") }
}

private func checkDMARC(_ result: Evaluation) {
  let dmarc = result.dmarc
  switch dmarc.result {
  case .pass:
    check(dmarc.spfAligned || dmarc.dkimAligned, "a pass without an aligned identifier")
    check(dmarc.record != nil && result.authorDomain != nil, "a pass without policy or author")
  case .fail:
    check(!dmarc.spfAligned && !dmarc.dkimAligned, "a fail with an aligned identifier")
    check(dmarc.record != nil && dmarc.appliedPolicy != nil, "a fail without a policy")
  case .temperror: check(result.failedInDNS(nil), "temperror out of nowhere")
  case .none, .permerror: break
  }
  if dmarc.spfAligned {
    check(result.mailFromSPF.result == .pass, "SPF counts that did not pass")
  }
  if dmarc.dkimAligned {
    check(result.dkim.contains { $0.result == .pass }, "a signature counts that did not pass")
  }
  check(result.arc.cause != .internalError, "a fault of ours: \(result.arc.explanation)")
}

private func checkText(_ result: Evaluation, _ envelope: Envelope) {
  let sentences =
    [
      result.mailFromSPF.explanation, result.heloSPF.explanation, result.dmarc.explanation,
      result.arc.explanation, result.rootCause?.explanation ?? "", result.rootCause?.fix ?? "",
    ] + result.dkim.map(\.explanation)
  for sentence in sentences {
    check(sentence.utf8.count < 4000, "a sentence of \(sentence.utf8.count) octets")
    check(
      sentence.utf8.allSatisfy { (0x20...0x7E).contains($0) },
      "an unprintable sentence: \(sentence)")
  }
  let verdict = Verdict(result, envelope: envelope, authservID: ours)
  check(verdict.answer == .accept && verdict.disposition == .none, "done without being told")
  let field = verdict.authenticationResults
  check(
    AuthenticationResults.speaksFor(authservID: ours, value: Array(" \(field)".utf8)),
    "our own field does not speak for us")
  // Others read from it what we found out, and nothing that a sender slipped in.
  var parser = ReportedResultsParser(field.utf8.prefix(ReportedResultsParser.mostOctets))
  check(parser.authservID() == ours, "our own name is not read: \(field)")
  let read = parser.results()
  guard field.utf8.count < ReportedResultsParser.mostOctets else { return }
  check(
    read.first { $0.method == "dmarc" }?.result == result.dmarc.result.rawValue
      && read.count { $0.method == "dmarc" } == 1, "dmarc reads otherwise: \(field)")
  let evaluated = result.dkim.prefix { $0.cause != .notEvaluated }
  check(
    read.filter { $0.method == "dkim" }.map(\.result).starts(
      with: evaluated.map(\.result.rawValue)),
    "dkim reads otherwise: \(field)")
  check(
    read.allSatisfy { ["spf", "dkim", "arc", "dmarc"].contains($0.method) },
    "a method that we do not have: \(field)")
}
