import Foundation
import Milter

/// A configuration together with the file's values that made it.
struct LoadedConfiguration {
  let configuration: Configuration
  /// The values of the file by the names of their keys.
  let values: [String: ConfiguredValue]

  /// Reads and checks a file; see ``Configuration/load(path:)``.
  init(path: String, hostName: () -> String) throws(ConfigurationError) {
    let reader = ConfigurationReader(try Self.octets(of: path), path: path)
    values = reader.values
    let settings = ConfigurationSettings(
      values: reader.values, directory: Self.directory(of: path), hostName: hostName())
    let problems =
      reader.problems + Self.missingFiles(settings, path: path) + settings.halfSettings(path: path)
      + settings.missingForSealing(path: path)
    guard problems.isEmpty else { throw ConfigurationError(problems: problems.inFileOrder()) }
    do throws(MilterSocketAddressError) {
      configuration = try settings.configuration()
    } catch {
      // Only the length of an absolute path can be wrong by now.
      let key = ConfigurationKey.milterSocket
      throw ConfigurationError(problems: [
        ConfigurationProblem(
          path: path, line: values[key.name]?.line, key: key.name,
          problem: "the socket " + ConfigurationChecks.phrase(for: error.problem),
          allowed: "a path of up to 107 octets")
      ])
    }
  }

  /// Directories that the milter will need and that are not there.
  ///
  /// Not an error: they may be made before the milter starts, as the systemd unit does.
  func missingDirectories(path: String) -> [ConfigurationProblem] {
    var files = [(ConfigurationKey.ledgerDatabase, configuration.ledger.database)]
    if case .unix(let socket) = configuration.milter.socket {
      files.append((.milterSocket, socket))
    }
    return files.compactMap { key, file in
      let directory = Self.directory(of: file)
      var isDirectory: ObjCBool = false
      let exists = unsafe FileManager.default.fileExists(
        atPath: directory, isDirectory: &isDirectory)
      guard !exists || !isDirectory.boolValue else { return nil }
      let problem =
        exists
        ? "warning: \(directory) is not a directory; name another place"
        : "warning: the directory \(directory) does not exist; create it, writable for the user of "
          + "the milter, before it starts"
      return ConfigurationProblem(
        path: path, line: values[key.name]?.line, key: key.name, problem: problem)
    }.inFileOrder()
  }

  private static func octets(of path: String) throws(ConfigurationError) -> [UInt8] {
    let content: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }  // Nothing was written that closing could lose.
      // Not all of the file: it may be endless.
      content = try file.read(upToCount: Configuration.mostOctets + 1) ?? Data()
    } catch {
      throw refusal(path, "cannot be read: " + reason(of: error), allowed: nil)
    }
    guard content.count <= Configuration.mostOctets else {
      throw refusal(
        path, "the file is too large", allowed: "up to \(Configuration.mostOctets) octets")
    }
    return Array(content)
  }

  private static func refusal(
    _ path: String, _ problem: String, allowed: String?
  ) -> ConfigurationError {
    ConfigurationError(
      problems: [ConfigurationProblem(path: path, problem: problem, allowed: allowed)])
  }

  /// The system's text for an error of Foundation.
  private static func reason(of error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    guard let underlying, underlying.domain == NSPOSIXErrorDomain else { return "\(error)" }
    return unsafe String(cString: strerror(Int32(truncatingIfNeeded: underlying.code)))
  }

  private static func directory(of path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
  }

  /// Files that the configuration needs and that cannot be read.
  private static func missingFiles(
    _ settings: ConfigurationSettings, path: String
  ) -> [ConfigurationProblem] {
    var keys: [ConfigurationKey] = [.dnsZoneFile, .dnsTrustAnchorFile]
    if settings.optionalText(.dmarcDiscovery) != DiscoveryChoice.treewalk.rawValue {
      keys.append(.dmarcPublicSuffixList)
    }
    return keys.compactMap { key in
      guard let file = settings.optionalFile(key),
        !FileManager.default.isReadableFile(atPath: file)
      else { return nil }
      // A default is at fault through the key that asks for it.
      let line =
        (settings.values[key.name] ?? settings.values[ConfigurationKey.dmarcDiscovery.name])?
        .line
      return ConfigurationProblem(
        path: path, line: line, key: key.name, problem: "\(file) is not there or not readable",
        allowed: "a file that can be read")
    }
  }
}
