import Foundation
import Glibc
import MailAuth

/// Hands mails to the local mail server through its `sendmail` program.
///
/// The end of this process at any moment neither loses a mail nor sends it twice: the mail is
/// written to disk whole, and a program in a session of its own reads it from there, gives it to
/// `sendmail` and leaves the exit status. While it runs it holds a lock on the mail. So another
/// process finds the lock held (in progress), or a status (the answer), or neither (`sendmail`
/// never ended, the mail was not accepted).
///
/// Only the death of that little program itself, between the end of `sendmail` and the status, or
/// the power going out there, leaves an accepted mail without a status.
public struct SendmailTransport: ReportTransport {
  /// How `sendmail` is called.
  public struct Settings: Sendable, Equatable {
    /// An absolute path.
    public var path = "/usr/sbin/sendmail"
    /// Arguments in front of ours.
    public var arguments: [String] = []
    /// A directory of its own, on a local file system; made, mode 0700, when it is missing.
    public var spoolDirectory: String
    /// How long to wait for the answer; what takes longer is left alone, in progress.
    public var timeout = Duration.seconds(60)

    /// Makes settings.
    public init(spoolDirectory: String) { self.spoolDirectory = spoolDirectory }
  }

  /// Writes output and exit status beside the mail, which is its standard input.
  ///
  /// The first argument is the entry's directory. Signals that ask it to end wait until `sendmail`
  /// is done.
  private static let script = """
    trap : HUP INT QUIT TERM
    umask 077
    entry=$1
    shift
    "$@" >"$entry/answer" 2>&1
    status=$?
    echo "$status" >"$entry/status.new" && mv -f "$entry/status.new" "$entry/status"
    exit "$status"
    """

  private let settings: Settings

  /// Makes a transport.
  public init(_ settings: Settings) { self.settings = settings }

  /// Hands a mail over; see ``ReportTransport/handOver(_:)``.
  public func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
    if let earlier = try earlierAnswer(token: mail.token) { return earlier }
    guard unsafe access(settings.path, X_OK) == 0 else {
      let reason = SystemError.text(errno)
      throw ReportTransportError(
        "\(settings.path) cannot be run: \(reason); is a mail server installed?")
    }
    let entry = SpoolEntry(spool: settings.spoolDirectory, token: mail.token)
    // A mail server expects LF from the programs of its own host.
    try entry.write(mail.octets.filter { $0 != 0x0D })
    guard let file = try lock(entry) else { return Self.stillRunning }
    let process: pid_t
    do throws(ReportTransportError) {
      process = try DetachedProgram.start(
        ["/bin/sh", "-c", Self.script, "sh", entry.directory] + command(mail),
        standardInput: file)
    } catch {
      SpoolEntry.unlock(file)
      throw error
    }
    switch DetachedProgram.wait(for: process, within: settings.timeout) {
    case .running:
      // The lock is the program's now.
      close(file)
      return entry.status().map { answer($0, entry) } ?? Self.stillRunning
    case .exited(let status):
      SpoolEntry.unlock(file)
      return answer(entry.status() ?? status, entry)
    case .killed(let signal):
      // `sendmail` may go on alone, and has the lock then.
      close(file)
      if let later = try earlierAnswer(token: mail.token) { return later }
      return TransportAnswer(
        .unknown, "the program that calls \(settings.path) was ended by signal \(signal)")
    }
  }

  /// What became of a mail; see ``ReportTransport/earlierAnswer(token:)``.
  public func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer? {
    guard OutgoingMail.isToken(token) else { return nil }
    let entry = SpoolEntry(spool: settings.spoolDirectory, token: token)
    do {
      guard let file = try entry.lock() else { return nil }
      defer { SpoolEntry.unlock(file) }
      return entry.status().map { answer($0, entry) }
    } catch is SpoolEntry.Busy {
      return Self.stillRunning
    } catch let error as ReportTransportError {
      throw error
    } catch {
      throw ReportTransportError("\(error)")
    }
  }

  /// Removes what is left of a mail; see ``ReportTransport/finish(token:)``.
  public func finish(token: String) throws(ReportTransportError) {
    guard OutgoingMail.isToken(token) else { return }
    try SpoolEntry(spool: settings.spoolDirectory, token: token).remove()
  }

  private static let stillRunning = TransportAnswer(
    .inProgress, "the mail is still being handed over")

  private func lock(_ entry: SpoolEntry) throws(ReportTransportError) -> Int32? {
    do {
      guard let file = try entry.lock() else {
        throw ReportTransportError("\(entry.directory)/message vanished after it was written")
      }
      return file
    } catch is SpoolEntry.Busy {
      return nil
    } catch let error as ReportTransportError {
      throw error
    } catch {
      throw ReportTransportError("\(error)")
    }
  }

  private func command(_ mail: OutgoingMail) -> [String] {
    let sender = mail.envelopeSender.map { "\($0)" } ?? "<>"
    return [settings.path] + settings.arguments
      + ["-i", "-f", sender, "--", "\(mail.recipient)"]
  }

  /// What an exit status means (sysexits).
  ///
  /// Only what says that this mail will never be taken is permanent. What an administrator can
  /// repair (wrong arguments, no permission, a wrong configuration) is not: the mail waits for it.
  private func answer(_ status: Int32, _ entry: SpoolEntry) -> TransportAnswer {
    let words = entry.answer()
    let text = "sendmail ended with status \(status)" + (words.isEmpty ? "" : ": \(words)")
    switch status {
    case 0: return TransportAnswer(.accepted, words.isEmpty ? "accepted by sendmail" : words)
    case EX_DATAERR, EX_NOUSER, EX_NOHOST: return TransportAnswer(.permanentFailure, text)
    default: return TransportAnswer(.temporaryFailure, text)
    }
  }
}
