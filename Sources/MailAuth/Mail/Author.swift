/// The authors a message names in From, as far as DMARC is concerned (RFC 9989 section 5.3.1).
enum Author: Equatable {
  /// One Author Domain, however many addresses.
  case domain(DomainName)
  /// Addresses of several domains, each once, in order; or of one at least, with what is wrong
  /// with an address beside it that has no domain name.
  case domains([DomainName], unusable: String?)
  /// No Author Domain: the cause and a sentence.
  case missing(DMARCCause, String)

  /// Finds the Author Domain in a header.
  init(header: [HeaderField]) {
    let fields = header.filter { $0.isNamed("From") }
    guard let field = fields.first else {
      self = .missing(.noFrom, "The message has no From field.")
      return
    }
    guard fields.count == 1 else {
      self = .missing(
        .multipleFromFields,
        "The message has \(fields.count) From fields; which one a reader sees cannot be known.")
      return
    }
    self.init(fromValue: field.value)
  }

  /// A longer From field is not read; real ones are far shorter.
  static let mostOctets = 65_536

  /// Finds the Author Domain in the value of a From field.
  ///
  /// The members of a group are authors too (RFC 6854): mail does not escape a policy by writing
  /// `Team: ann@example.com;`. A group without members names no author.
  init(fromValue value: [UInt8]) {
    guard value.count <= Self.mostOctets else {
      self = .missing(
        .messageTooLarge, "The From field has more than \(Self.mostOctets) octets and is not read.")
      return
    }
    let addresses: [AddressParser.Address]
    do {
      var parser = try AddressParser(value)
      addresses = try parser.parseAddressList()
    } catch {
      self = .missing(.invalidFrom, "The From field cannot be read: \(error.sentence).")
      return
    }
    var domains: [DomainName] = []
    // Without the first domain, which is the only one in nearly all mail.
    var others: Set<DomainName> = []
    var unusable: String?
    for address in addresses {
      guard let domain = DomainName(bytes: address.domain) else {
        unusable =
          unusable
          ?? "A From address has no domain name: \"\(address.domain.printable(limit: 80))\"."
        continue
      }
      guard domain != domains.first, domains.isEmpty || others.insert(domain).inserted else {
        continue
      }
      domains.append(domain)
    }
    switch (domains.first, unusable) {
    case (nil, let sentence?): self = .missing(.invalidFrom, sentence)
    case (nil, nil): self = .missing(.invalidFrom, "The From field holds no address.")
    case (let domain?, nil) where domains.count == 1: self = .domain(domain)
    default: self = .domains(domains, unusable: unusable)
    }
  }

  /// What is wrong with an address beside usable ones; nil when nothing is.
  var unusable: String? {
    if case .domains(_, let sentence) = self { sentence } else { nil }
  }

  /// The domains, each once, in order; empty without a usable one.
  var domainNames: [DomainName] {
    switch self {
    case .domain(let domain): [domain]
    case .domains(let domains, _): domains
    case .missing: []
    }
  }
}
