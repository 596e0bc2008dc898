/// The options of unbound.conf(5) that a context gets, and why.
enum UnboundOptions {
  /// Zones that libunbound answers by itself, with contents of its own, unless told otherwise.
  private static let zonesToAsk = [
    "localhost.", "127.in-addr.arpa.", "test.", "invalid.", "onion.", "home.arpa.",
    "1." + String(repeating: "0.", count: 31) + "ip6.arpa.",
  ]

  /// Options without which answers would be wrong.
  static func required(for settings: LiveResolverSettings) -> [(String, String)] {
    let cacheMegabytes = min(max(settings.cacheMegabytes, 1), 4096)
    // The manual wants records to have twice the space of messages.
    let messageKilobytes = cacheMegabytes * 1024 / 3
    var options = [
      ("module-config:", settings.trustAnchorFile == nil ? "iterator" : "validator iterator"),
      ("do-not-query-localhost:", "no"),
      ("unblock-lan-zones:", "yes"),
      ("insecure-lan-zones:", "yes"),
      ("msg-cache-size:", "\(messageKilobytes)k"),
      ("rrset-cache-size:", "\(cacheMegabytes * 1024 - messageKilobytes)k"),
      // One thread resolves, so one slab; more sockets than the 16 a library context has.
      ("msg-cache-slabs:", "1"),
      ("rrset-cache-slabs:", "1"),
      ("outgoing-range:", "512"),
      ("outgoing-num-tcp:", "32"),
      ("edns-buffer-size:", "1232"),
    ]
    for zone in zonesToAsk {
      options.append(("local-zone:", zone + " transparent"))
      options.append(("domain-insecure:", zone))
    }
    return options + serverTiming
  }

  /// When a silent server is asked again, and that it is never written off.
  ///
  /// With libunbound's own values (1.17.1) a few names for which a server stays silent make it fail
  /// every question to that server at once, for up to 15 minutes. A host TTL of 0 prevents this; a
  /// server that answers still wins against a silent one. Attempts begin after 0, 1, 3, 7 and 11
  /// seconds and libunbound gives up after 14. These times are global variables in libunbound, so
  /// they are the same for every context; a maximum below 400 ms would block servers for good.
  private static let serverTiming = [
    ("infra-host-ttl:", "0"),
    ("infra-cache-min-rtt:", "1000"),
    ("infra-cache-max-rtt:", "4000"),
    ("outbound-msg-retry:", "5"),
  ]

  /// Options that only tell more about failures, or save a query.
  static let wished = [
    // A line in the log for each failure: the only place where libunbound says whether servers
    // were silent, refused or failed.
    ("log-servfail:", "yes"),
    ("val-log-squelch:", "no"),
    ("trust-anchor-signaling:", "no"),
  ]
}
