-- The journal's tables on PostgreSQL 15 or later: those of schema.sql with its migrations, column for column (delivery-engine 4.1, 4.8),
-- and `rev`, how often a row was written over, by which the last of its leaves is known (decision 0036).
-- Text is compared by its bytes. Times are integer microseconds since 1970, UTC; `payload.ref` begins with its month.

CREATE TABLE meta (
  name  text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL
);

-- `sha256`: of the text of the step as it was applied here; empty for steps of an embedded store, whose rows come along.
CREATE TABLE migration (
  number     bigint PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  applied_at bigint NOT NULL,
  sha256     text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE upstream (
  code               text COLLATE "C" PRIMARY KEY,
  conc_limit         bigint NOT NULL DEFAULT 0,
  rate_per_s         double precision NOT NULL DEFAULT 0,
  burst              bigint NOT NULL DEFAULT 0,
  breaker_state      text COLLATE "C" NOT NULL DEFAULT 'closed',
  breaker_open_until bigint,
  paused             text COLLATE "C" NOT NULL DEFAULT '',
  cfg_generation     bigint NOT NULL DEFAULT 0,
  rev                bigint NOT NULL DEFAULT 0
);

CREATE TABLE lane (
  lane_id      bigint PRIMARY KEY,
  upstream     text COLLATE "C" NOT NULL,
  dossier      text COLLATE "C" NOT NULL,
  next_seq     bigint NOT NULL,
  head_seq     bigint NOT NULL,
  head_at      bigint,
  due          bigint,
  lease_until  bigint,
  owner        text COLLATE "C" NOT NULL DEFAULT '',
  epoch        bigint NOT NULL DEFAULT 0,
  attempts     bigint NOT NULL DEFAULT 0,
  block_reason text COLLATE "C" NOT NULL DEFAULT '',
  hold_reason  text COLLATE "C" NOT NULL DEFAULT '',
  legal_due    bigint,
  memory       text COLLATE "C" NOT NULL DEFAULT '{}',
  rev          bigint NOT NULL DEFAULT 0,
  CHECK (head_seq <= next_seq),
  CHECK ((head_at IS NULL) = (head_seq = next_seq)),
  CHECK (due IS NULL OR lease_until IS NULL),
  CHECK (block_reason = '' OR (due IS NULL AND lease_until IS NULL)),
  CHECK (head_seq < next_seq OR (due IS NULL AND lease_until IS NULL)),
  CHECK (head_seq = next_seq OR due IS NOT NULL OR lease_until IS NOT NULL OR block_reason <> '')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX lane_name ON lane (dossier, upstream);
CREATE INDEX lane_due ON lane (upstream, due, lane_id) WHERE due IS NOT NULL;
CREATE INDEX lane_pressing ON lane (upstream, coalesce((legal_due + 25200000000) / 86400000000, 999999), due, lane_id)
WHERE due IS NOT NULL;
CREATE INDEX lane_lease ON lane (upstream, lease_until, lane_id) WHERE lease_until IS NOT NULL;
CREATE INDEX lane_head ON lane (upstream, head_at) WHERE head_at IS NOT NULL;
CREATE INDEX lane_blocked ON lane (upstream, head_at) WHERE block_reason <> '';

-- `supersede_class`: the operation, where a newer message of it may take this one's place; then the delivery that did.
CREATE TABLE msg (
  lane_id          bigint NOT NULL,
  seq              bigint NOT NULL,
  delivery_id      text COLLATE "C" NOT NULL,
  source           text COLLATE "C" NOT NULL,
  key              text COLLATE "C" NOT NULL,
  upstream         text COLLATE "C" NOT NULL,
  kind             text COLLATE "C" NOT NULL,
  copy             bigint NOT NULL DEFAULT 0,
  req_hash         bytea NOT NULL,
  supersede_class  text COLLATE "C" NOT NULL DEFAULT '',
  state            text COLLATE "C" NOT NULL CHECK (state IN
    ('READY', 'SENDING', 'DELIVERED', 'WAITING', 'UNKNOWN', 'REFUSED', 'HELD', 'SUPERSEDED')),
  prior            text COLLATE "C" NOT NULL DEFAULT '',
  doubtful         bigint NOT NULL DEFAULT 0,
  attempts         bigint NOT NULL DEFAULT 0,
  unsettled        bigint NOT NULL DEFAULT 0,
  hold_reason      text COLLATE "C" NOT NULL DEFAULT '',
  payload_ref      bigint NOT NULL,
  receipt_ref      bigint NOT NULL DEFAULT 0,
  accepted_at      bigint NOT NULL,
  first_attempt_at bigint,
  rev              bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (lane_id, seq)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX msg_once ON msg (source, key, upstream, kind, copy);

-- By month of `ended`; what is outside of every month that was made (a clock that is far off) stands in the default one.
CREATE TABLE attempt (
  lane_id       bigint NOT NULL,
  seq           bigint NOT NULL,
  n             bigint NOT NULL,
  started       bigint NOT NULL,
  ended         bigint NOT NULL,
  outcome       text COLLATE "C" NOT NULL,
  http          bigint NOT NULL,
  upstream_code text COLLATE "C" NOT NULL,
  detail_vi     text COLLATE "C" NOT NULL,
  req_digest    bytea NOT NULL,
  res_digest    bytea NOT NULL,
  request_ref   bigint NOT NULL,
  response_ref  bigint NOT NULL,
  node          text COLLATE "C" NOT NULL,
  PRIMARY KEY (lane_id, seq, n, ended)
) PARTITION BY RANGE (ended);
CREATE TABLE attempt_other PARTITION OF attempt DEFAULT;

CREATE TABLE receipt (
  source  text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  digest  bytea NOT NULL,
  dossier text COLLATE "C" NOT NULL,
  body    bytea,
  file    text COLLATE "C",
  leaf    bytea NOT NULL,
  PRIMARY KEY (source, key)
);

CREATE TABLE leaf (
  writer text COLLATE "C" NOT NULL,
  n      bigint NOT NULL,
  digest bytea NOT NULL,
  covers bytea NOT NULL,
  about  bytea NOT NULL,
  PRIMARY KEY (writer, n)
);

CREATE TABLE payload (
  ref     bigint PRIMARY KEY,
  dossier text COLLATE "C" NOT NULL,
  sealed  bytea,
  file    text COLLATE "C",
  CHECK ((sealed IS NULL) <> (file IS NULL))
) PARTITION BY RANGE (ref);
-- References of an embedded store are small numbers and stay for good: below 600 x 2^40 (January 2020) is no month. In the default
-- partition they would be read through, with the table locked, whenever a month is made.
CREATE TABLE payload_moved PARTITION OF payload FOR VALUES FROM (MINVALUE) TO (659706976665600);
CREATE TABLE payload_other PARTITION OF payload DEFAULT;
CREATE SEQUENCE payload_number INCREMENT 1024;

-- What an embedded store kept in files, under the digests by which its rows name them: those rows are bound as they stand.
CREATE TABLE shelf (
  name   text COLLATE "C" PRIMARY KEY,
  sealed bytea NOT NULL
);

-- Uploaded files, sealed by themselves under keys that stand in sealed records, in pieces. `pieces` is -1 while a file arrives;
-- `receiver` is the start of a node that receives it, `touched` the server's time of its last step. Sealed bytes do not compress.
CREATE TABLE content (
  place    text COLLATE "C" PRIMARY KEY,
  receiver text COLLATE "C" NOT NULL,
  pieces   bigint NOT NULL DEFAULT -1,
  settled  bigint NOT NULL DEFAULT 0,
  touched  bigint NOT NULL
);
CREATE INDEX content_unsettled ON content (place) WHERE settled = 0;
CREATE TABLE content_piece (
  place  text COLLATE "C" NOT NULL REFERENCES content ON DELETE CASCADE,
  n      bigint NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (place, n)
);
ALTER TABLE content_piece ALTER sealed SET STORAGE EXTERNAL;

-- A seat; `owner` is a start of a node, `lease_until` the server's time. Renewed each second, hence the room within its page.
CREATE TABLE upstream_slot (
  upstream    text COLLATE "C" NOT NULL,
  n           bigint NOT NULL,
  lease_until bigint,
  owner       text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (upstream, n)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- `knows`: the newest step of these tables that the node's program knows.
-- `start` is the start that beats now, empty when it stopped by itself; `beat` is the server's time, 0 before the first one. `turns`
-- counts the changes of `without_redis`; `steady` is a moment at which everybody could see the last one, 0 while it is not known.
-- `generation` is that of the configuration in force there, `version` the program's, as of the last beat.
CREATE TABLE node (
  node          text COLLATE "C" PRIMARY KEY,
  started       bigint NOT NULL,
  beat          bigint NOT NULL DEFAULT 0,
  start         text COLLATE "C" NOT NULL DEFAULT '',
  without_redis bigint NOT NULL DEFAULT 0,
  demands       text COLLATE "C" NOT NULL DEFAULT '{}',
  knows         bigint NOT NULL DEFAULT 0,
  rev           bigint NOT NULL DEFAULT 0,
  turns         bigint NOT NULL DEFAULT 0,
  steady        bigint NOT NULL DEFAULT 0,
  generation    text COLLATE "C" NOT NULL DEFAULT '',
  version       text COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

-- The evidence chain of the newest start of each node: no other start of that node writes a leaf.
CREATE TABLE newest_chain (
  node  text COLLATE "C" PRIMARY KEY,
  chain text COLLATE "C" NOT NULL
);

CREATE TABLE inbound (
  source      text COLLATE "C" NOT NULL,
  event_id    text COLLATE "C" NOT NULL,
  dossier     text COLLATE "C" NOT NULL,
  sequence    bigint NOT NULL,
  raw_ref     bigint NOT NULL,
  carried_ref bigint NOT NULL,
  digest      bytea NOT NULL,
  status      text COLLATE "C" NOT NULL,
  parked      bigint NOT NULL,
  position    bigint NOT NULL,
  received_at bigint NOT NULL,
  rev         bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (source, event_id)
);
CREATE INDEX inbound_dossier ON inbound (dossier, source, sequence);
CREATE INDEX inbound_parked ON inbound (dossier, source, sequence) WHERE parked = 1;

CREATE TABLE source_seq (
  source  text COLLATE "C" NOT NULL,
  dossier text COLLATE "C" NOT NULL,
  last    bigint NOT NULL,
  rev     bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (source, dossier)
) WITH (fillfactor = 80);

CREATE TABLE cursor (
  name  text COLLATE "C" PRIMARY KEY,
  value text COLLATE "C" NOT NULL,
  rev   bigint NOT NULL DEFAULT 0
);

CREATE TABLE audit (
  position bigint PRIMARY KEY,
  at       bigint NOT NULL,
  kind     text COLLATE "C" NOT NULL,
  actor    text COLLATE "C" NOT NULL,
  dossier  text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  fields   bytea NOT NULL,
  feed     bigint NOT NULL
);
CREATE INDEX audit_feed ON audit (position) WHERE feed = 1;

CREATE TABLE record (
  kind       text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  version    bigint NOT NULL,
  state      bytea,
  file       text COLLATE "C",
  sealed_for text COLLATE "C" NOT NULL DEFAULT '',
  rev        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE record_index (
  kind  text COLLATE "C" NOT NULL,
  name  text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  id    text COLLATE "C" NOT NULL,
  PRIMARY KEY (kind, name, value, id)
);

-- Each node counts for itself, so that none waits for another; a node's own number may be negative, the sum is what stands.
CREATE TABLE tally (
  node     text COLLATE "C" NOT NULL,
  upstream text COLLATE "C" NOT NULL,
  state    text COLLATE "C" NOT NULL,
  n        bigint NOT NULL,
  PRIMARY KEY (node, upstream, state)
) WITH (fillfactor = 50);

-- What has happened stays (F6 of the failure catalogue).
CREATE FUNCTION stays_as_it_is() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only, and a terminal message cannot change its state', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER msg_terminal_is_final BEFORE UPDATE OF state ON msg FOR EACH ROW
  WHEN (NEW.state <> OLD.state AND OLD.state IN ('DELIVERED', 'REFUSED', 'SUPERSEDED')) EXECUTE FUNCTION stays_as_it_is();
CREATE TRIGGER attempt_is_append_only BEFORE UPDATE ON attempt FOR EACH ROW EXECUTE FUNCTION stays_as_it_is();
CREATE TRIGGER leaf_is_append_only BEFORE UPDATE ON leaf FOR EACH ROW EXECUTE FUNCTION stays_as_it_is();
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION stays_as_it_is();

-- A record is written over what was seen of it (its `rev`), a leaf by the newest start of its node; or the transaction runs again.
CREATE FUNCTION as_it_was_seen(it boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF it THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION 'something was written since it was seen' USING ERRCODE = 'serialization_failure';
END $$;
