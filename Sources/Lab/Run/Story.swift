import Ledger
import MailAuth

/// One scenario while it is played.
final class Story {
  private let scenario: Scenario
  private let keys: [String: DKIMPrivateKey]
  private let settings: (String, [ConfigurationEntry]) throws -> ReceiverSettings
  private let zone: ZoneResolver
  private let resolver: SlowResolver
  /// Looks at the message behind each hop; no host's own settings.
  private let observer: Evaluator
  private let observing: ReceiverSettings

  private var letter: Letter
  /// The letter as it came to the host that has it; nil before it was sent.
  private var arrived: Letter?
  /// Whether the host that has the letter has changed it since it came.
  private var isTouched = true
  private var now: Int64

  private(set) var steps: [LabStep] = []
  private(set) var receipts: [LabReceipt] = []

  init(
    _ scenario: Scenario, keys: [String: DKIMPrivateKey],
    settings: @escaping (String, [ConfigurationEntry]) throws -> ReceiverSettings
  ) throws {
    self.scenario = scenario
    self.keys = keys
    self.settings = settings
    zone = try scenario.zone.resolver(source: scenario.path) { name in
      keys[name]?.publicKeyRecord ?? ""
    }
    resolver = SlowResolver(zone, delays: scenario.zone.delays)
    observing = try settings("next.receiver.invalid", [])
    observer = try Evaluator(settings: observing.evaluator, resolver: resolver)
    letter = Letter(scenario.mail)
    now = scenario.time
  }

  /// Does hop by hop, until the end or a refusal.
  func play() throws {
    for hop in scenario.hops {
      let before = letter
      let goesOn: Bool
      let text: String
      do {
        (text, goesOn) = try perform(hop)
      } catch let failure as LabFailure {
        throw LabFailure("\(scenario.path):\(hop.line): \(hop.action.word): \(failure)")
      }
      switch hop.action {
      case .send, .resend: isTouched = false
      case .receive, .delay: break
      default: isTouched = true
      }
      record(hop, text, before)
      if !goesOn { return }
    }
  }

  /// Does hops of one host on a letter that came there by another transport.
  ///
  /// - Parameters:
  ///   - hops: What is done, each at its time; neither sending nor receiving.
  ///   - letter: The letter.
  ///   - arrived: The letter as it came to the host; nil at the author's.
  /// - Returns: The letter afterwards.
  /// - Throws: ``LabFailure`` with the place in the file, and faults of libraries.
  func work(_ hops: [TimedHop], on letter: Letter, arrived: Letter?) throws -> Letter {
    self.letter = letter
    self.arrived = arrived
    for timed in hops {
      now = timed.now
      do {
        _ = try perform(timed.hop)
      } catch let failure as LabFailure {
        throw LabFailure(
          "\(scenario.path):\(timed.hop.line): \(timed.hop.action.word): \(failure)")
      }
    }
    return self.letter
  }

  private func record(_ hop: Hop, _ text: String, _ before: Letter) {
    let peer: String? =
      switch hop.action {
      case .send(let send): send.to
      case .resend(let resend): resend.to
      default: nil
      }
    steps.append(
      LabStep(
        line: hop.line, hop: hop.action.word, actor: hop.actor, peer: peer, text: text,
        changes: LetterChanges.words(before, letter), time: now, envelopeFrom: letter.mailFrom,
        recipients: letter.recipients,
        identifiers: LabIdentifiers(
          evaluate(letter, from: presumedClient(hop), with: observer, observing))))
  }

  /// Who would deliver the letter to the next receiver.
  private func presumedClient(_ hop: Hop) -> Letter.Client {
    if !isTouched, let client = letter.client { return client }
    return client(hop.actor, helo: nil)
  }

  // MARK: - Hops

  /// Does one hop; gives a sentence about it, and whether the message goes on.
  private func perform(_ hop: Hop) throws -> (String, Bool) {
    let host = name(of: hop.actor)
    if letter.bodyHashes != nil, hop.action.needsBody {
      throw LabFailure("the body is not there, only its hashes are (mail: body_hashes)")
    }
    switch hop.action {
    case .send(let send):
      deliver(
        from: client(hop.actor, helo: send.helo), to: send.to, leavesTrace: send.leavesTrace)
      return ("sends the message to \(name(of: send.to))", true)
    case .resend(let resend):
      if let path = resend.mailFrom { letter.mailFrom = path }
      if !resend.recipients.isEmpty { letter.recipients = resend.recipients }
      deliver(from: client(resend.from, helo: resend.helo), to: resend.to)
      return ("sends the message once more, to \(name(of: resend.to))", true)
    case .sign(let sign): return (try signLetter(sign), true)
    case .seal(let seal): return (try sealLetter(seal, host: host), true)
    case .forward(let forward):
      letter.recipients = forward.to
      if let address = forward.deliveredTo { letter.add("Delivered-To", address) }
      return ("forwards to \(forward.to.joined(separator: ", ")), envelope sender kept", true)
    case .srs(let srs):
      letter.mailFrom = SenderRewriting.rewrite(letter.mailFrom, domain: srs.domain, now: now)
      if !srs.to.isEmpty { letter.recipients = srs.to }
      return ("forwards with a return path of its own (SRS)", true)
    case .list(let list): return (letter.distribute(list, host: host), true)
    case .gateway(let gateway): return (letter.pass(gateway), true)
    case .strip(let fields):
      letter.header.removeAll { field in fields.contains { field.isNamed($0) } }
      return ("removes \(fields.joined(separator: ", "))", true)
    case .add(let fields):
      for field in fields.reversed() { letter.add(field.name, field.value) }
      return ("adds \(fields.map(\.name).joined(separator: ", "))", true)
    case .replace(let fields):
      for field in fields { letter.set(field.name, field.value) }
      return ("rewrites \(fields.map(\.name).joined(separator: ", "))", true)
    case .delay(let seconds):
      now += seconds
      return ("keeps the message for \(Self.words(seconds: seconds))", true)
    case .receive(let receive): return try receiveLetter(receive, at: hop.actor, host: host)
    }
  }

  private static func words(seconds: Int64) -> String {
    switch seconds {
    case 0: "no time"
    case _ where seconds % 86400 == 0: "\(seconds / 86400) d"
    case _ where seconds % 3600 == 0: "\(seconds / 3600) h"
    case _ where seconds % 60 == 0: "\(seconds / 60) min"
    default: "\(seconds) s"
    }
  }

  private func name(of key: String) -> String { scenario.actor(key)?.name ?? key }

  /// An actor as the receiver sees it when it sends.
  func client(_ key: String, helo: String?) -> Letter.Client {
    guard let actor = scenario.actor(key) else {
      preconditionFailure("a hop of the actor \(key), whom the parser has not seen")
    }
    let question = DNSQuestion(actor.name, DNSRecordType(holding: actor.address))
    let answer = zone.answer(question, deadline: nil)
    return Letter.Client(
      actor: actor, helo: helo ?? actor.name,
      verifiedName: answer.records.contains(.address(actor.address)) ? actor.name : nil)
  }

  /// Hands the letter over; the receiver traces it (RFC 5321 section 4.4).
  private func deliver(
    from client: Letter.Client, to key: String, leavesTrace: Bool = true
  ) {
    let shown = client.actor.address
    let literal = shown.isIPv4 ? "\(shown)" : "IPv6:\(shown)"
    if leavesTrace {
      letter.add(
        "Received",
        "from \(client.helo) (\(client.verifiedName ?? "unknown") [\(literal)])"
          + "\r\n\tby \(name(of: key)) with ESMTP;\r\n\t\(LabClock.text(now))")
    }
    letter.client = client
    arrived = letter
  }

  // MARK: - Signatures

  private func key(_ name: String) throws -> DKIMPrivateKey {
    guard let key = keys[name] else { throw LabFailure("there is no key \(name)") }
    return key
  }

  private func signLetter(_ sign: Hop.Sign) throws -> String {
    var signer = DKIMSigner(
      domain: sign.domain, selector: sign.selector, key: try key(sign.key))
    signer.headerCanonicalization = sign.headerCanonicalization
    signer.bodyCanonicalization = sign.bodyCanonicalization
    if let names = sign.headers { signer.signedNames = names }
    if let names = sign.oversigned {
      signer.oversignedNames = names
    } else if sign.headers != nil {
      signer.oversignedNames = []
    }
    signer.bodyLength = sign.bodyLength
    signer.lifetimeSeconds = sign.expires
    do throws(DKIMSigningError) {
      let field = try signer.sign(header: letter.header, body: letter.body, now: now)
      letter.header.insert(field, at: 0)
    } catch {
      throw LabFailure("\(error)")
    }
    return "signs for \(sign.domain) with the selector \(sign.selector)"
  }

  private func sealLetter(_ seal: Hop.Seal, host: String) throws -> String {
    guard let arrived, let client = arrived.client else {
      throw LabFailure("nothing has arrived here that could be sealed; send it first")
    }
    let settings = try self.settings(host, seal.configuration)
    let evaluator = try Evaluator(settings: settings.evaluator, resolver: resolver)
    let found = evaluate(arrived, from: client, with: evaluator, settings)
    if found.arc.isUndecided, seal.fault == nil {
      return "adds no seal, since it cannot tell now whether the chain is intact"
    }
    let verdict = Verdict(
      found, envelope: arrived.envelope(from: client), settings: settings.verdicts)
    let sealer = ARCSealer(domain: seal.domain, selector: seal.selector, key: try key(seal.key))
    var work = SealWork(
      sealer: sealer, fault: seal.fault, chain: found.arc.result,
      results: seal.claims.map { "\(settings.verdicts.authservID); \($0)" }
        ?? verdict.authenticationResults)
    do throws(ARCSealingRefusal) {
      for _ in 0..<seal.times {
        let fields = try work.fields(for: letter, now: now)
        for field in fields.reversed() { letter.add(field) }
        // What follows a good set finds a good chain.
        work.chain = .pass
      }
    } catch .chainHasEnded {
      return "adds no further seal, since the newest one says cv=fail"
    } catch .tooManySets {
      return "adds no further seal, since there are 50 already"
    } catch {
      throw LabFailure("\(error)")
    }
    return work.sentence + (seal.times == 1 ? "" : ", \(seal.times) times")
  }

  // MARK: - Receiving

  private func evaluate(
    _ letter: Letter, from client: Letter.Client, with evaluator: Evaluator,
    _ settings: ReceiverSettings
  ) -> Evaluation {
    resolver.begin(settings)
    let evaluation = evaluator.begin(
      letter.envelope(from: client), now: now, bodyHashes: letter.bodyHashes)
    for field in letter.header { evaluation.addHeader(field) }
    evaluation.endHeaders()
    for check in evaluation.earlyChecks {
      check()
      resolver.restart()
    }
    unsafe letter.body.withUnsafeBytes { unsafe evaluation.addBody($0) }
    return evaluation.finish()
  }

  private func receiveLetter(
    _ receive: Hop.Receive, at actor: String, host: String
  ) throws -> (String, Bool) {
    guard let client = letter.client else {
      throw LabFailure("nothing was sent to \(actor); send it first")
    }
    let settings = try self.settings(host, receive.configuration)
    let evaluator = try Evaluator(settings: settings.evaluator, resolver: resolver)
    let evaluation = evaluate(letter, from: client, with: evaluator, settings)
    let envelope = letter.envelope(from: client)
    let verdict = Verdict(evaluation, envelope: envelope, settings: settings.verdicts)
    var forged = ForgedFields(settings.verdicts)
    for field in letter.header { forged.add(field) }
    let record = MessageRecord(
      host: host, queueID: receive.name, receivedAt: now, envelope: envelope,
      evaluation: evaluation, verdict: verdict)
    let receipt = try LabReceipt(
      receiver: receive.name, actor: actor, record: record, header: letter.header,
      removedFields: forged.occurrences.map(\.name),
      reportTo: try ReportDestinations.addresses(
        of: record, resolver: zone, discovery: settings.evaluator.discovery))
    receipts.append(receipt)
    mark(with: verdict, forged)
    let isTaken = receipt.answer == .accept || receipt.answer == .hold
    return (
      "evaluates the message: DMARC \(receipt.dmarc.result.rawValue)"
        + (isTaken ? "" : ", and refuses it"), isTaken
    )
  }

  /// Where the report about a message may go that a host has recorded.
  func reportDestinations(
    of record: MessageRecord, host: String, _ configuration: [ConfigurationEntry]
  ) throws -> [String] {
    let settings = try self.settings(host, configuration)
    return try ReportDestinations.addresses(
      of: record, resolver: zone, discovery: settings.evaluator.discovery)
  }

  /// Takes forged fields off the letter and puts the results on top, as the milter does.
  private func mark(with verdict: Verdict, _ forged: ForgedFields) {
    for occurrence in forged.occurrences {
      let indices = letter.header.indices.filter { letter.header[$0].isNamed(occurrence.name) }
      let number = occurrence.number - 1
      if indices.indices.contains(number) { letter.header.remove(at: indices[number]) }
    }
    for field in verdict.addedFields.reversed() { letter.add(field) }
  }
}

extension Hop.Action {
  /// Whether it reads or changes the body.
  fileprivate var needsBody: Bool {
    switch self {
    case .sign, .seal, .gateway: true
    case .list(let list): list.footer != nil
    case .send, .resend, .forward, .srs, .strip, .add, .replace, .delay, .receive: false
    }
  }
}
