/// A refusal in the words of SMTP (RFC 5321 section 4.2, RFC 3463).
public struct SMTPReply: Sendable, Equatable, CustomStringConvertible {
  /// The code: 4yz or 5yz.
  public var code: String
  /// The enhanced status code, of the same class.
  public var enhancedCode: String
  /// One line of text, printable ASCII.
  public var text: String

  /// Makes a reply.
  public init(code: String, enhancedCode: String, text: String) {
    self.code = code
    self.enhancedCode = enhancedCode
    self.text = text
  }

  /// The reply on one line.
  public var description: String { "\(code) \(enhancedCode) \(text)" }
}
