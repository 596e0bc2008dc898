/// Names that were probably meant.
public enum NearMiss {
  /// `; did you mean X?`, or nothing when no candidate is near.
  public static func hint(for name: String, among candidates: [String]) -> String {
    nearest(to: name, among: candidates).map { "; did you mean \($0)?" } ?? ""
  }

  /// The candidate that differs in few letters, has the same last part, or begins like the name.
  public static func nearest(to name: String, among candidates: [String]) -> String? {
    let most = min(3, max(2, name.utf8.count / 4))
    let distances = candidates.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
    if let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= most { return best.0 }
    let lastPart = name.split(separator: ".").last.map { String($0) } ?? name
    return candidates.first { $0.hasSuffix("." + lastPart) }
      ?? candidates.first { name.utf8.count >= 4 && $0.hasPrefix(name) }
  }

  /// How many octets to insert, remove, replace, or exchange with the next one.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    // A long name is near to none of ours.
    guard left.count <= 64 else { return left.count }
    var older: [Int] = []
    var row = Array(0...right.count)
    for (index, octet) in left.enumerated() {
      var next = [index + 1]
      for column in right.indices {
        let replaced = row[column] + (octet == right[column] ? 0 : 1)
        var best = min(replaced, row[column + 1] + 1, next[column] + 1)
        if index > 0, column > 0, octet == right[column - 1], left[index - 1] == right[column] {
          best = min(best, older[column - 1] + 1)
        }
        next.append(best)
      }
      older = row
      row = next
    }
    return row[right.count]
  }
}
