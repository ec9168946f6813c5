#!lua flags=allow-oom
-- Tells a zone's counts anew, where the newest event of it tells others: by the event of one of its bookings, whose state is as it was.
--
-- KEYS   1 zone  2 outbox  3 epoch
-- ARGV   1 event type  2 booking id  3 booking version  4 the event up to its zone  5 version of the zone that was told last
-- Reply  { 'zone_missing' }, or { 'told', entry, value }

local zone = redis.call('HMGET', KEYS[1], 'capacity', 'available', 'held', 'sold', 'version')
if not zone[1] then return { 'zone_missing' } end
local floor = tonumber(redis.call('GET', KEYS[3]) or 0) * 1000000
local version = string.format('%d', math.max(tonumber(zone[5]), tonumber(ARGV[5]), floor) + 1)
redis.call('HSET', KEYS[1], 'version', version)
local value = ARGV[4] .. ',"zone":{"capacity":' .. zone[1] .. ',"available":' .. zone[2] .. ',"held":' .. zone[3] .. ',"sold":' .. zone[4]
  .. ',"version":' .. version .. '}}'
local entry = redis.call('XADD', KEYS[2], '*', 'type', ARGV[1], 'key', ARGV[2], 'version', ARGV[3], 'trace', '', 'value', value)
return { 'told', entry, value }
