#!lua flags=allow-oom
-- One round of an event's line: passes that ran out lapse, the order is drawn, people are admitted or told that it is over; the automatic mode is
-- switched. Any number of callers may run it at any time. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 traceparent  4 batch (people a second)  5 seed, should a draw be due  6 pass (ms)  7 outbox limit (entries)
--        8 reserves a second above which a line is switched on (0: never)  9 how long such a line is empty before it is switched off (ms)
-- Reply  { state, admitted, people in line, passes, ms until the next round may admit, events }
--        state: 'done'; 'more' when the next round has something to do at once; 'over' when there is no line any more; 'outbox_full'

-- People that one round moves or tells, at most: some 5 ms of Redis' time.
local chunk = 500
local batch = tonumber(ARGV[4])
local admitted, state, wait = 0, 'done', 1000
local rounds = call('HMGET', KEYS[1], 'released', 'rate', 'short_since', 'short_at', 'idle_since')
local released = tonumber(rounds[1] or 0)
local changes, hasDrawn = {}, false
-- When a line that opened by itself is forgotten.
local expires
local function set(name, value)
  changes[#changes + 1] = name
  changes[#changes + 1] = value
end

local function finish()
  if #told > 0 or hasDrawn then save() end
  if #changes > 0 then call('HSET', KEYS[1], unpack(changes)) end
  if expires then call('PEXPIREAT', KEYS[1], expires) end
  return { state, admitted, call('ZCARD', lineKey) + call('ZCARD', earlyKey), outstanding(), wait, told }
end

if call('XLEN', outboxKey) >= tonumber(ARGV[7]) then
  state = 'outbox_full'
  return { state, 0, call('ZCARD', lineKey) + call('ZCARD', earlyKey), outstanding(), wait, {} }
end
local zones = readZones()

-- Ends places, some at a time: those in line first, then those with a pass.
local function endPlaces(status)
  local left = chunk
  for _, key in ipairs({ lineKey, earlyKey, passesKey }) do
    if left > 0 then
      local popped = call('ZPOPMIN', key, left)
      for index = 1, #popped, 2 do
        local entry = readEntry(popped[index])
        if entry then
          entry.ends = '0'
          put(popped[index], entry, status)
        end
        left = left - 1
      end
    end
  end
  if left == 0 then state, wait = 'more', 0 end
end

local function switch(mode)
  queue.mode, queue.origin, queue.actor = mode, 'automatic', 'worker:queue-release'
  queue.tenant = queue.tenant or zones.tenant
  tellLine('mode_changed')
  call('HDEL', KEYS[1], 'idle_since')
end

-- Above the rate for five whole seconds. Reports of an ingress may shift from one second into the next, so two neighbours are looked at together,
-- also the fifth and the one before it: the rush began then.
-- What an operator chose stays.
local threshold = tonumber(ARGV[8])
local isOff = not queue.mode or queue.mode == 'off'
if isOff and threshold > 0 and queue.origin ~= 'operator' and zones.opens and now >= zones.opens and zones.remaining > 0 then
  local second = tonumber(clock[1])
  local counts = call('HMGET', 'arrivals:' .. suffix, second - 1, second - 2, second - 3, second - 4, second - 5, second - 6)
  local sum, isSteady = 0, true
  for index = 1, 6 do
    if index < 6 then sum = sum + tonumber(counts[index] or 0) end
    if index > 1 and tonumber(counts[index] or 0) + tonumber(counts[index - 1] or 0) <= threshold * 1.5 then isSteady = false end
  end
  if isSteady and sum > threshold * 5 then
    switch('fifo')
    expires = whole(math.max(zones.ends, now) + 86400000)
    isOff = false
  end
end

local function isEmpty() return call('EXISTS', lineKey, earlyKey, passesKey) == 0 end
if isOff then
  if isEmpty() then
    if call('EXISTS', 'arrivals:' .. suffix) == 0 then
      call('SREM', queuesKey, event)
      state = 'over'
    end
  else
    endPlaces('e')
  end
  return finish()
end

-- Passes that ran out.
local late = call('ZRANGEBYSCORE', passesKey, '-inf', nowText, 'LIMIT', '0', chunk)
for _, user in ipairs(late) do
  call('ZREM', passesKey, user)
  local entry = readEntry(user)
  if entry and entry.status == 'a' then put(user, entry, 'x') end
end

openIfDue(zones, ARGV[5])
if queue.drawing == '1' then
  local popped = call('ZPOPMIN', earlyKey, chunk)
  for index = 1, #popped, 2 do
    local entry = readEntry(popped[index])
    if entry then
      local number = tonumber(entry.number)
      call('ZADD', lineKey, whole(number <= drawnTo and ticket(entry.id, queue.seed) or turn(number)), popped[index])
    end
  end
  if #popped > 0 then call('PEXPIREAT', lineKey, whole(zones.ends + 86400000)) end
  if call('EXISTS', earlyKey) == 1 then
    state, wait = 'more', 0
    return finish()
  end
  queue.drawing, hasDrawn = '0', true
end

if zones.count > 0 and not zones.opens then
  endPlaces('e')
  if isEmpty() then
    call('SREM', queuesKey, event)
    state = 'over'
  end
  return finish()
end
if zones.count > 0 and zones.remaining == 0 then
  endPlaces('s')
-- A clock that went back must not hold the line up until it is where it was.
elseif now >= released and now < released + 1000 then
  wait = released + 1000 - now
else
  local passes = outstanding()
  local free = zones.free - passes
  local some = math.min(batch, free)
  if some > 0 then
    local ends = whole(now + tonumber(ARGV[6]))
    local popped = call('ZPOPMIN', lineKey, some)
    for index = 1, #popped, 2 do
      local entry = readEntry(popped[index])
      if entry then
        entry.ends = ends
        call('ZADD', passesKey, ends, popped[index])
        put(popped[index], entry, 'a')
        admitted = admitted + 1
      end
    end
    if admitted > 0 then
      released = now
      set('released', nowText)
      call('PEXPIREAT', passesKey, whole(zones.ends + 86400000))
    end
  end
  -- How fast places come back, while people wait for them and for nothing else: the mean since that began, of the last minute at most.
  if free - admitted <= 0 and call('EXISTS', lineKey) == 1 then
    -- Measured before the clock went back: begun anew.
    if rounds[3] and rounds[3] ~= '0' and now >= tonumber(rounds[4]) then
      local elapsed = now - tonumber(rounds[4])
      if elapsed > 0 then
        local rate = tonumber(rounds[2] or 0)
        local weight = math.min(1, elapsed / math.min(60000, now - tonumber(rounds[3])))
        set('rate', format('%.6f', rate + (admitted * 1000 / elapsed - rate) * weight))
        set('short_at', nowText)
      end
    else
      set('short_since', nowText)
      set('short_at', nowText)
      set('rate', '0')
    end
  elseif rounds[3] and rounds[3] ~= '0' then
    set('short_since', '0')
  end
end

if #late == chunk then state, wait = 'more', 0 end
if queue.origin == 'automatic' then
  if not isEmpty() then
    if rounds[5] then call('HDEL', KEYS[1], 'idle_since') end
  elseif not rounds[5] or now < tonumber(rounds[5]) then
    set('idle_since', nowText)
  elseif now - tonumber(rounds[5]) >= tonumber(ARGV[9]) then
    switch('off')
  end
end
return finish()
