import CXML2
import Glibc
import MailAuth

/// What libxml2 could not do.
struct LibXML2Error: Error, CustomStringConvertible {
  let doing: String
  let complaints: [String]

  init(doing: String, _ complaints: [String] = []) {
    self.doing = doing
    self.complaints = complaints
  }

  var description: String {
    "libxml2: \(doing) failed"
      + (complaints.isEmpty ? "" : " (\(complaints.joined(separator: "; ")))")
  }
}

// libxml2 keeps pointers to the boxes below for the lifetime of the object that owns both, and
// calls back on the calling thread only, from inside a call made here.

/// libxml2's streaming writer; this is the only file of the module that calls the library.
@safe final class XMLWriter {
  /// The receiver of the octets, and what it threw: an error cannot pass through C.
  private final class Sink {
    let write: ([UInt8]) throws -> Void
    var error: (any Error)?
    init(_ write: @escaping ([UInt8]) throws -> Void) { self.write = write }
  }

  private let sink: Sink
  private let complaints = Complaints()
  private let writer: xmlTextWriterPtr

  init(sink write: @escaping ([UInt8]) throws -> Void) throws {
    let sink = Sink(write)
    self.sink = sink
    let context = unsafe Unmanaged.passUnretained(sink).toOpaque()
    let buffer = unsafe xmlOutputBufferCreateIO(
      { context, octets, count in
        guard let context = unsafe context else { return -1 }
        let sink = unsafe Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
        guard sink.error == nil else { return -1 }
        do {
          try sink.write(unsafe Array(UnsafeRawBufferPointer(start: octets, count: Int(count))))
          return count
        } catch {
          sink.error = error
          return -1
        }
      }, nil, context, nil)
    guard let buffer = unsafe buffer else { throw LibXML2Error(doing: "making an output") }
    guard let writer = unsafe xmlNewTextWriter(buffer) else {
      _ = unsafe xmlOutputBufferClose(buffer)
      throw LibXML2Error(doing: "making a writer")
    }
    unsafe self.writer = writer
    _ = unsafe xmlTextWriterSetIndent(writer, 1)
    try check("indenting") { unsafe xmlTextWriterSetIndentString(writer, "  ") }
    try check("writing the declaration") {
      unsafe xmlTextWriterStartDocument(writer, "1.0", "UTF-8", nil)
    }
  }

  // Frees the output buffer too, which may call the sink once more.
  deinit { Complaints().collect { unsafe xmlFreeTextWriter(writer) } }

  func open(_ name: String, namespace: String? = nil) throws {
    try check("writing <\(name)>") { unsafe xmlTextWriterStartElement(writer, name) }
    guard let namespace else { return }
    try check("writing a namespace") {
      unsafe xmlTextWriterWriteAttribute(writer, "xmlns", namespace)
    }
  }

  func close() throws {
    try check("closing an element") { unsafe xmlTextWriterEndElement(writer) }
  }

  /// Writes an element around what `body` writes.
  func nest(_ name: String, _ body: () throws -> Void) throws {
    try open(name)
    try body()
    try close()
  }

  /// Writes an element that holds text; none for nil.
  func element(_ name: String, _ text: String?) throws {
    guard let text else { return }
    try check("writing <\(name)>") { unsafe xmlTextWriterWriteElement(writer, name, text) }
  }

  /// Writes the end of the document.
  func end() throws {
    try check("writing the end") { unsafe xmlTextWriterEndDocument(writer) }
    try check("writing the end") { unsafe xmlTextWriterFlush(writer) }
  }

  private func check(_ doing: @autoclosure () -> String, _ write: () -> Int32) throws {
    let status = complaints.collect(write)
    if let error = sink.error { throw error }
    guard status >= 0 else { throw LibXML2Error(doing: doing(), complaints.texts) }
  }
}

/// What libxml2 complains about, collected instead of printed.
private final class Complaints {
  private static let maximum = 20
  private(set) var texts: [String] = []
  private var left = 0

  /// All of them; past the first few only their number.
  var all: [String] { left == 0 ? texts : texts + ["and \(left) more"] }

  func add(_ text: String) {
    if texts.count < Self.maximum { texts.append(text) } else { left += 1 }
  }

  /// Runs calls into the library and takes what it complains about meanwhile.
  ///
  /// The handler is the one that each thread has. A reader has one of its own too, but with a
  /// schema attached libxml2 2.9 calls that with the wrong pointer and crashes: the schema's
  /// filter takes the place of the parser context as the handler's argument.
  func collect<Result>(_ body: () -> Result) -> Result {
    unsafe xmlSetStructuredErrorFunc(Unmanaged.passUnretained(self).toOpaque()) { context, error in
      guard let context = unsafe context, let error = unsafe error else { return }
      let line = unsafe error.pointee.line
      guard let text = unsafe error.pointee.message else { return }
      let octets = unsafe UnsafeBufferPointer(start: text, count: strnlen(text, 1_000))
      let words = unsafe octets.map(UInt8.init(bitPattern:))
        .filter { $0 != UInt8(ascii: "\n") }
        .printable(limit: 300)
      unsafe Unmanaged<Complaints>.fromOpaque(context).takeUnretainedValue()
        .add("line \(line): \(words)")
    }
    defer { xmlSetStructuredErrorFunc(nil, nil) }
    return body()
  }
}

/// A compiled XML schema; may be used by several readers, one after another.
@safe final class XMLSchema {
  fileprivate let schema: xmlSchemaPtr

  init(_ octets: [UInt8]) throws {
    xmlInitParser()
    let complaints = Complaints()
    let schema: xmlSchemaPtr? = unsafe octets.withUnsafeBytes { buffer in
      unsafe complaints.collect {
        let text = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard
          let parser = unsafe xmlSchemaNewMemParserCtxt(text, Int32(clamping: buffer.count))
        else { return unsafe xmlSchemaPtr?.none }
        defer { unsafe xmlSchemaFreeParserCtxt(parser) }
        return unsafe xmlSchemaParse(parser)
      }
    }
    guard let schema = unsafe schema else {
      throw LibXML2Error(doing: "compiling the schema", complaints.all)
    }
    unsafe self.schema = schema
  }

  deinit { unsafe xmlSchemaFree(schema) }
}

/// One thing met in a document.
enum XMLNode: Equatable {
  /// An element begins.
  case open(name: String, namespace: String, depth: Int)
  /// An element ends; an empty one too.
  case close(name: String, depth: Int)
  /// Text inside an element, entities not expanded.
  case text(String)
}

/// Reads a document as a stream and judges it by a schema while doing so.
///
/// Nothing is fetched, no entity is expanded, and a document type declaration ends the reading.
@safe final class XMLValidatingReader {
  /// The giver of the octets, and what it threw.
  private final class Source {
    let read: (_ most: Int) throws -> [UInt8]
    var error: (any Error)?
    init(_ read: @escaping (_ most: Int) throws -> [UInt8]) { self.read = read }
  }

  private let source: Source
  private let schema: XMLSchema
  private let complaints = Complaints()
  private let reader: xmlTextReaderPtr
  private var pendingClose: XMLNode?
  private var hasEnded = false

  /// `read` gives the next octets, as many as it is asked for at most; none at the end.
  init(
    schema: XMLSchema, read: @escaping (_ most: Int) throws -> [UInt8]
  ) throws {
    let source = Source(read)
    self.source = source
    self.schema = schema
    let options = Int32(XML_PARSE_NONET.rawValue)
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
    guard let reader = unsafe reader else { throw LibXML2Error(doing: "making a reader") }
    unsafe self.reader = reader
    let status = complaints.collect { unsafe xmlTextReaderSetSchema(reader, schema.schema) }
    guard status == 0 else { throw LibXML2Error(doing: "attaching the schema", complaints.all) }
  }

  deinit { unsafe xmlFreeTextReader(reader) }

  /// What is wrong with the form of what was read so far, a sentence each.
  var problems: [String] { complaints.all }

  /// The next node; nil at the end, or where the document cannot be read on.
  ///
  /// - Throws: What the source threw.
  func next() throws -> XMLNode? {
    if let node = pendingClose {
      pendingClose = nil
      return node
    }
    while !hasEnded {
      let status = complaints.collect { unsafe xmlTextReaderRead(reader) }
      if let error = source.error { throw error }
      guard status == 1 else {
        hasEnded = true
        if status < 0, complaints.texts.isEmpty { complaints.add("the document cannot be read") }
        if status == 0, unsafe xmlTextReaderIsValid(reader) != 1, complaints.texts.isEmpty {
          complaints.add("the document does not conform to the schema")
        }
        return nil
      }
      if let node = currentNode() { return node }
    }
    return nil
  }

  private func currentNode() -> XMLNode? {
    let depth = Int(unsafe xmlTextReaderDepth(reader))
    switch UInt32(bitPattern: unsafe xmlTextReaderNodeType(reader)) {
    case XML_READER_TYPE_ELEMENT.rawValue:
      let name = unsafe text(xmlTextReaderConstLocalName(reader))
      if unsafe xmlTextReaderIsEmptyElement(reader) == 1 {
        pendingClose = .close(name: name, depth: depth)
      }
      return .open(
        name: name, namespace: unsafe text(xmlTextReaderConstNamespaceUri(reader)), depth: depth)
    case XML_READER_TYPE_END_ELEMENT.rawValue:
      return .close(name: unsafe text(xmlTextReaderConstLocalName(reader)), depth: depth)
    case XML_READER_TYPE_TEXT.rawValue, XML_READER_TYPE_CDATA.rawValue,
      XML_READER_TYPE_SIGNIFICANT_WHITESPACE.rawValue:
      return .text(unsafe text(xmlTextReaderConstValue(reader)))
    case XML_READER_TYPE_DOCUMENT_TYPE.rawValue:
      complaints.add("a document type declaration is not accepted")
      hasEnded = true
      return nil
    default: return nil
    }
  }

  /// Copies text of the library; libxml2 guarantees UTF-8.
  private func text(_ pointer: UnsafePointer<xmlChar>?) -> String {
    guard let pointer = unsafe pointer else { return "" }
    return unsafe String(cString: pointer)
  }
}
