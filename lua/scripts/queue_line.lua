#!lua flags=no-writes
-- An event's line as a whole. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 ''
-- Reply  { tenant, mode, origin, actor, seed or '', drawn to, version, updated, people in line, passes }, or nothing

if not queue.mode then return false end
return { queue.tenant, queue.mode, queue.origin, queue.actor, queue.seed or '', whole(drawnTo), whole(version), queue.updated,
  call('ZCARD', lineKey) + call('ZCARD', earlyKey), outstanding() }
