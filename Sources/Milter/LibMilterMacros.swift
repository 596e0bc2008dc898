internal import CMilter
internal import Glibc
internal import MailAuth

/// The macros that the MTA sent, read without smfi_getsymval().
///
/// libmilter 8.17.1 keeps each stage's macros as a list of names and values that ends with a null
/// pointer, and smfi_getsymval() walks it in steps of two. When a macro packet held an odd number
/// of strings the walk steps over the end, into whatever the heap has there: a wrong packet on the
/// milter socket ends the process (seen as SIGSEGV). The lists themselves are sound, so they are
/// walked here with a look at each pointer.
///
/// Where a connection's context has its lists is not public. It is found out once, by showing
/// smfi_getsymval() contexts made for the purpose and seeing which places it reads; nothing is
/// assumed about the layout beyond what the installed library thereby says itself.
struct LibMilterMacros: Sendable {
  /// Byte offsets of the lists in a context; empty when the library would not say.
  ///
  /// In the order in which libmilter searches them: from a message's last stage to the first.
  let listOffsets: [Int]

  private typealias List = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  /// How far into a context lists are looked for; in 8.17.1 they end at octet 136.
  private static let searchedBytes = 512

  /// Asks the installed library.
  init() {
    // Larger than what is searched, should the library look at something behind it.
    let size = Self.searchedBytes * 2
    let slot = unsafe MemoryLayout<UnsafeMutableRawPointer?>.stride
    let context = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: slot)
    let empty = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: slot)
    let marker = unsafe strdup("x")
    let list = List.allocate(capacity: 3)
    unsafe list.initialize(repeating: nil, count: 3)
    defer {
      unsafe context.deallocate()
      unsafe empty.deallocate()
      unsafe list.deallocate()
      unsafe free(marker)
    }
    unsafe list[0] = unsafe marker
    unsafe list[1] = unsafe marker
    unsafe memset(empty, 0, size)

    // Every other pointer of the context is an empty list: present, and nothing in it.
    var found: [Int] = []
    for offset in stride(from: 0, to: Self.searchedBytes, by: slot) {
      for other in stride(from: 0, to: size, by: slot) {
        unsafe context.storeBytes(of: empty, toByteOffset: other, as: UnsafeMutableRawPointer.self)
      }
      unsafe context.storeBytes(
        of: UnsafeMutableRawPointer(list), toByteOffset: offset, as: UnsafeMutableRawPointer.self)
      let value = unsafe smfi_getsymval(OpaquePointer(context), marker)
      if unsafe value != nil, unsafe value == marker { found.append(offset) }
    }
    listOffsets = found.reversed()
  }

  /// Searches the macros of a connection.
  ///
  /// - Parameters:
  ///   - name: The name as Postfix writes it: one letter bare, longer names in braces.
  ///   - context: libmilter's context of the connection, inside one of its callbacks.
  /// - Returns: The value as octets; nil when the MTA did not send it.
  func value(_ name: String, in context: OpaquePointer?) -> [UInt8]? {
    guard let context = unsafe context else { return nil }
    let base = unsafe UnsafeRawPointer(context)
    for offset in listOffsets {
      guard let list = unsafe base.load(fromByteOffset: offset, as: List?.self) else { continue }
      var place = 0
      while let key = unsafe list[place], let value = unsafe list[place + 1] {
        if unsafe octets(key).elementsEqual(name.utf8) { return unsafe octets(value) }
        place += 2
      }
    }
    return nil
  }
}

/// The octets of a C string as they are; empty for a null pointer.
func octets(_ text: UnsafePointer<CChar>?) -> [UInt8] {
  guard let text = unsafe text else { return [] }
  return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
