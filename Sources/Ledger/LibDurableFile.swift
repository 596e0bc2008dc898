import CDurableFile
import Glibc

/// What of Linux's files Swift has no names for.
enum LibDurableFile {
  /// Which file it is, whatever its name.
  struct Identity: Equatable {
    let device: UInt64
    let number: UInt64
  }

  /// A file, and its size in octets.
  struct Found {
    let identity: Identity
    let size: UInt64

    fileprivate init(_ found: plumbline_file) {
      identity = Identity(device: found.device, number: found.number)
      size = found.size
    }
  }

  /// Opens a file so that what is written to it is durable when the call returns, past the page cache
  /// where the file system offers that: then memory, place and length are whole blocks.
  ///
  /// - Returns: Its descriptor; below 0 with the reason in `errno`.
  static func open(_ path: String) -> Int32 { unsafe plumbline_open_durable(path) }

  /// Lets what is written to such a file go through the page cache from now on; false where it does
  /// already, or cannot.
  static func stopPassingCache(_ file: Int32) -> Bool { plumbline_stop_passing_cache(file) == 0 }

  /// Nil when the path leads to no file.
  static func lookUp(_ path: String) -> Found? {
    var found = plumbline_file()
    return unsafe plumbline_look_up_path(path, &found) == 0 ? Found(found) : nil
  }

  /// Nil when the file is not open.
  static func lookUp(_ file: Int32) -> Found? {
    var found = plumbline_file()
    return unsafe plumbline_look_up_descriptor(file, &found) == 0 ? Found(found) : nil
  }
}
