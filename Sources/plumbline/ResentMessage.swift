import Foundation
import Logging
import MailAuth
import Milter

/// A message that a program of ours, such as a mailing list, changed and sends on.
///
/// It is neither evaluated nor recorded: that was done when it arrived. The set that it got then is
/// made anew, since its message signature no longer fits; what the set says stays.
final class ResentMessage: MilterTransaction {
  private let sealer: ARCSealer
  private let logger: Logger
  private var header: SealedHeader
  private var own: OwnARCSet?
  private var sealing: ARCSealing?
  private var problem: String?

  init(_ sealer: ARCSealer, limits: Configuration.Limits, logger: Logger) {
    self.sealer = sealer
    self.logger = logger
    header = SealedHeader(sealer, limits: limits)
  }

  func recipient(_: [UInt8]) {}

  func header(_ field: HeaderField) { header.add(field) }

  func endOfHeaders() {
    guard !header.isTooLarge, let own = sealer.ownNewestSet(in: header.takeFields()) else { return }
    do throws(ARCSealingRefusal) {
      sealing = try sealer.begin(header: own.header)
      self.own = own
    } catch {
      problem = error.description
    }
  }

  func body(_ chunk: UnsafeRawBufferPointer) { unsafe sealing?.body(chunk) }

  func endOfMessage(queueID: String) -> MilterVerdict {
    let metadata: Logger.Metadata = [LineLogHandler.queueIDKey: "\(queueID)"]
    guard let own, let sealing else {
      let reason = problem ?? "The newest set is not ours, or is not as we made it."
      logger.info("not sealed anew: \(reason)", metadata: metadata)
      return MilterVerdict(edits: [], reply: .accept)
    }
    do throws(ARCSealingRefusal) {
      let fields = try sealing.finish(
        results: own.results, chainValidation: own.chainValidation,
        now: Int64(Date().timeIntervalSince1970))
      logger.info(
        "sealed anew=\(sealing.instance)(cv=\(sealing.status(found: own.chainValidation).rawValue))",
        metadata: metadata)
      let deletions = own.occurrences.map {
        HeaderEdit.delete(name: $0.name, occurrence: $0.number)
      }
      let insertions = fields.reversed().map {
        HeaderEdit.insert(index: 0, name: $0.name, value: $0.foldedValue)
      }
      return MilterVerdict(edits: deletions + insertions, reply: .accept)
    } catch {
      logger.error("not sealed anew: \(error)", metadata: metadata)
      return MilterVerdict(edits: [], reply: .accept)
    }
  }

  func abort() {}
}
