import ArgumentParser
import Foundation
import Lab
import Ledger
import Reports

/// An input file that cannot be read; exit status 66 (EX_NOINPUT).
struct UnreadableInput: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}

/// Opens a file that a person named; `-` is standard input.
///
/// `kind` is what it should hold.
func openInputFile(_ path: String, kind: String) throws(UnreadableInput) -> FileHandle {
  if path == "-" { return .standardInput }
  var isDirectory: ObjCBool = false
  guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
    throw UnreadableInput(message: "\(path): no such file")
  }
  guard !isDirectory.boolValue else {
    throw UnreadableInput(message: "\(path): is a directory; name a \(kind) file")
  }
  guard let handle = FileHandle(forReadingAtPath: path) else {
    throw UnreadableInput(message: "\(path): cannot be opened for reading")
  }
  return handle
}

/// An output that cannot be created; exit status 73 (EX_CANTCREAT).
struct CannotCreate: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}

/// A number with its noun: `1 row`, `2 rows`.
func counted(_ number: Int, _ noun: String) -> String {
  "\(number) \(noun)\(number == 1 ? "" : "s")"
}

/// A fault of our own, or of the libraries under us; exit status 70 (EX_SOFTWARE).
struct InternalFault: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}

/// Runs something that fails only through a fault of our own, or of the ledger.
func internally<Value>(_ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch let error where exitStatus(of: error) != nil {
    throw error
  } catch {
    throw InternalFault(message: "\(error)")
  }
}

/// The exit status that belongs to an error; nil leaves it to the argument parser.
func exitStatus(of error: any Error) -> Int32? {
  switch error {
  case is UnreadableInput: EX_NOINPUT
  case is BrokenScenarios: EX_DATAERR
  case is InternalFault: EX_SOFTWARE
  case is PostfixUnavailable: EX_UNAVAILABLE
  case is CannotCreate: EX_CANTCREAT
  case is LeaseIsTaken, is DeliveryWasTaken, is ReportsInterrupted, is TryAgain: EX_TEMPFAIL
  case is ResendRefused: EXIT_FAILURE
  case is OutputFailure: EX_IOERR
  case is ConfigurationError, is StartFailure, is LedgerError: EX_CONFIG
  default: nil
  }
}
