import MailAuth
import TestSupport
import Testing

@testable import Lab
@testable import plumbline

/// How a story is divided among hosts.
@Suite struct ItineraryTests {
  private static func scenario(_ hops: String, _ expect: String = "receiver") throws -> Scenario {
    try Scenario(
      """
      title: A story
      why: It is divided among hosts.
      keys: {k: ed25519}
      actors:
        author: {name: mail.example.com, address: 192.0.2.1}
        middle: {name: mx.middle.example, address: 192.0.2.7}
        receiver: {name: mx.receiver.example, address: 192.0.2.25}
      mail: {from: a@example.com, to: b@middle.example, message: "From: a@example.com\\n\\nHi.\\n"}
      hops:
        - send: {to: middle}
      \(hops.split(separator: "\n").map { "  - \($0)" }.joined(separator: "\n"))
      expect:
        \(expect): {spf: none}
      """, path: "story.yml", configurator: LabConfigurator())
  }

  private static func plan(_ hops: String) throws -> HostPlan {
    let itinerary = try Itinerary(
      try scenario(hops + "\nsend: {to: receiver}\nreceive: receiver"))
    let stay = try #require(itinerary.stays.first)
    var letter = Letter(ScenarioMail(from: "a@example.com", to: ["b@middle.example"], message: ""))
    let arriving = letter
    letter.mailFrom = "rewritten@middle.example"
    return HostPlan(stay, arriving: arriving, leaving: letter)
  }

  @Test func delaysMoveTheClockOfWhatFollows() throws {
    let itinerary = try Itinerary(
      try Self.scenario(
        "delay: 1h\nforward: c@z.example\ndelay: 1h\nsend: {to: receiver}\nreceive: receiver"))
    #expect(itinerary.stays.map(\.actor.key) == ["middle", "receiver"])
    #expect(itinerary.stays[0].work.map(\.now) == [Scenario.start + 3600])
    #expect(itinerary.stays[1].arrivalTime == Scenario.start + 7200)
  }

  @Test func postfixItselfDoesWhatItCan() throws {
    #expect(
      try Self.plan("forward: c@z.example").tables?.virtual == ["b@middle.example": ["c@z.example"]]
    )
    #expect(
      try Self.plan("forward: {to: c@z.example, delivered_to: b@middle.example}").tables?.local
        == ["b@middle.example": ["c@z.example"]])
    #expect(
      try Self.plan("srs: {domain: middle.example, to: c@z.example}").tables?.senders
        == ["a@example.com": "rewritten@middle.example"])
    #expect(try Self.plan("list: {id: l.middle.example}").tables == nil)
  }

  @Test func theMilterMakesGoodSeals() throws {
    let seal = "arc_seal: {domain: middle.example, selector: s, key: k"
    let alias = try Self.plan("forward: c@z.example\n\(seal)}")
    #expect(alias.seal != nil && !alias.sealsAgain && alias.tables != nil)
    let list = try Self.plan("list: {id: l.middle.example}\n\(seal)}")
    #expect(list.seal != nil && list.sealsAgain && list.tables == nil)
    #expect(try Self.plan("forward: c@z.example\n\(seal), broken: ams}").seal == nil)
    #expect(try Self.plan("forward: c@z.example\n\(seal), times: 2}").seal == nil)
    #expect(try Self.plan("\(seal)}\nlist: {id: l.middle.example}").seal == nil)
  }

  @Test func aHostEvaluatesWhatArrives() throws {
    let scenario = try Self.scenario("strip: Subject\nreceive: middle", "middle")
    #expect(throws: LabFailure.self) { try Itinerary(scenario) }
  }
}
