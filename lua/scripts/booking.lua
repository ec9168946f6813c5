-- What every transition of a hold needs; LuaScript.swift puts it before the scripts that make one. It only reads, until one of its functions is called.
--
-- KEYS   1 hold
-- ARGV   1 shard  2 booking id  3 traceparent  then each script's own
--
-- The other keys follow from what the hold says; they carry the same hash tag as KEYS[1], so a cluster finds them in the same slot.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tag = '{' .. ARGV[1] .. '}'
local dueKey = 'due:' .. tag
local outboxKey = 'outbox:' .. tag

-- Numbers go out as text that is made once: Redis would print each as a double, and that is slow.
local function whole(number) return string.format('%d', number) end
local nowText = whole(now)
local floor = tonumber(redis.call('GET', 'epoch:' .. tag) or 0) * 1000000
local function after(version) return whole(math.max(tonumber(version), floor) + 1) end

-- A field that the hold has not is false.
local names = { 'status', 'version', 'due', 'user', 'seats', 'fragment', 'by', 'pay', 'paystate', 'tries', 'reason', 'used' }
local hold = {}
for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do hold[names[index]] = value end

-- A text of a client's has its quotes escaped, so it cannot look like a member.
local function member(name) return string.match(hold.fragment, '"' .. name .. '":"([^"]*)"') end
local function number(name) return string.match(hold.fragment, '"' .. name .. '":(%d+)') end

-- The counts of the hold's zone, or nil.
local function readZone()
  local key = 'zone:' .. tag .. ':' .. member('zone_id')
  local fields = redis.call('HMGET', key, 'capacity', 'available', 'held', 'sold', 'version', 'ends', 'bank')
  if not fields[1] then return nil end
  return { key = key, capacity = fields[1], available = fields[2], held = fields[3], sold = fields[4], version = fields[5], ends = fields[6],
    bank = fields[7] }
end

-- Moves the hold's seats from one count to another, and marks them on the map of a numbered zone.
local function moveSeats(zone, from, to, mark)
  local quantity = tonumber(number('quantity'))
  zone[from] = whole(tonumber(zone[from]) - quantity)
  zone[to] = whole(tonumber(zone[to]) + quantity)
  zone.version = after(zone.version)
  redis.call('HSET', zone.key, from, zone[from], to, zone[to], 'version', zone.version)
  local map = 'seats:' .. tag .. ':' .. member('zone_id')
  for index in string.gmatch(hold.seats, '%d+') do redis.call('SETRANGE', map, index, mark) end
end

-- Writes the hold's changed fields and the event of its whole state after that.
local function step(changes, kind, actor, zone)
  hold.version = after(hold.version)
  local fields = { 'version', hold.version, 'updated', nowText }
  for name, value in pairs(changes) do
    hold[name] = value
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('HSET', KEYS[1], unpack(fields))
  local payment = hold.pay and ',"payment_id":"' .. hold.pay .. '","payment_state":"' .. hold.paystate .. '"' or ''
  local declines = hold.tries and ',"declines":' .. hold.tries or ''
  local reason = hold.reason and ',"reason":"' .. hold.reason .. '"' or ''
  local used = hold.used and ',"used":' .. hold.used or ''
  local value = '{' .. hold.fragment .. ',"status":"' .. hold.status .. '","actor":' .. actor .. ',"version":' .. hold.version
    .. ',"expires_at_ms":' .. hold.due .. ',"updated_at_ms":' .. nowText .. payment .. declines .. reason .. used .. ',"zone":{"capacity":' .. zone.capacity
    .. ',"available":' .. zone.available .. ',"held":' .. zone.held .. ',"sold":' .. zone.sold .. ',"version":' .. zone.version .. '}}'
  local entry = redis.call('XADD', outboxKey, '*', 'type', 'booking.' .. kind .. '.v1', 'key', ARGV[2], 'version', hold.version, 'trace', ARGV[3],
    'value', value)
  return entry, value
end
