/// The authors a message names in From, as far as DMARC is concerned (RFC 9989 section 5.3.1).
enum Author: Equatable {
  /// One Author Domain, however many addresses.
  case domain(DomainName)
  /// Addresses of several domains, each once, in order.
  case domains([DomainName])
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

  /// Finds the Author Domain in the value of a From field.
  init(fromValue value: [UInt8]) {
    let addresses: [AddressParser.Address]
    do {
      var parser = try AddressParser(value)
      addresses = try parser.parseAddressList()
    } catch {
      self = .missing(.invalidFrom, "The From field cannot be read: \(error.sentence).")
      return
    }
    guard !addresses.isEmpty else {
      self = .missing(.invalidFrom, "The From field holds no address.")
      return
    }
    var domains: [DomainName] = []
    // A From field may hold a hundred thousand addresses.
    var seen: Set<DomainName> = []
    for address in addresses {
      guard let domain = DomainName(bytes: address.domain) else {
        self = .missing(
          .invalidFrom,
          "The From address has no domain name: \"\(address.domain.printable(limit: 80))\".")
        return
      }
      if seen.insert(domain).inserted { domains.append(domain) }
    }
    self = domains.count == 1 ? .domain(domains[0]) : .domains(domains)
  }
}
