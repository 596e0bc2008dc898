import MailAuth

extension Hop {
  /// Whether header and body stay as they are.
  fileprivate var keepsContent: Bool {
    switch action {
    case .forward(let forward): forward.deliveredTo == nil
    case .srs: true
    default: false
    }
  }
}

/// How a host does its work: what Postfix does itself, what the milter does, what a program does.
struct HostPlan {
  /// The tables of a host that needs no program; nil where a program or a mailbox gets the message.
  var tables: PostfixHost.Tables?
  /// What the milter seals with; nil where it does not seal.
  var seal: Hop.Seal?
  /// The line of that hop.
  var sealLine: Int?
  /// Whether the milter makes its seal anew when a program gives the message back.
  var sealsAgain = false

  /// Plans the work of a stay.
  ///
  /// - Parameters:
  ///   - stay: The stay.
  ///   - arriving: The envelope as it arrives.
  ///   - leaving: The envelope as it leaves.
  init(_ stay: Stay, arriving: Letter, leaving: Letter) {
    guard stay.sendsOn else { return }
    planSeal(stay)
    let changes = stay.work.map(\.hop).filter { $0.line != sealLine }
    guard changes.count <= 1 else { return }
    switch changes.first?.action {
    case nil: tables = PostfixHost.Tables()
    case .forward(let forward):
      if let address = forward.deliveredTo {
        guard arriving.recipients == [address] else { return }
        tables = PostfixHost.Tables(local: [address: forward.to])
      } else {
        tables = Self.aliases(arriving, forward.to)
      }
    case .srs(let srs):
      var made = srs.to.isEmpty ? PostfixHost.Tables() : Self.aliases(arriving, srs.to)
      if !arriving.mailFrom.isEmpty { made.senders = [arriving.mailFrom: leaving.mailFrom] }
      tables = made
    default: return
    }
  }

  /// The milter seals what it finds in order; a wrong seal, a lie, and a seal that others work on
  /// again, the program makes.
  private mutating func planSeal(_ stay: Stay) {
    let seals = stay.work.map(\.hop).filter { if case .seal = $0.action { true } else { false } }
    guard seals.count == 1, let hop = seals.first, case .seal(let seal) = hop.action,
      seal.fault == nil, seal.claims == nil, seal.times == 1,
      stay.work.last?.hop.line == hop.line,
      // One milter has one configuration.
      seal.configuration.isEmpty || stay.receive == nil
    else { return }
    let isChanged = stay.work.map(\.hop).contains { $0.line != hop.line && !$0.keepsContent }
    guard !isChanged || Self.milterSealsAgain else { return }
    self.seal = seal
    sealLine = hop.line
    sealsAgain = isChanged
  }

  /// Whether the milter makes a seal anew on mail that a program changed.
  private static let milterSealsAgain = true

  private static func aliases(_ arriving: Letter, _ to: [String]) -> PostfixHost.Tables {
    var tables = PostfixHost.Tables()
    for recipient in arriving.recipients { tables.virtual[recipient] = to }
    return tables
  }
}
