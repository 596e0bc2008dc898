internal import Foundation
internal import Glibc

/// A real Postfix that takes mail only over TLS and from who logs in, as the submission service of a
/// provider does: with STARTTLS at one port, with TLS from the start at another.
public final class SubmissionServer {
  /// The name to log in with.
  public static let user = "reports"
  /// The password that is right.
  public static let password = "right secret"
  /// Whether there is a Postfix, and the program that makes password databases.
  public static let isAvailable =
    PostfixInstance.isAvailable
    && FileManager.default.isExecutableFile(atPath: "/usr/sbin/saslpasswd2")

  /// The Postfix, running.
  public let postfix: PostfixInstance
  /// The port for TLS from the start; that of ``postfix`` is for STARTTLS.
  public let implicitPort: UInt16
  /// The certificate of the authority, PEM.
  public var authorityPath: String { certificate.certificatePath }

  private let certificate: TestCertificate
  private let directory: TemporaryDirectory

  /// Starts it.
  ///
  /// - Parameter settings: Lines for the end of main.cf.
  /// - Throws: ``FixtureError``, or what the file system says.
  public init(settings: [String] = []) throws {
    certificate = try TestCertificate()
    directory = try TemporaryDirectory()
    let database = directory.path("sasldb2")
    let made = try Program.run(
      "/usr/sbin/saslpasswd2",
      ["-p", "-c", "-f", database, "-u", "receiver.example", Self.user],
      input: Data(Self.password.utf8))
    guard made.status == 0, unsafe chmod(database, 0o644) == 0 else {
      throw FixtureError("saslpasswd2: \(made.errors)")
    }
    implicitPort = try SMTPClient.freePort()
    postfix = try PostfixInstance(
      settings: [
        "smtpd_milters =", "smtpd_tls_security_level = may",
        "smtpd_tls_cert_file = \(certificate.certificatePath)",
        "smtpd_tls_key_file = \(certificate.keyPath)", "smtpd_tls_loglevel = 1",
        "smtpd_tls_received_header = yes", "smtpd_sasl_auth_enable = yes",
        "smtpd_sasl_local_domain = receiver.example", "smtpd_tls_auth_only = yes",
        "smtpd_client_restrictions = permit_sasl_authenticated, reject",
        "recipient_delimiter = +",
      ] + settings,
      services: [
        "tlsmgr unix - - n 1000? 1 tlsmgr",
        "127.0.0.1:\(implicitPort) inet n - n - - smtpd -o smtpd_tls_wrappermode=yes",
      ])
    // Debian's Postfix looks for it there, whatever cyrus_sasl_config_path says.
    let folder = "\(postfix.configurationDirectory)/sasl"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let configuration = """
      pwcheck_method: auxprop
      auxprop_plugin: sasldb
      sasldb_path: \(database)
      mech_list: PLAIN LOGIN

      """
    try Data(configuration.utf8).write(to: URL(filePath: "\(folder)/smtpd.conf"))
    try postfix.start()
  }
}
