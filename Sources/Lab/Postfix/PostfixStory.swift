import Foundation
import Ledger
import MailAuth

/// One scenario while it is played by real hosts.
///
///     author ──SMTP──► Postfix of the first host ──► our milter ──► ledger
///                         │ aliases, canonical maps              or LMTP to a program
///                         ▼                                             │
///                      its SMTP client ◄────────────────────────────────┘
///                         │ on the loopback network through a relay that says XCLIENT
///                         ▼
///                      Postfix of the next host ...
///
/// Every stay of the message has a Postfix of its own. Messages travel by themselves; this waits for
/// what hosts say of them, and acts where people would: as author, list manager or mailbox.
final class PostfixStory {
  /// What all stories of a run have in common.
  struct Stage {
    var program: String
    var directory: LabDirectory
    var network: any LabNetwork
    var settings: (String, [ConfigurationEntry]) throws -> ReceiverSettings
    var file: ([ConfigurationEntry]) -> String
    var overrides: [ConfigurationEntry]
  }

  /// One stay with the programs that play it.
  private struct Scene {
    var stay: Stay
    var host: PostfixHost
    var milter: LabMilter?
    var mailbox: LabMailbox?
    /// Where others reach it.
    var address: IPAddress
    var port: UInt16
    /// Where its own programs reach it.
    var innerPort: UInt16
    /// Says for it who it is; nil where its address does.
    var relay: ClientRelay?
  }

  private let scenario: Scenario
  private let stage: Stage
  private let hands: Story
  private let zone: String
  private let itinerary: Itinerary
  private let name: String
  private let pems: [String: String]
  private var scenes: [Scene] = []

  /// What is known of the letter.
  private var letter: Letter
  /// Whether the host that sends it makes the newest ARC set anew, which nobody sees here.
  private var isSealedAnew = false

  private(set) var receipts: [LabReceipt] = []

  init(
    _ scenario: Scenario, _ itinerary: Itinerary, keys: [String: DKIMPrivateKey],
    pems: [String: String], number: Int, stage: Stage
  ) throws {
    self.scenario = scenario
    self.stage = stage
    self.pems = pems
    name = "story-\(number)"
    hands = try Story(scenario, keys: keys, settings: stage.settings)
    zone = scenario.zone.yaml { keys[$0]?.publicKeyRecord ?? "" }
    self.itinerary = itinerary
    letter = Letter(scenario.mail)
  }

  /// Plays it, until the end or a refusal.
  func play() throws {
    defer { stop() }
    _ = try stage.directory.makeDirectory(name, mode: 0o711)
    letter = try hands.work(itinerary.prologue, on: letter, arrived: nil)
    try build()
    var byHost: PostfixHost?
    for index in scenes.indices {
      guard try arrive(index, from: byHost) else { return }
      byHost = try leave(index)
    }
  }

  // MARK: - Building

  /// Makes hosts from the last to the first, so that each knows where the next one is.
  private func build() throws {
    try stage.network.prepare(scenario) { [hands] in hands.client($0, helo: nil).verifiedName }
    var envelopes = [letter]
    for stay in itinerary.stays {
      var envelope = envelopes[envelopes.count - 1]
      if case .resend(let resend) = stay.arrival.action {
        envelope = envelope.resent(resend)
      }
      envelopes[envelopes.count - 1] = envelope
      envelope.client = client(of: stay.arrival)
      let changes = stay.work.filter(\.hop.changesEnvelope)
      envelopes.append(try hands.work(changes, on: envelope, arrived: envelope))
    }
    var next: Scene?
    for (index, stay) in itinerary.stays.enumerated().reversed() {
      let scene = try scene(
        stay, index, arriving: envelopes[index], leaving: envelopes[index + 1], next: next)
      scenes.insert(scene, at: 0)
      next = scene
    }
    for scene in scenes {
      try scene.milter?.waitUntilReady()
      try scene.host.waitUntilReady()
    }
  }

  private func client(of arrival: Hop) -> Letter.Client {
    switch arrival.action {
    case .send(let send): hands.client(arrival.actor, helo: send.helo)
    case .resend(let resend): hands.client(resend.from, helo: resend.helo)
    default: hands.client(arrival.actor, helo: nil)
    }
  }

  private func scene(
    _ stay: Stay, _ index: Int, arriving: Letter, leaving: Letter, next: Scene?
  ) throws -> Scene {
    let number = index + 1
    let plan = HostPlan(stay, arriving: arriving, leaving: leaving)
    let address = try stage.network.address(of: stay.actor, stay: number)
    let port = try stage.network.port(at: address, stay: number)
    let innerPort = try TCPSocket.freePort(of: .loopback)
    let milter = try milter(stay, plan, number)
    var mailbox: LabMailbox?
    if plan.tables == nil { mailbox = try LabMailbox(at: .loopback) }
    var relay: ClientRelay?
    var onward: (recipients: [String], address: IPAddress, port: UInt16)?
    var helo = stay.actor.name
    if let next, stay.sendsOn {
      let client = client(of: next.stay.arrival)
      helo = client.helo
      var target = (address: next.address, port: next.port)
      if stage.network.usesXCLIENT {
        let made = try ClientRelay(at: address, as: client, to: next.address, port: next.port)
        target = (address, made.port)
        relay = made
      }
      onward = (leaving.recipients, target.address, target.port)
    }
    let host = try PostfixHost(
      PostfixHost.Settings(
        name: stay.actor.name, address: address, port: port, innerPort: innerPort, helo: helo,
        work: plan.tables.map { .pass($0) } ?? .program(mailboxPort: mailbox?.port ?? 0),
        next: onward, milter: milter?.socketPath, innerMilter: plan.sealsAgain,
        usesXCLIENT: stage.network.usesXCLIENT),
      name: "\(name)/\(number)", in: stage.directory)
    try host.start()
    return Scene(
      stay: stay, host: host, milter: milter, mailbox: mailbox, address: address, port: port,
      innerPort: innerPort, relay: relay)
  }

  private func milter(_ stay: Stay, _ plan: HostPlan, _ number: Int) throws -> LabMilter? {
    guard stay.receive != nil || plan.seal != nil else { return nil }
    let host = stay.actor.name
    var entries = [ConfigurationEntry(key: "milter.authserv_id", value: .text(host))]
    entries += (stay.receive?.configuration ?? plan.seal?.configuration ?? []) + stage.overrides
    let directory = "\(name)/milter-\(number)"
    if let seal = plan.seal {
      let key = try stage.directory.write(
        pems[seal.key] ?? "", to: "\(name)/\(number)-seal.pem", isPrivate: true)
      for (name, value) in [
        ("arc.seal", "true"), ("arc.seal_domain", seal.domain.text),
        ("arc.seal_selector", seal.selector.text), ("arc.seal_key", key),
      ] { entries.append(ConfigurationEntry(key: name, value: .text(value))) }
      if plan.sealsAgain {
        entries.append(
          ConfigurationEntry(key: "arc.reseal_networks", value: .list(["127.0.0.0/8"])))
      }
    }
    return try LabMilter(
      program: stage.program, name: directory, in: stage.directory, zone: zone,
      clock: stay.arrivalTime
    ) { stage.file(entries + $0) }
  }

  private func stop() {
    for scene in scenes {
      scene.host.terminate()
      scene.milter?.terminate()
      scene.relay?.close()
      scene.mailbox?.close()
    }
    for scene in scenes {
      scene.host.stop()
      scene.milter?.stop()
    }
    scenes = []
    // What cannot be removed now goes with the run's directory.
    try? FileManager.default.removeItem(atPath: "\(stage.directory.path)/\(name)")
  }

  // MARK: - Playing

  /// Brings the letter to a stay; whether it was taken.
  private func arrive(_ index: Int, from sender: PostfixHost?) throws -> Bool {
    let scene = scenes[index]
    if case .resend(let resend) = scene.stay.arrival.action { letter = letter.resent(resend) }
    let client = client(of: scene.stay.arrival)
    letter.client = client
    let outcome: PostfixHost.Outcome
    if let sender {
      outcome = try sender.outcome()
    } else {
      outcome = try send(as: client, to: scene)
    }
    let sent = isSealedAnew ? letter.withoutSeals : letter
    let heldCount = try scene.host.releaseHeld()
    var delivered: Letter?
    if case .taken = outcome, let mailbox = scene.mailbox {
      guard let delivery = mailbox.next(within: Double(TCPSocket.limitSeconds)) else {
        throw LabFailure("\(scene.stay.actor.name) did not deliver the message\n\(scene.host.log)")
      }
      letter.mailFrom = delivery.mailFrom
      letter.recipients = delivery.recipients
      letter.take(delivery.message)
      delivered = letter
    }
    if let receive = scene.stay.receive, let milter = scene.milter {
      let record = try milter.record()
      receipts.append(
        try PostfixReceipt(
          receiver: receive.name, actor: scene.stay.actor.key, record: record, sent: sent,
          delivered: delivered, outcome: outcome, isHeld: heldCount > 0,
          removedCount: milter.removedCount,
          reportTo: hands.reportDestinations(
            of: record, host: scene.stay.actor.name, receive.configuration)
        ).receipt())
    }
    if case .refused(_, let text) = outcome {
      guard scene.stay.receive != nil else {
        throw LabFailure("\(scene.stay.actor.name) refused the message: \(text)\n\(scene.host.log)")
      }
      return false
    }
    return true
  }

  private func send(as client: Letter.Client, to scene: Scene) throws -> PostfixHost.Outcome {
    let source = stage.network.usesXCLIENT ? nil : client.actor.address
    var dialog = SMTPDialog(try TCPSocket(to: scene.address, port: scene.port, from: source))
    let greeting = try dialog.readAnswer()
    guard greeting.code == 220 else { throw LabFailure("greeted with \(greeting)") }
    if stage.network.usesXCLIENT { _ = try dialog.pretend(client) }
    let answer = try dialog.deliver(letter, helo: client.helo)
    return answer.isPositive
      ? .taken : .refused(code: answer.code, text: answer.description)
  }

  /// Does what a host does with the letter; gives the host if it sends it on by itself.
  private func leave(_ index: Int) throws -> PostfixHost? {
    let scene = scenes[index]
    let plan = HostPlan(scene.stay, arriving: letter, leaving: letter)
    // It stays unseen until a program gets the message.
    isSealedAnew = plan.sealsAgain || (isSealedAnew && scene.mailbox == nil)
    let work = scene.stay.work.filter { $0.hop.line != plan.sealLine }
    letter = try hands.work(work, on: letter, arrived: letter)
    guard scene.stay.sendsOn else { return nil }
    if scene.mailbox != nil {
      var dialog = SMTPDialog(try TCPSocket(to: .loopback, port: scene.innerPort, from: .loopback))
      _ = try dialog.readAnswer()
      let answer = try dialog.deliver(letter, helo: "localhost")
      guard answer.isPositive else {
        throw LabFailure("\(scene.stay.actor.name) did not take its message back: \(answer)")
      }
    }
    return scene.host
  }
}

extension IPAddress {
  /// 127.0.0.1.
  static var loopback: IPAddress { octets(127, 0, 0, 1) }

  static func octets(_ octets: UInt8...) -> IPAddress {
    guard let address = IPAddress(bytes: octets) else {
      preconditionFailure("four octets are an address")
    }
    return address
  }
}

extension Letter {
  /// The letter without the fields that another seal replaces.
  fileprivate var withoutSeals: Letter {
    var letter = self
    letter.header.removeAll { field in
      ["ARC-Seal", "ARC-Message-Signature"].contains { field.isNamed($0) }
    }
    return letter
  }

  /// The letter with the envelope of somebody who sends it once more.
  fileprivate func resent(_ resend: Hop.Resend) -> Letter {
    var letter = self
    if let path = resend.mailFrom { letter.mailFrom = path }
    if !resend.recipients.isEmpty { letter.recipients = resend.recipients }
    return letter
  }
}

extension Hop {
  /// Whether it gives the message another envelope.
  var changesEnvelope: Bool {
    switch action {
    case .forward, .srs, .list: true
    default: false
    }
  }
}
