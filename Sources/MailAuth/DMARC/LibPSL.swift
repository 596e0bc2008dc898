import CPSL
import Glibc

/// The public suffix list (RFC 7489 section 3.2), read once through libpsl.
///
/// `@unchecked Sendable`: libpsl only reads a loaded list.
@safe public final class PublicSuffixList: @unchecked Sendable {
  private let list: OpaquePointer

  /// Loads a list in text or DAFSA form; nil when the file cannot be read.
  public init?(path: String) {
    guard let list = unsafe psl_load_file(path) else { return nil }
    unsafe self.list = list
  }

  deinit { unsafe psl_free(list) }

  /// The longest public suffix and one label more; nil when the name is a public suffix itself.
  public func organizationalDomain(of name: DomainName) -> DomainName? {
    unsafe name.text.withCString { text in
      guard let found = unsafe psl_registrable_domain(list, text) else { return nil }
      // A pointer into `text`.
      return DomainName(
        bytes: unsafe Array(UnsafeRawBufferPointer(start: found, count: strlen(found))))
    }
  }
}
