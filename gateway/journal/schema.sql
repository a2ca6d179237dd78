-- The journal's tables in their first form (delivery-engine 4.1). Never edited: what changes later is a migration,
-- so that a fresh store and an old one walk the same path.
-- Times are integer microseconds since 1970, UTC. What may hold personal data is sealed with its dossier's data key.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE migration (
  number     INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE upstream (
  code               TEXT PRIMARY KEY,
  conc_limit         INTEGER NOT NULL DEFAULT 0,
  rate_per_s         REAL    NOT NULL DEFAULT 0,
  burst              INTEGER NOT NULL DEFAULT 0,
  breaker_state      TEXT    NOT NULL DEFAULT 'closed',
  breaker_open_until INTEGER,
  paused             TEXT    NOT NULL DEFAULT '',
  cfg_generation     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The lane row is the unit of scheduling. `due` and `lease_until` both NULL: idle or blocked; `block_reason` set: waits
-- for a person, or (while idle) holds whatever comes. `hold_reason` is a hold ordered while a message was in flight.
-- The last check is the promise that no acknowledged message is ever left without a next step.
CREATE TABLE lane (
  lane_id      INTEGER PRIMARY KEY,
  upstream     TEXT    NOT NULL,
  dossier      TEXT    NOT NULL,
  next_seq     INTEGER NOT NULL,
  head_seq     INTEGER NOT NULL,
  head_at      INTEGER,
  due          INTEGER,
  lease_until  INTEGER,
  owner        TEXT    NOT NULL DEFAULT '',
  epoch        INTEGER NOT NULL DEFAULT 0,
  attempts     INTEGER NOT NULL DEFAULT 0,
  block_reason TEXT    NOT NULL DEFAULT '',
  hold_reason  TEXT    NOT NULL DEFAULT '',
  legal_due    INTEGER,
  memory       TEXT    NOT NULL DEFAULT '{}',
  CHECK (head_seq <= next_seq),
  CHECK ((head_at IS NULL) = (head_seq = next_seq)),
  CHECK (due IS NULL OR lease_until IS NULL),
  CHECK (block_reason = '' OR (due IS NULL AND lease_until IS NULL)),
  CHECK (head_seq < next_seq OR (due IS NULL AND lease_until IS NULL)),
  CHECK (head_seq = next_seq OR due IS NOT NULL OR lease_until IS NOT NULL OR block_reason <> '')
) STRICT;
CREATE UNIQUE INDEX lane_name ON lane (dossier, upstream);
CREATE INDEX lane_due ON lane (upstream, due) WHERE due IS NOT NULL;
CREATE INDEX lane_lease ON lane (upstream, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX lane_head ON lane (upstream, head_at) WHERE head_at IS NOT NULL;
CREATE INDEX lane_blocked ON lane (upstream, head_at) WHERE block_reason <> '';

-- `key` is the event's id, `kind` the operation, `copy` counts replays. `prior` is the state that a claim found.
-- `doubtful`: an earlier attempt may have reached the upstream. `unsettled`: claims in a row that nobody settled.
CREATE TABLE msg (
  lane_id          INTEGER NOT NULL,
  seq              INTEGER NOT NULL,
  delivery_id      TEXT    NOT NULL,
  source           TEXT    NOT NULL,
  key              TEXT    NOT NULL,
  upstream         TEXT    NOT NULL,
  kind             TEXT    NOT NULL,
  copy             INTEGER NOT NULL DEFAULT 0,
  req_hash         BLOB    NOT NULL,
  supersede_class  TEXT    NOT NULL DEFAULT '',
  state            TEXT    NOT NULL CHECK (
    state = 'READY' OR state = 'SENDING' OR state = 'DELIVERED' OR state = 'WAITING' OR
    state = 'UNKNOWN' OR state = 'REFUSED' OR state = 'HELD' OR state = 'SUPERSEDED'),
  prior            TEXT    NOT NULL DEFAULT '',
  doubtful         INTEGER NOT NULL DEFAULT 0,
  attempts         INTEGER NOT NULL DEFAULT 0,
  unsettled        INTEGER NOT NULL DEFAULT 0,
  hold_reason      TEXT    NOT NULL DEFAULT '',
  payload_ref      INTEGER NOT NULL,
  receipt_ref      INTEGER NOT NULL DEFAULT 0,
  accepted_at      INTEGER NOT NULL,
  first_attempt_at INTEGER,
  PRIMARY KEY (lane_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX msg_once ON msg (source, key, upstream, kind, copy);

CREATE TABLE attempt (
  lane_id       INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  n             INTEGER NOT NULL,
  started       INTEGER NOT NULL,
  ended         INTEGER NOT NULL,
  outcome       TEXT    NOT NULL,
  http          INTEGER NOT NULL,
  upstream_code TEXT    NOT NULL,
  detail_vi     TEXT    NOT NULL,
  req_digest    BLOB    NOT NULL,
  res_digest    BLOB    NOT NULL,
  request_ref   INTEGER NOT NULL,
  response_ref  INTEGER NOT NULL,
  node          TEXT    NOT NULL,
  PRIMARY KEY (lane_id, seq, n)
) STRICT, WITHOUT ROWID;

-- `body` is the sealed answer; `digest` that of the request it answered; `leaf` the evidence leaf of its transaction.
CREATE TABLE receipt (
  source  TEXT NOT NULL,
  key     TEXT NOT NULL,
  digest  BLOB NOT NULL,
  dossier TEXT NOT NULL,
  body    BLOB,
  file    TEXT,
  leaf    BLOB NOT NULL,
  PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

-- `covers` holds the digests that the leaf binds, 32 bytes each, in order.
CREATE TABLE leaf (
  writer TEXT    NOT NULL,
  n      INTEGER NOT NULL,
  digest BLOB    NOT NULL,
  covers BLOB    NOT NULL,
  PRIMARY KEY (writer, n)
) STRICT, WITHOUT ROWID;

-- Sealed bytes stand here, or in the file named by their digest when they are large.
CREATE TABLE payload (
  ref     INTEGER PRIMARY KEY,
  dossier TEXT NOT NULL,
  sealed  BLOB,
  file    TEXT,
  CHECK ((sealed IS NULL) <> (file IS NULL))
) STRICT;

CREATE TABLE upstream_slot (
  upstream    TEXT    NOT NULL,
  n           INTEGER NOT NULL,
  lease_until INTEGER,
  owner       TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (upstream, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
  node    TEXT PRIMARY KEY,
  started INTEGER NOT NULL,
  beat    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE inbound (
  source      TEXT    NOT NULL,
  event_id    TEXT    NOT NULL,
  dossier     TEXT    NOT NULL,
  sequence    INTEGER NOT NULL,
  raw_ref     INTEGER NOT NULL,
  carried_ref INTEGER NOT NULL,
  digest      BLOB    NOT NULL,
  status      TEXT    NOT NULL,
  parked      INTEGER NOT NULL,
  position    INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_dossier ON inbound (dossier, source, sequence);
CREATE INDEX inbound_parked ON inbound (dossier, source, sequence) WHERE parked = 1;

CREATE TABLE source_seq (
  source  TEXT    NOT NULL,
  dossier TEXT    NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (source, dossier)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursor (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  position INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  dossier  TEXT    NOT NULL,
  event_id TEXT    NOT NULL,
  fields   BLOB    NOT NULL,
  feed     INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_feed ON audit (position) WHERE feed = 1;

-- `sealed_for` is the dossier whose data key sealed the state; empty when the state is readable.
CREATE TABLE record (
  kind       TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  state      BLOB,
  file       TEXT,
  sealed_for TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE record_index (
  kind  TEXT NOT NULL,
  name  TEXT NOT NULL,
  value TEXT NOT NULL,
  id    TEXT NOT NULL,
  PRIMARY KEY (kind, name, value, id)
) STRICT, WITHOUT ROWID;

-- Messages by upstream and state, kept by the writer in the transaction that moves them: /metrics reads a few rows.
CREATE TABLE tally (
  upstream TEXT    NOT NULL,
  state    TEXT    NOT NULL,
  n        INTEGER NOT NULL,
  PRIMARY KEY (upstream, state)
) STRICT, WITHOUT ROWID;
