import Foundation
import Glibc

/// A bar on standard error while something takes its time; nothing when that is not a terminal.
final class ProgressBar {
  private static let columns = 30
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
    write("\r" + Self.text(title, done, of: all))
    isOpen = true
  }

  /// Removes the bar.
  func close() {
    guard isOpen else { return }
    isOpen = false
    write("\r\u{1B}[K")
  }

  /// The bar as text.
  static func text(_ title: String, _ done: Int, of all: Int) -> String {
    let filled = min(max(done, 0), all) * columns / max(all, 1)
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: ".", count: columns - filled)
    return "\(title) [\(bar)] \(done) of \(all)"
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
