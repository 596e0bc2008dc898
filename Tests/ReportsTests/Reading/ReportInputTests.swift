import Foundation
import TestSupport
import Testing

@testable import Reports

/// Containers, encodings, and files made to do harm.
@Suite struct ReportInputTests {
  private typealias Sample = ReportSample

  private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func base64(_ octets: [UInt8]) -> String {
    Data(octets).base64EncodedString(options: [.lineLength76Characters, .endLineWithLineFeed])
  }

  private func mail(_ type: String, _ name: String, _ octets: [UInt8]) -> String {
    """
    Subject: Report Domain: example.com
    Content-Type: multipart/mixed; boundary="b"

    --b
    Content-Type: text/html

    <p>A report.</p>
    --b
    Content-Type: \(type)
    Content-Disposition: attachment; filename="\(name)"
    Content-Transfer-Encoding: base64

    \(base64(octets))
    --b--
    """
  }

  // MARK: - Containers

  @Test func readsGzip() throws {
    #expect(try Sample.report(try Sample.gzip(Sample.xml())).messages == 1)
  }

  @Test func readsGzipOfSeveralMembers() throws {
    let text = octets(Sample.xml())
    let parts = try Sample.gzip(Array(text[..<100])) + Sample.gzip(Array(text[100...]))
    #expect(try Sample.report(parts + [0, 0]).messages == 1)
  }

  @Test func readsEachReportOfAnArchive() throws {
    let zip = try Sample.zip([
      ("a.xml", octets(Sample.xml())), ("folder/b.xml.gz", try Sample.gzip(Sample.xml())),
      ("readme.txt", octets("Hello: there")), ("c.xml", octets("<feedback>")),
    ])
    let found = try Sample.read(zip)
    #expect(found.reports.map(\.part) == ["a.xml", "folder/b.xml.gz"])
    #expect(found.refusals.count == 1)
    #expect(found.refusals.first?.hasPrefix("c.xml: line 1: not well-formed") == true)
  }

  @Test(arguments: [
    ("application/gzip", "r.xml.gz"), ("application/octet-stream", "r"),
    ("APPLICATION/X-GZIP", "r"), ("text/plain", "r.xml.gz"),
  ])
  func readsMail(_ type: String, _ name: String) throws {
    let report = try Sample.report(mail(type, name, try Sample.gzip(Sample.xml())))
    #expect(report.part == name)
    #expect(report.messages == 1)
  }

  @Test func readsMailInMail() throws {
    let inner = mail("text/xml", "r.xml", octets(Sample.xml()))
    let outer = "Subject: fwd\nContent-Type: message/rfc822\n\n\(inner)"
    #expect(try Sample.report(outer).messages == 1)
    let zip = try Sample.zip([("a.eml", octets(outer))])
    #expect(try Sample.report(zip).messages == 1)
  }

  @Test func readsAReportThatIsTheMailItself() throws {
    let text = "Content-Type: text/plain\n\n\(Sample.xml())"
    #expect(try Sample.report(text).messages == 1)
  }

  @Test(arguments: [
    ("Subject: x\n\nHello.\n", "the mail has no report attached"),
    ("Subject: x\nContent-Type: multipart/mixed\n\nHello.\n", "does not name its boundary"),
    (
      "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
        + "--b--", "a bounce"
    ),
    ("", "neither XML, gzip, zip nor a mail"),
    ("Hello, world", "neither XML, gzip, zip nor a mail"),
    ("\u{7F}ELF", "neither XML, gzip, zip nor a mail"),
    (
      "Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\nH4s?",
      "not valid base64: line 1"
    ),
    ("Content-Type: text/xml; name=r.xml\n\nHello", "r.xml: this is neither XML"),
  ])
  func saysWhyThereIsNoReport(_ text: String, _ reason: String) throws {
    let refusal = try Sample.refusal(text)
    #expect(refusal.contains(reason), "\(refusal)")
  }

  // MARK: - Damage

  @Test(arguments: [20, 100, 200])
  func refusesTruncatedGzip(_ length: Int) throws {
    let whole = try Sample.gzip(Sample.xml())
    let refusal = try Sample.refusal(Array(whole.prefix(length)))
    #expect(refusal.contains("the file ends early"), "\(refusal)")
  }

  @Test func refusesGzipWithAWrongCheckSum() throws {
    var gzip = try Sample.gzip(Sample.xml())
    gzip[gzip.count - 6] ^= 1
    #expect(try Sample.refusal(gzip).contains("decompression"))
  }

  @Test func refusesDamagedArchives() throws {
    let zip = try Sample.zip([("a.xml", octets(Sample.xml()))])
    var damaged = zip
    damaged[60] ^= 0xFF
    #expect(try Sample.refusal(damaged).contains("libarchive"))
    #expect(!(try Sample.read(Array(zip.prefix(90))).refusals.isEmpty))
    #expect(try Sample.refusal([0x50, 0x4B, 5, 6]).contains("holds no report"))
  }

  // MARK: - Encodings

  @Test(arguments: [
    (String.Encoding.utf16LittleEndian, [0xFF, 0xFE] as [UInt8]), (.utf16BigEndian, [0xFE, 0xFF]),
  ])
  func readsUTF16(_ encoding: String.Encoding, _ mark: [UInt8]) throws {
    let xml = Sample.xml().replacing("Receiver", with: "Señor 😀")
      .replacing("version=\"1.0\"?", with: "version=\"1.0\" encoding=\"UTF-16\"?")
    let data = try #require(xml.data(using: encoding))
    #expect(try Sample.report(mark + data).organization == "Señor 😀")
  }

  @Test func readsLatin1AndTheUTF8Mark() throws {
    let xml = Sample.xml().replacing("Receiver", with: "Señor")
    let latin1 = xml.replacing("version=\"1.0\"?", with: "version=\"1.0\" encoding=\"ISO-8859-1\"?")
    let data = try #require(latin1.data(using: .isoLatin1))
    #expect(try Sample.report(Array(data)).organization == "Señor")
    #expect(try Sample.report("\u{FEFF}" + xml).organization == "Señor")
  }

  @Test func refusesWhatIsNotInItsEncoding() throws {
    let text = Sample.xml().replacing("Receiver", with: "Se#or")
    let invalid = octets(text).map { $0 == UInt8(ascii: "#") ? 0xF1 : $0 }
    #expect(
      try Sample.refusal(invalid).contains("line 4: not well-formed XML: Input is not proper"))
    let unknown = text.replacing("version=\"1.0\"?", with: "version=\"1.0\" encoding=\"x-no\"?")
    #expect(try Sample.refusal(unknown).contains("ncoding"))
    let control = octets(text).map { $0 == UInt8(ascii: "#") ? 0x1B : $0 }
    #expect(try Sample.refusal(control).contains("line 4: not well-formed XML"))
  }

  // MARK: - Traps

  @Test func refusesEntityBombs() throws {
    var declarations = "<!ENTITY a0 \"\(String(repeating: "ha", count: 50))\">"
    for level in 1..<20 {
      let inner = String(repeating: "&a\(level - 1);", count: 10)
      declarations += "<!ENTITY a\(level) \"\(inner)\">"
    }
    let bomb = Sample.xml().replacing(
      "<feedback>", with: "<!DOCTYPE feedback [\(declarations)]><feedback>"
    )
    .replacing("Receiver", with: "&a19;")
    // Which of the two depends on how far libxml2 read ahead.
    let refusal = try Sample.refusal(bomb)
    #expect(
      refusal.contains("document type declaration") || refusal.contains("entity reference loop"),
      "\(refusal)")
    let wide = String(repeating: "x", count: 100_000)
    let quadratic = Sample.xml()
      .replacing("<feedback>", with: "<!DOCTYPE feedback [<!ENTITY a \"\(wide)\">]><feedback>")
      .replacing("Receiver", with: String(repeating: "&a;", count: 10_000))
    #expect(
      try Sample.refusal(quadratic) == "a document type declaration is not accepted")
  }

  @Test(arguments: [
    "<!DOCTYPE feedback [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
    "<!DOCTYPE feedback [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;]>",
    "<!DOCTYPE feedback SYSTEM \"file:///etc/passwd\">",
    "<!DOCTYPE feedback PUBLIC \"x\" \"http://127.0.0.1:1/x.dtd\">",
  ])
  func readsNothingFromElsewhere(_ declaration: String) throws {
    let xml = Sample.xml().replacing("<feedback>", with: "\(declaration)<feedback>")
      .replacing("Receiver", with: "&x;")
    let refusal = try Sample.refusal(xml)
    #expect(!refusal.contains("root:"))
    #expect(refusal.contains("document type declaration") || refusal.contains("not defined"))
  }

  @Test func refusesWhatBecomesTooLarge() throws {
    let blanks = String(repeating: " ", count: 3_000_000)
    let bomb = Sample.xml().replacing("<version>", with: "\(blanks)<version>")
    let gzip = try Sample.gzip(bomb)
    #expect(gzip.count < 10_000)
    for octets in [
      gzip, try Sample.zip([("a.xml", octets(bomb))]), try Sample.zip([("a.gz", gzip)]),
      octets(mail("application/gzip", "a.xml.gz", gzip)), try Sample.gzip(gzip), octets(bomb),
    ] {
      let refusal = try Sample.refusal(octets, maximumSize: 1_000_000)
      #expect(refusal.contains("more than 1 MB, uncompressed"), "\(refusal)")
    }
    #expect(try Sample.report(gzip).messages == 1)
  }

  @Test func sumsUpWhatAnArchiveHolds() throws {
    let blanks = String(repeating: " ", count: 400_000)
    let large = octets(Sample.xml().replacing("<version>", with: "\(blanks)<version>"))
    let zip = try Sample.zip((1...9).map { ("\($0).xml", large) })
    let found = try Sample.read(zip, maximumSize: 1_000_000)
    #expect(found.reports.count == 2)
    // Told once, and not for each entry that follows.
    #expect(found.refusals.count == 1)
  }

  @Test func refusesTooManyEntries() throws {
    let zip = try Sample.zip((0...100).map { ("\($0).xml", octets(Sample.xml())) })
    let found = try Sample.read(zip)
    #expect(found.reports.count == 100)
    #expect(found.refusals == ["the archive has more than 100 entries"])
  }

  @Test func refusesEndlessNesting() throws {
    var octets = octets(Sample.xml())
    for _ in 0..<4 { octets = try Sample.gzip(octets) }
    #expect(try Sample.report(octets).messages == 1)
    octets = try Sample.gzip(octets)
    #expect(try Sample.refusal(octets).contains("more than 4 deep"))
  }

  @Test func namesTheLineOfALargeReport() throws {
    let record = Sample.record()
    let count = 30_000
    var records = String(repeating: record + "\n", count: count)
    #expect(try Sample.report(Sample.xml(records: records)).messages == count)
    // Four lines a record, nine lines in front: past the 65,535 that libxml2 keeps in a node.
    records += Sample.record(count: "-1")
    #expect(try Sample.refusal(Sample.xml(records: records)).contains("line 120008: count is"))
    records += "</x>"
    #expect(try Sample.refusal(Sample.xml(records: records)).contains("line 12001"))
  }

  @Test func readsAHundredThousandRows() throws {
    let row = "<record><row><source_ip>::1</source_ip><count>3</count></row></record>"
    let xml = Sample.xml(records: String(repeating: row, count: 100_000))
    let report = try Sample.report(xml)
    #expect(report.rows.count == 100_000)
    #expect(report.messages == 300_000)
    // Not a sentence for each row.
    #expect(report.problems.count < 10)
  }
}
