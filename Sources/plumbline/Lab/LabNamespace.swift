import Foundation
import Lab

/// Runs this command once more, in namespaces of its own for network, mounts and processes.
///
/// When this process ends, however it does, the kernel ends everything in there.
enum LabNamespace {
  /// The path of this program.
  static var program: String {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
  }

  /// Does it, and gives the exit status.
  static func runInside(_ arguments: [String]) throws -> Int32 {
    try PostfixRunner.check()
    for path in ["/usr/bin/unshare", "/usr/sbin/ip"]
    where !FileManager.default.isExecutableFile(atPath: path) {
      throw PostfixUnavailable("\(path) is missing; run scripts/setup")
    }
    let directory = try LabDirectory()
    defer { withExtendedLifetime(directory) {} }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    process.arguments =
      [
        "--pdeathsig", "KILL", "--", "/usr/bin/unshare", "--net", "--mount", "--pid", "--fork",
        "--kill-child=KILL", "--mount-proc", "--",
        // Foundation cannot wait for processes where there is no loopback interface.
        "/bin/sh", "-c", "/usr/sbin/ip link set lo up && exec \"$@\"", "sh", program,
      ] + arguments.dropFirst() + ["--namespace-directory", directory.path]
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
