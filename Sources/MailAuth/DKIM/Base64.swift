import Foundation

/// Base64 as signatures and keys carry it: white space already removed, padding required.
enum Base64 {
  /// The decoded octets; nil when `text` is not base64.
  static func decode(_ text: String) -> [UInt8]? {
    Foundation.Data(base64Encoded: text).map(Array.init)
  }

  /// The octets as base64 without line breaks.
  static func encode(_ octets: [UInt8]) -> String {
    Foundation.Data(octets).base64EncodedString()
  }
}
