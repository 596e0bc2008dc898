import Foundation
import Glibc
import MailAuth

/// A network namespace of our own, in which every host has its real address.
///
/// All addresses are on the loopback interface of the namespace, so that there is nothing to take
/// down: the namespace ends with the processes in it. Names are in an /etc/hosts of its own.
final class NamespaceNetwork: LabNetwork {
  let usesXCLIENT = false
  private let directory: LabDirectory
  private var addresses: Set<IPAddress> = []

  /// Puts files of names in the place of the system's; the loopback interface is up.
  init(_ directory: LabDirectory) throws(LabFailure) {
    self.directory = directory
    for (name, text) in [
      ("hosts", "127.0.0.1 localhost\n"),
      ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ] {
      let file = try directory.write(text, to: name)
      try run("/usr/bin/mount", ["--bind", file, "/etc/\(name)"])
    }
  }

  func prepare(_ scenario: Scenario, verifiedName: (String) -> String?) throws {
    var hosts = "127.0.0.1 localhost\n"
    for actor in scenario.actors {
      let address = actor.address
      if addresses.insert(address).inserted {
        let text = address.isIPv4 ? ["\(address)/32"] : ["\(address)/128", "nodad"]
        try run("/usr/sbin/ip", ["addr", "add"] + text + ["dev", "lo"])
      }
      if let name = verifiedName(actor.key) { hosts += "\(address) \(name)\n" }
    }
    // In place: the file is mounted.
    let file = try FileHandle(forWritingTo: URL(filePath: "\(directory.path)/hosts"))
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: Data(hosts.utf8))
    try file.close()
  }

  func address(of actor: Scenario.Actor, stay: Int) -> IPAddress { actor.address }

  func port(at address: IPAddress, stay: Int) -> UInt16 { UInt16(2500 + stay) }

  private func run(_ path: String, _ arguments: [String]) throws(LabFailure) {
    let errorPath = "\(directory.path)/command.log"
    let process = try LabProcess(path, arguments, errorPath: errorPath)
    try LabProcess.wait(for: path) { () throws(LabFailure) in !process.isRunning }
    guard process.hasSucceeded else {
      throw LabFailure("\(path) \(arguments.joined(separator: " ")): \(process.errors)")
    }
  }
}
