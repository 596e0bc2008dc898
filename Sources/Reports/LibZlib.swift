import CZlib
import Foundation

/// What zlib reports: its code, and what was being done.
struct LibZlibError: Error, CustomStringConvertible {
  let code: Int32
  let doing: String
  var description: String { "zlib: \(doing) (code \(code))" }
}

/// Compresses to gzip piece by piece; the only file of this module that calls zlib.
///
/// Equal input gives equal bytes: the header holds no time, no name and no operating system.
@safe final class GzipWriter {
  private let sink: (ArraySlice<UInt8>) throws -> Void
  // On the heap because zlib keeps the address of the stream it was given.
  private let stream: UnsafeMutablePointer<z_stream>
  private var output = [UInt8](repeating: 0, count: 64 * 1024)

  /// The sink takes the compressed octets, in order.
  init(sink: @escaping (ArraySlice<UInt8>) throws -> Void) throws {
    self.sink = sink
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let gzipFormat: Int32 = 15 + 16
    let code = unsafe deflateInit2_(
      stream, 6, Z_DEFLATED, gzipFormat, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { throw LibZlibError(code: code, doing: "starting compression") }
  }

  deinit {
    // A stream that did not start has no state, which deflateEnd sees.
    _ = unsafe deflateEnd(stream)
    unsafe stream.deinitialize(count: 1)
    unsafe stream.deallocate()
  }

  func write(_ octets: [UInt8]) throws {
    var input = octets  // zlib's interface lacks a const; it only reads.
    try unsafe input.withUnsafeMutableBufferPointer { buffer in
      unsafe stream.pointee.next_in = buffer.baseAddress
      unsafe stream.pointee.avail_in = UInt32(clamping: buffer.count)
      try deflatePending(Z_NO_FLUSH)
    }
  }

  /// Writes what is left.
  func finish() throws {
    unsafe stream.pointee.avail_in = 0
    try deflatePending(Z_FINISH)
  }

  private func deflatePending(_ flush: Int32) throws {
    while true {
      let (code, produced) = unsafe output.withUnsafeMutableBufferPointer { buffer in
        unsafe stream.pointee.next_out = buffer.baseAddress
        unsafe stream.pointee.avail_out = UInt32(clamping: buffer.count)
        let code = unsafe deflate(stream, flush)
        return (code, buffer.count - Int(unsafe stream.pointee.avail_out))
      }
      // Z_BUF_ERROR: nothing to do, which is no failure.
      guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
        throw LibZlibError(code: code, doing: "compression failed")
      }
      if produced > 0 { try sink(output[..<produced]) }
      if produced < output.count { return }
    }
  }
}

/// Reads octets piece by piece, uncompressing them when they are gzip; several members in a row
/// are one text (RFC 1952 section 2.2).
@safe final class GzipReader {
  private let source: (_ most: Int) throws -> [UInt8]
  private let stream: UnsafeMutablePointer<z_stream>
  private var input: [UInt8] = []
  private var consumed = 0
  private var isGzip: Bool?
  private var isBetweenMembers = false

  /// Reads a file.
  convenience init(_ file: FileHandle) throws {
    try self.init { Array(try file.read(upToCount: $0) ?? Data()) }
  }

  /// `read` gives the next octets, as many as it is asked for at most; none at the end.
  init(read: @escaping (_ most: Int) throws -> [UInt8]) throws {
    source = read
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let gzipFormat: Int32 = 15 + 16
    let code = unsafe inflateInit2_(
      stream, gzipFormat, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else {
      throw LibZlibError(code: code, doing: "decompression cannot be started")
    }
  }

  deinit {
    _ = unsafe inflateEnd(stream)
    unsafe stream.deinitialize(count: 1)
    unsafe stream.deallocate()
  }

  /// The next octets, at most `most`; none at the end of the file.
  func read(_ most: Int) throws -> [UInt8] {
    while true {
      if consumed == input.count {
        input = try source(64 * 1024)
        consumed = 0
      }
      if isBetweenMembers {
        // What follows and is no member is padding, which gzip leaves out too.
        guard consumed < input.count, input[consumed] == 0x1F else { return [] }
        let code = unsafe inflateReset(stream)
        guard code == Z_OK else { throw LibZlibError(code: code, doing: "decompression failed") }
        isBetweenMembers = false
      }
      if isGzip == nil { isGzip = input.starts(with: [0x1F, 0x8B]) }
      if isGzip == false {
        let piece = input[consumed...].prefix(most)
        consumed += piece.count
        return Array(piece)
      }
      let piece = try inflatePending(most)
      if !piece.isEmpty { return piece }
    }
  }

  private func inflatePending(_ most: Int) throws -> [UInt8] {
    let isInputAtEnd = input.isEmpty
    var output = [UInt8](repeating: 0, count: most)
    let code = unsafe input.withUnsafeMutableBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.pointee.next_in = source.baseAddress.map { unsafe $0 + consumed }
        unsafe stream.pointee.avail_in = UInt32(clamping: source.count - consumed)
        unsafe stream.pointee.next_out = target.baseAddress
        unsafe stream.pointee.avail_out = UInt32(clamping: target.count)
        return unsafe inflate(stream, Z_NO_FLUSH)
      }
    }
    consumed = input.count - Int(unsafe stream.pointee.avail_in)
    output.removeLast(Int(unsafe stream.pointee.avail_out))
    switch code {
    case Z_STREAM_END: isBetweenMembers = true
    case Z_OK: break
    case Z_BUF_ERROR where !isInputAtEnd: break
    case Z_BUF_ERROR: throw LibZlibError(code: code, doing: "decompression: the file ends early")
    default: throw LibZlibError(code: code, doing: "decompression: the data are damaged")
    }
    return output
  }
}
