import Foundation
import Glibc

/// The directory of a run under /tmp; gone with the run, however it ends.
///
/// A shell waits for the end of the run and cleans up then.
public final class LabDirectory {
  /// Its path.
  public let path: String
  private let janitor: Process?
  private let leash = Pipe()

  /// Makes an empty directory that others may pass through, as the mail system's users have to.
  ///
  /// - Throws: ``LabFailure`` when it cannot be made.
  public init() throws(LabFailure) {
    let path = "/tmp/plumbline-lab.\(UUID().uuidString.prefix(8).lowercased())"
    self.path = path
    let janitor = Process()
    self.janitor = janitor
    // Nothing else that is started holds the leash.
    _ = fcntl(leash.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
      janitor.executableURL = URL(filePath: "/bin/sh")
      janitor.arguments = ["-c", Self.cleaning, "sh", path]
      janitor.standardInput = leash
      janitor.standardOutput = FileHandle.nullDevice
      janitor.standardError = FileHandle.nullDevice
      try janitor.run()
    } catch {
      throw LabFailure("\(path): cannot be made: \(error)")
    }
  }

  /// Waits for the end of the run; ends each Postfix that is left, with its own process group, and
  /// removes the directory.
  private static let cleaning = """
    cat >/dev/null
    # One that was just starting has no number yet.
    for round in 1 2 3; do
      for file in "$1"/story-*/*/queue/pid/master.pid; do
        [ -s "$file" ] && kill -s KILL -- -$(tr -d ' ' <"$file") && rm -f "$file"
      done
      sleep 1
    done
    rm -rf -- "$1"
    """

  /// Uses a directory that another process has made and will remove.
  public init(of path: String) {
    self.path = path
    janitor = nil
  }

  deinit {
    guard let janitor else { return }
    // What cannot be removed now, the janitor tries once more.
    try? FileManager.default.removeItem(atPath: path)
    try? leash.fileHandleForWriting.close()
    _ = janitor
  }

  /// Makes a directory in it.
  func makeDirectory(
    _ name: String, mode: Int, owner: MailAccount = .root, group: UInt32? = nil
  ) throws(LabFailure) -> String {
    let made = "\(path)/\(name)"
    do {
      try FileManager.default.createDirectory(
        atPath: made, withIntermediateDirectories: true, attributes: nil)
      try FileManager.default.setAttributes(
        [
          .ownerAccountID: owner.user, .groupOwnerAccountID: group ?? owner.group,
        ], ofItemAtPath: made)
    } catch {
      throw LabFailure("\(made): \(error)")
    }
    // Behind the change of owner, which takes the set-group-ID bit away.
    guard unsafe chmod(made, mode_t(mode)) == 0 else {
      throw LabFailure("\(made): mode cannot be set")
    }
    return made
  }

  /// Writes a file in it, readable for its owner and group alone where `isPrivate`.
  @discardableResult
  func write(_ text: String, to name: String, isPrivate: Bool = false) throws(LabFailure) -> String
  {
    let made = "\(path)/\(name)"
    do {
      try Data(text.utf8).write(to: URL(filePath: made))
    } catch {
      throw LabFailure("\(made): \(error)")
    }
    _ = unsafe chmod(made, isPrivate ? 0o600 : 0o644)
    return made
  }
}

/// A user of this machine.
struct MailAccount {
  var user: UInt32
  var group: UInt32

  static let root = MailAccount(user: 0, group: 0)

  /// A user by name; nil when there is none.
  static func named(_ name: String) -> MailAccount? {
    guard let entry = unsafe getpwnam(name) else { return nil }
    return unsafe MailAccount(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
  }

  /// The number of a group by name; nil when there is none.
  static func group(named name: String) -> UInt32? {
    guard let entry = unsafe getgrnam(name) else { return nil }
    return unsafe entry.pointee.gr_gid
  }
}
