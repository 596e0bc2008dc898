// DKIM's tag lists: signature fields, key records, and the public keys in them.

import FuzzSupport

@testable import MailAuth

private let now: Int64 = 1_795_218_211

/// Checks one input: a tag list.
@c(LLVMFuzzerTestOneInput)
public func fuzzTagList(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = unsafe octets(start, count)
  checkTags(text)
  checkTags(text.mapped(to: "vabhcdsilqtxkpDKIM1=;: \t\r\n_A/+"))
  checkSignature(text)
  checkKeyRecord(text)
  checkKeyRecord(Array("v=DKIM1; p=".utf8) + Array(Base64.encode(text).utf8))
  return 0
}

private func checkTags(_ text: [UInt8]) {
  let list: TagList
  do {
    list = try TagList(text)
  } catch {
    check(error.sentence.utf8.count < 300, "the sentence is too long")
    return
  }
  check(Set(list.tags.map(\.name)).count == list.tags.count, "a tag stands twice")
  let printed = list.tags.map { Array("\($0.name) = ".utf8) + $0.value + [UInt8(ascii: ";")] }
  guard let again = try? TagList(Array(printed.joined())) else {
    fatalError("the printed list is refused")
  }
  check(again.tags.map(\.name) == list.tags.map(\.name), "names are not the same again")
  check(again.tags.map(\.value) == list.tags.map(\.value), "values are not the same again")
}

private func checkSignature(_ text: [UInt8]) {
  let field = HeaderField(name: Array("DKIM-Signature".utf8), value: text)
  let signature = DKIMSignature(field, now: now, clockSkewSeconds: 300)
  check(signature.algorithm.utf8.count <= 43, "the algorithm is too long")
  check((signature.signatureStart?.utf8.count ?? 0) <= 32, "the start of b= is too long")
  guard let problem = signature.problem else {
    // What goes on to libopendkim.
    check(signature.isSafeForLibrary, "an unsafe field has no problem")
    check(signature.keyName != nil, "no key name, and no problem")
    check(signature.signedNames.contains("from"), "From is not signed, and no problem")
    check(signature.canonicalizations != nil, "unknown canonicalization, and no problem")
    check(!text.contains(0), "a NUL, and no problem")
    if let identity = signature.identityDomain, let domain = signature.domain {
      check(identity.isEqualOrBelow(domain), "i= outside d=, and no problem")
    }
    return
  }
  check(problem.cause != .internalError, "a fault of ours: \(problem.explanation)")
  check(problem.explanation.utf8.count < 1000, "the explanation is too long")
  check(
    problem.explanation.utf8.allSatisfy { (0x20...0x7E).contains($0) },
    "the explanation is unprintable: \(problem.explanation)")
}

private func checkKeyRecord(_ text: [UInt8]) {
  guard let record = try? DKIMKeyRecord(text),
    let key = try? DKIMPublicKey(record)
  else { return }
  check(key.bits > 0 && key.bits < 10_000, "a key of \(key.bits) bits")
  // What libopendkim is given fits its buffer and is the same key for our own parser.
  check(key.recordText.utf8.count <= 1024, "the record is too long for libopendkim")
  guard let again = try? DKIMKeyRecord(Array(key.recordText.utf8)),
    let sameKey = try? DKIMPublicKey(again)
  else { fatalError("our own record is refused: \(key.recordText)") }
  check(sameKey == key, "not the same key again: \(key.recordText)")
}
