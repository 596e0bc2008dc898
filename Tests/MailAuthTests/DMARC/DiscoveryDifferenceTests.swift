import Foundation
import TestSupport
import Testing

@testable import MailAuth

/// Tree walk and public suffix list side by side over names made from the list itself: every
/// difference must be one that a rule predicts, and every predicted one must be there.
@Suite(.enabled(if: SystemSuffixList.list != nil, "the package publicsuffix is not installed"))
struct DiscoveryDifferenceTests {
  /// Why the two ways see different organizations.
  enum Rule: String, CaseIterable {
    /// psd=n at a name that the list does not know as registered.
    case ownOrganization
    /// psd=y at a name that the list does not know as a suffix, or at fewer labels than it does.
    case otherSuffix
    /// psd=y at the very name the walk began at, below the registered one.
    case suffixAtStart
    /// A record above the registered name, at a suffix, that does not say it is one.
    case silentSuffix
    /// The registered name publishes nothing, a name below it does.
    case silentOrganization
    /// Nobody publishes anything: the walk has nothing to divide names by.
    case nothingPublished
  }

  /// A name below (or at) a suffix of the list, with what the list must make of it.
  struct Name {
    var start: DomainName
    var suffix: DomainName
    /// The suffix and one label more; the suffix itself for names that are no longer.
    var organization: DomainName { start.suffix(labels: suffix.labels.count + 1) }
  }

  /// Where records stand, relative to a name.
  enum Place: Hashable {
    case start, below, organization, suffix, top
    func name(for name: Name) -> DomainName? {
      switch self {
      case .start: name.start
      case .below:
        name.start.labels.count > name.organization.labels.count
          ? name.start.suffix(labels: name.organization.labels.count + 1) : nil
      case .organization: name.organization
      case .suffix: name.suffix
      case .top: name.start.suffix(labels: 1)
      }
    }
  }

  static let plain = "v=DMARC1; p=reject"
  static let yes = "v=DMARC1; p=reject; psd=y"
  static let no = "v=DMARC1; p=reject; psd=n"

  static let layouts: [[Place: String]] = [
    [:], [.organization: plain], [.start: plain], [.below: plain],
    [.organization: plain, .start: plain], [.organization: plain, .below: plain],
    [.organization: plain, .below: no], [.below: no], [.start: no, .organization: plain],
    [.organization: no], [.organization: no, .suffix: plain], [.organization: yes],
    [.below: yes], [.start: yes], [.start: yes, .organization: plain], [.suffix: yes],
    [.suffix: yes, .organization: plain], [.suffix: yes, .below: plain],
    [.suffix: yes, .start: no],
    [.suffix: plain], [.suffix: plain, .organization: plain], [.suffix: plain, .start: plain],
    [.suffix: no], [.suffix: no, .organization: plain], [.top: plain], [.top: yes],
    [.top: yes, .organization: plain], [.top: plain, .organization: no],
    [.top: yes, .suffix: yes, .organization: plain],
  ]

  // MARK: - Names

  /// Rules of the list of every kind: well-known ones, all exceptions, and a sample of the rest.
  private static func names() throws -> [Name] {
    let text = try String(contentsOfFile: SystemSuffixList.path, encoding: .utf8)
    let rules = text.split(separator: "\n").filter { !$0.hasPrefix("//") && !$0.isEmpty }
    let wildcards = rules.filter { $0.hasPrefix("*.") }
    let exceptions = rules.filter { $0.hasPrefix("!") }
    let normal = rules.filter { !$0.hasPrefix("*.") && !$0.hasPrefix("!") }
    let known: [Substring] = ["com", "co.uk", "uk", "org.uk", "de", "github.io", "kyoto.jp"]
    var suffixes = (known + every(normal.count / 60, of: normal)).compactMap {
      DomainName(String($0))
    }
    suffixes += every(max(wildcards.count / 12, 1), of: wildcards).compactMap {
      DomainName("any." + $0.dropFirst(2))
    }
    var names: [Name] = []
    for suffix in Set(suffixes).sorted(by: { $0.text < $1.text }) {
      for prefix in ["", "zq-test.", "mail.zq-test.", "x.mail.zq-test."] {
        guard let start = DomainName(prefix + suffix.text) else { continue }
        names.append(Name(start: start, suffix: suffix))
      }
    }
    for rule in exceptions {
      // "!www.ck" takes www.ck out of "*.ck": it is registered, and its parent the suffix.
      for prefix in ["", "mail.", "x.mail."] {
        guard let start = DomainName(prefix + rule.dropFirst()),
          let suffix = DomainName(String(rule.dropFirst()))?.parent
        else { continue }
        names.append(Name(start: start, suffix: suffix))
      }
    }
    return names
  }

  private static func every(_ step: Int, of rules: [Substring]) -> [Substring] {
    stride(from: 0, to: rules.count, by: max(step, 1)).map { rules[$0] }
  }

  // MARK: - The prediction

  /// Why the organizations differ; nil when they must not.
  ///
  /// `tags` holds, for each name with a record, its psd tag, `u` for none.
  private static func rule(for name: Name, tags: [DomainName: Character]) -> Rule? {
    let registered = name.organization
    // The names that the walk sees, up from the start, to the first with a psd tag.
    var seen: [(name: DomainName, tag: Character)] = []
    var next: DomainName? = name.start
    while let current = next {
      if let tag = tags[current] {
        seen.append((current, tag))
        if tag != "u" { break }
      }
      next = current.parent
    }
    guard let last = seen.last else {
      return name.start == registered ? nil : .nothingPublished
    }
    let difference = last.name.labels.count - registered.labels.count
    switch last.tag {
    case "n": return difference == 0 ? nil : .ownOrganization
    case "y" where last.name == name.start:
      return difference == 0 ? nil : .suffixAtStart
    case "y": return difference == -1 ? nil : .otherSuffix
    default:
      if difference == 0 { return nil }
      return difference < 0 ? .silentSuffix : .silentOrganization
    }
  }

  // MARK: - The comparison

  @Test func everyDifferenceHasAReasonAndEveryReasonADifference() throws {
    let list = try #require(SystemSuffixList.list)
    let names = try Self.names()
    #expect(names.count >= 300)
    var counts: [Rule: Int] = [:]
    var agreements = 0
    var policyDifferences = 0
    for name in names {
      for layout in Self.layouts {
        var records: [DomainName: String] = [:]
        for (place, text) in layout {
          if let owner = place.name(for: name) { records[owner] = text }
        }
        let tags = records.mapValues { text -> Character in
          text.hasSuffix("psd=y") ? "y" : text.hasSuffix("psd=n") ? "n" : "u"
        }
        let relations = try Relations(records, list)
        let walked = try relations.walk.organizationalDomain(of: name.start)
        let listed = try relations.listed.organizationalDomain(of: name.start)
        let place = "\(name.start) with \(tags)"
        #expect(listed == name.organization, "the list itself: \(place)")

        let rule = Self.rule(for: name, tags: tags)
        #expect(
          (walked == listed) == (rule == nil),
          "\(place): walk \(walked), list \(listed), predicted \(rule?.rawValue ?? "no difference")"
        )
        if let rule { counts[rule, default: 0] += 1 } else { agreements += 1 }

        let walkedPolicy = try relations.walk.policy(for: name.start)?.name
        let listedPolicy = try relations.listed.policy(for: name.start)?.name
        if walkedPolicy != listedPolicy {
          policyDifferences += 1
          // Policies differ with the organizations, or where a suffix steps in for a registered
          // name without a record.
          let isSuffixPolicy = listedPolicy == nil && walkedPolicy.map { tags[$0] == "y" } == true
          #expect(rule != nil || isSuffixPolicy, "\(place)")
        }
        if records[name.start] != nil { #expect(walkedPolicy == name.start, "\(place)") }
      }
    }
    // The table must reach every rule, or it shows nothing.
    for rule in Rule.allCases { #expect((counts[rule] ?? 0) > 10, "\(rule)") }
    #expect(agreements > 1000)
    #expect(policyDifferences > 100)
  }

  /// Both ways over one set of records.
  private struct Relations {
    let walk: DomainRelations
    let listed: DomainRelations

    init(_ records: [DomainName: String], _ list: PublicSuffixList) throws {
      let source = PolicySource(
        CheckResolver(RecordResolver(records: records), deadline: nil))
      walk = DomainRelations(source, publicSuffixList: nil)
      listed = DomainRelations(source, publicSuffixList: list)
    }
  }

  /// Answers from a dictionary: thousands of zones in YAML would be read for seconds.
  private struct RecordResolver: Resolver {
    var records: [DomainName: String]

    func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
      guard let owner = DomainName(String(question.name.dropFirst("_dmarc.".count))),
        let text = records[owner]
      else { return DNSAnswer(outcome: .nxdomain) }
      return DNSAnswer(outcome: .answer, records: [.txt([Array(text.utf8)])])
    }
  }
}
