import Foundation
import Glibc

/// A bar on standard error while something takes its time; nothing when that is not a terminal.
final class ProgressBar {
  private static let longestBar = 30
  private let title: String
  private let isShown: Bool
  private var isOpen = false

  /// Makes a bar that is not there yet.
  init(_ title: String) {
    self.title = title
    isShown = isatty(STDERR_FILENO) == 1
  }

  /// Shows how much is done.
  func show(_ done: Int, of all: Int) {
    guard isShown, all > 0 else { return }
    write("\r" + Self.text(title, done, of: all, columns: Self.terminalColumns))
    isOpen = true
  }

  /// Removes the bar.
  func close() {
    guard isOpen else { return }
    isOpen = false
    write("\r\u{1B}[K")
  }

  /// The bar as text that fits into one line, which could not be written over otherwise.
  static func text(_ title: String, _ done: Int, of all: Int, columns: Int) -> String {
    let numbers = "\(done) of \(all)"
    // Two blanks, two brackets, and the last column, which some terminals break behind.
    let room = min(columns - title.count - "\(all) of \(all)".count - 5, longestBar)
    guard room > 0 else { return String(numbers.prefix(max(columns - 1, 0))) }
    let filled = min(max(done, 0), all) * room / max(all, 1)
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: ".", count: room - filled)
    return "\(title) [\(bar)] \(numbers)"
  }

  /// The width of the terminal; asked each time, as it can change.
  private static var terminalColumns: Int {
    var size = winsize()
    guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return 80
    }
    return Int(size.ws_col)
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
