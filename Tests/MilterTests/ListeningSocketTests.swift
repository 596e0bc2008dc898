import Foundation
import Glibc
import TestSupport
import Testing

@testable import Milter

@Suite struct ListeningSocketTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    try body(directory.path)
  }

  private func problem(_ address: MilterSocketAddress) -> MilterServerError.Problem? {
    do {
      close(try ListeningSocket.open(address, mode: 0o600).descriptor)
      return nil
    } catch {
      return error.problem
    }
  }

  @Test(arguments: [0o660, 0o600, 0o666] as [UInt32])
  func unixSocketHasItsMode(mode: UInt32) throws {
    try withDirectory { directory in
      let path = directory + "/s"
      let socket = try ListeningSocket.open(.unix(path: path), mode: mode)
      defer { close(socket.descriptor) }
      var status = stat()
      #expect(unsafe lstat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == mode)
    }
  }

  @Test func replacesASocketThatNobodyListensOn() throws {
    try withDirectory { directory in
      let address = MilterSocketAddress.unix(path: directory + "/s")
      close(try ListeningSocket.open(address, mode: 0o600).descriptor)
      #expect(problem(address) == nil)
    }
  }

  @Test func leavesALiveSocketAlone() throws {
    try withDirectory { directory in
      let address = MilterSocketAddress.unix(path: directory + "/s")
      let live = try ListeningSocket.open(address, mode: 0o600)
      defer { close(live.descriptor) }
      #expect(problem(address) == .inUse)
      #expect(FileManager.default.fileExists(atPath: directory + "/s"))
    }
  }

  /// A start must neither wait for a busy milter nor take its socket away.
  @Test func leavesALiveSocketWithAFullQueueAlone() throws {
    try withDirectory { directory in
      let address = MilterSocketAddress.unix(path: directory + "/s")
      let live = try ListeningSocket.open(address, mode: 0o600)
      defer { close(live.descriptor) }
      #expect(listen(live.descriptor, 0) == 0)
      let first = try MilterClient(.unix(directory + "/s"))
      #expect(problem(address) == .inUse)
      #expect(!first.hasInput(within: 0))
    }
  }

  @Test func leavesOtherFilesAlone() throws {
    try withDirectory { directory in
      #expect(FileManager.default.createFile(atPath: directory + "/f", contents: Data("x".utf8)))
      #expect(problem(.unix(path: directory + "/f")) == .notASocket)
      #expect(FileManager.default.contents(atPath: directory + "/f") == Data("x".utf8))
    }
  }

  @Test func saysThatTheDirectoryIsMissing() throws {
    try withDirectory { directory in
      let missing = directory + "/none"
      #expect(problem(.unix(path: missing + "/s")) == .noDirectory(missing))
    }
  }

  @Test func removesOnlyItsOwnFile() throws {
    try withDirectory { directory in
      let address = MilterSocketAddress.unix(path: directory + "/s")
      let first = try ListeningSocket.open(address, mode: 0o600)
      close(first.descriptor)
      let second = try ListeningSocket.open(address, mode: 0o600)
      defer { close(second.descriptor) }
      first.removeFile()
      #expect(FileManager.default.fileExists(atPath: directory + "/s"))
      second.removeFile()
      #expect(!FileManager.default.fileExists(atPath: directory + "/s"))
    }
  }

  @Test func tellsThePortThatTheSystemChose() throws {
    let socket = try ListeningSocket.open(.inet(port: 0, host: "127.0.0.1"), mode: 0)
    defer { close(socket.descriptor) }
    guard case .inet(let port, "127.0.0.1") = socket.address else {
      Issue.record("not an IPv4 address: \(socket.address)")
      return
    }
    #expect(port != 0)
    #expect(problem(.inet(port: port, host: "127.0.0.1")) == .inUse)
  }

  @Test func saysThatAHostHasNoAddress() {
    guard case .unknownHost = problem(.inet(port: 0, host: "::1")) else {
      Issue.record("an IPv6 address was taken for IPv4")
      return
    }
  }

  @Test func adoptsOnlyListeningDescriptors() throws {
    let listening = try ListeningSocket.open(.inet(port: 0, host: "127.0.0.1"), mode: 0)
    defer { close(listening.descriptor) }
    let adopted = try ListeningSocket.open(.descriptor(listening.descriptor), mode: 0)
    #expect(adopted.descriptor == listening.descriptor)
    #expect(problem(.descriptor(Int32.max)) == .notListening)
    let plain = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(plain) }
    #expect(problem(.descriptor(plain)) == .notListening)
  }
}
