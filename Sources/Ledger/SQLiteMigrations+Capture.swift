extension SQLiteMigrations {
  /// What is kept of messages for a while, see ``MessageCapture``.
  static let capture = """
    CREATE TABLE message_capture (
      message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
      expires_at INTEGER NOT NULL,           -- epoch; erased then
      settings TEXT NOT NULL,                -- JSON array of {key, values}, as they were
      mail_from ANY NOT NULL,                -- BLOB when it is not UTF-8
      dns TEXT NOT NULL,                     -- JSON array of {name, type, outcome, records}
      header ANY,                            -- as it came; BLOB when it is not UTF-8
      body ANY,                              -- as it came; NULL: not kept
      body_hashes TEXT NOT NULL              -- JSON {entries}
    ) STRICT;
    CREATE INDEX capture_by_expiry ON message_capture (expires_at);
    """
}
