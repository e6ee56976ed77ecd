"""The text of every SQLite schema that two processes share (contracts 3). Nothing newer than SQLite 3.40."""

from __future__ import annotations

BASE = """
CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE ticket(key BLOB PRIMARY KEY, product INTEGER NOT NULL, zones INTEGER NOT NULL, state INTEGER NOT NULL,
 flags INTEGER NOT NULL DEFAULT 0, uses INTEGER NOT NULL DEFAULT 1, nbf INTEGER, exp INTEGER, parent BLOB, lang TEXT,
 note BLOB, ext TEXT) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_parent ON ticket(parent) WHERE parent IS NOT NULL;
"""
"""The index is for add-ons alone: a file without it is read all the same."""
BASE_COLUMNS = ("key", "product", "zones", "state", "flags", "uses", "nbf", "exp", "parent", "lang", "note", "ext")

SYNC = """
CREATE TABLE event(event TEXT PRIMARY KEY, descriptor BLOB, policy BLOB, secrets INTEGER, base_sha256 BLOB,
 incarnation BLOB, cursor INTEGER NOT NULL DEFAULT 0, chain BLOB, feed TEXT, verified_mono INTEGER, verified_boot TEXT)
 STRICT;
CREATE TABLE trust(version INTEGER PRIMARY KEY, file BLOB NOT NULL) STRICT;
CREATE TABLE overlay(event TEXT NOT NULL, key BLOB NOT NULL, product INTEGER NOT NULL, zones INTEGER NOT NULL,
 state INTEGER NOT NULL, flags INTEGER NOT NULL, uses INTEGER NOT NULL, nbf INTEGER, exp INTEGER, parent BLOB, lang TEXT,
 note BLOB, ext TEXT, cursor INTEGER NOT NULL, PRIMARY KEY(event, key)) STRICT, WITHOUT ROWID;
CREATE INDEX overlay_parent ON overlay(parent) WHERE parent IS NOT NULL;
CREATE TABLE remote(event TEXT NOT NULL, list TEXT NOT NULL, ticket BLOB NOT NULL, gate TEXT NOT NULL,
 epoch BLOB NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, dir TEXT, count INTEGER NOT NULL, at INTEGER NOT NULL,
 mono INTEGER, boot TEXT, error_ms INTEGER, ref TEXT, PRIMARY KEY(event, list, ticket, gate, epoch, seq))
 STRICT, WITHOUT ROWID;
CREATE TABLE tally(event TEXT NOT NULL, gate TEXT NOT NULL, epoch BLOB NOT NULL, inside INTEGER NOT NULL,
 PRIMARY KEY(event, gate, epoch)) STRICT, WITHOUT ROWID;
CREATE TRIGGER remote_counted AFTER INSERT ON remote BEGIN
 INSERT INTO tally(event, gate, epoch, inside) VALUES (NEW.event, NEW.gate, NEW.epoch, {new})
 ON CONFLICT(event, gate, epoch) DO UPDATE SET inside = inside + excluded.inside;
END;
CREATE TRIGGER remote_uncounted AFTER DELETE ON remote BEGIN
 UPDATE tally SET inside = inside - {old} WHERE event = OLD.event AND gate = OLD.gate AND epoch = OLD.epoch;
END;
CREATE TABLE remote_clock(gate TEXT NOT NULL, boot TEXT NOT NULL, base_ms INTEGER NOT NULL, error_ms INTEGER NOT NULL,
 PRIMARY KEY(gate, boot)) STRICT, WITHOUT ROWID;
CREATE TABLE acked(peer TEXT NOT NULL, event TEXT NOT NULL, epoch BLOB NOT NULL, upto INTEGER NOT NULL,
 upstream INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(peer, event, epoch)) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine(peer TEXT NOT NULL, event TEXT NOT NULL, epoch BLOB NOT NULL, seq INTEGER NOT NULL,
 why TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(peer, event, epoch, seq)) STRICT;
CREATE TABLE clock(boot TEXT PRIMARY KEY, base_ms INTEGER NOT NULL, error_ms INTEGER NOT NULL, source TEXT NOT NULL)
 STRICT;
CREATE TABLE status(k TEXT PRIMARY KEY, v TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_INSIDE = (
    "{row}.count * CASE WHEN {row}.kind = 'exit' OR {row}.dir IS 'exit' THEN -1 ELSE 1 END"
    " * CASE WHEN {row}.kind = 'annulled' THEN -1 ELSE 1 END"
)
"""How a row of `remote` changes the number of people inside."""
SYNC = SYNC.replace("{new}", _INSIDE.format(row="NEW")).replace("{old}", _INSIDE.format(row="OLD"))
"""`tally`: entries less exits of every gate and epoch, kept by the trigger, so that a gate of an area with a capacity
need not add up all rows of `remote` at every scan."""

JOURNAL = """
CREATE TABLE journal(id INTEGER PRIMARY KEY, event TEXT NOT NULL, epoch BLOB NOT NULL, seq INTEGER NOT NULL,
 uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, list TEXT, ticket BLOB, reason TEXT, at INTEGER NOT NULL,
 body BLOB NOT NULL, hash BLOB NOT NULL, facts BLOB, latency TEXT, UNIQUE(event, epoch, seq)) STRICT;
CREATE INDEX journal_ticket ON journal(event, ticket) WHERE ticket IS NOT NULL;
CREATE TABLE uses(event TEXT NOT NULL, list TEXT NOT NULL, ticket BLOB NOT NULL, entries INTEGER NOT NULL,
 exits INTEGER NOT NULL, annuls INTEGER NOT NULL, first_at INTEGER, last_at INTEGER, last_dir TEXT, day TEXT,
 day_entries INTEGER NOT NULL DEFAULT 0, step INTEGER, PRIMARY KEY(event, list, ticket)) STRICT, WITHOUT ROWID;
CREATE TABLE head(event TEXT NOT NULL, epoch BLOB NOT NULL, seq INTEGER NOT NULL, sign1 BLOB NOT NULL,
 PRIMARY KEY(event, epoch, seq)) STRICT;
CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

OUTBOX = """
SELECT j.event, j.epoch, j.seq, j.body, j.hash FROM journal j
 WHERE j.event = ? AND j.epoch = ? AND j.seq > ? ORDER BY j.seq LIMIT ?
"""
"""Rows of one stream above a peer's acknowledged number: the outbox is this query, not a table."""

STREAMS = "SELECT event, epoch, max(seq) FROM journal GROUP BY event, epoch ORDER BY min(id)"
"""Every stream of a journal with its last number, in order of birth."""
