/// The limits of an SPF check (RFC 7208 section 4.6.4).
public struct SPFSettings: Sendable, Equatable {
  /// Terms that cause DNS lookups, over a whole check with its includes and redirects.
  ///
  /// 0 to 50, 10 by default. The RFC allows no other value than the default; a test bed may.
  public var maxLookups: Int
  /// Terms whose lookups find nothing: 0 to 50, 2 by default; one more is `permerror`.
  public var maxVoidLookups: Int

  /// Makes the settings; values outside the ranges move to the nearest end.
  public init(maxLookups: Int = 10, maxVoidLookups: Int = 2) {
    self.maxLookups = min(max(maxLookups, 0), 50)
    self.maxVoidLookups = min(max(maxVoidLookups, 0), 50)
  }
}
