import GRDB

/// The schema of the SQLite ledger: named migrations, forward only, never edited once released.
///
/// Times are seconds since 1970-01-01 00:00 UTC, results the words of the RFCs, booleans 0 and 1,
/// lists JSON arrays. The comments inside the statements stay in the database, where the `.schema`
/// command of the sqlite3 shell shows them.
enum SQLiteMigrations {
  /// Marks the file as a ledger of this program: "PLMB".
  static let applicationID: Int32 = 0x504C_4D42

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 messages") { database in
      for statement in [state, policyRecord, message, spfOutcome, dkimOutcome, overview] {
        try database.execute(sql: statement)
      }
    }
    migrator.registerMigration("2 arc") { try $0.execute(sql: arc) }
    migrator.registerMigration("3 reports") { database in
      for statement in reports { try database.execute(sql: statement) }
    }
    migrator.registerMigration("4 overview") { database in
      try database.execute(sql: "DROP VIEW message_overview")
      try database.execute(sql: overviewWithARC)
    }
    migrator.registerMigration("5 arc seal") { try $0.execute(sql: arcSeal) }
    migrator.registerMigration("6 capture") { try $0.execute(sql: capture) }
    return migrator
  }

  private static let state = """
    CREATE TABLE ledger_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      writer_starts INTEGER NOT NULL  -- how often the ledger was opened for writing
    ) STRICT;
    INSERT INTO ledger_state VALUES (1, 0);
    """

  private static let policyRecord = """
    CREATE TABLE policy_record (
      id INTEGER PRIMARY KEY,
      policy_domain TEXT,         -- where it was found, without _dmarc.
      discovery TEXT NOT NULL,    -- treewalk or psl
      text TEXT,                  -- as published
      p TEXT,                     -- this and the following as interpreted; NULL: unusable
      sp TEXT,                    -- NULL: not published
      np TEXT,                    -- NULL: not published
      adkim TEXT,                 -- r or s
      aspf TEXT,                  -- r or s
      t TEXT,                     -- y or n
      fo TEXT,
      psd TEXT,                   -- y, n or u
      pct INTEGER,                -- NULL: not published
      rua TEXT,                   -- JSON array of URIs
      ruf TEXT,                   -- JSON array of URIs
      problems TEXT               -- JSON array of sentences
    ) STRICT;
    CREATE UNIQUE INDEX policy_record_once ON policy_record (
      coalesce(policy_domain, ''), discovery, coalesce(text, ''), coalesce(p, ''),
      coalesce(sp, ''), coalesce(np, ''), coalesce(adkim, ''), coalesce(aspf, ''),
      coalesce(t, ''), coalesce(fo, ''), coalesce(psd, ''), coalesce(pct, -1),
      coalesce(rua, ''), coalesce(ruf, ''), coalesce(problems, ''));
    """

  private static let message = """
    CREATE TABLE message (
      id INTEGER PRIMARY KEY,
      host TEXT NOT NULL,
      queue_id TEXT NOT NULL,
      received_at INTEGER NOT NULL,          -- epoch, UTC
      distinguisher TEXT NOT NULL,           -- '' unless the MTA gave no queue ID
      client_address TEXT NOT NULL,
      client_name TEXT,
      helo ANY NOT NULL,                     -- BLOB when it is not UTF-8
      null_reverse_path INTEGER NOT NULL CHECK (null_reverse_path IN (0, 1)),
      envelope_from_domain ANY,              -- BLOB when it is not UTF-8
      recipient_domains TEXT NOT NULL,       -- JSON array
      author_domain TEXT,                    -- domain of From; of several, the one that decided
      author_domains TEXT NOT NULL,          -- JSON array: all domains of From
      dmarc_result TEXT NOT NULL,            -- none pass fail temperror permerror
      dmarc_cause TEXT NOT NULL,
      dmarc_explanation TEXT NOT NULL,
      discovery TEXT NOT NULL,               -- treewalk or psl
      policy_record_id INTEGER REFERENCES policy_record (id),
      policy_before_testing TEXT,            -- what the record says, if it fails, before t=y, pct
      applied_policy TEXT,                   -- what the record asks for, if it fails
      sampled_out INTEGER NOT NULL CHECK (sampled_out IN (0, 1)),    -- spared by pct
      spf_aligned INTEGER NOT NULL CHECK (spf_aligned IN (0, 1)),    -- passed and aligned
      dkim_aligned INTEGER NOT NULL CHECK (dkim_aligned IN (0, 1)),  -- passed and aligned
      organizational_domain TEXT,            -- of the author domain
      author_domain_exists INTEGER CHECK (author_domain_exists IN (0, 1)),
      discovery_comparison TEXT,             -- JSON: by the other way; NULL: not compared
      disposition TEXT NOT NULL,             -- what was done: none quarantine reject
      override_reasons TEXT NOT NULL,        -- JSON array of {type, comment}
      root_cause TEXT,                       -- what to look at first; NULL: nothing is amiss
      root_cause_explanation TEXT,
      root_cause_fix TEXT,
      flow_signs TEXT NOT NULL,              -- JSON array: signs of forwarding and lists
      list_identifier TEXT,                  -- from List-Id
      authentication_results TEXT NOT NULL,
      dns_evidence TEXT NOT NULL,            -- JSON array of {name, type, outcome, ...}
      UNIQUE (queue_id, host, received_at, distinguisher)
    ) STRICT;
    CREATE INDEX message_by_time ON message (received_at);
    CREATE INDEX message_by_policy ON message (policy_record_id, received_at);
    CREATE INDEX message_by_author ON message (author_domain, received_at);
    """

  private static let spfOutcome = """
    CREATE TABLE spf_outcome (
      message_id INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
      identity TEXT NOT NULL,                -- mailFrom or helo
      domain TEXT NOT NULL,
      result TEXT NOT NULL,
      cause TEXT NOT NULL,
      term TEXT,                             -- the term that decided
      term_domain TEXT,                      -- whose record holds that term
      explanation TEXT NOT NULL,
      sender_explanation TEXT,               -- the text of exp=
      lookups INTEGER NOT NULL,
      void_lookups INTEGER NOT NULL,
      failed_name TEXT,                      -- whose lookup failed
      is_aligned INTEGER CHECK (is_aligned IN (0, 1)),  -- NULL: not known
      alignment_mode TEXT,                   -- r or s; NULL: nothing to compare
      organizational_domain TEXT,
      alignment_obstacle TEXT,               -- why it is not aligned
      PRIMARY KEY (message_id, identity)
    ) STRICT, WITHOUT ROWID;
    """

  private static let dkimOutcome = """
    CREATE TABLE dkim_outcome (
      message_id INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
      position INTEGER NOT NULL,             -- 0 is the topmost signature
      domain TEXT NOT NULL,                  -- d=
      selector TEXT NOT NULL,                -- s=
      algorithm TEXT NOT NULL,               -- a=
      identity TEXT,                         -- i=, without the local part
      key_bits INTEGER,
      canonicalization TEXT,                 -- c=
      body_length INTEGER,                   -- l=
      signature_start TEXT,                  -- the first characters of b=
      is_test_key INTEGER NOT NULL CHECK (is_test_key IN (0, 1)),
      result TEXT NOT NULL,
      cause TEXT NOT NULL,
      explanation TEXT NOT NULL,
      is_aligned INTEGER CHECK (is_aligned IN (0, 1)),  -- NULL: not known
      alignment_mode TEXT,                   -- r or s; NULL: nothing to compare
      organizational_domain TEXT,
      alignment_obstacle TEXT,               -- why it is not aligned
      PRIMARY KEY (message_id, position)
    ) STRICT, WITHOUT ROWID;
    """

  private static let overview = """
    CREATE VIEW message_overview AS
    SELECT message.id, datetime(received_at, 'unixepoch') AS received_utc, host, queue_id,
      client_address, author_domain, envelope_from_domain,
      helo_spf.result AS spf_helo, mail_spf.result AS spf_mail_from,
      mail_spf.cause AS spf_cause, mail_spf.is_aligned AS spf_domain_aligned,
      (SELECT group_concat(result || ' ' || domain || ' ' || cause, ', ')
        FROM (SELECT * FROM dkim_outcome WHERE message_id = message.id ORDER BY position)
      ) AS dkim,
      dmarc_result, dmarc_cause, policy_domain, policy_record.text AS policy_text,
      applied_policy, disposition
    FROM message
    LEFT JOIN policy_record ON policy_record.id = policy_record_id
    LEFT JOIN spf_outcome AS mail_spf
      ON mail_spf.message_id = message.id AND mail_spf.identity = 'mailFrom'
    LEFT JOIN spf_outcome AS helo_spf
      ON helo_spf.message_id = message.id AND helo_spf.identity = 'helo';
    """

  // SQLite puts the text into that of the table as it is, so the comment must not run to the end
  // of a line.
  private static let arc = """
    ALTER TABLE message ADD COLUMN arc TEXT  /* JSON {result, cause, ...}; NULL: older message */
    """

  private static let arcSeal = """
    ALTER TABLE message ADD COLUMN arc_seal TEXT  /* JSON {instance, ...}; NULL: not sealed here */
    """

  private static let overviewWithARC = """
    CREATE VIEW message_overview AS
    SELECT message.id, datetime(received_at, 'unixepoch') AS received_utc, host, queue_id,
      client_address, author_domain, envelope_from_domain,
      helo_spf.result AS spf_helo, mail_spf.result AS spf_mail_from,
      mail_spf.cause AS spf_cause, mail_spf.is_aligned AS spf_domain_aligned,
      (SELECT group_concat(result || ' ' || domain || ' ' || cause, ', ')
        FROM (SELECT * FROM dkim_outcome WHERE message_id = message.id ORDER BY position)
      ) AS dkim,
      (message.arc ->> 'result') || ' ' || (message.arc ->> 'cause') AS arc,
      dmarc_result, dmarc_cause, policy_domain, policy_record.text AS policy_text,
      applied_policy, disposition, override_reasons
    FROM message
    LEFT JOIN policy_record ON policy_record.id = policy_record_id
    LEFT JOIN spf_outcome AS mail_spf
      ON mail_spf.message_id = message.id AND mail_spf.identity = 'mailFrom'
    LEFT JOIN spf_outcome AS helo_spf
      ON helo_spf.message_id = message.id AND helo_spf.identity = 'helo';
    """
}
