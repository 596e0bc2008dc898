public import MailAuth

extension Evaluator {
  /// Evaluates a message held in memory.
  ///
  /// - Parameters:
  ///   - header: The fields, from the top down.
  ///   - body: The body, CRLF line ends.
  ///   - envelope: The envelope.
  ///   - now: The time of evaluation.
  /// - Returns: The evaluation.
  public func evaluate(
    header: [HeaderField], body: String = "Hello.\r\n", envelope: Envelope = .test(),
    now: Int64 = testTime
  ) -> Evaluation {
    let evaluation = begin(envelope, now: now)
    evaluation.take(header.map { .field($0) } + [.endOfHeaders, .body(Array(body.utf8))])
    return evaluation.finish()
  }

  /// Evaluates a message file, LF or CRLF.
  public func evaluate(
    file: [UInt8], envelope: Envelope = .test(), now: Int64 = testTime
  ) -> Evaluation {
    let evaluation = begin(envelope, now: now)
    var reader = MessageReader()
    evaluation.take(reader.read(file) + reader.finish())
    return evaluation.finish()
  }

  /// An evaluator whose DNS is a zone in YAML.
  public static func test(
    zone: String, configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> Evaluator {
    var settings = EvaluatorSettings(receivingHost: "mx.receiver.example")
    configure(&settings)
    return try Evaluator(
      settings: settings, resolver: ZoneResolver(yaml: zone, source: "test zone"))
  }
}

/// 2026-11-20 23:43:31 UTC: the time at which tests evaluate.
public let testTime: Int64 = 1_795_218_211

extension Envelope {
  /// An envelope with what a test does not care about filled in.
  public static func test(
    client: String = "192.0.2.1", helo: String = "mail.example.com",
    mailFrom: String = "sender@example.com", recipients: [String] = ["user@receiver.example"]
  ) -> Envelope {
    guard let address = IPAddress(client) else {
      preconditionFailure("not an address: \(client)")
    }
    return Envelope(
      clientAddress: address, helo: Array(helo.utf8), mailFrom: Array(mailFrom.utf8),
      recipients: recipients.map { Array($0.utf8) })
  }
}

extension [HeaderField] {
  /// The fields of an ordinary message from `author`.
  public static func test(from author: String = "Ann <ann@example.com>") -> [HeaderField] {
    [
      HeaderField("From", " \(author)"), HeaderField("To", " user@receiver.example"),
      HeaderField("Subject", " Lunch"), HeaderField("Date", " Fri, 20 Nov 2026 23:43:31 +0000"),
      HeaderField("Message-ID", " <1@example.com>"),
    ]
  }
}
