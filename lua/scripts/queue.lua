-- What every call about an event's line needs; LuaScript.swift puts it before the scripts. It only reads, until one of its functions is called.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 traceparent  then each script's own
--
-- queue    hash: mode, origin, actor, tenant, seed, drawn_to, drawing, number, version, updated, and what the rounds count
-- line     sorted set of users: who is to be admitted, by place
-- early    sorted set of users: who waits for the draw, by number
-- passes   sorted set of users: who was admitted and did not buy yet, by the end of the pass
-- entries  hash by user: id|status|number|joined|updated|pass' end|version
-- zones    set: the event's zones
--
-- The other keys follow from the event; they carry the same hash tag as KEYS[1], so a cluster finds them in the same slot.
-- A person costs some 300 bytes.

local call, format, match, tonumber = redis.call, string.format, string.match, tonumber
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tag, event = '{' .. ARGV[1] .. '}', ARGV[2]
local suffix = tag .. ':' .. event
local lineKey, earlyKey, passesKey, entriesKey = 'line:' .. suffix, 'early:' .. suffix, 'passes:' .. suffix, 'entries:' .. suffix
local outboxKey, queuesKey = 'outbox:' .. tag, 'queues:' .. tag

local function whole(number) return format('%d', number) end
local nowText = whole(now)

local names = { 'mode', 'origin', 'actor', 'tenant', 'seed', 'drawn_to', 'drawing', 'number', 'version', 'updated' }
local queue = {}
for index, value in ipairs(call('HMGET', KEYS[1], unpack(names))) do queue[names[index]] = value end
local version, drawnTo = tonumber(queue.version or 0), tonumber(queue.drawn_to or 0)

local words = { w = 'waiting', a = 'admitted', u = 'used', l = 'left', x = 'lapsed', s = 'sold_out', e = 'ended' }

-- First come, first served: behind everybody who was drawn, since a ticket has 48 bits.
local function turn(number) return 281474976710656 + number end
local function ticket(id, seed) return tonumber(string.sub(redis.sha1hex(seed .. ':' .. id), 1, 12), 16) end

local function unpackEntry(text)
  if not text then return nil end
  local id, status, number, joined, updated, ends, version = match(text, '^([^|]+)|(%a)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)$')
  return { id = id, status = status, number = number, joined = joined, updated = updated, ends = ends, version = version }
end
local function readEntry(user) return unpackEntry(call('HGET', entriesKey, user)) end

-- The event's zones together: free places are of those on sale; what remains may still be sold; the rest is of those whose sale is not over.
local function readZones()
  local all = { free = 0, remaining = 0, limit = 0, count = 0, ends = 0, closes = 0 }
  for _, id in ipairs(call('SMEMBERS', 'zones:' .. suffix)) do
    local zone = call('HMGET', 'zone:' .. tag .. ':' .. id, 'available', 'held', 'opens', 'closes', 'ends', 'limit', 'min_age', 'tenant')
    if zone[1] then
      local opens, closes = tonumber(zone[3]), tonumber(zone[4])
      all.count, all.tenant = all.count + 1, zone[8]
      all.ends, all.closes = math.max(all.ends, tonumber(zone[5])), math.max(all.closes, closes)
      if now < closes then
        all.opens = math.min(all.opens or opens, opens)
        all.minimumAge = math.min(all.minimumAge or tonumber(zone[7]), tonumber(zone[7]))
        all.limit = math.max(all.limit, tonumber(zone[6]))
        all.remaining = all.remaining + tonumber(zone[1]) + tonumber(zone[2])
        if now >= opens then all.free = all.free + tonumber(zone[1]) end
      end
    end
  end
  return all
end

-- Each event of a line has a version of its own, above all before it.
local floor
local function raise()
  if not floor then floor = tonumber(call('GET', 'epoch:' .. tag) or 0) * 1000000 end
  version = math.max(version, floor) + 1
  return whole(version)
end

-- What was written for the topic: entry id, type, version, value.
local told = {}
local function tell(kind, versionText, value)
  local kindText = 'queue.' .. kind .. '.v1'
  local entry = call('XADD', outboxKey, '*', 'type', kindText, 'key', event, 'version', versionText, 'trace', ARGV[3], 'value', value)
  told[#told + 1] = { entry, kindText, versionText, value }
end

-- Writes a place and the event of its whole state; the version of the line is written by save.
local function put(user, entry, status, place)
  entry.status, entry.updated, entry.version = status, nowText, raise()
  call('HSET', entriesKey, user, entry.id .. '|' .. status .. '|' .. entry.number .. '|' .. entry.joined .. '|' .. entry.updated .. '|' .. entry.ends
    .. '|' .. entry.version)
  tell(status == 'w' and 'joined' or words[status], entry.version, '{"entry_id":"' .. entry.id .. '","event_id":"' .. event .. '","tenant_id":"'
    .. queue.tenant .. '","user_id":"' .. user .. '","status":"' .. words[status] .. '","number":' .. entry.number
    .. (place and ',"place":' .. whole(place) or '') .. ',"version":' .. entry.version .. ',"joined_at_ms":' .. entry.joined .. ',"updated_at_ms":'
    .. nowText .. (entry.ends ~= '0' and ',"pass_expires_at_ms":' .. entry.ends or '') .. '}')
end

-- Writes the event of the line's whole state.
local function tellLine(kind)
  local versionText = raise()
  queue.updated = nowText
  tell(kind, versionText, '{"event_id":"' .. event .. '","tenant_id":"' .. queue.tenant .. '","mode":"' .. queue.mode .. '","origin":"' .. queue.origin
    .. '","actor":"' .. queue.actor .. '"' .. (queue.seed and ',"seed":"' .. queue.seed .. '"' or '') .. ',"drawn_to":' .. whole(drawnTo)
    .. ',"version":' .. versionText .. ',"updated_at_ms":' .. nowText .. '}')
end

local function save()
  local fields = { 'version', whole(version), 'drawn_to', whole(drawnTo) }
  for _, name in ipairs({ 'mode', 'origin', 'actor', 'tenant', 'seed', 'drawing', 'number', 'updated' }) do
    if queue[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = queue[name]
    end
  end
  call('HSET', KEYS[1], unpack(fields))
end

-- Once the sale is open, the order of those who came before is drawn; from a seed that nobody knew until now.
local function openIfDue(zones, seed)
  if not zones.opens or now < zones.opens or queue.drawing == '1' then return end
  if queue.seed and call('EXISTS', earlyKey) == 0 then return end
  queue.seed, queue.drawing, drawnTo = seed, '1', tonumber(queue.number or 0)
  tellLine('opened')
end

-- Passes that are neither used nor over.
local function outstanding() return call('ZCOUNT', passesKey, '(' .. nowText, '+inf') end

-- The seconds until a position is admitted, -1 where that cannot be said: those for whom there is a place go as fast as people are admitted, the
-- others as fast as places have come back of late.
local pace
local function estimate(position, isEarly, batch)
  if not pace then
    local zones = readZones()
    local rate = tonumber(call('HGET', KEYS[1], 'rate') or 0)
    local opensIn = zones.opens and math.max(0, zones.opens - now) or 0
    pace = { free = math.max(0, (opensIn > 0 and zones.remaining or zones.free) - outstanding()), rate = rate, opensIn = opensIn,
      early = call('ZCARD', earlyKey) }
  end
  if isEarly then return math.ceil(pace.opensIn / 1000 + math.min(pace.early, pace.free) / 2 / batch) end
  local fast = math.min(position, pace.free)
  local slow = position - fast
  if slow > 0 and pace.rate * 86400 < slow then return -1 end
  return math.ceil(pace.opensIn / 1000 + fast / batch + (slow > 0 and slow / pace.rate or 0))
end

-- What somebody is told of a place; QueueCall.swift reads it.
local function view(user, entry, batch)
  local position, wait = 0, -1
  if entry.status == 'w' then
    local rank = call('ZRANK', lineKey, user)
    if rank then
      position = rank + 1
      wait = estimate(position, false, batch)
    else
      wait = estimate(0, true, batch)
    end
  end
  -- A pass that ran out a moment ago, before a round saw it.
  local status = entry.status == 'a' and tonumber(entry.ends) <= now and 'x' or entry.status
  local updated = status == entry.status and entry.updated or entry.ends
  return { entry.id, words[status], position, wait, entry.joined, updated, entry.ends, nowText }
end
