// What SQLite is told about the rows of a message.
extension MessageRow {
  /// The columns that tell a message from all others.
  static let keyColumns = ["host", "queue_id", "received_at", "distinguisher"]

  /// The columns of ``message``, in its order.
  static let messageColumns: [String] =
    keyColumns + [
      "client_address", "client_name", "helo", "null_reverse_path", "envelope_from_domain",
      "recipient_domains", "author_domain", "author_domains",
      "dmarc_result", "dmarc_cause", "dmarc_explanation", "discovery", "policy_before_testing",
      "applied_policy", "sampled_out", "spf_aligned", "dkim_aligned", "organizational_domain",
      "author_domain_exists", "discovery_comparison",
      "disposition", "override_reasons", "root_cause", "root_cause_explanation", "root_cause_fix",
      "flow_signs", "list_identifier", "authentication_results", "dns_evidence", "arc",
      "arc_seal", "report_traffic",
    ]

  /// Takes ``message``, then the number of its policy record.
  ///
  /// A message's number is larger than all that ever belonged to a report window, also when messages
  /// were deleted by hand: what came late is known by its number.
  static let insertMessage = insert(
    "message", messageColumns + ["policy_record_id"],
    id: """
      (SELECT 1 + max(coalesce((SELECT max(id) FROM message), 0),
        coalesce((SELECT max(through_message_id) FROM report_window), 0)))
      """)

  /// The same for who knows that number already: it comes last.
  static let insertNumberedMessage = insert(
    "message", messageColumns + ["policy_record_id", "id"])

  /// The columns of ``policyRecord``, in its order.
  static let policyColumns = [
    "policy_domain", "discovery", "text", "p", "sp", "np", "adkim", "aspf", "t", "fo", "psd",
    "pct", "rua", "ruf", "problems",
  ]

  static let insertPolicy = insert("policy_record", policyColumns)

  /// Repeats the expressions of the unique index, so that the search uses it.
  static let findPolicy: String =
    "SELECT id FROM policy_record WHERE "
    + policyColumns.map { column in
      switch column {
      case "discovery": "discovery = ?"
      case "pct": "coalesce(pct, -1) = coalesce(?, -1)"
      default: "coalesce(\(column), '') = coalesce(?, '')"
      }
    }.joined(separator: " AND ")

  private static let alignmentColumns = [
    "is_aligned", "alignment_mode", "organizational_domain", "alignment_obstacle",
  ]

  /// The columns of each of ``spfOutcomes``, in its order.
  static let spfColumns =
    [
      "identity", "domain", "result", "cause", "term", "term_domain", "explanation",
      "sender_explanation", "lookups", "void_lookups", "failed_name",
    ] + alignmentColumns

  /// Takes one of ``spfOutcomes``, then the number of the message.
  static let insertSPF = insert("spf_outcome", spfColumns + ["message_id"])

  /// The columns of each of ``dkimOutcomes``, in its order.
  static let dkimColumns =
    [
      "position", "domain", "selector", "algorithm", "identity", "key_bits",
      "canonicalization", "body_length", "signature_start", "is_test_key", "result", "cause",
      "explanation",
    ] + alignmentColumns

  /// Takes one of ``dkimOutcomes``, then the number of the message.
  static let insertDKIM = insert("dkim_outcome", dkimColumns + ["message_id"])

  /// The columns of a ``Capture``, in the order of its values.
  static let captureColumns = [
    "expires_at", "settings", "mail_from", "dns", "header", "body", "body_hashes",
  ]

  /// Takes the values of a ``Capture``, then the number of the message.
  static let insertCapture = insert("message_capture", captureColumns + ["message_id"])

  private static func insert(
    _ table: String, _ columns: [String], id: String? = nil
  ) -> String {
    let names = columns + (id == nil ? [] : ["id"])
    let marks = columns.map { _ in "?" } + (id.map { [$0] } ?? [])
    return "INSERT INTO \(table) (\(names.joined(separator: ", ")))"
      + " VALUES (\(marks.joined(separator: ", "))) ON CONFLICT DO NOTHING"
  }
}
