/// The test's DNS as a part of unbound's configuration; every name that is not in it does not exist.
enum ZoneText {
  /// A record.
  enum Record {
    case txt(String, String)
    case mx(String, String)
    case address(String, String)
    /// Address and name.
    case reverse(String, String)
  }

  static func configuration(of records: [Record]) -> String {
    // With an SOA record, as every zone has one: without it nobody may keep that a name or record
    // does not exist (RFC 2308 section 5).
    records.reduce(
      into: """
        local-zone: "." static
        local-data: '. 3600 IN SOA ns.bench.example. hostmaster.bench.example. 1 3600 900 86400 3600'

        """
    ) { $0 += line($1) }
  }

  private static func line(_ record: Record) -> String {
    switch record {
    case .txt(let name, let text): "local-data: '\(name). 3600 IN TXT \(strings(text))'\n"
    case .mx(let name, let host): "local-data: '\(name). 3600 IN MX 10 \(host).'\n"
    case .address(let name, let address): "local-data: '\(name). 3600 IN A \(address)'\n"
    case .reverse(let address, let name): "local-data-ptr: '\(address) 3600 \(name)'\n"
    }
  }

  /// A TXT record's text in strings of at most 255 octets.
  private static func strings(_ text: String) -> String {
    var rest = Substring(text)
    var parts: [String] = []
    repeat {
      parts.append("\"\(rest.prefix(255))\"")
      rest = rest.dropFirst(255)
    } while !rest.isEmpty
    return parts.joined(separator: " ")
  }
}
