import Testing

@testable import MailAuth

@Suite struct TextCacheTests {
  private static func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func readsATextOnce() {
    let cache = TextCache<Int>()
    var reads = 0
    for _ in 0..<3 {
      let meaning = cache.meaning(of: Self.octets("one")) { text in
        reads += 1
        return text.count
      }
      #expect(meaning == 3)
    }
    #expect(reads == 1)
    #expect(cache.count == 1)
  }

  @Test(arguments: [("one", "One"), ("one", "one "), ("", "\0"), ("a\0b", "a\0c")])
  func tellsTextsApartByEachOctet(one: String, other: String) {
    let cache = TextCache<String>()
    _ = cache.meaning(of: Self.octets(one)) { _ in "first" }
    #expect(cache.meaning(of: Self.octets(other)) { _ in "second" } == "second")
    #expect(cache.meaning(of: Self.octets(one)) { _ in "third" } == "first")
  }

  @Test func keepsThatATextMeansNothing() {
    let cache = TextCache<Int?>()
    #expect(cache.meaning(of: [1]) { _ in nil } == nil)
    #expect(cache.meaning(of: [1]) { _ in 2 } == nil)
  }

  @Test func staysBoundedAndKeepsWhatIsUsed() {
    let cache = TextCache<Int>(octets: 20_000)
    let used = Self.octets("used")
    for number in 0..<10_000 {
      _ = cache.meaning(of: Self.octets("text \(number)")) { _ in number }
      #expect(cache.meaning(of: used) { _ in -number } == 0)
    }
    #expect(cache.count > 50)
    #expect(cache.count <= 20_000 / 128)
  }

  @Test func doesNotKeepLongTexts() {
    let cache = TextCache<Int>()
    let longest = [UInt8](repeating: 0x61, count: TextCache<Int>.longestText)
    _ = cache.meaning(of: longest + [0x61]) { $0.count }
    #expect(cache.count == 0)
    #expect(cache.meaning(of: longest + [0x61]) { _ in -1 } == -1)
    _ = cache.meaning(of: longest) { $0.count }
    #expect(cache.count == 1)
  }

  @Test func servesManyThreads() async {
    let cache = TextCache<Int>(octets: 4000)
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          (0..<2000).allSatisfy { number in
            let value = (number * (task + 1)) % 60
            return cache.meaning(of: Self.octets("\(value)")) { _ in value } == value
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}

@Suite struct RecordMeaningsTests {
  private static func answer(_ texts: String...) -> DNSAnswer {
    DNSAnswer(outcome: .answer, records: texts.map { .txt([Array($0.utf8)]) })
  }

  /// An invalid `np` damages a record by RFC 9989 only: one text, two meanings.
  @Test func keepsPoliciesByWhoseRulesTheyAreRead() throws {
    let meanings = RecordMeanings()
    let text = Array("v=DMARC1; p=reject; np=maybe; rua=mailto:a@example.com".utf8)
    for _ in 0..<2 {
      for rules in PolicyDiscovery.allCases {
        let policy = try #require(meanings.policy(in: text, rules: rules))
        #expect(policy.interpretation == DMARCPolicyRecord.interpret(text, rules: rules))
        #expect(policy.text == text.printable(limit: 4096))
      }
    }
    let byTreeWalk = meanings.policy(in: text, rules: .treewalk)?.interpretation.record.policy
    let byList = meanings.policy(in: text, rules: .psl)?.interpretation.record.policy
    #expect(byTreeWalk == DomainOwnerPolicy.none)
    #expect(byList == .reject)
    #expect(meanings.policy(in: Array("v=spf1 -all".utf8), rules: .psl) == nil)
  }

  @Test func readsKeysTheSameAgain() throws {
    let known = RecordMeanings().keys
    let text = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    let alone = try DKIMKey(Array(text.utf8))
    for _ in 0..<2 {
      let key = try DKIMKey(in: Self.answer(text, "no key"), name: "s", known: known)
      #expect(key.record == alone.record)
      #expect(try key.publicKey.get() == alone.publicKey.get())
    }
    // What belongs to the answer as a whole is judged each time.
    #expect(throws: DKIMProblem.self) {
      try DKIMKey(in: Self.answer(text, text), name: "s", known: known)
    }
    let gone = DNSAnswer(outcome: .nxdomain)
    #expect(throws: DKIMProblem.self) { try DKIMKey(in: gone, name: "s", known: known) }
  }

  @Test(arguments: ["v=DKIM1", "v=DKIM2; p=", "p=*", "k=rsa; p=AAAA"])
  func keepsWhatIsWrongWithAKey(text: String) {
    let known = RecordMeanings().keys
    func problem() -> DKIMProblem? {
      do throws(DKIMProblem) {
        _ = try DKIMKey(in: Self.answer(text), name: "s", known: known).publicKey.get()
        return nil
      } catch {
        return error
      }
    }
    let first = problem()
    #expect(first?.cause == .keySyntax)
    #expect(problem()?.explanation == first?.explanation)
    #expect(known.count == 1)
  }

  @Test(arguments: ["v=spf1 ip4:127.0.0.10 a -all", "v=spf1 bogus -all"])
  func checksSPFTheSameAgain(record: String) throws {
    let zone = try ZoneResolver(
      yaml: "example.com:\n  - TXT: \"\(record)\"\n  - A: 127.0.0.10\n", source: "test")
    let meanings = RecordMeanings()
    let client = try #require(IPAddress("127.0.0.10"))
    func check(_ meanings: RecordMeanings) -> SPFOutcome {
      SPFCheck(resolver: CheckResolver(zone, deadline: nil), meanings: meanings).check(
        identity: .mailFrom, client: client, helo: Array("mail.example.com".utf8),
        mailFrom: Array("a@example.com".utf8), receivingHost: "mx.example", now: 0)
    }
    let first = check(meanings)
    #expect(check(meanings) == first)
    #expect(check(RecordMeanings()) == first)
    #expect(meanings.spf.count == 1)
  }

  @Test func readsAgainWhatWasThrown() throws {
    struct Passing: Error {}
    let cache = TextCache<Int>()
    for _ in 0..<2 {
      #expect(throws: Passing.self) {
        try cache.meaning(of: [1]) { _ throws(Passing) in throw Passing() }
      }
    }
    #expect(cache.count == 0)
    #expect(cache.meaning(of: [1]) { _ in 7 } == 7)
  }

  private static let addressZone = """
    one.example:
      - TXT: v=spf1 a -all
      - A: 192.0.2.1
    other.example:
      - TXT: v=spf1 a -all
      - A: 192.0.2.2
      - AAAA: 2001:db8::2
    net.example:
      - TXT: v=spf1 a/24//64 -all
      - A: 192.0.2.2
      - AAAA: 2001:db8::2
    any.example:
      - TXT: v=spf1 a/0//0 -all
      - A: 198.51.100.1
    six.example:
      - TXT: v=spf1 a -all
      - AAAA: 2001:db8::1
    none.example:
      - TXT: v=spf1 a -all
    late.example:
      - TXT: v=spf1 a -all
      - A: SERVFAIL
      - AAAA: SERVFAIL
    # Behind the client 32.1.13.184 the same octets as 2001:db8::1 and the address of other.example.
    long.example:
      - TXT: v=spf1 a -all
      - A: 0.0.0.0
      - A: 0.0.0.0
      - A: 0.0.0.1
      - A: 32.1.13.184
      - A: 0.0.0.0
      - A: 0.0.0.0
      - A: 0.0.0.2

    """

  /// The same judgement from libspf2 and from what is kept of it, whatever was asked before.
  @Test func keepsWhichAddressesMatch() throws {
    let zone = try ZoneResolver(yaml: Self.addressZone, source: "test")
    let kept = RecordMeanings()
    func check(_ domain: String, _ client: IPAddress, _ meanings: RecordMeanings) -> SPFOutcome {
      SPFCheck(resolver: CheckResolver(zone, deadline: nil), meanings: meanings).check(
        identity: .mailFrom, client: client, helo: Array("mail.example.com".utf8),
        mailFrom: Array("a@\(domain)".utf8), receivingHost: "mx.example", now: 0)
    }
    let domains = ["one", "other", "net", "any", "six", "none", "late", "long"]
    var results: [String: Set<SPFResult>] = [:]
    for _ in 0..<2 {
      for text in ["192.0.2.1", "192.0.2.2", "32.1.13.184", "2001:db8::1", "2001:db8::2"] {
        let client = try #require(IPAddress(text))
        for domain in domains {
          let fresh = check("\(domain).example", client, RecordMeanings())
          #expect(check("\(domain).example", client, kept) == fresh, "\(domain), \(text)")
          results[domain, default: []].insert(fresh.result)
        }
      }
    }
    for domain in ["one", "other", "net", "any", "six", "long"] {
      #expect(results[domain] == [.pass, .fail], "\(domain)")
    }
    #expect(results["none"] == [.fail])
    #expect(results["late"] == [.temperror])
    #expect(kept.addressMatches.count > 10)
  }
}
