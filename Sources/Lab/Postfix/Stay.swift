import MailAuth

/// A hop with the story's time at it.
struct TimedHop {
  var hop: Hop
  var now: Int64
}

/// The time that a message spends at one host: how it comes, what happens there, how it goes on.
struct Stay {
  var actor: Scenario.Actor
  /// `send` or `resend`, by which the message comes.
  var arrival: Hop
  /// What is done to the message here, without delays.
  var work: [TimedHop] = []
  /// The evaluation; nil without one.
  var receive: Hop.Receive?
  /// The story's time when the milter sees the message.
  var arrivalTime: Int64
  /// The hop by which it goes on; nil at the end.
  var departure: Hop?

  /// Whether the host itself sends the message on, in place of somebody who got hold of it.
  var sendsOn: Bool {
    if case .send = departure?.action { true } else { false }
  }

  /// Whether mail comes from the host before by itself.
  var comesFromHost: Bool {
    if case .send = arrival.action { true } else { false }
  }

  /// What the client says in EHLO when the message comes.
  func helo(name: String) -> String {
    switch arrival.action {
    case .send(let send): send.helo ?? name
    case .resend(let resend): resend.helo ?? name
    default: name
    }
  }
}

/// A story as hosts see it: what the author does, and the stays.
struct Itinerary {
  /// What the author does before the message is sent.
  var prologue: [TimedHop] = []
  var stays: [Stay] = []

  /// Cuts a scenario into stays.
  init(_ scenario: Scenario) throws(LabFailure) {
    var now = scenario.time
    for hop in scenario.hops {
      switch hop.action {
      case .send(let send): try arrive(hop, send.to, now, scenario)
      case .resend(let resend): try arrive(hop, resend.to, now, scenario)
      case .delay(let seconds): now += seconds
      case .receive(let receive):
        guard let last = stays.indices.last, stays[last].work.isEmpty, stays[last].receive == nil
        else {
          throw LabFailure(
            "line \(hop.line): a host evaluates what arrives, so receive has to come first and "
              + "once there; write postfix: with the reason into the file")
        }
        stays[last].arrivalTime = now
        stays[last].receive = receive
      default:
        let timed = TimedHop(hop: hop, now: now)
        if let last = stays.indices.last {
          stays[last].work.append(timed)
        } else {
          prologue.append(timed)
        }
      }
    }
  }

  private mutating func arrive(
    _ hop: Hop, _ key: String, _ now: Int64, _ scenario: Scenario
  ) throws(LabFailure) {
    guard let actor = scenario.actor(key) else { throw LabFailure("there is no actor \(key)") }
    if !stays.isEmpty { stays[stays.count - 1].departure = hop }
    stays.append(
      Stay(actor: actor, arrival: hop, arrivalTime: now))
  }
}
