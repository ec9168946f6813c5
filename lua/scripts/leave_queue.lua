#!lua flags=allow-oom
-- Takes somebody out of an event's line, or a pass back. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 traceparent  4 batch  5 user id
-- Reply  { 'left', view, event of it }; { 'not_in_line', view } or { 'not_in_line' }

local user = ARGV[5]
local entry = readEntry(user)
if not entry then return { 'not_in_line' } end
if entry.status ~= 'w' and not (entry.status == 'a' and tonumber(entry.ends) > now) then
  return { 'not_in_line', view(user, entry, tonumber(ARGV[4])) }
end
call('ZREM', lineKey, user)
call('ZREM', earlyKey, user)
call('ZREM', passesKey, user)
entry.ends = '0'
put(user, entry, 'l')
save()
return { 'left', view(user, entry, tonumber(ARGV[4])), told[1] }
