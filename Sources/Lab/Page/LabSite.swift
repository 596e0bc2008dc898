import Foundation

/// The pages of a run: one for each scenario, and one that lists them.
///
/// A page is called like its scenario file, so that its address stays. Pages are replaced one by one,
/// each at once, the list last.
public struct LabSite {
  private let entries: [IndexPage.Entry]

  /// Makes the pages of runs, whichever way they were played.
  ///
  /// - Parameter runs: Each scenario with what came out.
  public init(_ runs: [(scenario: Scenario, run: LabRun)]) {
    var taken: Set<String> = ["index.html"]
    entries = runs.map { scenario, run in
      let name = Self.fileName(scenario.name)
      var file = name + ".html"
      var number = 2
      while !taken.insert(file.lowercased()).inserted {
        file = "\(name)-\(number).html"
        number += 1
      }
      return IndexPage.Entry(run: run, scenario: scenario, file: file)
    }
  }

  /// A name that needs no escaping in addresses.
  private static func fileName(_ name: String) -> String {
    let plain = name.utf8.map { octet -> String in
      let isPlain =
        (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet | 0x20)
        || "-_.".utf8.contains(octet)
      return isPlain ? String(UnicodeScalar(octet)) : "-"
    }.joined().drop { $0 == "." }
    return plain.isEmpty ? "scenario" : String(plain.prefix(200))
  }

  /// Writes the pages.
  ///
  /// Pages of scenarios that are not in this run are removed.
  ///
  /// - Parameter directory: Where; made when it does not exist. Nothing but pages of the lab may be
  ///   in it, names with a dot in front aside.
  /// - Throws: ``LabSiteError``.
  public func write(to directory: String) throws(LabSiteError) {
    let old = try LabSiteDirectory(directory).pages()
    for index in entries.indices {
      let entry = entries[index]
      func neighbor(_ index: Int) -> ScenarioPage.Neighbor? {
        guard entries.indices.contains(index) else { return nil }
        return .init(title: entries[index].run.title, file: entries[index].file)
      }
      let page = ScenarioPage(
        run: entry.run, scenario: entry.scenario, previous: neighbor(index - 1),
        next: neighbor(index + 1))
      try LabSiteDirectory(directory).write(page.html, to: entry.file)
    }
    try LabSiteDirectory(directory).write(IndexPage(entries: entries).html, to: "index.html")
    let current = Set(entries.map(\.file) + ["index.html"])
    for file in old where !current.contains(file) {
      try LabSiteDirectory(directory).remove(file)
    }
  }
}

/// Why pages could not be written.
public struct LabSiteError: Error, CustomStringConvertible {
  /// Where, what, and what to do.
  public let description: String
}

/// A directory that holds pages of the lab and nothing else.
private struct LabSiteDirectory {
  private let path: String

  init(_ path: String) { self.path = path }

  private func failure(_ what: String, _ error: any Error) -> LabSiteError {
    LabSiteError(description: "\(what): \(error.localizedDescription)")
  }

  /// The pages that are in it; makes the directory when there is none.
  func pages() throws(LabSiteError) -> [String] {
    let names: [String]
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw failure(path, error)
    }
    let visible = names.filter { !$0.hasPrefix(".") }.sorted()
    if let stranger = visible.first(where: { !isPage($0) }) {
      throw LabSiteError(
        description:
          "\(path): holds other things than pages of the lab, such as \(stranger); name a new or "
          + "an empty directory")
    }
    return visible
  }

  private func isPage(_ name: String) -> Bool {
    guard name.hasSuffix(".html"), let file = FileHandle(forReadingAtPath: path + "/" + name) else {
      return false
    }
    defer { try? file.close() }  // Nothing was written that closing could lose.
    // What cannot be read is not ours.
    let head = (try? file.read(upToCount: 512)) ?? Data()
    return String(decoding: head, as: UTF8.self).contains(PageFrame.generator)
  }

  func write(_ text: String, to name: String) throws(LabSiteError) {
    do {
      // A file of another name that is then renamed.
      try Data(text.utf8).write(to: URL(filePath: path + "/" + name), options: .atomic)
    } catch {
      throw failure(path + "/" + name, error)
    }
  }

  func remove(_ name: String) throws(LabSiteError) {
    do {
      try FileManager.default.removeItem(atPath: path + "/" + name)
    } catch {
      throw failure(path + "/" + name, error)
    }
  }
}
