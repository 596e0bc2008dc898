import MailAuth

/// Recorded DNS answers as the `dns` of a scenario.
struct RecordedZone {
  /// The lines, indented by two blanks.
  private(set) var lines: [String] = []
  /// What could not be written as it was.
  private(set) var notes: [String] = []

  /// Makes the zone.
  ///
  /// - Parameters:
  ///   - answers: What was recorded; of several answers to a question ``RecordedResolver`` chooses.
  ///   - client: The name and the address of the client, where its name was verified.
  init(_ answers: [RecordedAnswer], client: (name: String, address: IPAddress)?) {
    let resolver = RecordedResolver(answers)
    var questions: [DNSQuestion] = []
    for answer in answers where !questions.contains(answer.question) {
      questions.append(answer.question)
    }
    for question in RecordedResolver.questionsWithSeveralAnswers(answers) {
      notes.append(
        "The DNS gave different answers to \(question.name) \(question.type.rawValue) while the "
          + "message was evaluated; one of them stands here.")
    }
    var names: [String] = []
    var elements: [String: [String]] = [:]
    func add(_ name: String, _ element: String) {
      if elements[name] == nil { names.append(name) }
      elements[name, default: []].append(element)
    }
    for question in questions where question.isValidName {
      let answer = resolver.answer(question, deadline: nil)
      let type = question.type.rawValue
      switch answer.outcome {
      case .answer:
        for record in answer.records {
          if let text = text(record, at: question.name) { add(question.name, "\(type): \(text)") }
        }
      case .nodata: add(question.name, "\(type): NONE")
      case .invalidName: break
      case .nxdomain, .servfail, .refused, .bogus, .timeout:
        add(question.name, "\(type): \(answer.outcome.word)")
      }
    }
    if let client {
      let question = DNSQuestion(client.name, DNSRecordType(holding: client.address))
      if !questions.contains(question) {
        add(
          question.name,
          "\(question.type.rawValue): \(client.address)   # so the mail server had verified it")
      }
    }
    for name in names {
      lines.append("  \(YAMLText.quoted(name)):")
      lines += (elements[name] ?? []).map { "    - \($0)" }
    }
    lines += ["  \"*\": [SERVFAIL]   # what was not asked then is not known"]
  }

  private mutating func text(_ record: DNSRecord, at name: String) -> String? {
    func known(_ host: String) -> String? {
      if DNSQuestion(host, .a).isValidName { return YAMLText.quoted(host) }
      notes.append("A record of \(name) leads to a name that cannot be written here.")
      return nil
    }
    switch record {
    case .address(let address): return "\(address)"
    case .ptr(let host): return known(host)
    case .mx(let preference, let host):
      return host.isEmpty ? "[\(preference), \".\"]" : known(host).map { "[\(preference), \($0)]" }
    case .txt(let strings):
      let texts = strings.map { String(decoding: $0, as: UTF8.self) }
      if zip(strings, texts).contains(where: { $0 != Array($1.utf8) }) {
        notes.append("A TXT record of \(name) is no UTF-8 text; the octets at fault are replaced.")
      }
      return texts.count == 1 ? YAMLText.quoted(texts[0]) : YAMLText.list(texts)
    }
  }
}

extension DNSOutcome {
  /// The word of zone files for a failure.
  fileprivate var word: String { rawValue.uppercased() }
}
