import CZlib

/// The part of zlib that the ledger needs.
enum LibZlib {
  /// The CRC-32 of octets, as gzip and PNG use it.
  static func checksum(_ octets: some Collection<UInt8>) -> UInt32 {
    let found = octets.withContiguousStorageIfAvailable { buffer in
      UInt32(truncatingIfNeeded: unsafe crc32_z(0, buffer.baseAddress, buffer.count))
    }
    return found ?? checksum(Array(octets))
  }
}
