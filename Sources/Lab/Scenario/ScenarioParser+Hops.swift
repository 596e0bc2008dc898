import MailAuth
import Yams

extension ScenarioParser {
  /// Reads the hops and follows who has the message.
  mutating func readHops(_ node: Node) -> [Hop] {
    guard let sequence = node.sequence, !sequence.isEmpty else {
      reading.note("hops must be a list of what happens, in order", at: node)
      return []
    }
    holder = firstHolder(sequence) ?? actors.first?.key
    let hops = sequence.compactMap { readHop($0) }
    let names = hops.compactMap { hop in
      if case .receive(let receive) = hop.action { (receive.name, hop.line) } else { nil }
    }
    hasAllHops = hops.count == sequence.count
    if names.isEmpty, hasAllHops {
      reading.note("hops: nobody receives the message; end with receive", at: node)
    }
    for (index, (name, line)) in names.enumerated()
    where hasAllHops && names[..<index].contains(where: { $0.0 == name }) {
      reading.note(
        "receive: there is a receiver \"\(name)\" already; give this one a name with as", line: line
      )
    }
    return hops
  }

  /// Who sends first has the message from the beginning.
  private func firstHolder(_ hops: Node.Sequence) -> String? {
    for hop in hops {
      if let from = hop.mapping?["send"]?.mapping?["from"]?.scalar?.string,
        actorKeys.contains(from)
      {
        return from
      }
      if hop.mapping?["send"] != nil { return nil }
    }
    return nil
  }

  private mutating func readHop(_ node: Node) -> Hop? {
    var word: String?
    var content = Node.mapping(.init([], Tag(.map), .block, node.mark))
    var wordNode: Node? = node
    if let scalar = node.scalar {
      word = scalar.string
    } else if let mapping = node.mapping, mapping.count == 1, let (key, value) = mapping.first {
      word = key.scalar?.string
      wordNode = key
      // `receive:` with nothing behind it.
      let isNothing = value.scalar.map { $0.style == .plain && $0.string.isEmpty } ?? false
      if !isNothing { content = value }
    }
    guard let word else {
      reading.note("a hop is one word with what belongs to it, as - send: {to: NAME}", at: node)
      return nil
    }
    guard Hop.Action.words.contains(word) else {
      reading.noteUnknown("hop", word, among: Hop.Action.words, at: wordNode)
      return nil
    }
    let line = wordNode?.mark?.line ?? 0
    let actor = holder ?? ""
    guard let action = readAction(word, content, line: line) else { return nil }
    return Hop(line: line, actor: actorOf(action) ?? actor, action: action)
  }

  private func actorOf(_ action: Hop.Action) -> String? {
    if case .resend(let resend) = action { resend.from } else { nil }
  }

  private mutating func readAction(_ word: String, _ node: Node, line: Int) -> Hop.Action? {
    switch word {
    case "send": readSend(node)
    case "resend": readResend(node)
    case "sign": readSign(node)
    case "forward": readForward(node)
    case "srs": readSRS(node)
    case "list": readList(node)
    case "gateway": readGateway(node)
    case "arc_seal": readSeal(node)
    case "strip": readStrip(node)
    case "add", "replace": readFields(node, word)
    case "delay": readDelay(node)
    default: readReceive(node)
    }
  }

  /// The fields of a hop that its holder does.
  private func hopFields(_ node: Node, _ known: [String], _ word: String) -> ScenarioFields? {
    guard let fields = reading.fields(node, known + ["at"], of: word) else { return nil }
    checkHolder(fields, "at")
    return fields
  }

  private func checkHolder(_ fields: ScenarioFields, _ name: String) {
    guard let text = fields.text(name), let key = actor(text, fields.nodes[name]) else { return }
    if let holder, key != holder {
      reading.note(
        "\(fields.what): \(name): the message is at \(holder) then, not at \(key)",
        at: fields.nodes[name])
    }
  }

  private func actor(_ text: String, _ node: Node?) -> String? {
    if actorKeys.contains(text) { return text }
    reading.noteUnknown("actor", text, among: actorKeys, at: node)
    return nil
  }

  private func keyName(_ fields: ScenarioFields) -> String? {
    fields.requiredText("key").flatMap { checkKey($0, at: fields.nodes["key"]) }
  }

  // MARK: Transport

  private mutating func readSend(_ node: Node) -> Hop.Action? {
    let known = ["from", "to", "helo", "trace"]
    guard let fields = reading.fields(node, known, of: "send") else { return nil }
    checkHolder(fields, "from")
    guard let text = fields.requiredText("to"), let to = actor(text, fields.nodes["to"]) else {
      // Nobody knows who has the message from here on.
      holder = nil
      return nil
    }
    holder = to
    return .send(
      Hop.Send(
        to: to, helo: fields.text("helo"), leavesTrace: fields.boolean("trace") ?? true))
  }

  private mutating func readResend(_ node: Node) -> Hop.Action? {
    let known = ["from", "to", "helo", "mail_from", "rcpt"]
    guard let fields = reading.fields(node, known, of: "resend"),
      let fromText = fields.requiredText("from"), let toText = fields.requiredText("to"),
      let from = actor(fromText, fields.nodes["from"]), let to = actor(toText, fields.nodes["to"])
    else { return nil }
    holder = to
    return .resend(
      Hop.Resend(
        from: from, to: to, helo: fields.text("helo"),
        mailFrom: fields.text("mail_from").map(Self.address),
        recipients: fields.texts("rcpt")?.map(Self.address) ?? []))
  }

  private func readForward(_ node: Node) -> Hop.Action? {
    if node.mapping == nil {
      return .forward(Hop.Forward(to: reading.texts(node, "forward").map(Self.address)))
    }
    guard let fields = hopFields(node, ["to", "delivered_to"], "forward"),
      fields.required("to") != nil
    else { return nil }
    return .forward(
      Hop.Forward(
        to: fields.texts("to")?.map(Self.address) ?? [], deliveredTo: fields.text("delivered_to")))
  }

  private func readSRS(_ node: Node) -> Hop.Action? {
    guard let fields = hopFields(node, ["domain", "to"], "srs"),
      let domain = fields.domain("domain")
    else { return nil }
    return .srs(
      Hop.SRS(domain: domain.text, to: fields.texts("to")?.map(Self.address) ?? []))
  }

  private func readDelay(_ node: Node) -> Hop.Action? {
    reading.seconds(node, "delay").map { .delay(seconds: $0) }
  }

  private func readReceive(_ node: Node) -> Hop.Action? {
    if let text = node.scalar?.string {
      guard let key = actor(text, node) else { return nil }
      if let holder, key != holder {
        reading.note("receive: the message is at \(holder) then, not at \(key)", at: node)
      }
      return .receive(Hop.Receive(name: key, configuration: []))
    }
    guard let fields = hopFields(node, ["as", "config"], "receive") else { return nil }
    return .receive(
      Hop.Receive(
        name: fields.text("as") ?? holder ?? "",
        configuration: configuration(fields.nodes["config"], host: holderName)))
  }

  private var holderName: String? { actors.first { $0.key == holder }?.name }

  // MARK: Signatures

  private func readSign(_ node: Node) -> Hop.Action? {
    let known = [
      "domain", "selector", "key", "canonicalization", "headers", "oversign", "body_length",
      "expires",
    ]
    guard let fields = hopFields(node, known, "sign"), let domain = fields.domain("domain"),
      let selector = fields.domain("selector"), let key = keyName(fields)
    else { return nil }
    var forms = [Canonicalization.relaxed, .relaxed]
    if let text = fields.text("canonicalization") {
      let words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let found = words.compactMap { Canonicalization(rawValue: $0) }
      if found.count == words.count, (1...2).contains(found.count) {
        // A body is simple where only the header is named (RFC 6376 section 3.5).
        forms = [found[0], found.count == 2 ? found[1] : .simple]
      } else {
        reading.note(
          "sign: canonicalization takes two of simple and relaxed, as relaxed/simple",
          at: fields.nodes["canonicalization"])
      }
    }
    return .sign(
      Hop.Sign(
        domain: domain, selector: selector, key: key, headerCanonicalization: forms[0],
        bodyCanonicalization: forms[1], headers: fields.texts("headers"),
        oversigned: fields.texts("oversign")?.filter { $0 != "none" },
        bodyLength: fields.count("body_length"), expires: fields.seconds("expires")))
  }

  private func readSeal(_ node: Node) -> Hop.Action? {
    let known = ["domain", "selector", "key", "config", "claims", "broken", "times"]
    guard let fields = hopFields(node, known, "arc_seal"), let domain = fields.domain("domain"),
      let selector = fields.domain("selector"), let key = keyName(fields)
    else { return nil }
    let times = fields.count("times") ?? 1
    if !(1...100).contains(times) {
      reading.note("arc_seal: times takes a number from 1 to 100", at: fields.nodes["times"])
    }
    return .seal(
      Hop.Seal(
        domain: domain, selector: selector, key: key,
        configuration: configuration(fields.nodes["config"], host: holderName),
        claims: fields.text("claims"), fault: fields.choice("broken"),
        times: times))
  }

  // MARK: Changes

  private func readList(_ node: Node) -> Hop.Action? {
    let known = ["id", "address", "to", "subject_tag", "footer", "envelope_from", "from"]
    guard let fields = hopFields(node, known, "list"),
      let identifier = fields.requiredText("id")
    else { return nil }
    return .list(
      Hop.List(
        identifier: identifier, address: fields.text("address").map(Self.address),
        to: fields.texts("to")?.map(Self.address) ?? [], subjectTag: fields.text("subject_tag"),
        footer: fields.text("footer"),
        envelopeFrom: fields.text("envelope_from").map(Self.address),
        from: fields.choice("from") ?? .keep))
  }

  private func readGateway(_ node: Node) -> Hop.Action? {
    let known = ["rewrite_links", "disclaimer", "quoted_printable"]
    guard let fields = hopFields(node, known, "gateway") else { return nil }
    let gateway = Hop.Gateway(
      linkPrefix: fields.text("rewrite_links"), disclaimer: fields.text("disclaimer"),
      encodes: fields.boolean("quoted_printable") ?? false)
    if gateway.linkPrefix == nil, gateway.disclaimer == nil, !gateway.encodes {
      reading.note("gateway needs one of \(known.joined(separator: ", "))", at: node)
    }
    return .gateway(gateway)
  }

  private func readStrip(_ node: Node) -> Hop.Action? {
    if node.mapping == nil { return .strip(fields: reading.texts(node, "strip")) }
    guard let fields = hopFields(node, ["fields"], "strip"), fields.required("fields") != nil
    else { return nil }
    return .strip(fields: fields.texts("fields") ?? [])
  }

  private func readFields(_ node: Node, _ word: String) -> Hop.Action? {
    guard let mapping = node.mapping, !mapping.isEmpty else {
      reading.note("\(word) takes {FIELD: VALUE}, as {Subject: Hello}", at: node)
      return nil
    }
    let fields = mapping.compactMap { name, value -> Hop.Field? in
      guard let name = name.scalar?.string,
        let text = reading.text(value, "\(word): \(name)")
      else { return nil }
      let isName =
        !name.isEmpty
        && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }
      guard isName, !text.contains("\n") else {
        reading.note("\(word): \(name.utf8.printable()): not a field on one line", at: value)
        return nil
      }
      return Hop.Field(name: name, value: text)
    }
    return word == "add" ? .add(fields) : .replace(fields)
  }
}
