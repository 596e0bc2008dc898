public import Ledger

/// Where a report goes, and where it does not go and why.
public struct DeliveryPlan: Sendable, Equatable {
  /// One for each destination that was considered, none of them stored yet.
  public var deliveries: [StoredDelivery]
  /// What is to be said of all of it, such as why it goes nowhere; nil for nothing.
  public var note: String?

  /// The plan for a report that goes nowhere, and about whose destinations nothing is said.
  static func nowhere(_ note: String) -> DeliveryPlan { DeliveryPlan(deliveries: [], note: note) }
}
