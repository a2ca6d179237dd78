-- The statements of the embedded store (SQLite), by operation. Values are positional, times integer microseconds UTC.

-- name: payload.get
SELECT dossier, sealed, file FROM payload WHERE ref = ?1

-- name: payload.kept
SELECT 1 FROM payload WHERE ref = ?1

-- name: payload.put
INSERT INTO payload (ref, dossier, sealed, file) VALUES (?1, ?2, ?3, ?4)

-- name: record.get
SELECT version, state, file, sealed_for FROM record WHERE kind = ?1 AND id = ?2

-- name: record.kind
SELECT id, version, state, file, sealed_for FROM record WHERE kind = ?1 ORDER BY id

-- name: record.between
SELECT id, version, state, file, sealed_for FROM record WHERE kind = ?1 AND id > ?2 AND id < ?3 ORDER BY id LIMIT ?4

-- name: record.put
INSERT INTO record (kind, id, version, state, file, sealed_for) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (kind, id) DO UPDATE SET
  version = excluded.version, state = excluded.state, file = excluded.file, sealed_for = excluded.sealed_for

-- name: audit.put
INSERT INTO audit (position, at, kind, actor, dossier, event_id, fields, feed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: leaf.put
INSERT INTO leaf (writer, n, digest, covers, about) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: tally.add
INSERT INTO tally (upstream, state, n) VALUES (?1, ?2, ?3)
ON CONFLICT (upstream, state) DO UPDATE SET n = n + excluded.n

-- name: meta.get
SELECT value FROM meta WHERE name = ?1

-- name: meta.put
INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: cursor.get
SELECT value FROM cursor WHERE name = ?1

-- name: cursor.put
INSERT INTO cursor (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: meta.unmark
DELETE FROM meta WHERE name = 'importing'

-- name: open.last_position
SELECT max((SELECT coalesce(max(position), 0) FROM audit), (SELECT coalesce(max(position), 0) FROM inbound))

-- name: open.counters
SELECT max((SELECT coalesce(max(position), 0) FROM audit),
           (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM cursor WHERE name = 'position')),
       (SELECT coalesce(max(ref), 0) FROM payload)

-- name: open.node
INSERT INTO node (node, started, beat) VALUES (?1, ?2, ?2)
ON CONFLICT (node) DO UPDATE SET started = excluded.started, beat = excluded.beat

-- name: open.newest_chain
SELECT id FROM record WHERE kind = 'chain_opening'
ORDER BY (SELECT count(*) FROM json_each(CAST(state AS TEXT), '$.heads')) DESC LIMIT 1

-- name: open.meta
SELECT name, value FROM meta ORDER BY name

-- name: open.migrations
SELECT number, name, applied_at FROM migration ORDER BY number

-- name: ready.beat
UPDATE node SET beat = ?2 WHERE node = ?1

-- name: accept.receipt
SELECT digest, dossier, body, file FROM receipt WHERE source = ?1 AND key = ?2

-- name: accept.same_sequence
SELECT event_id, digest, status, position FROM inbound INDEXED BY inbound_dossier
WHERE dossier = ?1 AND source = ?2 AND sequence = ?3 AND event_id <> ?4

-- name: accept.last_sequence
SELECT last FROM source_seq WHERE source = ?1 AND dossier = ?2

-- name: accept.parked
SELECT source, event_id, sequence, status, carried_ref FROM inbound INDEXED BY inbound_parked
WHERE dossier = ?1 AND source = ?2 AND parked = 1 ORDER BY sequence

-- name: accept.parked_all
SELECT source, event_id, sequence, status, carried_ref FROM inbound INDEXED BY inbound_parked
WHERE dossier = ?1 AND parked = 1 ORDER BY source, sequence

-- name: accept.inbound
SELECT digest, carried_ref FROM inbound WHERE source = ?1 AND event_id = ?2

-- name: accept.inbound_put
INSERT INTO inbound (source, event_id, dossier, sequence, raw_ref, carried_ref, digest, status, parked, position,
  received_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- name: accept.inbound_move
UPDATE inbound SET status = ?3, parked = ?4, carried_ref = ?5 WHERE source = ?1 AND event_id = ?2

-- name: accept.position
INSERT INTO cursor (name, value) VALUES ('position', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: accept.sequence
INSERT INTO source_seq (source, dossier, last) VALUES (?1, ?2, ?3)
ON CONFLICT (source, dossier) DO UPDATE SET last = excluded.last

-- name: accept.receipt_put
INSERT INTO receipt (source, key, digest, dossier, body, file, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: lane.get
SELECT lane_id, upstream, dossier, next_seq, head_seq, due, lease_until, epoch, block_reason, hold_reason, memory
FROM lane WHERE lane_id = ?1

-- name: lane.new
INSERT INTO lane (lane_id, upstream, dossier, next_seq, head_seq, head_at, due, lease_until, owner, epoch, attempts,
  block_reason, hold_reason, legal_due, memory)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)

-- name: lane.extend
UPDATE lane SET next_seq = ?2, legal_due = coalesce(?3, legal_due) WHERE lane_id = ?1

-- name: lane.wake
UPDATE lane SET next_seq = ?2, legal_due = coalesce(?3, legal_due), head_at = ?4, due = ?5, attempts = 0
WHERE lane_id = ?1

-- name: lane.head
SELECT seq, state, kind, accepted_at, hold_reason, delivery_id, doubtful FROM msg
WHERE lane_id = ?1 AND seq >= ?2 AND state <> 'DELIVERED' AND state <> 'REFUSED' AND state <> 'SUPERSEDED' ORDER BY seq LIMIT 1

-- name: lane.rest
UPDATE lane SET head_seq = ?2, head_at = ?3, due = ?4, lease_until = NULL, owner = '', block_reason = ?5,
  hold_reason = '', memory = ?6, attempts = CASE WHEN head_seq = ?2 THEN attempts - ?7 ELSE 0 END
WHERE lane_id = ?1

-- name: lane.set_back
UPDATE lane SET due = max(due - ?3, ?2) WHERE upstream = ?1 AND due IS NOT NULL AND due > ?2

-- name: msg.new
INSERT INTO msg (lane_id, seq, delivery_id, source, key, upstream, kind, copy, req_hash, supersede_class, state, prior,
  doubtful, attempts, unsettled, hold_reason, payload_ref, receipt_ref, accepted_at, first_attempt_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)

-- name: msg.known
SELECT 1 FROM msg WHERE source = ?1 AND key = ?2 AND upstream = ?3 AND kind = ?4 AND copy = 0

-- name: msg.hold
UPDATE msg SET state = 'HELD', hold_reason = ?3 WHERE lane_id = ?1 AND seq = ?2

-- name: append.replaceable
SELECT seq, delivery_id, key FROM msg
WHERE lane_id = ?1 AND seq >= ?2 AND seq < ?3 AND supersede_class = ?4 AND state = 'READY' AND attempts = 0 ORDER BY seq

-- name: append.acknowledged
SELECT 1 FROM msg WHERE lane_id = ?1 AND seq < ?2 AND kind = ?3 AND state = 'DELIVERED' LIMIT 1

-- name: append.supersede
UPDATE msg SET state = 'SUPERSEDED', supersede_class = ?3 WHERE lane_id = ?1 AND seq = ?2

-- name: lane.advance
UPDATE lane SET head_seq = ?2, head_at = ?3, attempts = 0 WHERE lane_id = ?1

-- name: claim.expired
SELECT lane_id, upstream, dossier, next_seq, head_seq, due, lease_until, epoch, block_reason, hold_reason, memory
FROM lane INDEXED BY lane_lease
WHERE upstream = ?1 AND lease_until IS NOT NULL AND lease_until <= ?2 AND lease_until >= ?4
ORDER BY lease_until LIMIT ?3

-- name: claim.due
SELECT lane_id, upstream, dossier, next_seq, head_seq, due, lease_until, epoch, block_reason, hold_reason, memory
FROM lane INDEXED BY lane_due
WHERE upstream = ?1 AND due IS NOT NULL AND due <= ?2 AND due >= ?4 ORDER BY due LIMIT ?3

-- name: claim.pressing
WITH RECURSIVE days (day) AS (
  SELECT min(coalesce((legal_due + 25200000000) / 86400000000, 999999)) FROM lane INDEXED BY lane_pressing
  WHERE upstream = ?1 AND due IS NOT NULL
  UNION ALL
  SELECT (SELECT min(coalesce((legal_due + 25200000000) / 86400000000, 999999)) FROM lane INDEXED BY lane_pressing
    WHERE upstream = ?1 AND due IS NOT NULL AND coalesce((legal_due + 25200000000) / 86400000000, 999999) > days.day)
  FROM days WHERE day IS NOT NULL
)
SELECT l.lane_id, l.upstream, l.dossier, l.next_seq, l.head_seq, l.due, l.lease_until, l.epoch, l.block_reason,
  l.hold_reason, l.memory
FROM days CROSS JOIN lane l INDEXED BY lane_pressing
WHERE l.upstream = ?1 AND coalesce((l.legal_due + 25200000000) / 86400000000, 999999) = days.day
  AND l.due IS NOT NULL AND l.due <= ?2 AND l.due >= ?4 LIMIT ?3

-- name: claim.cut
UPDATE lane SET lease_until = ?2 WHERE upstream = ?1 AND lease_until IS NOT NULL AND lease_until > ?2

-- name: claim.sending
SELECT seq FROM msg WHERE lane_id = ?1 AND seq >= ?2 AND state = 'SENDING'

-- name: claim.doubt
UPDATE msg SET state = 'UNKNOWN', doubtful = 1 WHERE lane_id = ?1 AND seq >= ?2 AND state = 'SENDING'

-- name: claim.messages
SELECT m.seq, m.delivery_id, m.source, m.key, m.kind, m.state, m.doubtful, m.attempts, m.unsettled, m.accepted_at,
  m.first_attempt_at, m.payload_ref, p.sealed, p.file
FROM msg m JOIN payload p ON p.ref = m.payload_ref
WHERE m.lane_id = ?1 AND m.seq >= ?2 AND m.state <> 'DELIVERED' AND m.state <> 'REFUSED' AND m.state <> 'SUPERSEDED' ORDER BY m.seq LIMIT ?3

-- name: claim.lane
UPDATE lane SET due = NULL, lease_until = ?2, owner = ?3, epoch = epoch + 1, attempts = attempts + 1 WHERE lane_id = ?1

-- name: claim.send
UPDATE msg SET prior = state, state = 'SENDING', attempts = attempts + 1, unsettled = unsettled + 1,
  first_attempt_at = coalesce(first_attempt_at, ?3)
WHERE lane_id = ?1 AND seq = ?2

-- name: settle.claimed
SELECT seq, prior, doubtful, delivery_id, state FROM msg WHERE lane_id = ?1 AND seq >= ?2 ORDER BY seq

-- name: settle.msg
UPDATE msg SET state = ?3, prior = '', doubtful = ?4, unsettled = 0, hold_reason = ?5,
  supersede_class = CASE WHEN ?3 = 'READY' THEN supersede_class ELSE '' END,
  receipt_ref = CASE WHEN ?6 = 0 THEN receipt_ref ELSE ?6 END,
  first_attempt_at = CASE WHEN ?7 > 0 AND attempts <= ?7 THEN NULL ELSE first_attempt_at END,
  attempts = max(attempts - ?7, 0)
WHERE lane_id = ?1 AND seq = ?2

-- name: settle.last_attempt
SELECT coalesce(max(n), 0) FROM attempt WHERE lane_id = ?1 AND seq = ?2

-- name: settle.attempt
INSERT INTO attempt (lane_id, seq, n, started, ended, outcome, http, upstream_code, detail_vi, req_digest, res_digest,
  request_ref, response_ref, node)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)

-- name: order.block
UPDATE lane SET due = NULL, block_reason = ?2 WHERE lane_id = ?1

-- name: order.hold_later
UPDATE lane SET hold_reason = ?2 WHERE lane_id = ?1

-- name: order.unblock
UPDATE lane SET due = ?2, block_reason = '', attempts = 0 WHERE lane_id = ?1

-- name: order.ready
UPDATE msg SET state = ?3, hold_reason = '', attempts = 0, unsettled = 0, first_attempt_at = NULL, supersede_class = ''
WHERE lane_id = ?1 AND seq = ?2

-- name: order.last_end
SELECT max(ended) FROM attempt WHERE lane_id = ?1 AND seq = ?2

-- name: order.refuse
UPDATE msg SET state = 'REFUSED' WHERE lane_id = ?1 AND seq = ?2

-- name: order.find
SELECT state, source, key, kind, copy, req_hash, payload_ref FROM msg WHERE lane_id = ?1 AND delivery_id = ?2

-- name: order.last_copy
SELECT max(copy) FROM msg WHERE source = ?1 AND key = ?2 AND upstream = ?3 AND kind = ?4

-- name: restore.lanes
SELECT lane_id FROM lane WHERE lane_id > ?1 AND head_at IS NOT NULL ORDER BY lane_id LIMIT ?2

-- name: restore.open
SELECT upstream, state, count(*) FROM msg
WHERE lane_id IN (SELECT lane_id FROM lane WHERE lane_id > ?1 AND lane_id <= ?2 AND head_at IS NOT NULL)
  AND doubtful = 0 AND accepted_at <= ?3
  AND (state = 'READY' OR state = 'WAITING' OR state = 'HELD' OR state = 'SENDING')
GROUP BY upstream, state ORDER BY upstream, state

-- name: restore.doubt
UPDATE msg SET doubtful = 1, state = CASE WHEN state = 'HELD' OR state = 'SENDING' THEN state ELSE 'UNKNOWN' END
WHERE lane_id IN (SELECT lane_id FROM lane WHERE lane_id > ?1 AND lane_id <= ?2 AND head_at IS NOT NULL)
  AND doubtful = 0 AND accepted_at <= ?3
  AND (state = 'READY' OR state = 'WAITING' OR state = 'HELD' OR state = 'SENDING')

-- name: read.event
SELECT i.source, i.event_id, i.dossier, i.sequence, i.digest, i.status, i.position, i.received_at, r.body, r.file
FROM inbound i LEFT JOIN receipt r ON r.source = i.source AND r.key = i.event_id
WHERE i.source = ?1 AND i.event_id = ?2

-- name: read.parked
SELECT i.source, i.event_id, i.dossier, i.sequence, i.digest, i.status, i.position, i.received_at, r.body, r.file
FROM inbound i INDEXED BY inbound_parked LEFT JOIN receipt r ON r.source = i.source AND r.key = i.event_id
WHERE i.parked = 1 ORDER BY i.position LIMIT ?1

-- name: read.original
SELECT raw_ref FROM inbound WHERE source = ?1 AND event_id = ?2

-- name: read.events_of
SELECT i.source, i.event_id, i.dossier, i.sequence, i.digest, i.status, i.position, i.received_at, r.body, r.file
FROM inbound i LEFT JOIN receipt r ON r.source = i.source AND r.key = i.event_id
WHERE i.dossier = ?1 ORDER BY i.position

-- name: read.deliveries
SELECT m.lane_id, m.seq, m.delivery_id, m.upstream, m.kind, l.dossier, m.key, m.source, m.state, m.accepted_at,
  m.receipt_ref, CASE WHEN m.state = 'SUPERSEDED' THEN m.supersede_class ELSE '' END
FROM lane l JOIN msg m ON m.lane_id = l.lane_id
WHERE l.dossier = ?1 AND (?2 = '' OR m.key = ?2) ORDER BY l.upstream, m.seq

-- name: read.attempts
SELECT a.lane_id, a.seq, a.n, a.started, a.ended, a.outcome, a.http, a.upstream_code, a.detail_vi, a.req_digest,
  a.res_digest
FROM lane l JOIN attempt a ON a.lane_id = l.lane_id WHERE l.dossier = ?1 ORDER BY a.lane_id, a.seq, a.n

-- name: read.upstreams
SELECT DISTINCT upstream FROM tally

-- name: read.blocked
SELECT l.upstream, l.dossier, m.state, m.kind, coalesce(m.attempts, 0), l.due, l.block_reason, l.legal_due, l.head_at,
  (SELECT count(*) FROM msg d WHERE d.lane_id = l.lane_id AND d.seq >= l.head_seq
     AND d.state <> 'DELIVERED' AND d.state <> 'REFUSED' AND d.state <> 'SUPERSEDED')
FROM lane l INDEXED BY lane_blocked LEFT JOIN msg m ON m.lane_id = l.lane_id AND m.seq = l.head_seq
WHERE l.upstream = ?1 AND l.block_reason <> '' ORDER BY l.head_at LIMIT ?2

-- name: read.open
SELECT l.upstream, l.dossier, m.state, m.kind, coalesce(m.attempts, 0), l.due, l.block_reason, l.legal_due, l.head_at,
  (SELECT count(*) FROM msg d WHERE d.lane_id = l.lane_id AND d.seq >= l.head_seq
     AND d.state <> 'DELIVERED' AND d.state <> 'REFUSED' AND d.state <> 'SUPERSEDED')
FROM lane l INDEXED BY lane_head LEFT JOIN msg m ON m.lane_id = l.lane_id AND m.seq = l.head_seq
WHERE l.upstream = ?1 AND l.head_at IS NOT NULL AND l.block_reason = '' ORDER BY l.head_at LIMIT ?2

-- name: read.lanes_of
SELECT l.upstream, l.dossier, m.state, m.kind, coalesce(m.attempts, 0), l.due, l.block_reason, l.legal_due, l.head_at,
  (SELECT count(*) FROM msg d WHERE d.lane_id = l.lane_id AND d.seq >= l.head_seq
     AND d.state <> 'DELIVERED' AND d.state <> 'REFUSED' AND d.state <> 'SUPERSEDED')
FROM lane l LEFT JOIN msg m ON m.lane_id = l.lane_id AND m.seq = l.head_seq
WHERE l.dossier = ?1 AND (l.head_at IS NOT NULL OR l.block_reason <> '')

-- name: read.feed
SELECT position, at, kind, actor, dossier, event_id, fields FROM audit INDEXED BY audit_feed
WHERE position > ?1 AND feed = 1 ORDER BY position LIMIT ?2

-- name: read.audit
SELECT position, at, kind, actor, dossier, event_id, fields FROM audit
WHERE position > ?1 ORDER BY position LIMIT ?2

-- name: read.tally
SELECT upstream, state, n FROM tally WHERE n > 0

-- name: read.blocked_count
SELECT count(*) FROM lane INDEXED BY lane_blocked WHERE upstream = ?1 AND block_reason <> ''

-- name: read.oldest
SELECT min(head_at) FROM lane INDEXED BY lane_head WHERE upstream = ?1 AND head_at IS NOT NULL

-- name: read.parked_count
SELECT count(*) FROM inbound INDEXED BY inbound_parked WHERE parked = 1

-- name: read.oldest_gap
SELECT min(received_at) FROM inbound INDEXED BY inbound_parked WHERE parked = 1 AND status = 'parked_gap'

-- name: read.next_due
SELECT (SELECT min(due) FROM lane INDEXED BY lane_due WHERE upstream = ?1 AND due IS NOT NULL AND due >= ?2),
  (SELECT min(lease_until) FROM lane INDEXED BY lane_lease WHERE upstream = ?1 AND lease_until IS NOT NULL AND lease_until >= ?3)

-- name: read.upstream
SELECT breaker_state, breaker_open_until, paused, cfg_generation FROM upstream WHERE code = ?1

-- name: upstream.held
SELECT breaker_state, breaker_open_until, paused, cfg_generation FROM upstream WHERE code = ?1

-- name: upstream.make
INSERT INTO upstream (code) VALUES (?1) ON CONFLICT (code) DO NOTHING

-- name: read.all_upstreams
SELECT code, breaker_state, breaker_open_until, paused, cfg_generation FROM upstream ORDER BY code

-- name: upstream.put
INSERT INTO upstream (code, breaker_state, breaker_open_until, paused, cfg_generation) VALUES (?1, ?2, ?3, ?4, 1)
ON CONFLICT (code) DO UPDATE SET breaker_state = excluded.breaker_state, paused = excluded.paused,
  breaker_open_until = excluded.breaker_open_until, cfg_generation = upstream.cfg_generation + 1

-- name: upstream.pause
INSERT INTO upstream (code, breaker_state, breaker_open_until, paused, cfg_generation) VALUES (?1, ?2, ?3, ?4, 1)
ON CONFLICT (code) DO UPDATE SET paused = excluded.paused, cfg_generation = upstream.cfg_generation + 1

-- name: read.leaves
SELECT writer, n, digest, covers, about FROM leaf WHERE writer = ?1 AND n > ?2 ORDER BY n LIMIT ?3

-- name: read.heads
WITH RECURSIVE chains (writer) AS (
  SELECT min(writer) FROM leaf
  UNION ALL
  SELECT (SELECT min(l.writer) FROM leaf l WHERE l.writer > c.writer) FROM chains c WHERE c.writer IS NOT NULL
)
SELECT l.writer, l.n, l.digest, l.covers, l.about
FROM chains c JOIN leaf l ON l.writer = c.writer AND l.n = (SELECT max(n) FROM leaf WHERE writer = c.writer)
ORDER BY l.writer LIMIT ?1
