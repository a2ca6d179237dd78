-- One budget, taken from or given back to; the arithmetic of gcra.py, step by step. KEYS: the budget, the mark of the data set.
-- ARGV: wanted, rate_per_s, burst, spent_ago, taken_at, taken_of, nonce.
--
-- Moments are seconds since the mark's epoch, by this server's clock. The mark says since when this data set is known to be whole:
-- it is made anew by an emptied server, another process, and after any eviction, and from then on every budget counts as spent.
-- So a budget that is not here was unused for so long that it is full again, or is spent: never forgotten.
local time = redis.call('TIME')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
local mark = redis.call('HMGET', KEYS[2], 'run', 'epoch', 'evicted', 'born')

local epoch, born = mark[2], tonumber(mark[4] or '')
local known = mark[1] == run and epoch and born
if not known then
  epoch = time[1]
end
local of = run .. ':' .. epoch
local now = (tonumber(time[1]) - tonumber(epoch)) + tonumber(time[2]) / 1000000
local since = born
if not known or mark[3] ~= evicted or born > now then
  since = now
end
if ARGV[4] ~= '' then
  since = math.max(since, now - tonumber(ARGV[4]))
end
if not known or mark[3] ~= evicted or since ~= born then
  redis.call('HSET', KEYS[2], 'run', run, 'epoch', epoch, 'evicted', evicted, 'born', string.format('%.17g', since))
end

local wanted, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local interval = 1.0 / rate
local arrival = -math.huge
local kept_of, kept = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+)$')
if kept_of == of then
  arrival = tonumber(kept)
end
local before = arrival
arrival = math.max(arrival, since + burst * interval)
if arrival > now + (burst + 1) * interval then
  arrival = now + burst * interval
end

local allowed, again = wanted, 0
if wanted < 0 then
  local taken_at = tonumber(ARGV[5])
  if ARGV[6] == of and taken_at >= since then
    arrival = arrival - math.max(0, -wanted * interval - (now - taken_at))
  end
else
  local ahead = math.max(arrival - now, 0)
  allowed = math.max(0, math.min(wanted, math.floor(burst - ahead * rate + 1e-6)))
  ahead = ahead + allowed * interval
  arrival = now + ahead
  again = math.max(0, ahead - (burst - 1) * interval)
end
local function exact(number)
  return string.format('%.17g', number)
end
-- Written whatever was wanted: a probe that takes nothing shows whether this server lets us write.
local life_ms = math.ceil(math.max(arrival - now, 0) * 1000) + 1000
redis.call('SET', KEYS[1], of .. ' ' .. exact(arrival), 'PX', string.format('%.0f', life_ms))
return {ARGV[7], allowed, exact(again), of, exact(now), exact(before), exact(since), exact(arrival), time[1], time[2]}
