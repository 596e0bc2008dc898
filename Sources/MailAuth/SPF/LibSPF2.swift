// `@unsafe @preconcurrency` for libspf2's message handlers, which are global variables; they are set once,
// before the first check.
@unsafe @preconcurrency import CSPF2
import Glibc

// libspf2 decides one thing here: whether one mechanism that asks the DNS matches the client. It gets
// no record, no macro and no sender: libspf2 1.2.10, as Debian 12 ships it, is crashed by a 518-octet
// TXT record in its macro code, drops the end of records over 511 octets without a word, and restarts
// its lookup counter in every include. What it compiles is made by `SPFEvaluation` from parsed values:
// `a`, `mx`, `ptr` and `exists` with a placeholder.

/// libspf2 for one SPF check: its request with the client's address, and its way to our DNS.
///
/// Not `Sendable`: one check, one thread at a time. Checks share one server, which libspf2 only
/// reads after it has been set up.
@safe final class LibSPF2 {
  /// How the evaluation of a mechanism ended.
  enum Match: Equatable {
    case matched
    case notMatched
    /// The DNS said no; ``SPFTermLookup`` knows why.
    case dnsFailure
    /// libspf2 did not take the mechanism, with its result and error codes.
    case refused(String)
  }

  /// Longer text is refused before it reaches libspf2, whatever made it; what is meant for it has
  /// less than 80 octets.
  private static let maxTextOctets = 300

  private let dns: UnsafeMutablePointer<SPF_dns_server_t>
  private let server: UnsafeMutablePointer<SPF_server_t>
  private let request: UnsafeMutablePointer<SPF_request_t>
  private let currentDomain: UnsafeMutablePointer<CChar>

  /// Prepares a check for a client; nil when libspf2 cannot allocate what it needs.
  ///
  /// - Parameter client: The client's address, not IPv4-mapped.
  init?(client: IPAddress) {
    guard let shared = LibSPF2Server.shared, let name = unsafe strdup(SPFTermLookup.placeholder)
    else { return nil }
    // libspf2 knows its resolver only through the server, so each check has a copy of the server
    // that differs in nothing else. The copies are never given to SPF_server_free, which would
    // free what they share.
    let dns = UnsafeMutablePointer<SPF_dns_server_t>.allocate(capacity: 1)
    let server = UnsafeMutablePointer<SPF_server_t>.allocate(capacity: 1)
    unsafe dns.initialize(to: shared.dns.pointee)
    unsafe server.initialize(to: shared.server.pointee)
    unsafe server.pointee.resolver = dns
    guard let request = unsafe SPF_request_new(server) else {
      unsafe dns.deallocate()
      unsafe server.deallocate()
      unsafe free(name)
      return nil
    }
    unsafe self.dns = dns
    unsafe self.server = server
    unsafe self.request = request
    unsafe currentDomain = name
    unsafe Self.prepare(request, client: client)
  }

  deinit {
    unsafe SPF_request_free(request)
    unsafe server.deallocate()
    unsafe dns.deallocate()
    unsafe free(currentDomain)
  }

  private static func prepare(_ request: UnsafeMutablePointer<SPF_request_t>, client: IPAddress) {
    if client.isIPv4 {
      var address = in_addr()
      unsafe withUnsafeMutableBytes(of: &address) { unsafe $0.copyBytes(from: client.bytes) }
      _ = unsafe SPF_request_set_ipv4(request, address)
    } else {
      var address = in6_addr()
      unsafe withUnsafeMutableBytes(of: &address) { unsafe $0.copyBytes(from: client.bytes) }
      _ = unsafe SPF_request_set_ipv6(request, address)
    }
    // Both are wanted although no macro is left to use them.
    _ = unsafe SPF_request_set_helo_dom(request, SPFTermLookup.placeholder)
    _ = unsafe SPF_request_set_env_from(request, "postmaster@" + SPFTermLookup.placeholder)
  }

  /// Whether a mechanism matches the client.
  ///
  /// - Parameters:
  ///   - mechanism: The mechanism in libspf2's terms, made of checked values only.
  ///   - lookup: Answers what libspf2 asks of the DNS.
  /// - Returns: What libspf2 made of it.
  func match(_ mechanism: String, lookup: SPFTermLookup) -> Match {
    let text = "v=spf1 " + mechanism
    guard text.utf8.count <= Self.maxTextOctets, !text.hasOctet(where: { !Self.isPlain($0) }) else {
      return .refused("not given to libspf2: \(mechanism.utf8.printable(limit: 60))")
    }
    unsafe dns.pointee.hook = Unmanaged.passUnretained(lookup).toOpaque()
    defer { unsafe dns.pointee.hook = nil }
    return withExtendedLifetime(lookup) { evaluate(text) }
  }

  /// Letters, digits and what addresses, prefixes and the version need; no `%`, no quotes.
  private static func isPlain(_ octet: UInt8) -> Bool {
    switch octet {
    case 0x20, UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "="),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: octet.isASCIILetter || octet.isASCIIDigit
    }
  }

  private func evaluate(_ text: String) -> Match {
    guard let response = unsafe SPF_response_new(request) else { return .refused("out of memory") }
    defer { unsafe SPF_response_free(response) }
    var record: UnsafeMutablePointer<SPF_record_t>?
    // The record may have been allocated although compiling failed.
    defer { if let record = unsafe record { unsafe SPF_record_free(record) } }
    let compiled = unsafe SPF_record_compile(server, response, &record, text)
    guard compiled == SPF_E_SUCCESS, let record = unsafe record else {
      return .refused("SPF_record_compile: \(Self.name(of: compiled))")
    }
    // SPF_record_interpret aborts the process when either of these is missing.
    unsafe request.pointee.cur_dom = UnsafePointer(currentDomain)
    unsafe response.pointee.spf_record_exp = record
    let status = unsafe SPF_record_interpret(record, request, response, 0)
    unsafe request.pointee.cur_dom = nil
    switch unsafe SPF_response_result(response) {
    case SPF_RESULT_PASS: return .matched
    case SPF_RESULT_NEUTRAL: return .notMatched
    case SPF_RESULT_TEMPERROR: return .dnsFailure
    default: return .refused("SPF_record_interpret: \(Self.name(of: status))")
    }
  }

  private static func name(of code: SPF_errcode_t) -> String {
    guard let text = unsafe SPF_strerror(code) else { return "error \(code.rawValue)" }
    return unsafe String(cString: text)
  }
}

/// The server that all checks share, and the callbacks it holds.
///
/// `@unchecked Sendable`: both structs are complete before anybody else sees them and never change
/// afterwards; checks copy them.
@safe private struct LibSPF2Server: @unchecked Sendable {
  let dns: UnsafeMutablePointer<SPF_dns_server_t>
  let server: UnsafeMutablePointer<SPF_server_t>

  /// Lives as long as the process; nil when libspf2 could not allocate it.
  static let shared = LibSPF2Server()

  private init?() {
    Self.silence()
    let dns = UnsafeMutablePointer<SPF_dns_server_t>.allocate(capacity: 1)
    unsafe dns.initialize(to: SPF_dns_server_t())
    // Without `destroy`, libspf2 takes the resolver for shared and never frees it.
    unsafe dns.pointee.lookup = { server, name, type, _ in
      unsafe LibSPF2Server.lookup(server, name, type)
    }
    guard let server = unsafe SPF_server_new_dns(dns, 0) else {
      unsafe dns.deallocate()
      return nil
    }
    unsafe self.dns = dns
    unsafe self.server = server
    _ = unsafe SPF_server_set_rec_dom(server, SPFTermLookup.placeholder)
    // The built-in explanation is a macro text with a link; nothing here ever shows it.
    var response: UnsafeMutablePointer<SPF_response_t>?
    _ = unsafe SPF_server_set_explanation(server, "x", &response)
    if let response = unsafe response { unsafe SPF_response_free(response) }
  }

  /// libspf2 prints to standard output and standard error unless told otherwise.
  private static func silence() {
    unsafe SPF_info_handler = { _, _, _ in }
    unsafe SPF_warning_handler = { _, _, _ in }
    unsafe SPF_debug_handler = { _, _, _ in }
  }

  /// The DNS layer: asks ``SPFTermLookup`` and copies its reply into libspf2's memory.
  ///
  /// Nil makes libspf2 abort, so that is left to the case where even an empty reply cannot be
  /// allocated.
  private static func lookup(
    _ server: UnsafeMutablePointer<SPF_dns_server_t>?, _ name: UnsafePointer<CChar>?,
    _ type: ns_type
  ) -> UnsafeMutablePointer<SPF_dns_rr_t>? {
    guard let hook = unsafe server?.pointee.hook, let name = unsafe name,
      let asked = recordType(type)
    else { return unsafe SPF_dns_rr_new_init(server, name, type, 0, HOST_NOT_FOUND) }
    let lookup = unsafe Unmanaged<SPFTermLookup>.fromOpaque(hook).takeUnretainedValue()
    let reply = unsafe lookup.reply(to: String(cString: name).asciiLowercased(), type: asked)
    switch reply {
    case .failure: return unsafe SPF_dns_rr_new_init(server, name, type, 0, TRY_AGAIN)
    case .nothing: return unsafe SPF_dns_rr_new_init(server, name, type, 0, NO_DATA)
    case .records(let records):
      guard let answer = unsafe SPF_dns_rr_new_init(server, name, type, 0, NETDB_SUCCESS) else {
        return nil
      }
      unsafe fill(answer, with: records.compactMap { payload(of: $0, for: asked) })
      return unsafe answer
    }
  }

  private static func fill(
    _ answer: UnsafeMutablePointer<SPF_dns_rr_t>, with payloads: [[UInt8]]
  ) {
    var count: Int32 = 0
    for payload in payloads {
      let size = max(payload.count, MemoryLayout<SPF_dns_rr_data_t>.size)
      guard unsafe SPF_dns_rr_buf_realloc(answer, count, size) == SPF_E_SUCCESS,
        let slot = unsafe answer.pointee.rr[Int(count)]
      else {
        // Without memory for all of an answer there is none, rather than a shorter one.
        unsafe answer.pointee.herrno = TRY_AGAIN
        return
      }
      unsafe UnsafeMutableRawBufferPointer(start: slot, count: size).copyBytes(from: payload)
      count += 1
    }
    unsafe answer.pointee.num_rr = count
    // Success without records would end in an invalid result.
    if count == 0 { unsafe answer.pointee.herrno = NO_DATA }
  }

  /// The octets libspf2 wants: an address as it is, a name NUL-terminated; nil for a record that
  /// was not asked for.
  private static func payload(of record: DNSRecord, for type: DNSRecordType) -> [UInt8]? {
    switch (record, type) {
    case (.address(let address), .a): address.isIPv4 ? address.bytes : nil
    case (.address(let address), .aaaa): address.isIPv4 ? nil : address.bytes
    case (.mx(_, let host), .mx): Array(host.utf8) + [0]
    case (.ptr(let name), .ptr): Array(name.utf8) + [0]
    default: nil
    }
  }

  private static func recordType(_ type: ns_type) -> DNSRecordType? {
    switch type {
    case ns_t_a: .a
    case ns_t_aaaa: .aaaa
    case ns_t_mx: .mx
    case ns_t_ptr: .ptr
    default: nil
    }
  }
}
