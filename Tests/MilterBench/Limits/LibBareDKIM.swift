import COpenDKIM
import MailAuth
import TestSupport

/// libopendkim as it comes, without anything of ours: a message, and its key from memory.
///
/// `@unchecked Sendable`: the handle is set up in `init` and only read afterwards; libopendkim is
/// made for one handle and many threads.
@safe final class LibBareDKIM: Verification, @unchecked Sendable {
  private let library: OpaquePointer
  private let fields: [[UInt8]]
  private let body: [UInt8]
  private let record: [UInt8]

  init(_ letter: MixWriter.Letter, record: String) throws {
    fields = letter.header.map { $0.name + [UInt8(ascii: ":")] + $0.value }
    body = letter.body
    self.record = Array(record.utf8) + [0]
    guard let library = unsafe dkim_init(nil, nil),
      unsafe dkim_set_key_lookup(library, giveRecord) == DKIM_STAT_OK
    else { throw FixtureError("libopendkim does not start") }
    unsafe self.library = library
  }

  deinit { unsafe dkim_close(library) }

  func verify() -> Bool {
    var status: DKIM_STAT = 0
    let id: [UInt8] = Array("bench\0".utf8)
    guard let message = unsafe dkim_verify(library, id, nil, &status) else { return false }
    defer { unsafe dkim_free(message) }
    return unsafe record.withUnsafeBytes { record in
      // The library only hands the pointer on to `giveRecord`, while this closure runs.
      let context = unsafe UnsafeMutableRawPointer(mutating: record.baseAddress)
      guard unsafe dkim_set_user_context(message, context) == DKIM_STAT_OK else { return false }
      for field in fields {
        var field = field
        guard unsafe dkim_header(message, &field, field.count) == DKIM_STAT_OK else {
          return false
        }
      }
      var body = body
      return unsafe dkim_eoh(message) == DKIM_STAT_OK
        && dkim_body(message, &body, body.count) == DKIM_STAT_OK
        && dkim_eom(message, nil) == DKIM_STAT_OK
    }
  }
}

/// Answers every question for a key with the record in the message's context.
private func giveRecord(
  _ message: OpaquePointer?, _ signature: OpaquePointer?, _ buffer: UnsafeMutablePointer<UInt8>?,
  _ size: Int
) -> DKIM_CBSTAT {
  guard let message = unsafe message, let buffer = unsafe buffer,
    let context = unsafe dkim_get_user_context(message)
  else { return DKIM_CBSTAT_ERROR }
  unsafe strlcpy(buffer, context, size)
  return DKIM_CBSTAT_CONTINUE
}

/// Copies text with its NUL as far as it fits.
private func strlcpy(
  _ target: UnsafeMutablePointer<UInt8>, _ source: UnsafeMutableRawPointer, _ size: Int
) {
  let source = unsafe source.assumingMemoryBound(to: UInt8.self)
  var index = 0
  while index < size - 1, unsafe source[index] != 0 {
    unsafe target[index] = source[index]
    index += 1
  }
  unsafe target[index] = 0
}
