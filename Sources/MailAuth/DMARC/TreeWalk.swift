/// A DNS Tree Walk (RFC 9989 section 4.10): the records between a name and the root.
struct TreeWalk {
  /// The name the walk began at.
  let start: DomainName
  /// Every single valid record met, longest name first.
  let found: [FoundPolicy]

  /// At most this many names are asked for.
  static let longestWalk = 8

  /// Walks up from `start`.
  ///
  /// - Throws: ``PolicyLookupFailure`` when a name on the way could not be asked for: what stands
  ///   there could change the result.
  init(from start: DomainName, _ source: PolicySource) throws(PolicyLookupFailure) {
    self.start = start
    var found: [FoundPolicy] = []
    for name in Self.names(from: start) {
      switch source.entry(at: name) {
      case .none: continue
      case .failure(let outcome): throw PolicyLookupFailure(name: name, outcome: outcome)
      case .record(let interpretation, let text):
        found.append(FoundPolicy(name: name, interpretation: interpretation, text: text))
      }
      // Steps 2 and 6: psd=y and psd=n both end the walk.
      if found.last?.interpretation.record.isPublicSuffix != nil { break }
    }
    self.found = found
  }

  /// The names a walk asks for: the start, then, for names of eight labels or more, the rightmost
  /// seven, then one label fewer each time down to the top-level domain.
  static func names(from start: DomainName) -> [DomainName] {
    var names = [start]
    names.reserveCapacity(longestWalk)
    var next =
      start.labelCount < longestWalk ? start.parent : start.suffix(labels: longestWalk - 1)
    while let name = next {
      names.append(name)
      next = name.parent
    }
    return names
  }

  /// The Organizational Domain of the start (RFC 9989 section 4.10.2).
  var organizationalDomain: DomainName {
    for policy in found {
      switch policy.interpretation.record.isPublicSuffix {
      case false: return policy.name
      case true where policy.name != start:
        return start.suffix(labels: policy.name.labelCount + 1)
      default: continue
      }
    }
    return found.last?.name ?? start
  }

  /// The policy for mail from the start: of the Author Domain itself, else of its Organizational
  /// Domain, else of its public suffix domain; nothing in between (section 4.10.1).
  var policy: FoundPolicy? {
    let organization = organizationalDomain
    return found.first { $0.name == start } ?? found.first { $0.name == organization }
      ?? found.first { $0.interpretation.record.isPublicSuffix == true }
  }
}
