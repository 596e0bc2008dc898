import MailAuth

extension Letter {
  /// Distributes the letter as a mailing list does; gives a sentence about it.
  mutating func distribute(_ list: Hop.List, host: String) -> String {
    let address = list.address ?? recipients.first ?? "list@\(host)"
    let (local, domain) = Self.parts(of: address, host)
    let returnPath = list.envelopeFrom ?? "\(local)-bounces@\(domain)"
    var done: [String] = []
    if let tag = list.subjectTag {
      let subject = value(of: "Subject") ?? ""
      if !subject.contains(tag) {
        set("Subject", subject.isEmpty ? tag : "\(tag) \(subject)")
        done.append("tags the subject")
      }
    }
    if let footer = list.footer {
      append(lines: footer)
      done.append("adds a footer")
    }
    rewriteFrom(list.from, local: local, address: address, &done)
    setListFields(list.identifier, local, domain, address: address, sender: returnPath)
    mailFrom = returnPath
    if !list.to.isEmpty { recipients = list.to }
    let changes = done.isEmpty ? "changes nothing but list fields" : done.joined(separator: ", ")
    return "distributes the message as the list \(list.identifier): \(changes)"
  }

  private static func parts(of address: String, _ host: String) -> (String, String) {
    guard let domain = domain(of: address) else { return (address, host) }
    return (String(address.dropLast(domain.count + 1)), domain)
  }

  private mutating func setListFields(
    _ identifier: String, _ local: String, _ domain: String, address: String, sender: String
  ) {
    let fields = [
      ("List-Id", "<\(identifier)>"), ("List-Post", "<mailto:\(address)>"),
      ("List-Unsubscribe", "<mailto:\(local)-leave@\(domain)>"), ("Precedence", "list"),
      ("Sender", sender),
    ]
    for (name, value) in fields {
      header.removeAll { $0.isNamed(name) }
      header.append(HeaderField(name, " " + value))
    }
  }

  private mutating func rewriteFrom(
    _ treatment: Hop.List.From, local: String, address: String, _ done: inout [String]
  ) {
    guard treatment != .keep, let from = value(of: "From") else { return }
    let (name, author) = Self.mailbox(from)
    switch treatment {
    case .keep: break
    case .munge:
      set("From", "\"\(name) via \(local)\" <\(address)>")
      if value(of: "Reply-To") == nil { set("Reply-To", from) }
      done.append("puts its own address into From")
    case .invalid:
      set("From", "\"\(name)\" <\(author).invalid>")
      if value(of: "Reply-To") == nil { set("Reply-To", from) }
      done.append("appends .invalid to the author's address")
    }
  }

  /// The display name, or the local part, and the address of a From field with one mailbox.
  private static func mailbox(_ from: String) -> (name: String, address: String) {
    guard let open = from.lastIndex(of: "<"), let close = from[open...].firstIndex(of: ">") else {
      return (String(from.prefix { $0 != "@" }), from)
    }
    let address = String(from[from.index(after: open)..<close])
    let name = from[..<open].filter { $0 != "\"" }
      .split(separator: " ").joined(separator: " ")
    return (name.isEmpty ? String(address.prefix { $0 != "@" }) : name, address)
  }
}

extension Letter {
  /// Changes the body as a gateway does; gives a sentence about it.
  mutating func pass(_ gateway: Hop.Gateway) -> String {
    var done: [String] = []
    if let prefix = gateway.linkPrefix {
      body = BodyChanges.rewritingLinks(in: body, prefix: prefix)
      done.append("rewrites links")
    }
    if let disclaimer = gateway.disclaimer {
      append(lines: disclaimer)
      done.append("adds a disclaimer")
    }
    if gateway.encodes {
      body = BodyChanges.quotedPrintable(body)
      set("Content-Transfer-Encoding", "quoted-printable")
      if value(of: "MIME-Version") == nil { set("MIME-Version", "1.0") }
      done.append("encodes the text as quoted-printable")
    }
    return done.joined(separator: ", ")
  }
}
