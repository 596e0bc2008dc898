import CXML2
import Glibc
import MailAuth

/// Where a document breaks the rules of XML, and how.
struct XMLDamage: Error {
  /// The line, from 1; nil where the library does not tell.
  var line: Int?
  /// What is wrong, in the library's words.
  var problem: String
  /// Whether it is none of XML's rules that is broken, but one of ours.
  var isWellFormed = false
}

/// One thing met in a document that follows no schema, and the line it stands in.
struct XMLPlace {
  /// What it is.
  var node: XMLNode
  /// The line, from 1; 0 where the library does not know.
  var line: Int
}

/// Reads a document of a stranger as a stream.
///
/// Nothing is fetched and no entity is expanded: a document type declaration ends the reading, and
/// with it all entities but those of XML itself. libxml2's own limits hold: 256 elements in each
/// other, 10 MB in one text.
@safe final class XMLReader {
  /// The giver of the octets, and what it threw.
  private final class Source {
    let read: (_ most: Int) throws -> [UInt8]
    var error: (any Error)?
    init(_ read: @escaping (_ most: Int) throws -> [UInt8]) { self.read = read }
  }

  /// The first error, which is the one that explains the others.
  private final class FirstError {
    var damage: XMLDamage?
    var isFatal = false
    let linesBefore: Int
    init(linesBefore: Int) { self.linesBefore = linesBefore }
  }

  private let source: Source
  private let reader: xmlTextReaderPtr
  private let firstError: FirstError
  private let linesBefore: Int
  private var pendingClose: XMLPlace?

  /// `firstLine` is the number of the first line; `read` gives the next octets, as many as it is asked
  /// for at most, and none at the end.
  init(firstLine: Int = 1, read: @escaping (_ most: Int) throws -> [UInt8]) throws {
    xmlInitParser()
    let source = Source(read)
    self.source = source
    linesBefore = firstLine - 1
    firstError = FirstError(linesBefore: linesBefore)
    let options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_BIG_LINES.rawValue)
    let reader = unsafe xmlReaderForIO(
      { context, octets, count in
        guard let context = unsafe context else { return -1 }
        let source = unsafe Unmanaged<Source>.fromOpaque(context).takeUnretainedValue()
        do {
          let target = unsafe UnsafeMutableRawBufferPointer(start: octets, count: Int(count))
          let piece = try source.read(target.count)
          guard piece.count <= target.count else { return -1 }
          unsafe target.copyBytes(from: piece)
          return Int32(piece.count)
        } catch {
          source.error = error
          return -1
        }
      }, nil, Unmanaged.passUnretained(source).toOpaque(), nil, nil, options)
    // The library reads a little at once to recognize the encoding.
    if let error = source.error { throw error }
    guard let reader = unsafe reader else { throw LibXML2Error(doing: "making a reader") }
    unsafe self.reader = reader
  }

  deinit { unsafe xmlFreeTextReader(reader) }

  /// The next node; nil at the end of a well-formed document.
  ///
  /// - Throws: ``XMLDamage`` where the document is not well-formed or has a document type
  ///   declaration, and what the source threw.
  func next() throws -> XMLPlace? {
    if let place = pendingClose {
      pendingClose = nil
      return place
    }
    while true {
      let status = collectingErrors { unsafe xmlTextReaderRead(reader) }
      if let error = source.error { throw error }
      switch status {
      case 1:
        if let place = try currentPlace() { return place }
      case 0: return nil
      default:
        throw firstError.damage ?? XMLDamage(line: nil, problem: "the document cannot be read")
      }
    }
  }

  private func currentPlace() throws -> XMLPlace? {
    let type = UInt32(bitPattern: unsafe xmlTextReaderNodeType(reader))
    let depth = Int(unsafe xmlTextReaderDepth(reader))
    let line = linesBefore + Int(unsafe xmlGetLineNo(xmlTextReaderCurrentNode(reader)))
    switch type {
    case XML_READER_TYPE_ELEMENT.rawValue:
      let name = unsafe text(xmlTextReaderConstLocalName(reader))
      if unsafe xmlTextReaderIsEmptyElement(reader) == 1 {
        pendingClose = XMLPlace(node: .close(name: name, depth: depth), line: line)
      }
      let namespace = unsafe text(xmlTextReaderConstNamespaceUri(reader))
      return XMLPlace(node: .open(name: name, namespace: namespace, depth: depth), line: line)
    case XML_READER_TYPE_END_ELEMENT.rawValue:
      let name = unsafe text(xmlTextReaderConstLocalName(reader))
      return XMLPlace(node: .close(name: name, depth: depth), line: line)
    case XML_READER_TYPE_TEXT.rawValue, XML_READER_TYPE_CDATA.rawValue,
      XML_READER_TYPE_SIGNIFICANT_WHITESPACE.rawValue:
      return XMLPlace(node: .text(unsafe text(xmlTextReaderConstValue(reader))), line: line)
    case XML_READER_TYPE_DOCUMENT_TYPE.rawValue:
      // The node has no line, and the parser has read ahead.
      throw XMLDamage(
        line: nil, problem: "a document type declaration is not accepted", isWellFormed: true)
    case XML_READER_TYPE_ENTITY_REFERENCE.rawValue:
      throw XMLDamage(
        line: line, problem: "a reference to an entity is not accepted", isWellFormed: true)
    default: return nil
    }
  }

  /// Runs a call into the library and keeps the first error, or the first that ends the reading.
  ///
  /// The handler is the one that each thread has, see the other file.
  private func collectingErrors(_ body: () -> Int32) -> Int32 {
    let context = unsafe Unmanaged.passUnretained(firstError).toOpaque()
    unsafe xmlSetStructuredErrorFunc(context) { context, error in
      guard let context = unsafe context, let error = unsafe error else { return }
      let first = unsafe Unmanaged<FirstError>.fromOpaque(context).takeUnretainedValue()
      let isFatal = unsafe error.pointee.level == XML_ERR_FATAL
      guard first.damage == nil || (isFatal && !first.isFatal) else { return }
      first.isFatal = isFatal
      let line = Int(unsafe error.pointee.line)
      var words = "not well-formed"
      if let text = unsafe error.pointee.message {
        let octets = unsafe UnsafeBufferPointer(start: text, count: strnlen(text, 1_000))
        words = unsafe octets.map(UInt8.init(bitPattern:))
          .filter { $0 != UInt8(ascii: "\n") }
          .printable(limit: 300)
      }
      first.damage = XMLDamage(line: line > 0 ? line + first.linesBefore : nil, problem: words)
    }
    defer { xmlSetStructuredErrorFunc(nil, nil) }
    return body()
  }

  /// Copies text of the library; libxml2 guarantees UTF-8.
  private func text(_ pointer: UnsafePointer<xmlChar>?) -> String {
    guard let pointer = unsafe pointer else { return "" }
    return unsafe String(cString: pointer)
  }
}
