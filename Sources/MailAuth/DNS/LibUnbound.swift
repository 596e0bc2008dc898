import CUnbound
import Glibc
import Synchronization

/// What libunbound says to one question, copied out of its memory.
struct UnboundReply: Sendable {
  /// The response code; 2 (SERVFAIL) also when libunbound gave up by itself.
  var rcode = 2
  /// The data of each record of the type asked for.
  var data: [[UInt8]] = []
  var isSecure = false
  var isBogus = false
  /// Whether the server gave nothing but the names of other servers: no answer, not even that
  /// there is no record (RFC 2308 section 2.2).
  var isReferral = false
  /// Seconds the answer may be kept; 0 when unknown.
  var ttlSeconds = 0
  /// Why it failed, in libunbound's words; nil when it did not say.
  var reason: String?
}

/// libunbound: one context with its cache, its resolving thread, and a thread that takes results
/// from it; the only file that holds its pointers.
///
/// Questions are started from any thread and end in a closure on the second thread.
@safe
final class LibUnbound: Sendable {
  private let core: UnboundCore
  private let thread: pthread_t

  /// Makes a context and starts its threads.
  init(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    let core = try UnboundCore(settings)
    do {
      thread = try core.startThread()
    } catch {
      core.delete()
      throw error
    }
    self.core = core
  }

  // The thread deletes the context on its way out. It never runs this: completions are given no
  // reference to this object.
  deinit {
    core.stop()
    pthread_join(thread, nil)
  }

  /// Starts one question; `completion` runs once, unless this object goes away before.
  ///
  /// - Parameters:
  ///   - name: The owner name, labels joined by dots, no escapes.
  ///   - type: The record type asked for.
  ///   - completion: Gets the reply, on the thread of this object or, when libunbound takes no
  ///     question, on the caller's.
  func start(
    _ name: String, _ type: DNSRecordType, completion: @escaping @Sendable (UnboundReply) -> Void
  ) {
    core.start(name, type, completion: completion)
  }

  /// A name as libunbound reads it: every octet that is not plainly a letter, digit, hyphen or
  /// underscore as `\DDD`, so that nothing in it can mean anything (RFC 1035 section 5.1).
  static func presentation(of name: String) -> String {
    var text = ""
    for octet in name.utf8 {
      switch octet {
      case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
        text.unicodeScalars.append(Unicode.Scalar(octet))
      case _ where octet.isASCIIDigit || octet.isASCIILetter:
        text.unicodeScalars.append(Unicode.Scalar(octet))
      default:
        let digits = String(octet)
        text += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
      }
    }
    return text + "."
  }
}

/// One question on its way; libunbound holds an unretained pointer to it, `UnboundCore.pending`
/// keeps it alive.
private final class UnboundQuery: Sendable {
  let core: UnboundCore
  let name: String
  let type: DNSRecordType
  let completion: @Sendable (UnboundReply) -> Void

  init(
    core: UnboundCore, name: String, type: DNSRecordType,
    completion: @escaping @Sendable (UnboundReply) -> Void
  ) {
    self.core = core
    self.name = name
    self.type = type
    self.completion = completion
  }
}

/// The context itself, owned by ``LibUnbound`` and by the thread that takes results.
// Sendable although it holds a pointer: libunbound locks its context itself, the pointer never
// changes, and it is deleted by the thread below after its last use there, when `LibUnbound`, and
// with it every other user, is gone.
@safe
private final class UnboundCore: @unchecked Sendable {
  private let context: OpaquePointer
  private let wakeRead: CInt
  private let wakeWrite: CInt
  private let stopping = Atomic<Bool>(false)
  private let pending = Mutex<[ObjectIdentifier: UnboundQuery]>([:])

  init(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    guard let ends = PipeEnds() else {
      throw .libunbound(what: "pipe", reason: errorText(errno))
    }
    guard let context = unsafe ub_ctx_create() else {
      let reason = errorText(errno)
      close(ends.read)
      close(ends.write)
      throw .libunbound(what: "ub_ctx_create", reason: reason)
    }
    unsafe self.context = unsafe context
    wakeRead = ends.read
    wakeWrite = ends.write
    do {
      try configure(settings)
    } catch {
      delete()
      throw error
    }
  }

  // MARK: Settings

  private func configure(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    routeLog()
    for (option, value) in UnboundOptions.required(for: settings) { try set(option, value) }
    for (option, value) in UnboundOptions.wished {
      // An older or newer libunbound may not know these; they only make failures more telling.
      _ = unsafe ub_ctx_set_option(context, option, value)
    }
    try configureServers(settings)
    if let path = settings.trustAnchorFile { try addTrustAnchor(path) }
    try check("ub_ctx_async", status: unsafe ub_ctx_async(context, 1))
    // Removing a zone that is not there changes nothing and makes libunbound check its settings
    // now, not at the first question.
    let status = unsafe ub_ctx_zone_remove(context, "plumbline.invalid.")
    if let path = settings.trustAnchorFile, status != 0 {
      throw .badTrustAnchor(path: path, reason: Self.text(of: status))
    }
    try check("start", status: status)
  }

  private func configureServers(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    for server in settings.servers {
      if let problem = LiveResolverSettings.problem(inServer: server) {
        throw .badServer(problem)
      }
      try check("server \(server)", status: unsafe ub_ctx_set_fwd(context, server))
    }
    guard settings.servers.isEmpty else { return }
    let path = settings.systemServersFile
    guard unsafe access(path, R_OK) == 0 else {
      throw .unreadableServersFile(path: path, reason: errorText(errno))
    }
    let status = unsafe ub_ctx_resolvconf(context, path)
    guard status == 0 else {
      throw .unreadableServersFile(path: path, reason: Self.text(of: status))
    }
  }

  private func addTrustAnchor(_ path: String) throws(LiveResolverError) {
    guard unsafe access(path, R_OK) == 0 else {
      throw .badTrustAnchor(path: path, reason: errorText(errno))
    }
    let status = unsafe ub_ctx_add_ta_file(context, path)
    guard status == 0 else { throw .badTrustAnchor(path: path, reason: Self.text(of: status)) }
  }

  private func set(_ option: String, _ value: String) throws(LiveResolverError) {
    try check(
      "option \(option) \(value)", status: unsafe ub_ctx_set_option(context, option, value))
  }

  private func check(_ what: String, status: CInt) throws(LiveResolverError) {
    if status != 0 { throw .libunbound(what: what, reason: Self.text(of: status)) }
  }

  private static func text(of status: CInt) -> String {
    guard let text = unsafe ub_strerror(status) else { return "error \(status)" }
    return unsafe String(cString: text)
  }

  // MARK: Questions

  func start(
    _ name: String, _ type: DNSRecordType, completion: @escaping @Sendable (UnboundReply) -> Void
  ) {
    let query = UnboundQuery(core: self, name: name, type: type, completion: completion)
    pending.withLock { $0[ObjectIdentifier(query)] = query }
    routeLog()
    let status = unsafe ub_resolve_async(
      context, LibUnbound.presentation(of: name), type.number, 1,
      Unmanaged.passUnretained(query).toOpaque(), unboundDidFinish, nil)
    if status != 0 {
      finish(query, UnboundReply(reason: "libunbound: " + Self.text(of: status)))
    }
  }

  /// Sends libunbound's log to ``UnboundLog``; the start and end of any other context in the process
  /// sends it elsewhere.
  private func routeLog() {
    if let log = unsafe UnboundLog.stream { _ = unsafe ub_ctx_debugout(context, log) }
  }

  fileprivate func finish(_ query: UnboundQuery, status: CInt, result: UnboundReply?) {
    guard var reply = result else {
      finish(query, UnboundReply(reason: "libunbound: " + Self.text(of: status)))
      return
    }
    if reply.rcode == 2, reply.reason == nil {
      reply.reason = UnboundLog.takeReason(query.name, query.type)
    }
    finish(query, reply)
  }

  private func finish(_ query: UnboundQuery, _ reply: UnboundReply) {
    _ = pending.withLock { $0.removeValue(forKey: ObjectIdentifier(query)) }
    query.completion(reply)
  }

  // MARK: The thread

  func startThread() throws(LiveResolverError) -> pthread_t {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(self)
    let status = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<UnboundCore>.fromOpaque(argument).takeRetainedValue().takeResults()
        }
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      unsafe box.release()
      throw .libunbound(what: "thread", reason: errorText(status))
    }
    return thread
  }

  func stop() {
    stopping.store(true, ordering: .releasing)
    _ = unsafe write(wakeWrite, [UInt8(0)], 1)
  }

  private func takeResults() {
    while !stopping.load(ordering: .acquiring) {
      var watched = [
        pollfd(fd: unsafe ub_fd(context), events: Int16(POLLIN), revents: 0),
        pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0),
        pollfd(fd: UnboundLog.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&watched, nfds_t(watched.count), -1)
      if watched[2].revents != 0 { UnboundLog.drain() }
      if watched[0].revents != 0 { _ = unsafe ub_process(context) }
    }
    delete()
  }

  func delete() {
    unsafe ub_ctx_delete(context)
    pending.withLock { $0.removeAll() }
    close(wakeRead)
    close(wakeWrite)
  }
}

/// libunbound's callback: copies the result, frees it, and hands the copy on.
private func unboundDidFinish(
  _ argument: UnsafeMutableRawPointer?, _ status: CInt, _ result: UnsafeMutablePointer<ub_result>?
) {
  defer { unsafe ub_resolve_free(result) }
  guard let argument = unsafe argument else { return }
  let query = unsafe Unmanaged<UnboundQuery>.fromOpaque(argument).takeUnretainedValue()
  let reply = unsafe status == 0 ? result.map { unsafe UnboundReply(copying: $0.pointee) } : nil
  query.core.finish(query, status: status, result: reply)
}

extension UnboundReply {
  fileprivate init(copying result: ub_result) {
    rcode = Int(unsafe result.rcode)
    unsafe isSecure = result.secure != 0
    unsafe isBogus = result.bogus != 0
    if isBogus, let why = unsafe result.why_bogus { unsafe reason = String(cString: why) }
    if unsafe result.havedata != 0, let items = unsafe result.data, let lengths = unsafe result.len
    {
      var index = 0
      while let item = unsafe items[index] {
        let length = max(0, Int(unsafe lengths[index]))
        unsafe data.append(Array(UnsafeRawBufferPointer(start: item, count: length)))
        index += 1
      }
    }
    // Without records the time comes from the SOA record in the authority section; libunbound
    // reports an arbitrary number where there is none.
    let message = unsafe Array(
      UnsafeRawBufferPointer(start: result.answer_packet, count: max(0, Int(result.answer_len))))
    let hasAuthority = message.count >= 12 && (message[8] != 0 || message[9] != 0)
    if data.isEmpty, hasAuthority { isReferral = Self.isReferral(message) }
    if !data.isEmpty || hasAuthority { ttlSeconds = max(0, Int(unsafe result.ttl)) }
  }
}

extension DNSRecordType {
  /// The number of the type (RFC 1035 section 3.2.2, RFC 3596).
  fileprivate var number: CInt {
    switch self {
    case .a: 1
    case .ptr: 12
    case .mx: 15
    case .txt: 16
    case .aaaa: 28
    }
  }
}
