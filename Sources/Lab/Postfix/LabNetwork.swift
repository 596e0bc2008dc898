import Glibc
import MailAuth

/// Where hosts have their addresses.
protocol LabNetwork {
  /// Whether clients say by XCLIENT who they are.
  var usesXCLIENT: Bool { get }
  /// Gets the actors of a scenario their addresses.
  func prepare(_ scenario: Scenario, verifiedName: (String) -> String?) throws
  /// Where a host listens in its n-th stay.
  func address(of actor: Scenario.Actor, stay: Int) throws(LabFailure) -> IPAddress
  /// The port for that.
  func port(at address: IPAddress, stay: Int) throws(LabFailure) -> UInt16
}

/// Addresses of 127.0.0.0/8, which need no preparation; clients say by XCLIENT who they are.
struct LoopbackNetwork: LabNetwork {
  let usesXCLIENT = true

  func prepare(_ scenario: Scenario, verifiedName: (String) -> String?) {}

  func address(of actor: Scenario.Actor, stay: Int) -> IPAddress {
    // Runs at the same time have different process numbers, and ports are free ones anyway.
    let number = UInt32(bitPattern: getpid())
    return .octets(
      127, UInt8(64 + (number >> 8) % 64), UInt8(number & 0xFF), UInt8(truncatingIfNeeded: stay))
  }

  func port(at address: IPAddress, stay: Int) throws(LabFailure) -> UInt16 {
    try TCPSocket.freePort(of: address)
  }
}
