public import ArgumentParser
public import MailAuth
public import Reports

// What command lines may hold, read by the types that know the grammar.

extension IPAddress: ExpressibleByArgument {
  /// Parses a command line argument.
  public init?(argument: String) { self.init(argument) }
}

extension DomainName: ExpressibleByArgument {
  /// Parses a command line argument.
  public init?(argument: String) { self.init(argument) }
}

extension UTCDay: ExpressibleByArgument {
  /// Parses a command line argument.
  public init?(argument: String) { self.init(argument) }
}

extension ReportFormat: ExpressibleByArgument {}
