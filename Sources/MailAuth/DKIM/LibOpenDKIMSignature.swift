import COpenDKIM
import Glibc

/// One message inside libopendkim, to be signed.
///
/// Time, expiry and field names are settings of the library's handle, so each message has a handle
/// of its own. Calls come in the order header…, `endOfHeaders`, body…, `endOfMessage`.
@safe final class LibOpenDKIMSignature {
  private let library: OpaquePointer
  private let dkim: OpaquePointer
  private let isFolded: Bool
  private var bodyIsEmpty = true
  private var bodyTail: [UInt8] = []

  /// Begins a message.
  init(_ signer: DKIMSigner, now: UInt64) throws(LibOpenDKIMError) {
    guard let library = unsafe dkim_init(nil, nil) else {
      throw LibOpenDKIMError(operation: "dkim_init", status: DKIM_STAT_NORESOURCE)
    }
    unsafe self.library = library
    isFolded = signer.headerCanonicalization == .relaxed
    do throws(LibOpenDKIMError) {
      try unsafe Self.configure(library, signer, now: now)
      unsafe dkim = try unsafe Self.begin(library, signer)
    } catch {
      unsafe dkim_close(library)
      throw error
    }
    // The library folds twice: with an empty b= for the hash, and with its value for the field. As
    // the value may not fit where the empty tag did, the results can differ, which only relaxed
    // forgives. Without folding they are equal.
    if !isFolded { try Self.check(unsafe dkim_set_margin(dkim, 0), "dkim_set_margin") }
    // As when verifying: dkim_canon_selecthdrs writes one element past its array when every field
    // of the message is taken. This name is in no list, so one slot stays free.
    try header(HeaderField("pad pad", " x"))
  }

  deinit {
    unsafe dkim_free(dkim)
    unsafe dkim_close(library)
  }

  private static func configure(
    _ library: OpaquePointer, _ signer: DKIMSigner, now: UInt64
  ) throws(LibOpenDKIMError) {
    // The limits are DKIMPrivateKey's.
    try unsafe set(library, DKIM_OPTS_MINKEYBITS, to: UInt32(1))
    try unsafe set(library, DKIM_OPTS_FIXEDTIME, to: now)
    if let lifetime = signer.lifetimeSeconds {
      try unsafe set(library, DKIM_OPTS_SIGNATURETTL, to: UInt64(clamping: lifetime))
    }
    if signer.bodyLength != nil {
      try unsafe set(library, DKIM_OPTS_FLAGS, to: UInt32(DKIM_LIBFLAGS_SIGNLEN))
    }
    try unsafe setNames(library, DKIM_OPTS_SIGNHDRS, signer.allSignedNames)
    if !signer.oversignedNames.isEmpty {
      try unsafe setNames(library, DKIM_OPTS_OVERSIGNHDRS, signer.oversignedNames)
    }
  }

  private static func set<Value: BitwiseCopyable>(
    _ library: OpaquePointer, _ option: Int32, to value: Value
  ) throws(LibOpenDKIMError) {
    var value = value
    let status = unsafe dkim_options(
      library, DKIM_OP_SETOPT, dkim_opts_t(option), &value, MemoryLayout<Value>.size)
    try check(status, "dkim_options(\(option))")
  }

  /// Gives a list of names, which the library copies.
  private static func setNames(
    _ library: OpaquePointer, _ option: Int32, _ names: [String]
  ) throws(LibOpenDKIMError) {
    var list: [UnsafeMutablePointer<CChar>?] = unsafe names.map { unsafe strdup($0) } + [nil]
    // By index: the formatter cannot read `for unsafe`.
    defer { for index in names.indices { unsafe free(list[index]) } }
    let status = unsafe list.withUnsafeMutableBytes { buffer in
      unsafe dkim_options(
        library, DKIM_OP_SETOPT, dkim_opts_t(option), buffer.baseAddress,
        MemoryLayout<UnsafeMutableRawPointer>.size)
    }
    try check(status, "dkim_options(\(option))")
  }

  private static func begin(
    _ library: OpaquePointer, _ signer: DKIMSigner
  ) throws(LibOpenDKIMError) -> OpaquePointer {
    var status = DKIM_STAT_OK
    let identifier: [UInt8] = [UInt8(ascii: "-"), 0]
    // The library takes a mutable pointer and copies the text.
    var key = signer.key.pem + [0]
    let algorithm =
      switch signer.key.algorithm {
      case .rsaSHA256: DKIM_SIGN_RSASHA256
      case .ed25519SHA256: DKIM_SIGN_ED25519SHA256
      }
    let dkim = unsafe key.withUnsafeMutableBufferPointer { key in
      unsafe dkim_sign(
        library, identifier, nil, key.baseAddress, Array(signer.selector.text.utf8) + [0],
        Array(signer.domain.text.utf8) + [0], dkim_canon_t(signer.headerCanonicalization.code),
        dkim_canon_t(signer.bodyCanonicalization.code), dkim_alg_t(algorithm),
        signer.bodyLength ?? -1, &status)
    }
    guard let dkim = unsafe dkim else {
      throw LibOpenDKIMError(operation: "dkim_sign", status: status)
    }
    return unsafe dkim
  }

  /// Gives one field.
  func header(_ field: HeaderField) throws(LibOpenDKIMError) {
    var text = field.name + [UInt8(ascii: ":")] + field.value
    let status = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe dkim_header(dkim, buffer.baseAddress, buffer.count)
    }
    try Self.check(status, "dkim_header")
  }

  /// Ends the header.
  func endOfHeaders() throws(LibOpenDKIMError) {
    try Self.check(unsafe dkim_eoh(dkim), "dkim_eoh")
  }

  /// Gives a piece of the body.
  func body(_ octets: [UInt8]) throws(LibOpenDKIMError) {
    guard !octets.isEmpty else { return }
    bodyIsEmpty = false
    bodyTail = Array((bodyTail + octets.suffix(2)).suffix(2))
    var octets = octets
    let status = unsafe octets.withUnsafeMutableBufferPointer { buffer in
      unsafe dkim_body(dkim, buffer.baseAddress, buffer.count)
    }
    try Self.check(status, "dkim_body")
  }

  /// Ends the message.
  ///
  /// - Returns: The value of the field, folded, without a blank in front.
  func endOfMessage() throws(LibOpenDKIMError) -> [UInt8] {
    // Without a final CRLF the library fails for relaxed bodies; a mail server adds it anyway.
    if !bodyIsEmpty, bodyTail != [0x0D, 0x0A] { try body([0x0D, 0x0A]) }
    try Self.check(unsafe dkim_eom(dkim, nil), "dkim_eom")
    var text: UnsafeMutablePointer<UInt8>?
    var length = 0
    // What stands in front of the value on its first line counts for the folding.
    let status = unsafe dkim_getsighdr_d(dkim, "DKIM-Signature: ".utf8.count, &text, &length)
    try Self.check(status, "dkim_getsighdr_d")
    guard let text = unsafe text else {
      throw LibOpenDKIMError(operation: "dkim_getsighdr_d", status: DKIM_STAT_INTERNAL)
    }
    let value = unsafe Array(UnsafeBufferPointer(start: text, count: length))
    return isFolded ? value : Self.foldingSignatureValue(value)
  }

  /// Folds the value of the last tag, `b=`: white space in it enters no hash.
  private static func foldingSignatureValue(_ value: [UInt8]) -> [UInt8] {
    guard let semicolon = value.lastIndex(of: UInt8(ascii: ";")),
      let equals = value[semicolon...].firstIndex(of: UInt8(ascii: "="))
    else { return value }
    var folded = Array(value[...equals])
    var rest = value[(equals + 1)...]
    while !rest.isEmpty {
      folded += [0x0D, 0x0A, 0x09] + rest.prefix(72)
      rest = rest.dropFirst(72)
    }
    return folded
  }

  private static func check(_ status: DKIM_STAT, _ operation: String) throws(LibOpenDKIMError) {
    guard status == DKIM_STAT_OK else {
      throw LibOpenDKIMError(operation: operation, status: status)
    }
  }
}

extension Canonicalization {
  fileprivate var code: Int32 {
    switch self {
    case .simple: DKIM_CANON_SIMPLE
    case .relaxed: DKIM_CANON_RELAXED
    }
  }
}
