#!lua flags=allow-oom
-- Switches an event's line. People in a line that is switched off are told by the next rounds. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 traceparent  4 mode  5 origin  6 actor
-- Reply  { 'changed', event of it }, { 'unchanged' }, { 'unknown' } when the event is not on sale here

local zones = readZones()
if zones.count == 0 then return { 'unknown' } end
if queue.mode == ARGV[4] and queue.origin == ARGV[5] then return { 'unchanged' } end
queue.tenant = zones.tenant
-- Those who stand in the order of their coming are drawn anew, by the next seed.
if ARGV[4] == 'random' and queue.mode ~= 'random' and call('EXISTS', lineKey) == 1 then
  if call('EXISTS', earlyKey) == 1 then
    call('ZUNIONSTORE', earlyKey, '2', earlyKey, lineKey)
    call('DEL', lineKey)
  else
    call('RENAME', lineKey, earlyKey)
  end
  queue.drawing = '0'
end
queue.mode, queue.origin, queue.actor = ARGV[4], ARGV[5], ARGV[6]
tellLine('mode_changed')
save()
call('HDEL', KEYS[1], 'idle_since')
call('SADD', queuesKey, event)
call('PEXPIREAT', KEYS[1], whole(math.max(zones.ends, now) + 86400000))
return { 'changed', told[1] }
