-- Loads a zone or changes it. Capacity goes by difference, so seeding twice resets nothing; what is held or sold stays.
--
-- KEYS   1 zone  2 seats  3 seat numbers  4 epoch  5 zones of the event
-- ARGV   1 capacity  2 number of field arguments  then field, value, …  then seat ids in their order (numbered zones)
-- Reply  { outcome, … }

local capacity = tonumber(ARGV[1])
local fieldCount = tonumber(ARGV[2])
local firstSeat = 3 + fieldCount
local seats = #ARGV - firstSeat + 1

local zone = redis.call('HMGET', KEYS[1], 'capacity', 'available', 'held', 'sold', 'version')
local old = tonumber(zone[1] or 0)
local available = tonumber(zone[2] or 0) + capacity - old
if available < 0 then return { 'below_taken', string.format('%.0f', old - tonumber(zone[2] or 0)) } end
if seats > 0 and seats ~= capacity then return { 'seats_mismatch', string.format('%.0f', seats) } end
local known = redis.call('HLEN', KEYS[3])
if seats < known then return { 'seats_removed', string.format('%.0f', known) } end
for position = 1, seats do
  local number = redis.call('HGET', KEYS[3], ARGV[firstSeat + position - 1])
  if (number and tonumber(number) ~= position - 1) or (not number and position <= known) then
    return { 'seats_reordered', ARGV[firstSeat + position - 1] }
  end
end

local floor = tonumber(redis.call('GET', KEYS[4]) or 0) * 1000000
local fields = { 'capacity', capacity, 'available', available, 'held', zone[3] or 0, 'sold', zone[4] or 0, 'seated', seats > 0 and 1 or 0 }
for position = 3, 2 + fieldCount do fields[#fields + 1] = ARGV[position] end
fields[#fields + 1] = 'version'
fields[#fields + 1] = math.max(tonumber(zone[5] or 0), floor) + (capacity ~= old and 1 or 0)
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('SADD', KEYS[5], string.sub(KEYS[1], -36))
-- A line stays as long as the last of its event's shows.
for position = 3, 1 + fieldCount, 2 do
  if ARGV[position] == 'ends' then
    local keep = string.format('%.0f', tonumber(ARGV[position + 1]) + 86400000)
    for _, name in ipairs({ 'queue', 'line', 'early', 'passes', 'entries' }) do
      redis.call('PEXPIREAT', (string.gsub(KEYS[5], '^zones', name)), keep, 'GT')
    end
  end
end
for position = known + 1, seats do
  redis.call('HSET', KEYS[3], ARGV[firstSeat + position - 1], position - 1)
  redis.call('SETRANGE', KEYS[2], position - 1, 'f')
end
return { 'set', string.format('%.0f', available) }
