#!lua flags=no-writes
-- What people are told of their places in an event's line. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 ''  4 batch  then user ids
-- Reply  for each user a view, or nothing

local views = {}
local batch = tonumber(ARGV[4])
for index = 5, #ARGV do
  local entry = readEntry(ARGV[index])
  views[#views + 1] = entry and view(ARGV[index], entry, batch) or false
end
return views
