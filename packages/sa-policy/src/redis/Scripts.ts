/**
 * The keys and Lua scripts of the Redis store. The server runs a script with nothing else beside it, so that reading the stamps
 * of a turn and writing it is one step.
 *
 * All keys of a domain begin with its hash tag in braces: transactions join any of its associations and records, so all of them
 * must lie in one slot of a cluster. After the tag:
 *
 * | key | type | what |
 * |---|---|---|
 * | `a` id | hash | association: `s` stamp, `t` terms, `c` counters, `m` mechanism, `n` version, `w` its octets if they lead to it; revoked: `y` why, `at`, `p` place |
 * | `w` octets | string | id of the association they lead to |
 * | `g` octets | sorted set | ids of revoked associations by place |
 * | `r` record | hash | `s` stamp, `v` value, `n` version, `e` end, `o` collection, `k` key |
 * | `k` collection | sorted set | keys of its records in the order of their octets |
 * | `ends`, `rends` | sorted set | all associations and records by their end |
 * | `log`, `logat` | stream, sorted set | revocations by place, places by moment |
 * | `stamp`, `place` | string | the last ones given |
 * | `origin` | hash | `run` of the server that wrote last, `schema` |
 *
 * @layer codec
 */

/** The version of this layout; a later one brings what an older one wrote up to it. */
export const schemaVersion = 1

/** What scripts answer that check. */
export const verdicts = { done: 0, stale: 1, elsewhere: 2 } as const

const begin = `
local p = KEYS[1]
local i = 0
local function take() i = i + 1 return ARGV[i] end
`

/** Removes an association's row; `why` given, it stays as revoked at the next place. */
const bury = `
local function announce(id, mechanism, why, at)
  local place = redis.call('INCR', p .. 'place')
  redis.call('XADD', p .. 'log', place .. '-0', 'id', id, 'm', mechanism, 'y', why, 'at', at)
  redis.call('ZADD', p .. 'logat', at, place)
  return place
end
local function bury(id, stamp, mechanism, version, wire, why, at, place, ttl)
  local key = p .. 'a' .. id
  redis.call('DEL', key)
  redis.call('HSET', key, 's', stamp, 'm', mechanism, 'n', version, 'y', why, 'at', at, 'p', place, 'w', wire)
  redis.call('PEXPIRE', key, ttl)
  redis.call('ZREM', p .. 'ends', id)
  if wire ~= '' then
    redis.call('ZADD', p .. 'g' .. wire, place, id)
    redis.call('PEXPIRE', p .. 'g' .. wire, ttl)
  end
end
`

/** Arguments: count and ids, count and octets, count and records. Answers the rows of associations and of records. */
export const fetchScript = `${begin}
local found, records, seen = {}, {}, {}
local function add(id)
  if seen[id] then return end
  seen[id] = true
  local row = redis.call('HMGET', p .. 'a' .. id, 's', 't', 'c', 'm', 'n', 'w', 'y', 'at', 'p')
  if row[1] then
    row[10] = id
    found[#found + 1] = row
  end
end
for _ = 1, tonumber(take()) do add(take()) end
for _ = 1, tonumber(take()) do
  local wire = take()
  local holder = redis.call('GET', p .. 'w' .. wire)
  if holder then add(holder) end
  local grave = redis.call('ZREVRANGE', p .. 'g' .. wire, 0, 0)[1]
  if grave then add(grave) end
end
for _ = 1, tonumber(take()) do
  local row = redis.call('HMGET', p .. 'r' .. take(), 's', 'v', 'n', 'e', 'o', 'k')
  if row[1] then records[#records + 1] = row end
end
return { found, records }
`

/** Arguments: what `encodeTurn` makes. */
export const commitScript = `${begin}${bury}
if redis.call('HGET', p .. 'origin', 'run') ~= take() then return ${verdicts.elsewhere} end
local graveTtl = take()
for _ = 1, tonumber(take()) do
  local id, stamp = take(), take()
  if (redis.call('HGET', p .. 'a' .. id, 's') or '0') ~= stamp then return ${verdicts.stale} end
end
for _ = 1, tonumber(take()) do
  local wire, holder = take(), take()
  if (redis.call('GET', p .. 'w' .. wire) or '') ~= holder then return ${verdicts.stale} end
end
for _ = 1, tonumber(take()) do
  local name, stamp = take(), take()
  if (redis.call('HGET', p .. 'r' .. name, 's') or '0') ~= stamp then return ${verdicts.stale} end
end
local stamp = redis.call('INCR', p .. 'stamp')
for _ = 1, tonumber(take()) do
  local id, counters = take(), take()
  redis.call('HSET', p .. 'a' .. id, 's', stamp, 'c', counters)
end
for _ = 1, tonumber(take()) do redis.call('DEL', p .. 'w' .. take()) end
for _ = 1, tonumber(take()) do
  local id, terms, counters, mechanism, version, wire, ends, ttl =
    take(), take(), take(), take(), take(), take(), take(), take()
  local key = p .. 'a' .. id
  local why, buried = unpack(redis.call('HMGET', key, 'y', 'w'))
  if why then
    redis.call('DEL', key)
    if buried ~= '' then redis.call('ZREM', p .. 'g' .. buried, id) end
  end
  redis.call('HSET', key, 's', stamp, 't', terms, 'c', counters, 'm', mechanism, 'n', version, 'w', wire)
  redis.call('ZADD', p .. 'ends', ends, id)
  if ttl == '' then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, ttl) end
  if wire ~= '' then
    redis.call('SET', p .. 'w' .. wire, id)
    if ttl ~= '' then redis.call('PEXPIRE', p .. 'w' .. wire, ttl) end
  end
end
for _ = 1, tonumber(take()) do
  local name, collection, key, value, version, ends, score, ttl =
    take(), take(), take(), take(), take(), take(), take(), take()
  local row = p .. 'r' .. name
  redis.call('HSET', row, 's', stamp, 'v', value, 'n', version, 'e', ends, 'o', collection, 'k', key)
  redis.call('ZADD', p .. 'k' .. collection, 0, key)
  redis.call('ZADD', p .. 'rends', score, name)
  if ttl == '' then redis.call('PERSIST', row) else redis.call('PEXPIRE', row, ttl) end
end
for _ = 1, tonumber(take()) do
  local name, collection, key = take(), take(), take()
  redis.call('DEL', p .. 'r' .. name)
  redis.call('ZREM', p .. 'k' .. collection, key)
  redis.call('ZREM', p .. 'rends', name)
end
local places = {}
for _ = 1, tonumber(take()) do
  local id, mechanism, why, at = take(), take(), take(), take()
  places[id] = announce(id, mechanism, why, at)
end
for _ = 1, tonumber(take()) do
  local id, mechanism, version, wire, why, at = take(), take(), take(), take(), take(), take()
  bury(id, stamp, mechanism, version, wire, why, at, places[id], graveTtl)
end
return ${verdicts.done}
`

/** Arguments: limit, now, the moment a day ago. Answers the associations that are gone and how many entries. */
export const sweepScript = `${begin}
local left, now, day = tonumber(take()), take(), take()
local all = left
local gone = redis.call('ZRANGEBYSCORE', p .. 'ends', '-inf', now, 'LIMIT', 0, left)
for _, id in ipairs(gone) do
  local key = p .. 'a' .. id
  local wire = redis.call('HGET', key, 'w')
  if wire and wire ~= '' and redis.call('GET', p .. 'w' .. wire) == id then redis.call('DEL', p .. 'w' .. wire) end
  redis.call('DEL', key)
  redis.call('ZREM', p .. 'ends', id)
end
left = left - #gone
for _, name in ipairs(redis.call('ZRANGEBYSCORE', p .. 'rends', '-inf', now, 'LIMIT', 0, left)) do
  local length, rest = string.match(name, '^(%d+) (.*)$')
  redis.call('ZREM', p .. 'k' .. string.sub(rest, 1, length), string.sub(rest, length + 1))
  redis.call('DEL', p .. 'r' .. name)
  redis.call('ZREM', p .. 'rends', name)
  left = left - 1
end
for _, place in ipairs(redis.call('ZRANGEBYSCORE', p .. 'logat', '-inf', day, 'LIMIT', 0, left)) do
  local entry = redis.call('XRANGE', p .. 'log', place .. '-0', place .. '-0')[1]
  if entry then
    local id = entry[2][2]
    local at, wire = unpack(redis.call('HMGET', p .. 'a' .. id, 'p', 'w'))
    if at == place then
      redis.call('DEL', p .. 'a' .. id)
      if wire ~= '' then redis.call('ZREM', p .. 'g' .. wire, id) end
    end
    redis.call('XDEL', p .. 'log', place .. '-0')
  end
  redis.call('ZREM', p .. 'logat', place)
  left = left - 1
end
return { gone, all - left }
`

/** Arguments: collection, first and last bound of its keys, number of them. Answers rows of records. */
export const listScript = `${begin}
local collection, first, last, count = take(), take(), take(), take()
local length = take()
local rows, keys = {}, redis.call('ZRANGEBYLEX', p .. 'k' .. collection, first, last, 'LIMIT', 0, count)
for _, key in ipairs(keys) do
  local row = redis.call('HMGET', p .. 'r' .. length .. ' ' .. collection .. key, 's', 'v', 'n', 'e', 'o', 'k')
  if row[1] then rows[#rows + 1] = row end
end
return { rows, keys[#keys] or '', #keys }
`

/**
 * Arguments: the run that wrote last as the caller knows it, the run of this server, schema, now, time to live of graves, and
 * the epoch's record. Ends everything that stands, unless another node did so first.
 */
export const startAnewScript = `${begin}${bury}
local before, run, schema, at, ttl = take(), take(), take(), take(), take()
if (redis.call('HGET', p .. 'origin', 'run') or '') ~= before then return 0 end
local stamp = redis.call('INCR', p .. 'stamp')
local ids = redis.call('ZRANGE', p .. 'ends', 0, -1)
table.sort(ids)
for _, id in ipairs(ids) do
  local mechanism, version, wire = unpack(redis.call('HMGET', p .. 'a' .. id, 'm', 'n', 'w'))
  if mechanism then
    if wire ~= '' then redis.call('DEL', p .. 'w' .. wire) end
    local place = announce(id, mechanism, 'store-recovered', at)
    bury(id, stamp, mechanism, version, wire, 'store-recovered', at, place, ttl)
  end
end
redis.call('DEL', p .. 'ends')
local name, collection, key, least = take(), take(), take(), tonumber(take())
local version = math.max(least, tonumber(redis.call('HGET', p .. 'r' .. name, 'n') or '0') + 1)
redis.call('HSET', p .. 'r' .. name, 's', stamp, 'v', '', 'n', string.format('%.0f', version), 'e', '', 'o', collection, 'k', key)
redis.call('PERSIST', p .. 'r' .. name)
redis.call('ZADD', p .. 'k' .. collection, 0, key)
redis.call('ZADD', p .. 'rends', '+inf', name)
redis.call('HSET', p .. 'origin', 'run', run, 'schema', schema)
return 1
`

/** Arguments: the run before, the run of this server, schema. Goes on with what stands, unless another node settled it. */
export const adoptScript = `${begin}
local before, run, schema = take(), take(), take()
if (redis.call('HGET', p .. 'origin', 'run') or '') ~= before then return 0 end
redis.call('HSET', p .. 'origin', 'run', run, 'schema', schema)
return 1
`
