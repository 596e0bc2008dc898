// `stdout` is a variable of C; nothing here or elsewhere in the program changes it.
@unsafe @preconcurrency import Glibc

/// Standard output could not be written; exit status 74 (EX_IOERR).
struct OutputFailure: Error, CustomStringConvertible {
  /// The system's number for the reason; 0 when it is not known any more.
  let code: Int32

  var description: String {
    let reason = unsafe String(cString: strerror(code == 0 ? EIO : code))
    return "standard output cannot be written: \(reason); what was printed is not complete"
  }
}

/// What `print` writes to.
enum StandardOutput {
  /// Puts something in the place of standard streams that are closed, so that no file opened later
  /// gets their numbers and is printed into; writing to it fails.
  static func reserve() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free number is given, which is this one. If it fails, the next ones will show.
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Writes what still waits in memory.
  ///
  /// - Throws: ``OutputFailure`` when this or anything printed before could not be written.
  static func finish() throws(OutputFailure) {
    let isFlushed = unsafe fflush(stdout) == 0
    let code = isFlushed ? 0 : errno
    guard isFlushed, unsafe ferror(stdout) == 0 else { throw OutputFailure(code: code) }
  }
}
