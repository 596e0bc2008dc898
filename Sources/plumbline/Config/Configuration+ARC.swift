import MailAuth

extension Configuration {
  /// How messages are sealed.
  struct Sealing: Sendable, Equatable {
    /// `d=`.
    var domain: DomainName
    /// `s=`.
    var selector: DomainName
    var keyFile: String
    /// The names of the fields that are covered; empty for the usual ones.
    var fields: [String]
    /// Clients that send on what was sealed here and that they have changed.
    var resealNetworks: [IPNetwork]

    /// Whether a client is one of them.
    func reseals(_ address: IPAddress) -> Bool {
      resealNetworks.contains { $0.contains(address) }
    }
  }
}

extension ConfigurationSettings {
  /// The settings of sealing; nil when messages are not sealed.
  var sealing: Configuration.Sealing? {
    // What is missing is a problem of the file, which has none by now.
    guard boolean(.arcSeal), let domain = optionalText(.arcSealDomain).flatMap({ DomainName($0) }),
      let selector = optionalText(.arcSealSelector).flatMap({ DomainName($0) }),
      let keyFile = optionalFile(.arcSealKey)
    else { return nil }
    return Configuration.Sealing(
      domain: domain, selector: selector, keyFile: keyFile, fields: texts(.arcSealFields),
      resealNetworks: texts(.arcResealNetworks).compactMap { IPNetwork($0)?.unmapped })
  }

  /// What sealing needs and the file does not give.
  func missingForSealing(path: String) -> [ConfigurationProblem] {
    guard value(.arcSeal) == .boolean(true) else { return [] }
    return [ConfigurationKey.arcSealDomain, .arcSealSelector, .arcSealKey]
      .filter { optionalText($0) == nil }
      .map { key in
        ConfigurationProblem(
          path: path, line: values[ConfigurationKey.arcSeal.name]?.line,
          key: ConfigurationKey.arcSeal.name, problem: "needs \(key.name)",
          allowed: "together with \(key.name)")
      }
  }
}
