-- The statements of the shared store that differ from those in queries.sql; all others are translated by rule (`journal.dialect`).

-- name: tally.add
INSERT INTO tally (node, upstream, state, n) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (node, upstream, state) DO UPDATE SET n = tally.n + excluded.n

-- name: read.tally
SELECT upstream, state, sum(n)::bigint FROM tally GROUP BY upstream, state HAVING sum(n) > 0

-- name: open.chain
INSERT INTO newest_chain (node, chain) VALUES (?1, ?2) ON CONFLICT (node) DO UPDATE SET chain = excluded.chain

-- name: open.chains_of
SELECT id FROM record WHERE kind = 'chain_opening' AND starts_with(id, concat(?1::text, '/'))

-- name: open.newest_chain
SELECT id FROM record WHERE kind = 'chain_opening'
ORDER BY (SELECT count(*) FROM jsonb_object_keys(convert_from(state, 'UTF8')::jsonb -> 'heads')) DESC LIMIT 1

-- Only the newest start of a node goes on: an older one that is stopped, or whose commit is still on its way, writes before
-- the opening of the newer one or not at all, so a chain ends where that opening says.

-- name: leaf.put
INSERT INTO leaf (writer, n, digest, covers, about)
SELECT ?1::text, ?2::bigint, ?3::bytea, ?4::bytea, ?5::bytea
WHERE as_it_was_seen(EXISTS (SELECT 1 FROM newest_chain WHERE chain = ?1::text FOR SHARE))

-- name: record.get
SELECT version, state, file, sealed_for, rev FROM record WHERE kind = ?1 AND id = ?2

-- name: accept.last_sequence
SELECT last, rev FROM source_seq WHERE source = ?1 AND dossier = ?2

-- name: accept.sequence
INSERT INTO source_seq (source, dossier, last, rev) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (source, dossier) DO UPDATE SET last = excluded.last, rev = excluded.rev
WHERE as_it_was_seen(source_seq.rev = excluded.rev - 1)

-- name: record.held
SELECT version, state, file, sealed_for, rev FROM record WHERE kind = ?1 AND id = ?2 FOR UPDATE

-- name: record.put
INSERT INTO record (kind, id, version, state, file, sealed_for, rev) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (kind, id) DO UPDATE SET
  version = excluded.version, state = excluded.state, file = excluded.file, sealed_for = excluded.sealed_for, rev = excluded.rev
WHERE as_it_was_seen(record.rev = excluded.rev - 1)

-- name: lane.get
SELECT lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts, block_reason,
  hold_reason, legal_due, memory, rev
FROM lane WHERE lane_id = ?1 FOR UPDATE

-- name: lane.set_back
UPDATE lane SET due = greatest(due - ?3, ?2) WHERE upstream = ?1 AND due IS NOT NULL AND due > ?2

-- name: claim.expired
SELECT lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts, block_reason,
  hold_reason, legal_due, memory, rev
FROM lane WHERE upstream = ?1 AND lease_until IS NOT NULL AND lease_until <= ?2 AND lease_until >= ?4
ORDER BY lease_until, lane_id LIMIT ?3
FOR UPDATE SKIP LOCKED

-- name: claim.due
SELECT lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts, block_reason,
  hold_reason, legal_due, memory, rev
FROM lane WHERE upstream = ?1 AND due IS NOT NULL AND due <= ?2 AND due >= ?4 ORDER BY due, lane_id LIMIT ?3
FOR UPDATE SKIP LOCKED

-- name: claim.pressing
WITH RECURSIVE days (day) AS (
  SELECT (SELECT coalesce((legal_due + 25200000000) / 86400000000, 999999) FROM lane
    WHERE upstream = ?1 AND due IS NOT NULL ORDER BY 1 LIMIT 1)
  UNION ALL
  SELECT (SELECT coalesce((legal_due + 25200000000) / 86400000000, 999999) FROM lane
    WHERE upstream = ?1 AND due IS NOT NULL AND coalesce((legal_due + 25200000000) / 86400000000, 999999) > days.day
    ORDER BY 1 LIMIT 1)
  FROM days WHERE day IS NOT NULL
)
SELECT l.* FROM days, LATERAL (
  SELECT lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts, block_reason,
  hold_reason, legal_due, memory, rev FROM lane
  WHERE upstream = ?1 AND coalesce((legal_due + 25200000000) / 86400000000, 999999) = days.day
    AND due IS NOT NULL AND due <= ?2 AND due >= ?4
  ORDER BY due, lane_id LIMIT ?3 FOR UPDATE SKIP LOCKED
) l LIMIT ?3

-- name: claim.messages
SELECT m.lane_id, m.seq, m.delivery_id, m.source, m.key, m.upstream, m.kind, m.copy, m.req_hash, m.supersede_class, m.state,
  m.prior, m.doubtful, m.attempts, m.unsettled, m.hold_reason, m.payload_ref, m.receipt_ref, m.accepted_at,
  m.first_attempt_at, m.rev, p.sealed, p.file
FROM msg m JOIN payload p ON p.ref = m.payload_ref
WHERE m.lane_id = ?1 AND m.seq >= ?2 AND m.state <> 'DELIVERED' AND m.state <> 'REFUSED' AND m.state <> 'SUPERSEDED'
ORDER BY m.seq LIMIT ?3

-- name: claim.cut
UPDATE lane SET lease_until = ?2 WHERE lane_id IN (
  SELECT l.lane_id FROM lane l WHERE l.upstream = ?1 AND l.lease_until IS NOT NULL AND l.lease_until > ?2 FOR UPDATE SKIP LOCKED)

-- name: settle.claimed
SELECT seq, prior, doubtful, delivery_id, state FROM msg WHERE lane_id = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1000

-- name: settle.msg
UPDATE msg SET state = ?3, prior = '', doubtful = ?4, unsettled = 0, hold_reason = ?5,
  supersede_class = CASE WHEN ?3 = 'READY' THEN supersede_class ELSE '' END,
  receipt_ref = CASE WHEN ?6::bigint = 0 THEN receipt_ref ELSE ?6::bigint END,
  first_attempt_at = CASE WHEN ?7::bigint > 0 AND attempts <= ?7::bigint THEN NULL ELSE first_attempt_at END,
  attempts = greatest(attempts - ?7::bigint, 0)
WHERE lane_id = ?1 AND seq = ?2

-- name: read.feed
SELECT position, at, kind, actor, dossier, event_id, fields FROM audit
WHERE position > ?1 AND position < ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  + coalesce((SELECT c.value::bigint FROM cursor c WHERE c.name = 'position_base'), 0)) << 16) AND feed = 1
ORDER BY position LIMIT ?2

-- name: read.audit
SELECT position, at, kind, actor, dossier, event_id, fields FROM audit
WHERE position > ?1 AND position < ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  + coalesce((SELECT c.value::bigint FROM cursor c WHERE c.name = 'position_base'), 0)) << 16)
ORDER BY position LIMIT ?2

-- name: shared.dossiers
SELECT pg_advisory_xact_lock(name) FROM unnest(?1::bigint[]) AS name

-- name: shared.lanes
SELECT lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts, block_reason,
  hold_reason, legal_due, memory, rev
FROM lane WHERE dossier = ANY (?1::text[]) OR lane_id = ANY (?2::bigint[]) ORDER BY lane_id FOR UPDATE

-- name: shared.messages
SELECT m.lane_id, m.seq, m.delivery_id, m.source, m.key, m.upstream, m.kind, m.copy, m.req_hash, m.supersede_class, m.state,
  m.prior, m.doubtful, m.attempts, m.unsettled, m.hold_reason, m.payload_ref, m.receipt_ref, m.accepted_at,
  m.first_attempt_at, m.rev,
  CASE WHEN m.state = 'SENDING' THEN
    (SELECT coalesce(max(a.n), 0) FROM attempt a WHERE a.lane_id = m.lane_id AND a.seq = m.seq) END
FROM unnest(?1::bigint[], ?2::bigint[]) AS k (lane_id, head),
  LATERAL (SELECT * FROM msg WHERE msg.lane_id = k.lane_id AND msg.seq >= k.head ORDER BY msg.seq LIMIT 12) m

-- The commit of a transaction that wrote nothing waits for no standby, number or not; so one that may only repeat what was
-- answered before writes a word that nobody reads.

-- name: shared.transaction
SELECT pg_current_xact_id()::text::bigint
  + coalesce((SELECT c.value::bigint FROM cursor c WHERE c.name = 'position_base'), 0),
  CASE WHEN current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
    THEN pg_logical_emit_message(true, 'tthc-gateway', '') IS NOT NULL ELSE false END,
  pg_backend_pid(), pg_conf_load_time()

-- name: shared.standby
SELECT current_setting('synchronous_standby_names') <> ''
  AND current_setting('synchronous_commit') IN ('on', 'remote_apply'), pg_backend_pid(), pg_conf_load_time()

-- name: shared.halt
LOCK TABLE cursor IN ACCESS EXCLUSIVE MODE

-- name: shared.server
SELECT concat((SELECT system_identifier FROM pg_control_system()), '/', left(pg_walfile_name(pg_current_wal_lsn()), 8))

-- name: shared.payloads
SELECT nextval('payload_number')

-- name: shared.newest
SELECT chain FROM newest_chain WHERE node = ?1

-- name: shared.head
SELECT n, digest FROM leaf WHERE writer = ?1 ORDER BY n DESC LIMIT 1

-- name: open.last_position
SELECT greatest((SELECT max(position) FROM audit), (SELECT max(position) FROM inbound), 0)::bigint

-- name: shelf.get
SELECT sealed FROM shelf WHERE name = ?1

-- name: shared.applied
SELECT number, name, sha256 FROM migration ORDER BY number

-- name: shared.apply
INSERT INTO migration (number, name, applied_at, sha256) VALUES (?1, ?2, ?3, ?4)

-- name: shared.alone
SELECT pg_advisory_xact_lock(?1)

-- name: shared.naming
SELECT pg_advisory_xact_lock_shared(?1)

-- name: shared.there
SELECT to_regclass(?1::text) IS NOT NULL

-- name: open.node
INSERT INTO node (node, started) VALUES (?1, ?2) ON CONFLICT (node) DO UPDATE SET started = excluded.started

-- name: ready.beat
UPDATE node SET beat = beat
WHERE node = ?1::text AND as_it_was_seen(EXISTS (SELECT 1 FROM newest_chain WHERE chain = ?2::text))

-- name: upstream.held
SELECT breaker_state, breaker_open_until, paused, cfg_generation FROM upstream WHERE code = ?1 FOR UPDATE

-- name: node.before
SELECT start FROM node WHERE node = ?1 FOR UPDATE

-- name: seat.adopt
WITH sent AS (
  SELECT upstream, count(*) AS calls FROM lane WHERE owner = ?1::text AND lease_until IS NOT NULL GROUP BY upstream
), polled AS (
  SELECT split_part(upstream, ':', 3) AS upstream, count(*) AS calls FROM upstream_slot
  WHERE owner = ?1::text AND upstream LIKE 'alone:poll:%' GROUP BY 1
), left_behind AS (
  SELECT upstream, n, row_number() OVER (PARTITION BY upstream ORDER BY n) AS place FROM upstream_slot WHERE owner = ?1::text
)
UPDATE upstream_slot s SET owner = ?2::text
FROM left_behind l LEFT JOIN sent USING (upstream) LEFT JOIN polled USING (upstream)
WHERE s.upstream = l.upstream AND s.n = l.n AND s.owner = ?1::text AND l.place > coalesce(sent.calls, 0) + coalesce(polled.calls, 0)

-- The first beat takes the name over, but only for the start that may write (`open.chain`): of two that come up at the same
-- moment one does both, in whatever order they open and beat.

-- name: node.beat
UPDATE node SET beat = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, start = ?6::text, without_redis = ?3::bigint,
  demands = ?4::text, generation = ?7::text, version = ?8::text, turns = turns + (without_redis <> ?3::bigint)::int,
  steady = CASE WHEN without_redis <> ?3::bigint THEN 0
    WHEN steady = 0 THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ELSE steady END
WHERE node = ?1::text
  AND CASE WHEN ?5::boolean THEN start = ?2::text ELSE EXISTS (SELECT 1 FROM newest_chain WHERE chain = ?2::text) END
RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: node.opening
SELECT 1 FROM record WHERE kind = 'chain_opening' AND id = ?1

-- name: server.clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint

-- name: node.all
SELECT node, start, started, greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint - beat, 0), without_redis, demands,
  turns, CASE WHEN steady = 0 THEN 0 ELSE greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint - steady, 0) END,
  generation, version
FROM node WHERE beat > 0 ORDER BY node

-- name: node.held
SELECT owner, upstream, count(*) FROM upstream_slot
WHERE owner <> '' AND lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint GROUP BY owner, upstream

-- name: seat.make
INSERT INTO upstream_slot (upstream, n)
SELECT w.name, s.n FROM unnest(?1::text[], ?2::bigint[]) AS w (name, seats), generate_series(1, w.seats) AS s (n)
ORDER BY 1, 2 ON CONFLICT DO NOTHING

-- name: seat.renew
WITH mine AS (
  SELECT upstream, n FROM upstream_slot WHERE owner = ?1::text FOR UPDATE SKIP LOCKED
), ranked AS (
  SELECT m.upstream, m.n, w.lease,
    coalesce(m.n <= w.seats AND row_number() OVER (PARTITION BY m.upstream ORDER BY m.n) <= w.wanted, false) AS stays
  FROM mine m LEFT JOIN unnest(?2::text[], ?3::bigint[], ?4::bigint[], ?5::bigint[]) AS w (name, seats, wanted, lease)
    ON w.name = m.upstream
)
UPDATE upstream_slot s SET owner = CASE WHEN r.stays THEN s.owner ELSE '' END,
  lease_until = CASE WHEN r.stays THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + r.lease END
FROM ranked r WHERE s.upstream = r.upstream AND s.n = r.n RETURNING s.upstream, r.stays

-- name: seat.cut
UPDATE upstream_slot s SET lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 2 * c.lease
FROM (
  SELECT o.upstream, o.n, w.lease FROM unnest(?1::text[], ?2::bigint[]) AS w (name, lease)
  JOIN upstream_slot o ON o.upstream = w.name
  WHERE o.lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 2 * w.lease FOR UPDATE OF o SKIP LOCKED
) c
WHERE s.upstream = c.upstream AND s.n = c.n

-- name: seat.take
WITH taken AS (
  SELECT f.upstream, f.n, w.lease
  FROM unnest(?2::text[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[]) AS w (name, seats, missing, lease, over), LATERAL (
    SELECT s.upstream, s.n FROM upstream_slot s
    WHERE s.upstream = w.name AND s.n <= w.seats AND (s.lease_until IS NULL OR s.lease_until <= w.over)
    ORDER BY s.n LIMIT w.missing FOR UPDATE SKIP LOCKED) f
)
UPDATE upstream_slot s SET owner = ?1::text, lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + t.lease
FROM taken t WHERE s.upstream = t.upstream AND s.n = t.n RETURNING s.upstream

-- The cabinet: each statement by itself, and each may be said twice.

-- name: content.begin
INSERT INTO content (place, receiver, touched) VALUES (?1, ?2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) ON CONFLICT (place) DO NOTHING

-- name: content.piece
WITH alive AS (
  UPDATE content SET touched = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE place = ?1::text AND pieces = -1
)
INSERT INTO content_piece (place, n, sealed) VALUES (?1::text, ?2, ?3) ON CONFLICT (place, n) DO NOTHING

-- name: content.whole
UPDATE content SET pieces = ?2, touched = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE place = ?1 AND pieces IN (-1, ?2)
  AND (SELECT count(*) FROM content_piece p WHERE p.place = ?1) = ?2 RETURNING place

-- name: content.settle
UPDATE content SET settled = 1 WHERE place = ?1 AND pieces >= 0

-- name: content.discard
DELETE FROM content WHERE place = ?1 AND settled = 0

-- name: content.discard_part
DELETE FROM content WHERE place = ?1 AND pieces = -1

-- name: content.pieces
SELECT pieces FROM content WHERE place = ?1 AND pieces >= 0

-- name: content.get
SELECT sealed FROM content_piece WHERE place = ?1 AND n = ?2

-- name: content.left
SELECT c.place, (SELECT substring(p.sealed FROM 1 FOR ?1::int) FROM content_piece p WHERE p.place = c.place AND p.n = 0),
  (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - c.touched
FROM content c WHERE c.settled = 0 AND c.pieces >= 0 ORDER BY c.place

-- name: content.drop_parts
DELETE FROM content c WHERE c.settled = 0 AND c.pieces = -1 AND c.receiver <> ?1::text
  AND (starts_with(c.receiver, ?2::text) OR (c.touched < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ?3::bigint
    AND NOT EXISTS (SELECT 1 FROM node n WHERE n.start = c.receiver AND n.beat > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ?3::bigint)))
RETURNING c.place
