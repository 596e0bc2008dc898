// Aggregate reports (RFC 9990, RFC 7489): what the ledger knows of one UTC day, told to the owners
// of the domains.
//
//     ledger snapshot ─► RowAssembler ─► Tally (equal rows counted) ─► ReportXML ─► gzip ─► a file
//                                                      ReportSchema: form, contents, counts ◄─┘
//                                                      ─► its final name, or rejected/ with reason
//
// A report is a function of the ledger and the settings: no clock, no random number, so the same
// window built twice gives the same bytes and the same report ID. Memory does not grow with the
// number of messages: rows are counted on disk where they are many, XML is written and checked as a
// stream.
