internal import CMilter
internal import MailAuth

// The end of a message in libmilter's terms.

/// Turns an answer into libmilter's status, its text or reason set before.
func answer(
  _ reply: MilterReply, _ context: OpaquePointer?, _ session: Session, queueID: String
) -> sfsistat {
  switch reply {
  // At the end of a message this accepts it just as SMFIS_ACCEPT does; but that one makes libmilter
  // forget that the message ended, and then it ignores the MTA's SMFIC_QUIT_NC.
  case .accept: return SMFIS_CONTINUE
  case .hold(let reason):
    let status = unsafe withMutableCString(Array(reason.utf8).printable(limit: 400)) {
      unsafe smfi_quarantine(context, $0)
    }
    if status != MI_SUCCESS {
      // A connection that began before a reload, or an MTA that cannot.
      session.server.report(
        "not held but delivered: the MTA was not asked for it on this connection, or cannot",
        queueID: queueID)
    }
    return SMFIS_CONTINUE
  case .reject(let code, let enhancedCode, let text):
    let isSet = unsafe setReply(code, enhancedCode, text, context)
    if !isSet || !code.hasPrefix("5") {
      session.server.report(
        "the reply \(code) \(enhancedCode) is no refusal; the MTA's own is sent",
        queueID: queueID)
    }
    return SMFIS_REJECT
  case .tempfail(let code, let enhancedCode, let text):
    let isSet = unsafe setReply(code, enhancedCode, text, context)
    if !isSet || !code.hasPrefix("4") {
      session.server.report(
        "the reply \(code) \(enhancedCode) is no temporary failure; the MTA's own is sent",
        queueID: queueID)
    }
    return SMFIS_TEMPFAIL
  }
}

/// Sets the reply's text; false when libmilter does not take it.
private func setReply(
  _ code: String, _ enhancedCode: String, _ text: String, _ context: OpaquePointer?
) -> Bool {
  // MTAs take the text as a format: "%" is written twice. libmilter allows 980 octets, no CR, LF.
  let safe = Array(text.utf8).printable(limit: 470).split(
    separator: "%", omittingEmptySubsequences: false
  ).joined(separator: "%%")
  let status = unsafe withMutableCString(code) { code in
    unsafe withMutableCString(enhancedCode) { enhancedCode in
      unsafe withMutableCString(safe) { unsafe smfi_setreply(context, code, enhancedCode, $0) }
    }
  }
  return status == MI_SUCCESS
}

/// Makes one header edit; returns what went wrong.
func make(_ edit: HeaderEdit, _ context: OpaquePointer?, _ session: Session) -> String? {
  if let problem = edit.problem { return problem }
  let status: Int32
  switch edit {
  case .insert(let index, let name, let value):
    status = unsafe withMutableCString(name) { name in
      unsafe withMutableCString(session.editValue(value)) {
        unsafe smfi_insheader(context, Int32(index), name, $0)
      }
    }
  case .delete(let name, let occurrence):
    // An empty value deletes the field.
    status = unsafe withMutableCString(name) {
      unsafe smfi_chgheader(context, $0, Int32(occurrence), cString(""))
    }
  }
  return status == MI_SUCCESS ? nil : "libmilter refused it, or the connection is lost"
}
