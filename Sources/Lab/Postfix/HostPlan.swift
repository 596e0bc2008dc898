import MailAuth

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
    let changes = stay.work.map(\.hop)
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

  private static func aliases(_ arriving: Letter, _ to: [String]) -> PostfixHost.Tables {
    var tables = PostfixHost.Tables()
    for recipient in arriving.recipients { tables.virtual[recipient] = to }
    return tables
  }
}
