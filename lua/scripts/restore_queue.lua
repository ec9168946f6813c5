#!lua flags=allow-oom
-- Puts back what Redis may have forgotten of an event's line, each place from the newest state that is known of it. What Redis has as new or newer
-- stays, so it is run again as often as one likes. The line comes with, or before, its places. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 ''  4 tenant  5 mode (or '': only places are told of)  6 origin  7 actor  8 seed (or '')  9 drawn to  10 version
--        11 updated  then for each place: user, entry id, status, number, joined, updated, pass' end (0: none), version, place (or '')
-- Reply  { places put back, places known as well }

local letters = {}
for letter, word in pairs(words) do letters[word] = letter end
local keep = now + 86400000
local zones = readZones()
if zones.count > 0 then keep = math.max(now, zones.ends) + 86400000 end

queue.tenant = queue.tenant or ARGV[4]
if ARGV[5] ~= '' and (not queue.mode or version < tonumber(ARGV[10])) then
  local wasSeed = queue.seed
  queue.mode, queue.origin, queue.actor, queue.updated = ARGV[5], ARGV[6], ARGV[7], ARGV[11]
  if ARGV[8] ~= '' then
    -- Those whom Redis still takes for early, or drew from an older seed, are drawn from this one.
    if wasSeed ~= ARGV[8] then
      queue.seed, drawnTo = ARGV[8], tonumber(ARGV[9])
      if call('EXISTS', lineKey, earlyKey) > 0 then queue.drawing = '1' end
      if call('EXISTS', lineKey) == 1 then
        call('ZUNIONSTORE', earlyKey, '2', earlyKey, lineKey)
        call('DEL', lineKey)
      end
    end
  end
end

local restored, known = 0, 0
for at = 12, #ARGV, 9 do
  local user, number, newVersion, place = ARGV[at], tonumber(ARGV[at + 3]), tonumber(ARGV[at + 7]), ARGV[at + 8]
  local old = readEntry(user)
  if old and tonumber(old.version) >= newVersion then
    known = known + 1
  else
    local status = letters[ARGV[at + 2]]
    call('HSET', entriesKey, user, ARGV[at + 1] .. '|' .. status .. '|' .. ARGV[at + 3] .. '|' .. ARGV[at + 4] .. '|' .. ARGV[at + 5] .. '|'
      .. ARGV[at + 6] .. '|' .. ARGV[at + 7])
    call('ZREM', lineKey, user)
    call('ZREM', earlyKey, user)
    call('ZREM', passesKey, user)
    if status == 'w' then
      if queue.seed and number <= drawnTo then
        call('ZADD', lineKey, whole(ticket(ARGV[at + 1], queue.seed)), user)
      elseif place ~= '' then
        call('ZADD', lineKey, place, user)
      else
        call('ZADD', earlyKey, ARGV[at + 3], user)
      end
    elseif status == 'a' then
      call('ZADD', passesKey, ARGV[at + 6], user)
    end
    restored = restored + 1
  end
  version = math.max(version, newVersion)
  queue.number = whole(math.max(tonumber(queue.number or 0), number))
end
version = math.max(version, tonumber(ARGV[10]))
save()
call('SADD', queuesKey, event)
for _, key in ipairs({ KEYS[1], lineKey, earlyKey, passesKey, entriesKey }) do call('PEXPIREAT', key, whole(keep)) end
return { restored, known }
