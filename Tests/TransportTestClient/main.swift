import Foundation
import Reports

// Hands one mail to a shell script in place of sendmail and says what came of it: a process that a
// test may kill.
//
// usage: TransportTestClient SCRIPT SPOOL TOKEN TEXT

let arguments = CommandLine.arguments
guard arguments.count == 5, let recipient = MailAddress("user@receiver.example"),
  let mail = OutgoingMail(
    token: arguments[3], envelopeSender: nil, recipient: recipient,
    octets: Array("Subject: \(arguments[4])\r\n\r\ntext\r\n".utf8))
else { exit(64) }
var settings = SendmailTransport.Settings(spoolDirectory: arguments[2])
settings.path = "/bin/sh"
settings.arguments = [arguments[1]]
print(try SendmailTransport(settings).handOver(mail))
