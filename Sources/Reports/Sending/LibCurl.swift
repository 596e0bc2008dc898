import CCurl
import Glibc
import MailAuth

/// libcurl as an SMTP client; the only file that calls it.
enum LibCurl {
  /// Once in a process; later calls would do the same.
  private static let isInitialized = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Submits a mail over a connection of its own.
  ///
  /// - Throws: ``ReportTransportError`` when the server is not reached or gives no access.
  static func submit(
    _ mail: OutgoingMail, _ settings: SMTPTransport.Settings, password: String?
  ) throws(ReportTransportError) -> TransportAnswer {
    guard isInitialized, let handle = unsafe curl_easy_init() else {
      throw ReportTransportError("libcurl cannot be started")
    }
    let recipients = unsafe curl_slist_append(nil, "<\(mail.recipient)>")
    let session = LibCurlSession(mail.octets)
    let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    defer {
      unsafe curl_easy_cleanup(handle)
      unsafe curl_slist_free_all(recipients)
      unsafe message.deallocate()
    }
    var options = unsafe LibCurlOptions(handle: handle)
    unsafe options.set(CURLOPT_ERRORBUFFER, message)
    unsafe options.set(CURLOPT_MAIL_RCPT, recipients)
    unsafe options.set(mail, settings, password: password)
    let context = unsafe Unmanaged.passUnretained(session).toOpaque()
    unsafe options.set(session: context)
    guard unsafe options.failure == CURLE_OK else {
      let text = unsafe String(cString: curl_easy_strerror(options.failure))
      throw ReportTransportError("libcurl refuses an option: \(text)")
    }
    let code = withExtendedLifetime(session) { unsafe curl_easy_perform(handle) }
    let words = unsafe String(cString: message)
    let problem = unsafe words.isEmpty ? String(cString: curl_easy_strerror(code)) : words
    session.dialog.isWholeMailSent = session.isAtEnd
    let answer = session.dialog.answer(isDone: code == CURLE_OK, problem: problem)
    // No connection, no TLS, no access: trying each mail of a day would only take hours, and a wrong
    // password tried that often can lock us out.
    guard answer.outcome == .accepted || session.dialog.hasReachedMail else {
      throw ReportTransportError("the mail server \(settings.host) cannot be used: \(answer.text)")
    }
    return answer
  }
}

/// The options of a handle; the first refusal is kept.
@unsafe private struct LibCurlOptions {
  let handle: UnsafeMutableRawPointer
  private(set) var failure = CURLE_OK

  init(handle: UnsafeMutableRawPointer) { unsafe self.handle = unsafe handle }

  mutating func set(_ mail: OutgoingMail, _ settings: SMTPTransport.Settings, password: String?) {
    let scheme = settings.security == .implicit ? "smtps" : "smtp"
    let host = settings.host.utf8.contains(0x3A) ? "[\(settings.host)]" : settings.host
    unsafe set(CURLOPT_URL, "\(scheme)://\(host):\(settings.port)/\(settings.clientName)")
    unsafe set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    // Neither a proxy nor a password of the environment has a say.
    unsafe set(CURLOPT_PROXY, "")
    unsafe set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    unsafe set(CURLOPT_NOSIGNAL, 1)
    unsafe set(CURLOPT_FORBID_REUSE, 1)
    unsafe set(CURLOPT_CONNECTTIMEOUT, settings.connectSeconds)
    unsafe set(CURLOPT_TIMEOUT, settings.totalSeconds)
    let level =
      switch settings.security {
      case .none: CURLUSESSL_NONE
      case .opportunistic: CURLUSESSL_TRY
      case .required, .implicit: CURLUSESSL_ALL
      }
    unsafe set(CURLOPT_USE_SSL, Int(level.rawValue))
    let isVerified = settings.security == .required || settings.security == .implicit
    unsafe set(CURLOPT_SSL_VERIFYPEER, isVerified ? 1 : 0)
    unsafe set(CURLOPT_SSL_VERIFYHOST, isVerified ? 2 : 0)
    if let file = settings.authorityFile {
      unsafe set(CURLOPT_CAINFO, file)
      unsafe set(CURLOPT_CAPATH, nil as UnsafeMutableRawPointer?)
    }
    if let user = settings.user, let password {
      unsafe set(CURLOPT_USERNAME, user)
      unsafe set(CURLOPT_PASSWORD, password)
    }
    unsafe set(CURLOPT_MAIL_FROM, mail.envelopeSender.map { "<\($0)>" } ?? "")
    unsafe set(CURLOPT_UPLOAD, 1)
    unsafe take(
      ccurl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(mail.octets.count)))
  }

  mutating func set(session: UnsafeMutableRawPointer) {
    unsafe take(ccurl_set_read(handle, readMail))
    unsafe set(CURLOPT_READDATA, session)
    // What is said is told to the debug function only.
    unsafe take(ccurl_set_debug(handle, noteDialog))
    unsafe set(CURLOPT_DEBUGDATA, session)
    unsafe set(CURLOPT_VERBOSE, 1)
  }

  mutating func set(_ option: CURLoption, _ value: Int) {
    unsafe take(ccurl_set_long(handle, option, value))
  }

  mutating func set(_ option: CURLoption, _ value: String) {
    unsafe take(ccurl_set_text(handle, option, value))
  }

  mutating func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
    unsafe take(ccurl_set_pointer(handle, option, value))
  }

  private mutating func take(_ code: CURLcode) {
    if unsafe failure == CURLE_OK { unsafe failure = code }
  }
}

/// What libcurl's functions need of a session; used by one thread.
private final class LibCurlSession {
  var dialog = SMTPDialog()
  private let octets: [UInt8]
  private var position = 0

  init(_ octets: [UInt8]) { self.octets = octets }

  var isAtEnd: Bool { position == octets.count }

  /// Copies the next octets.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, octets.count - position)
    unsafe buffer.copyBytes(from: octets[position..<(position + count)])
    position += count
    return count
  }
}

private func readMail(
  buffer: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
  guard let buffer = unsafe buffer, let context = unsafe context else { return 0 }
  let session = unsafe Unmanaged<LibCurlSession>.fromOpaque(context).takeUnretainedValue()
  return unsafe session.read(
    into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private func noteDialog(
  handle: UnsafeMutableRawPointer?, kind: curl_infotype, text: UnsafeMutablePointer<CChar>?,
  length: Int, context: UnsafeMutableRawPointer?
) -> Int32 {
  guard let text = unsafe text, let context = unsafe context else { return 0 }
  let session = unsafe Unmanaged<LibCurlSession>.fromOpaque(context).takeUnretainedValue()
  let line = unsafe Array(UnsafeRawBufferPointer(start: text, count: length))
  switch kind {
  case CURLINFO_HEADER_OUT: session.dialog.sent(line)
  case CURLINFO_HEADER_IN: session.dialog.received(line)
  default: break
  }
  return 0
}
