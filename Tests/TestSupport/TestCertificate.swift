/// A certificate for 127.0.0.1 and localhost that signs itself, made with the `openssl` program.
public struct TestCertificate {
  /// The certificate, PEM; also the authority that it is verified with.
  public let certificatePath: String
  /// Its private key, PEM.
  public let keyPath: String

  private let directory: TemporaryDirectory

  /// Makes a certificate, valid for a day.
  ///
  /// - Throws: ``FixtureError`` when `openssl` cannot do it.
  public init() throws {
    directory = try TemporaryDirectory()
    certificatePath = directory.path("certificate.pem")
    keyPath = directory.path("key.pem")
    let result = try Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", keyPath, "-out", certificatePath,
      ])
    guard result.status == 0 else { throw FixtureError("openssl req: \(result.errors)") }
  }
}
