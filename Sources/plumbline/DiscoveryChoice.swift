import ArgumentParser
import MailAuth

/// How policies are to be found, as configurations and command lines say it.
enum DiscoveryChoice: String, Sendable, CaseIterable, ExpressibleByArgument {
  case treewalk, psl, compare

  /// The same for the evaluator; the list is loaded only where it is needed.
  func mode(_ list: () throws -> PublicSuffixList) rethrows -> DiscoveryMode {
    switch self {
    case .treewalk: .treewalk
    case .psl: .psl(try list())
    case .compare: .compare(try list())
    }
  }
}
