import CDirectKeys
import COpenDKIM
import Glibc

/// A failure of libopendkim itself, with its status code and text.
struct LibOpenDKIMError: Error, CustomStringConvertible {
  let operation: String
  let status: Int32

  var description: String {
    let text = unsafe dkim_getresultstr(status).map { pointer in
      let count = unsafe strlen(pointer)
      return unsafe UnsafeRawBufferPointer(start: pointer, count: count).printable()
    }
    return "libopendkim: \(operation) failed with status \(status) (\(text ?? "no text"))"
  }
}

/// libopendkim as a verifier, configured once and shared by all messages.
///
/// This file holds every pointer of the library, and every guard that its version 2.11 needs.
///
/// `@unchecked Sendable`: the handle is configured fully in `init` and never changed again;
/// libopendkim only reads it while messages are verified.
@safe final class LibOpenDKIM: @unchecked Sendable {
  fileprivate let library: OpaquePointer

  /// Opens the library.
  ///
  /// `t=` and `x=` may be `clockDriftSeconds` from the wall clock. The library computes `t - drift`
  /// and `x + drift` without a sign and without a check for overflow.
  init(clockDriftSeconds: UInt64) throws(LibOpenDKIMError) {
    guard let library = unsafe dkim_init(nil, nil) else {
      throw LibOpenDKIMError(operation: "dkim_init", status: DKIM_STAT_NORESOURCE)
    }
    unsafe self.library = library
    // BADSIGHANDLES: without it a missing From or one bad signature hides all the others.
    // DELAYSIGPROC: keys are not asked for before the end of the message.
    try set(
      DKIM_OPTS_FLAGS, to: UInt32(DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC))
    // Sizes are judged by us.
    try set(DKIM_OPTS_MINKEYBITS, to: UInt32(1))
    try set(DKIM_OPTS_CLOCKDRIFT, to: clockDriftSeconds)
    let status = unsafe dkim_set_key_lookup(library, provideKey)
    guard status == DKIM_STAT_OK else {
      throw LibOpenDKIMError(operation: "dkim_set_key_lookup", status: status)
    }
  }

  deinit { unsafe dkim_close(library) }

  private func set<Value: BitwiseCopyable>(_ option: Int32, to value: Value)
    throws(LibOpenDKIMError)
  {
    var value = value
    let status = unsafe dkim_options(
      library, DKIM_OP_SETOPT, dkim_opts_t(option), &value, MemoryLayout<Value>.size)
    guard status == DKIM_STAT_OK else {
      throw LibOpenDKIMError(operation: "dkim_options(\(option))", status: status)
    }
  }
}

/// libopendkim twice over: once with the wall clock taken out of its verdict, once with it.
///
/// Dates are judged by us, with the message's own time. A billion seconds of drift keeps the
/// library from judging them again, except where its arithmetic would wrap: a `t=` before 2001, an
/// `x=` beyond twelve digits. Messages with such a signature go through the handle without drift.
final class DKIMLibraries: Sendable {
  static let driftSeconds: Int64 = 1_000_000_000

  private let withDrift: LibOpenDKIM
  private let withoutDrift: LibOpenDKIM

  init() throws(LibOpenDKIMError) {
    withDrift = try LibOpenDKIM(clockDriftSeconds: UInt64(Self.driftSeconds))
    withoutDrift = try LibOpenDKIM(clockDriftSeconds: 0)
  }

  /// The handle for a message with these signatures.
  func library(for signatures: [DKIMSignature]) -> LibOpenDKIM {
    let wouldWrap = signatures.contains { signature in
      (signature.timestamp ?? .max) < Self.driftSeconds || signature.expiresNever
    }
    return wouldWrap ? withoutDrift : withDrift
  }
}

/// One message inside libopendkim.
///
/// Calls come in the order header…, `endOfHeaders`, body…, `endOfMessage`; each may come from
/// another thread, one at a time.
@safe final class LibOpenDKIMVerification {
  /// What libopendkim says of one signature.
  struct Result {
    /// The library's `DKIM_SIGERROR_…` code; 0 when it found nothing wrong.
    var error: Int32
    /// Whether the header signature verified.
    var isHeaderVerified: Bool
    /// Whether the body hash agrees; nil when it was not compared.
    var isBodyVerified: Bool?

    /// The only combination that means a pass: a body hash of "match" alone is also what a
    /// signature has that was never evaluated.
    var isPass: Bool { error == DKIM_SIGERROR_OK && isHeaderVerified && isBodyVerified == true }

    /// The library's text for ``error``.
    var errorText: String {
      guard let text = unsafe dkim_sig_geterrorstr(error) else { return "error \(error)" }
      return unsafe UnsafeRawBufferPointer(start: text, count: strlen(text)).printable()
    }
  }

  private let library: LibOpenDKIM
  private let dkim: OpaquePointer
  private var signatures: [OpaquePointer] = unsafe []
  private var keyRecords: [String?] = []
  private var bodyTail: (UInt8, UInt8) = (0, 0)
  private var bodyIsEmpty = true

  /// How many RSA keys `endOfMessage` read without OpenSSL's decoders.
  private(set) var keysReadDirectly = 0

  /// Begins a message.
  init(_ library: LibOpenDKIM) throws(LibOpenDKIMError) {
    var status = DKIM_STAT_OK
    let identifier: [UInt8] = [UInt8(ascii: "-"), 0]
    guard let dkim = unsafe dkim_verify(unsafe library.library, identifier, nil, &status) else {
      throw LibOpenDKIMError(operation: "dkim_verify", status: status)
    }
    self.library = library
    unsafe self.dkim = dkim
    // Unretained: the box is this object, which frees the handle before it goes.
    unsafe dkim_set_user_context(dkim, Unmanaged.passUnretained(self).toOpaque())
    // dkim_canon_selecthdrs writes one element past its array when h= names every field of the
    // message and one more. White space in h= is dropped, so no h= can name this field: one slot
    // stays free, and the field enters no hash.
    header(HeaderField("pad pad", " x"))
  }

  deinit { unsafe dkim_free(dkim) }

  /// Gives one field; fields with a NUL are left out, since the library stops hashing there.
  func header(_ field: HeaderField) {
    let (name, value) = (field.name, field.value)
    let count = name.count + 1 + value.count
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { text in
      _ = unsafe text[..<name.count].initialize(fromContentsOf: name)
      unsafe text.initializeElement(at: name.count, to: UInt8(ascii: ":"))
      _ = unsafe text[(name.count + 1)...].initialize(fromContentsOf: value)
      guard let start = text.baseAddress, unsafe memchr(start, 0, count) == nil else { return }
      // A refusal concerns this field only: such a field is no part of any hash.
      _ = unsafe dkim_header(dkim, start, count)
    }
  }

  /// Ends the header and says how many signatures the library found, from the top down.
  func endOfHeaders() throws(LibOpenDKIMError) -> Int {
    let status = unsafe dkim_eoh(dkim)
    guard status == DKIM_STAT_OK || status == DKIM_STAT_NOSIG else {
      throw LibOpenDKIMError(operation: "dkim_eoh", status: status)
    }
    var list: UnsafeMutablePointer<OpaquePointer?>?
    var count: Int32 = 0
    guard unsafe dkim_getsiglist(dkim, &list, &count) == DKIM_STAT_OK, let list = unsafe list
    else { return 0 }
    unsafe signatures = unsafe UnsafeBufferPointer(start: list, count: Int(count)).compactMap {
      unsafe $0
    }
    return unsafe signatures.count
  }

  /// Gives a piece of the body.
  func body(_ chunk: UnsafeRawBufferPointer) throws(LibOpenDKIMError) {
    guard let last = unsafe chunk.last, let start = chunk.baseAddress else { return }
    bodyIsEmpty = false
    let beforeLast = unsafe chunk.count > 1 ? chunk[chunk.count - 2] : bodyTail.1
    bodyTail = (beforeLast, last)
    // The library takes a mutable pointer and does not write through it.
    let status = unsafe dkim_body(
      dkim, UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: u_char.self)),
      chunk.count)
    guard status == DKIM_STAT_OK else {
      throw LibOpenDKIMError(operation: "dkim_body", status: status)
    }
  }

  /// Ends the message and verifies each signature that has a key.
  ///
  /// - Parameters:
  ///   - keyRecords: A key record of our making for each signature, from the top down; nil leaves
  ///     that signature out.
  ///   - readsKeysDirectly: Whether ordinary RSA keys are kept from OpenSSL's decoders.
  /// - Returns: One result for each signature.
  func endOfMessage(keyRecords: [String?], readsKeysDirectly: Bool) -> [Result] {
    self.keyRecords = keyRecords
    if !bodyIsEmpty, bodyTail != (0x0D, 0x0A) {
      // Without a final CRLF the library gives no result at all for relaxed bodies.
      var lineEnd: [u_char] = [0x0D, 0x0A]
      _ = unsafe dkim_body(dkim, &lineEnd, lineEnd.count)
    }
    var isTestKey = false
    // The library verifies here and nowhere else, in this thread. The status sums up all signatures;
    // what counts is read from each.
    if readsKeysDirectly { plumbline_direct_keys_begin() }
    _ = unsafe dkim_eom(dkim, &isTestKey)
    if readsKeysDirectly { keysReadDirectly = Int(plumbline_direct_keys_end()) }
    return unsafe signatures.map { unsafe result(of: $0) }
  }

  private func result(of signature: OpaquePointer) -> Result {
    let flags = unsafe dkim_sig_getflags(signature)
    let bodyHash = unsafe dkim_sig_getbh(signature)
    return Result(
      error: unsafe dkim_sig_geterror(signature),
      isHeaderVerified: flags & UInt32(DKIM_SIGFLAG_PASSED) != 0,
      isBodyVerified: bodyHash == DKIM_SIGBH_UNTESTED ? nil : bodyHash == DKIM_SIGBH_MATCH)
  }

  fileprivate func keyRecord(for signature: OpaquePointer) -> String? {
    guard let index = unsafe signatures.firstIndex(of: signature),
      keyRecords.indices.contains(index)
    else { return nil }
    return keyRecords[index]
  }
}

/// libopendkim's key lookup: answers from the table that `endOfMessage` was given.
///
/// NOTFOUND marks only this signature. TRYAGAIN, ERROR and DEFAULT are never returned: the first
/// two leave signatures without a result, the last makes the library ask the DNS itself.
private func provideKey(
  dkim: OpaquePointer?, signature: OpaquePointer?, buffer: UnsafeMutablePointer<u_char>?,
  capacity: Int
) -> DKIM_CBSTAT {
  guard let dkim = unsafe dkim, let signature = unsafe signature, let buffer = unsafe buffer,
    let context = unsafe dkim_get_user_context(dkim)
  else { return DKIM_CBSTAT_NOTFOUND }
  let verification = unsafe Unmanaged<LibOpenDKIMVerification>.fromOpaque(context)
    .takeUnretainedValue()
  guard var record = unsafe verification.keyRecord(for: signature), record.utf8.count < capacity
  else { return DKIM_CBSTAT_NOTFOUND }
  let count = record.withUTF8 { octets in
    if let start = octets.baseAddress { unsafe memcpy(buffer, start, octets.count) }
    return octets.count
  }
  unsafe buffer[count] = 0
  return DKIM_CBSTAT_CONTINUE
}

/// The `DKIM_SIGERROR_…` codes that our own checks leave to the library.
enum DKIMLibraryError {
  static let badSignature = Int32(DKIM_SIGERROR_BADSIG)
  static let bodyLengthTooLarge = Int32(DKIM_SIGERROR_TOOLARGE_L)
  static let keyUndecodable = Int32(DKIM_SIGERROR_KEYDECODE)
  // Dates are left to it where ``DKIMLibraries`` cannot take the clock out of its verdict.
  static let expired = Int32(DKIM_SIGERROR_EXPIRED)
  static let future = Int32(DKIM_SIGERROR_FUTURE)
  static let notEvaluated = Int32(DKIM_SIGERROR_UNKNOWN)
}
