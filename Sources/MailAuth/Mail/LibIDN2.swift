import CIDN2
import Glibc

/// libidn2: U-labels to A-labels; the only file that holds its pointers.
enum LibIDN2 {
  /// The A-label form of a UTF-8 domain name, not yet checked for length or character set; nil
  /// when IDNA 2008 (non-transitional) refuses it.
  static func asciiForm(of name: [UInt8]) -> [UInt8]? {
    guard !name.contains(0) else { return nil }
    var output: UnsafeMutablePointer<CChar>?
    let flags = Int32(IDN2_NFC_INPUT.rawValue | IDN2_NONTRANSITIONAL.rawValue)
    let status = unsafe (name + [0]).withUnsafeBytes { buffer in
      unsafe idn2_to_ascii_8z(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self), &output, flags)
    }
    guard status == IDN2_OK.rawValue, let text = unsafe output else { return nil }
    defer { unsafe idn2_free(text) }
    return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
