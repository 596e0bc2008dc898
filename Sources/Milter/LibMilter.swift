internal import CMilter
internal import CMilterSignals
internal import CMilterStream
internal import Glibc
internal import MailAuth
internal import Synchronization

/// libmilter: registration, negotiation and callbacks.
///
/// This file and ``LibMilterMacros`` are the only ones that hold libmilter's pointers.
///
/// libmilter is global to the process and cannot be started again after it ended, so there is one
/// ``MilterServer``, claimed once. A callback that is handed a null pointer, or finds no session,
/// answers with a temporary failure or does nothing.
enum LibMilter {
  /// The server of this process, once there is one.
  ///
  /// Registration has no user pointer, so callbacks find it here; they do so once per connection
  /// and keep it in the session.
  fileprivate static let server = Mutex<MilterServer?>(nil)

  /// The macros of messages, which libmilter's own function reads past their end.
  fileprivate static let macros = LibMilterMacros()

  /// Whether libmilter's signal thread is kept out of the way in this executable.
  static var ownsSignals: Bool { plumbline_owns_sigwait() == 1 }

  /// Whether libmilter's reading and writing can be buffered in this executable.
  static var canBufferConnections: Bool { plumbline_owns_milter_stream() == 1 }

  /// Makes `server` the one of this process; false when there is another already.
  static func claimProcess(for newServer: MilterServer) -> Bool {
    server.withLock { current in
      guard current == nil || current === newServer else { return false }
      current = newServer
      return true
    }
  }

  /// Registers the callbacks and makes libmilter listen on an open socket.
  static func setUp(
    settings: MilterServerSettings, descriptor: Int32
  ) throws(MilterServerError) {
    // libmilter reports through syslog; without this its lines would carry the program's path.
    unsafe openlog(cString("plumbline"), LOG_PID, LOG_MAIL)
    guard unsafe smfi_register(description) == MI_SUCCESS else {
      throw MilterServerError(
        socket: settings.socket, problem: .libmilter(call: "smfi_register"))
    }
    guard !macros.listOffsets.isEmpty else {
      throw MilterServerError(
        socket: settings.socket, problem: .libmilter(call: "smfi_getsymval"))
    }
    plumbline_milter_stream_enable(settings.buffersConnections ? 1 : 0)
    smfi_setmaxdatasize(settings.packetLimitBytes)
    smfi_settimeout(settings.silenceTimeoutSeconds)
    smfi_setbacklog(SOMAXCONN)
    // "fd:" is Debian's addition to libmilter, made for socket activation.
    var connection = Array("fd:\(descriptor)".utf8CString)
    guard unsafe smfi_setconn(&connection) == MI_SUCCESS else {
      throw MilterServerError(socket: settings.socket, problem: .libmilter(call: "smfi_setconn"))
    }
    guard smfi_opensocket(0) == MI_SUCCESS else {
      throw MilterServerError(
        socket: settings.socket, problem: .libmilter(call: "smfi_opensocket"))
    }
  }

  /// Serves; returns only when libmilter gives up.
  static func main() -> Int32 { smfi_main() }

  private static var description: smfiDesc {
    var description = unsafe smfiDesc()
    unsafe description.xxfi_name = cString("plumbline")
    unsafe description.xxfi_version = SMFI_VERSION
    unsafe description.xxfi_flags = UInt(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE)
    unsafe description.xxfi_negotiate = negotiated
    unsafe description.xxfi_connect = connected
    unsafe description.xxfi_helo = greeted
    unsafe description.xxfi_envfrom = mailFrom
    unsafe description.xxfi_envrcpt = recipient
    unsafe description.xxfi_header = headerField
    unsafe description.xxfi_eoh = endOfHeaders
    unsafe description.xxfi_body = bodyChunk
    unsafe description.xxfi_eom = endOfMessage
    unsafe description.xxfi_abort = aborted
    unsafe description.xxfi_close = closed
    return unsafe description
  }
}

// MARK: - Negotiation

/// The replies that this filter never needs: all but the one to the end of a message and, as a rule,
/// the one to MAIL.
///
/// Without MAIL's, the MTA keeps the command until it has more to send, which may be seconds later:
/// the questions to DNS start later, a message that is skipped is sent all the same, and one that is
/// refused while the milter drains is refused only at its end. But the MTA and this filter wait for
/// each other once less, a sixth of an unsigned message's time; so on a busy host it is waived too.
/// libmilter offers all of these whatever the MTA can, and where the MTA cannot it sends a
/// "continue" in our place.
private let waivableReplies = UInt(
  SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY)

private func negotiated(
  _ context: OpaquePointer?, _ offeredActions: UInt, _ offeredSteps: UInt, _: UInt, _: UInt,
  _ actions: UnsafeMutablePointer<UInt>?, _ steps: UnsafeMutablePointer<UInt>?,
  _ reserved2: UnsafeMutablePointer<UInt>?, _ reserved3: UnsafeMutablePointer<UInt>?
) -> sfsistat {
  guard let actions = unsafe actions, let steps = unsafe steps,
    let session = unsafe makeSession(context)
  else { return SMFIS_TEMPFAIL }

  // Asking for what is not offered would make libmilter end the connection, and mail would stop.
  let headerActions = UInt(SMFIF_ADDHDRS | SMFIF_CHGHDRS)
  let holdActions = session.server.mayHold() ? UInt(SMFIF_QUARANTINE) : 0
  unsafe actions.pointee = (headerActions | holdActions) & offeredActions
  if offeredActions & headerActions != headerActions {
    session.server.warnOnce(
      "the MTA does not let filters edit headers; Authentication-Results get lost")
  }
  if offeredActions & holdActions != holdActions {
    session.server.warnOnce("the MTA does not let filters hold messages; they will be delivered")
  }
  let waived = waivableReplies | (session.server.isBusy ? UInt(SMFIP_NR_MAIL) : 0)
  session.waivedReplies = waived & offeredSteps
  session.keepsLeadingSpace = offeredSteps & UInt(SMFIP_HDR_LEADSPC) != 0
  if !session.keepsLeadingSpace {
    session.server.warnOnce(
      "the MTA cuts the blank in front of header values; one is assumed for each")
  }
  unsafe steps.pointee =
    UInt(SMFIP_NODATA | SMFIP_NOUNKNOWN) | session.waivedReplies
    | UInt(SMFIP_HDR_LEADSPC) & offeredSteps
  unsafe reserved2?.pointee = 0
  unsafe reserved3?.pointee = 0

  if offeredActions & UInt(SMFIF_SETSYMLIST) != 0 {
    // As soon as one stage is listed, Postfix sends no macros at the others. Its default has a
    // macro packet in front of every header field and every piece of the body.
    unsafe actions.pointee |= UInt(SMFIF_SETSYMLIST)
    unsafe smfi_setsymlist(context, SMFIM_CONNECT, cString("j"))
    unsafe smfi_setsymlist(context, SMFIM_ENVFROM, cString("{auth_authen}"))
    unsafe smfi_setsymlist(context, SMFIM_EOM, cString("i"))
  }
  return SMFIS_CONTINUE
}

// MARK: - Callbacks in the order of a message

private func connected(
  _ context: OpaquePointer?, _ name: UnsafeMutablePointer<CChar>?,
  _ address: UnsafeMutablePointer<sockaddr>?
) -> sfsistat {
  guard let session = unsafe session(context) ?? makeSession(context) else { return SMFIS_TEMPFAIL }
  unsafe session.connected(address: ipAddress(address), name: octets(name))
  return session.proceed(SMFIP_NR_CONN)
}

private func greeted(
  _ context: OpaquePointer?, _ argument: UnsafeMutablePointer<CChar>?
) -> sfsistat {
  guard let session = unsafe session(context) ?? makeSession(context) else { return SMFIS_TEMPFAIL }
  unsafe session.greeted(octets(argument))
  return session.proceed(SMFIP_NR_HELO)
}

private func mailFrom(
  _ context: OpaquePointer?, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> sfsistat {
  guard let session = unsafe session(context) ?? makeSession(context),
    let path = unsafe arguments?.pointee
  else { return SMFIS_TEMPFAIL }
  let beginning = unsafe session.mail(
    from: octets(path), authenticatedName: macro(context, "{auth_authen}"),
    hostName: macro(context, "j"), isAnswered: session.waivedReplies & UInt(SMFIP_NR_MAIL) == 0)
  switch beginning {
  case .followed: return session.proceed(SMFIP_NR_MAIL)
  case .skipped: return SMFIS_ACCEPT
  case .refused(let reply): return unsafe answer(reply, context, session, queueID: noQueueID)
  }
}

private func recipient(
  _ context: OpaquePointer?, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> sfsistat {
  guard let session = unsafe session(context) else { return SMFIS_TEMPFAIL }
  if let path = unsafe arguments?.pointee { unsafe session.recipient(octets(path)) }
  return session.proceed(SMFIP_NR_RCPT)
}

private func headerField(
  _ context: OpaquePointer?, _ name: UnsafeMutablePointer<CChar>?,
  _ value: UnsafeMutablePointer<CChar>?
) -> sfsistat {
  guard let session = unsafe session(context) else { return SMFIS_TEMPFAIL }
  let name = unsafe octets(name)
  if !name.isEmpty {
    let count = unsafe value.map { unsafe strlen($0) } ?? 0
    unsafe session.header(name: name, value: UnsafeRawBufferPointer(start: value, count: count))
  }
  return session.proceed(SMFIP_NR_HDR)
}

private func endOfHeaders(_ context: OpaquePointer?) -> sfsistat {
  guard let session = unsafe session(context) else { return SMFIS_TEMPFAIL }
  session.endOfHeaders()
  return session.proceed(SMFIP_NR_EOH)
}

private func bodyChunk(
  _ context: OpaquePointer?, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int
) -> sfsistat {
  guard let session = unsafe session(context) else { return SMFIS_TEMPFAIL }
  if let bytes = unsafe bytes, count > 0 {
    unsafe session.body(UnsafeRawBufferPointer(start: bytes, count: count))
  }
  return session.proceed(SMFIP_NR_BODY)
}

/// What stands for the queue ID where the MTA gives none, as in Postfix's own log.
private let noQueueID = "NOQUEUE"

private func endOfMessage(_ context: OpaquePointer?) -> sfsistat {
  guard let session = unsafe session(context) else { return SMFIS_TEMPFAIL }
  let queueID = unsafe macro(context, "i") ?? noQueueID
  let reply = session.endOfMessage(queueID: queueID) { edit in
    unsafe make(edit, context, session)
  }
  return unsafe answer(reply, context, session, queueID: queueID)
}

private func aborted(_ context: OpaquePointer?) -> sfsistat {
  unsafe session(context)?.abort()
  return SMFIS_CONTINUE
}

/// Releases the session; libmilter calls this without a connection before it, and once more after
/// SMFIC_QUIT_NC.
private func closed(_ context: OpaquePointer?) -> sfsistat {
  guard let pointer = unsafe smfi_getpriv(context) else { return SMFIS_CONTINUE }
  unsafe smfi_setpriv(context, nil)
  unsafe Unmanaged<Session>.fromOpaque(pointer).release()
  return SMFIS_CONTINUE
}

// MARK: - Sessions

/// Makes a connection's session; libmilter holds the one reference until `closed`.
private func makeSession(_ context: OpaquePointer?) -> Session? {
  guard unsafe context != nil, let server = LibMilter.server.withLock({ $0 }) else { return nil }
  _ = unsafe closed(context)
  let session = Session(server: server)
  let box = unsafe Unmanaged.passRetained(session)
  guard unsafe smfi_setpriv(context, box.toOpaque()) == MI_SUCCESS else {
    unsafe box.release()
    return nil
  }
  return session
}

private func session(_ context: OpaquePointer?) -> Session? {
  guard let pointer = unsafe smfi_getpriv(context) else { return nil }
  return unsafe Unmanaged<Session>.fromOpaque(pointer).takeUnretainedValue()
}

extension Session {
  /// The answer "go on" of a callback: none at all where the MTA was told not to expect one.
  fileprivate func proceed(_ waiver: Int) -> sfsistat {
    waivedReplies & UInt(waiver) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE
  }
}

// MARK: - C values

/// A literal as the `char *` that libmilter's functions take; none of them writes to it.
func cString(_ text: StaticString) -> UnsafeMutablePointer<CChar> {
  unsafe UnsafeMutableRawPointer(mutating: text.utf8Start).assumingMemoryBound(to: CChar.self)
}

func withMutableCString(
  _ text: String, _ body: (UnsafeMutablePointer<CChar>?) -> Int32
) -> Int32 {
  // libmilter's parameters lack const; it copies what they point to.
  unsafe text.withCString { unsafe body(UnsafeMutablePointer(mutating: $0)) }
}

/// A macro's value as printable text; nil when the MTA did not send it, or sent it empty.
private func macro(_ context: OpaquePointer?, _ name: String) -> String? {
  let text = unsafe LibMilter.macros.value(name, in: context)?.printable() ?? ""
  return text.isEmpty ? nil : text
}

/// The client's address; nil for a local socket or an unknown family.
private func ipAddress(_ address: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
  guard let address = unsafe address else { return nil }
  // libmilter's address is a union that is large enough for each family it names.
  let start = UnsafeRawPointer(address)
  switch unsafe Int32(address.pointee.sa_family) {
  case AF_INET:
    guard let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) else { return nil }
    return unsafe IPAddress(
      bytes: Array(UnsafeRawBufferPointer(start: start + offset, count: 4)))
  case AF_INET6:
    guard let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) else { return nil }
    return unsafe IPAddress(
      bytes: Array(UnsafeRawBufferPointer(start: start + offset, count: 16)))
  default: return nil
  }
}
