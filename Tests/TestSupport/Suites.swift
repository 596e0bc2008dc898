import MailAuth
