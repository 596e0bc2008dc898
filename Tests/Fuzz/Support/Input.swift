/// Ends the program when a property does not hold; libFuzzer then keeps the input.
///
/// Unlike `precondition` it says in optimized programs too what is wrong.
public func check(_ isTrue: Bool, _ property: @autoclosure () -> String) {
  if !isTrue { fatalError(property()) }
}

/// The octets of one input, copied.
public func octets(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  unsafe Array(UnsafeBufferPointer(start: start, count: count))
}

extension [UInt8] {
  /// The same octets brought into an alphabet, which reaches deeper than random octets do: each
  /// becomes the member at its place.
  public func mapped(to alphabet: String) -> [UInt8] {
    let alphabet = Array(alphabet.utf8)
    return map { alphabet[Int($0) % alphabet.count] }
  }
}
