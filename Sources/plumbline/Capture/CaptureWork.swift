import Ledger
import MailAuth

/// Keeps of a message on its way in what is needed to evaluate it again.
final class CaptureWork {
  private let settings: CaptureSettings
  private var header: [HeaderField]? = []
  private var body: [UInt8]?
  private var octets = 0
  private var hasher: BodyHasher?

  /// Begins a message; nil when nothing is kept of any.
  init?(_ settings: CaptureSettings) {
    guard settings.content != .none else { return nil }
    self.settings = settings
    if settings.content == .message { body = [] }
  }

  /// Takes a header field, from the top down.
  func add(_ field: HeaderField) {
    octets += field.name.count + field.value.count + 3
    guard octets <= settings.mostOctets else {
      header = nil
      body = nil
      return
    }
    header?.append(field)
  }

  /// Ends the header.
  func endHeaders() { hasher = header.map { BodyHasher(header: $0) } }

  /// Takes a piece of the body.
  func add(body chunk: UnsafeRawBufferPointer) {
    unsafe hasher?.take(chunk)
    guard body != nil else { return }
    octets += chunk.count
    if octets <= settings.mostOctets {
      unsafe body?.append(contentsOf: chunk)
    } else {
      body = nil
    }
  }

  /// What is kept; nil when it is none of the messages of which something is.
  func capture(
    _ evaluation: Evaluation, _ envelope: Envelope, receivedAt: Int64, dns: [RecordedAnswer]
  ) -> MessageCapture? {
    guard settings.selection.includes(evaluation) else { return nil }
    return MessageCapture(
      expiresAt: receivedAt + Int64(settings.days) * 86_400, settings: settings.settings,
      mailFrom: envelope.mailFrom, dns: dns, header: header, body: body,
      bodyHashes: hasher?.finish() ?? BodyHashes())
  }
}
