#!lua flags=allow-oom
-- Ends a hold, giving its seats and the user's allowance back: cancel or expiry. Run twice it says the same again.
--
-- KEYS   1 hold
-- ARGV   1 shard  2 booking id  3 new status (cancelled, expired)  4 by (operation id, or '')  5 traceparent  6 kept when finished (ms)
-- Reply  { outcome, … }
--
-- The other keys follow from what the hold says; they carry the same hash tag as KEYS[1], so a cluster finds them in the same slot.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tag = '{' .. ARGV[1] .. '}:'

-- Numbers go out as text that is made once: Redis would print each as a double, and that is slow.
local function whole(number) return string.format('%d', number) end

local hold = redis.call('HMGET', KEYS[1], 'status', 'version', 'due', 'user', 'seats', 'fragment', 'by')
local status = hold[1]
if not status then
  redis.call('ZREM', 'due:' .. tag:sub(1, -2), ARGV[2])
  return { 'missing' }
end
if status == ARGV[3] and ARGV[4] ~= '' and hold[7] == ARGV[4] then return { 'released_before', hold[2] } end
if status ~= 'reserved' then
  redis.call('ZREM', 'due:' .. tag:sub(1, -2), ARGV[2])
  return { 'wrong_state', status }
end
if ARGV[3] == 'expired' and tonumber(hold[3]) > now then return { 'not_due', hold[3] } end

-- The ingress writes the fragment, ids and numbers before any text of a client's.
local fragment = hold[6]
local function id(name) return string.match(fragment, '"' .. name .. '":"([^"]+)"') end
local zoneID = id('zone_id')
local zoneKey = 'zone:' .. tag .. zoneID
local zone = redis.call('HMGET', zoneKey, 'available', 'held', 'sold', 'capacity', 'version')
if not zone[1] then return { 'zone_missing' } end
local userKey = 'user:' .. tag .. hold[4]
local quantity = tonumber(string.match(fragment, '"quantity":(%d+)'))
local floor = tonumber(redis.call('GET', 'epoch:' .. tag:sub(1, -2)) or 0) * 1000000
local version = whole(math.max(tonumber(hold[2]), floor) + 1)
local zoneVersion = whole(math.max(tonumber(zone[5]), floor) + 1)
local available = whole(tonumber(zone[1]) + quantity)
local held = whole(tonumber(zone[2]) - quantity)
local nowText = whole(now)

local actor = ARGV[4] == '' and '"system"' or '"user","operation_id":"' .. ARGV[4] .. '"'
local value = '{' .. fragment .. ',"status":"' .. ARGV[3] .. '","actor":' .. actor .. ',"version":' .. version .. ',"expires_at_ms":' .. hold[3] .. ',"updated_at_ms":'
  .. nowText .. ',"zone":{"capacity":' .. zone[4] .. ',"available":' .. available .. ',"held":' .. held .. ',"sold":' .. zone[3]
  .. ',"version":' .. zoneVersion .. '}}'

for index in string.gmatch(hold[5], '%d+') do redis.call('SETRANGE', 'seats:' .. tag .. zoneID, index, 'f') end
redis.call('HSET', zoneKey, 'available', available, 'held', held, 'version', zoneVersion)
redis.call('HINCRBY', userKey, 'n:' .. id('event_id'), whole(-quantity))
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'version', version, 'updated', nowText, 'by', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZREM', 'due:' .. tag:sub(1, -2), ARGV[2])
local entry = redis.call('XADD', 'outbox:' .. tag:sub(1, -2), '*', 'type', 'booking.' .. ARGV[3] .. '.v1', 'key', ARGV[2], 'version', version,
  'trace', ARGV[5], 'value', value)
return { 'released', version, entry, value }
