import MailAuth
import TestSupport

/// Makes the messages of each mix, signed by their domains, and the zone that goes with them.
struct MixWriter {
  /// How much of everything.
  struct Size {
    var keys = 16
    var domains = 200
    /// Messages of the common mixes.
    var messages = 400
    /// Domains of which there is one message only.
    var rareDomains = 300
    var attachments = 8
    var megabyte = 1_000_000
    var large = 20_000_000
    var largeMessages = 2

    static let full = Size()
    /// Tells the same tale in a second.
    static let small = Size(
      keys: 2, domains: 6, messages: 12, rareDomains: 40, attachments: 2, megabyte: 100_000,
      large: 400_000, largeMessages: 1)
  }

  /// Of how many messages of the mix `slow` one is from a domain whose DNS is slow: 5 %.
  static let slowEvery = 20

  private let corpus: Corpus
  private let size: Size
  private let now: Int64
  private let authors: [AuthorDomain]
  private let slow: [AuthorDomain]
  private let cold: [AuthorDomain]
  private let sealers: [ARCSealer]
  private let forwarder = Corpus.Client(name: "mx.forward3.example", address: "198.18.1.3")

  init(_ corpus: Corpus, size: Size, now: Int64) throws {
    self.corpus = corpus
    self.size = size
    self.now = now
    let rsa = try (0..<size.keys).map { _ in try LibKeyGeneration.rsa2048() }
    let ed25519 = try (0..<size.keys).map { _ in try LibKeyGeneration.ed25519() }
    func domains(_ count: Int, _ name: (Int) -> String) throws -> [AuthorDomain] {
      try (0..<count).map {
        try AuthorDomain(
          name($0), rsa: rsa[$0 % size.keys], ed25519: ed25519[$0 % size.keys])
      }
    }
    authors = try domains(size.domains) { "author\($0).example" }
    slow = try domains(size.rareDomains / 3) { "author\($0).slow.example" }
    cold = try domains(size.rareDomains) { "author\($0).cold.example" }
    sealers = try (1...3).map {
      let signer = try AuthorDomain.signer("forward\($0).example", "arc", rsa[$0 % size.keys])
      return ARCSealer(domain: signer.domain, selector: signer.selector, key: signer.key)
    }
  }

  func writeAll() throws {
    let pass = ["dkim=pass", "spf=pass", "dmarc=pass"]
    let common = try write(
      "signed", size.messages, authors, expected: pass, make: ordinary)
    try write("unsigned", size.messages, authors, expected: ["spf=pass", "dmarc=pass"]) {
      Self.plain($0, $1).octets
    }
    try write("two", size.messages / 2, authors, expected: pass + ["dkim=pass"]) { number, author in
      let once = try signed(Self.plain(number, author), by: author.signer)
      return try signed(once, by: author.secondSigner).octets
    }
    for (mix, octets, count) in [
      ("1M", size.megabyte, size.attachments), ("20M", size.large, size.largeMessages),
    ] {
      try write(mix, count, authors, expected: pass) { number, author in
        try signed(withAttachment(number, author, octets: octets), by: author.signer).octets
      }
    }
    try writeForwarded(expected: pass)
    try write("cold", size.rareDomains, cold, expected: pass, make: ordinary)
    try writeSlow(among: common, expected: pass)
    try writeZone()
  }

  // MARK: Mixes

  private func ordinary(_ number: Int, _ author: AuthorDomain) throws -> [UInt8] {
    try signed(Self.plain(number, author), by: author.signer).octets
  }

  @discardableResult
  private func write(
    _ mix: String, _ count: Int, _ authors: [AuthorDomain], expected: [String],
    make: (Int, AuthorDomain) throws -> [UInt8]
  ) throws -> [Corpus.Letter] {
    let letters = try (0..<count).map { number in
      let author = authors[number % authors.count]
      let file = "\(mix)/\(number).eml"
      try corpus.write(make(number, author), to: file)
      return Corpus.Letter(
        file: file, mailFrom: author.mailFrom, recipient: Self.recipient(number),
        expected: expected)
    }
    try corpus.write(letters: letters, clients: SendingHosts.all, mix: mix)
    return letters
  }

  /// Signed by the author, passed on by three hosts that sealed it; the last one is the client.
  private func writeForwarded(expected: [String]) throws {
    let letters = try (0..<size.messages / 2).map { number in
      let author = authors[number % authors.count]
      let message = try signed(Self.plain(number, author), by: author.signer)
      let file = "arc3/\(number).eml"
      try corpus.write(try seal(message, number, author).octets, to: file)
      return Corpus.Letter(
        file: file, mailFrom: "srs0=\(number)=\(author.name)=bounces@forward3.example",
        recipient: Self.recipient(number), expected: expected)
    }
    try corpus.write(letters: letters, clients: [forwarder], mix: "arc3")
  }

  private func seal(_ message: Letter, _ number: Int, _ author: AuthorDomain) throws -> Letter {
    let text = MessageText(number: number)
    var header = message.header
    for (hop, sealer) in sealers.enumerated() {
      let name = "mx.\(sealer.domain)"
      let before = hop == 0 ? "out1.mailing.example" : "mx.forward\(hop).example"
      header.insert(text.received(from: before, address: "198.18.1.\(hop)", by: name), at: 0)
      let sealing = try sealer.begin(header: header)
      unsafe message.body.withUnsafeBytes { unsafe sealing.body($0) }
      let fields = try sealing.finish(
        results: "\(name); spf=pass smtp.mailfrom=\(author.mailFrom);"
          + " dkim=pass header.d=\(author.name) header.s=\(AuthorDomain.rsaSelector);"
          + " dmarc=pass header.from=\(author.name)",
        chainValidation: hop == 0 ? .none : .pass, now: now)
      header = fields.map { HeaderField($0.name, $0.foldedValue.crlfFolds) } + header
    }
    return Letter(header: header, body: message.body)
  }

  /// The signed messages, and after each 19 of them one whose domain's DNS is slow.
  private func writeSlow(among common: [Corpus.Letter], expected: [String]) throws {
    let rare = try write("slow", slow.count, slow, expected: expected, make: ordinary)
    var letters: [Corpus.Letter] = []
    for number in 0..<rare.count * Self.slowEvery {
      letters.append(
        number % Self.slowEvery == Self.slowEvery - 1
          ? rare[number / Self.slowEvery] : common[number % common.count])
    }
    try corpus.write(letters: letters, clients: SendingHosts.all, mix: "slow")
  }

  private func writeZone() throws {
    var records = SendingHosts.records + SendingHosts.records(of: forwarder)
    records += (authors + slow + cold).flatMap(\.records)
    for sealer in sealers {
      records.append(.txt(sealer.keyName, sealer.key.publicKeyRecord))
      records.append(.txt("\(sealer.domain)", "v=spf1 ip4:198.18.1.0/24 -all"))
    }
    let zone = ZoneText.configuration(of: records)
    try corpus.write(Array(zone.utf8), to: "zone.conf")
  }

  // MARK: Messages

  struct Letter {
    var header: [HeaderField]
    var body: [UInt8]

    var octets: [UInt8] {
      header.flatMap { $0.name + [UInt8(ascii: ":")] + $0.value + [0x0D, 0x0A] } + [0x0D, 0x0A]
        + body
    }
  }

  /// A message of the mix `signed`.
  static func signedLetter(_ author: AuthorDomain, now: Int64) throws -> Letter {
    try signed(plain(1, author), by: author.signer, now: now)
  }

  /// Four kilobytes with its signature.
  private static func plain(_ number: Int, _ author: AuthorDomain) -> Letter {
    var text = MessageText(number: number)
    let header = text.header(from: author.name, contentType: " text/plain; charset=us-ascii")
    return Letter(
      header: received(text, author) + header, body: text.words(octets: 2_400))
  }

  private func withAttachment(_ number: Int, _ author: AuthorDomain, octets: Int) -> Letter {
    var text = MessageText(number: number)
    let boundary = "=_part\(number)"
    let header = text.header(
      from: author.name, contentType: " multipart/mixed;\r\n boundary=\"\(boundary)\"")
    return Letter(
      header: Self.received(text, author) + header,
      body: text.attachment(octets: octets, boundary: boundary))
  }

  private static func received(_ text: MessageText, _ author: AuthorDomain) -> [HeaderField] {
    [
      text.received(from: "app.\(author.name)", address: "198.18.2.7", by: "out1.mailing.example"),
      text.received(from: "desk.\(author.name)", address: "10.1.2.3", by: "app.\(author.name)"),
    ]
  }

  /// The message with its author's signature on top.
  private static func signed(
    _ message: Letter, by signer: DKIMSigner, now: Int64
  ) throws -> Letter {
    let field = try signer.sign(header: message.header, body: message.body, now: now)
    return Letter(header: [field] + message.header, body: message.body)
  }

  private func signed(_ message: Letter, by signer: DKIMSigner) throws -> Letter {
    try Self.signed(message, by: signer, now: now)
  }

  private static func recipient(_ number: Int) -> String { "user\(number % 50)@receiver.example" }
}

extension String {
  /// The text with each LF as CRLF.
  fileprivate var crlfFolds: String {
    String(decoding: utf8.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }, as: UTF8.self)
  }
}
