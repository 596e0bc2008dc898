extension SQLiteMigrations {
  /// The tables behind ``ReportStore``.
  static let reports = [
    """
    ALTER TABLE ledger_state ADD COLUMN identity TEXT  /* tells this ledger from all others */;
    UPDATE ledger_state SET identity = lower(hex(randomblob(16)));
    """,
    """
    CREATE TABLE report_window (
      begin_at INTEGER PRIMARY KEY,          -- epoch, UTC
      end_at INTEGER NOT NULL,               -- does not belong to it
      closed_at INTEGER NOT NULL,
      after_message_id INTEGER NOT NULL,     -- what the window closed before this one reached
      through_message_id INTEGER NOT NULL,   -- later messages belong to later windows
      planned_at INTEGER                     -- NULL: its reports are not all planned
    ) STRICT;
    """,
    """
    CREATE TABLE report (
      id INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,                    -- aggregate or failure
      report_id TEXT NOT NULL UNIQUE,
      policy_domain TEXT NOT NULL,
      begin_at INTEGER NOT NULL,
      end_at INTEGER NOT NULL,
      file_name TEXT NOT NULL,
      messages INTEGER NOT NULL,
      late_messages INTEGER NOT NULL,        -- of an earlier period
      aligned_messages INTEGER NOT NULL,     -- with an aligned pass
      row_count INTEGER NOT NULL,
      problem TEXT,                          -- why it failed its own check
      note TEXT,                             -- such as why it goes nowhere
      content BLOB,                          -- of a failure report
      built_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX report_by_time ON report (begin_at, policy_domain);
    """,
    """
    CREATE TABLE report_delivery (
      id INTEGER PRIMARY KEY,
      report_id INTEGER NOT NULL REFERENCES report (id) ON DELETE CASCADE,
      destination TEXT NOT NULL,
      format TEXT NOT NULL,
      state TEXT NOT NULL,   -- planned sending sent deferred suppressed failed bounced
      reason TEXT,
      answer TEXT,                           -- of the mail server
      attempts INTEGER NOT NULL,
      next_attempt_at INTEGER,
      planned_at INTEGER NOT NULL,
      changed_at INTEGER NOT NULL,
      token TEXT NOT NULL UNIQUE,            -- in bounce addresses and the spool
      UNIQUE (report_id, destination)
    ) STRICT;
    CREATE INDEX delivery_by_state ON report_delivery (state, next_attempt_at);
    CREATE INDEX delivery_by_destination ON report_delivery (destination, planned_at);
    CREATE TABLE delivery_event (
      id INTEGER PRIMARY KEY,
      delivery_id INTEGER NOT NULL REFERENCES report_delivery (id) ON DELETE CASCADE,
      at INTEGER NOT NULL,
      state TEXT NOT NULL,
      text TEXT
    ) STRICT;
    CREATE INDEX event_by_delivery ON delivery_event (delivery_id);
    """,
    """
    CREATE TABLE suppression (
      kind TEXT NOT NULL,                    -- domain or address
      subject TEXT NOT NULL,
      reason TEXT NOT NULL,
      origin TEXT NOT NULL,                  -- manual or bounces
      created_at INTEGER NOT NULL,
      expires_at INTEGER,                    -- NULL: never
      PRIMARY KEY (kind, subject)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE destination_authorization (
      policy_domain TEXT NOT NULL,
      host TEXT NOT NULL,                    -- of the destination
      tag TEXT NOT NULL,                     -- rua or ruf
      is_authorized INTEGER NOT NULL CHECK (is_authorized IN (0, 1)),
      overrides TEXT NOT NULL,               -- JSON array of URIs
      reason TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      PRIMARY KEY (policy_domain, host, tag)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE report_lease (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      holder TEXT NOT NULL,
      host TEXT NOT NULL,
      process INTEGER NOT NULL,
      process_start TEXT NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE message ADD COLUMN report_traffic INTEGER NOT NULL DEFAULT 0
      /* 1: mail about our own reports, which is not reported */
    """,
    """
    CREATE TABLE failure_incident (
      message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
      details TEXT NOT NULL,                 -- JSON: redacted header, envelope, causes
      reported_in TEXT,                      -- report_id; NULL: not yet
      dropped TEXT                           -- why it is not reported; NULL: it may be
    ) STRICT;
    CREATE INDEX incident_waiting ON failure_incident (message_id)
      WHERE reported_in IS NULL AND dropped IS NULL;
    """,
  ]
}
