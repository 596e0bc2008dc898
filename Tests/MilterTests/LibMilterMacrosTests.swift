import Testing

@testable import Milter

@Suite struct LibMilterMacrosTests {
  /// One list for each stage of a message, next to each other.
  @Test func findsTheListsOfTheInstalledLibrary() {
    let offsets = LibMilterMacros().listOffsets
    #expect(offsets.count == 7)
    #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 - $1 == 8 })
  }
}
