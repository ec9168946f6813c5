-- Accepts a write that a worker will do: the pending operation, its idempotency record and the command for the topic, in one call.
-- There is no moment between them, so nothing is ever in flight and no lease is needed.
--
-- KEYS   1 operation  2 idempotency (the operation again when no key was given)  3 outbox  4 hold of the booking it acts upon (or the operation again)
-- ARGV   1 operation id  2 user id  3 operation type  4 resource  5 body hash  6 kept (ms)  7 allowed status ('': the hold is not looked at)
--        8 message type  9 message key  10 message value  11 traceparent  12 outbox limit (entries)  13 '1' when an Idempotency-Key was given
-- Reply  { outcome, … }

if ARGV[13] == '1' then
  local first = redis.call('GET', KEYS[2])
  if first then
    if string.sub(first, 1, #ARGV[5]) ~= ARGV[5] then return { 'key_reused' } end
    return { 'replayed', string.sub(first, #ARGV[5] + 2) }
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'replayed', ARGV[1] } end
if ARGV[7] ~= '' then
  local hold = redis.call('HMGET', KEYS[4], 'status', 'user', 'paystate', 'used')
  if not hold[1] then return { 'missing' } end
  if hold[2] ~= ARGV[2] then return { 'not_yours' } end
  if hold[1] ~= ARGV[7] then return { 'wrong_state', hold[1] } end
  if hold[3] == 'open' then return { 'payment_open' } end
  -- Who has been in has had what was paid for.
  if hold[4] then return { 'ticket_used' } end
end
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[12]) then return { 'outbox_full' } end

redis.call('HSET', KEYS[1], 'user', ARGV[2], 'type', ARGV[3], 'resource', ARGV[4], 'status', 'pending', 'version', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
if ARGV[13] == '1' then redis.call('SET', KEYS[2], ARGV[5] .. '|' .. ARGV[1], 'PX', ARGV[6]) end
local entry = redis.call('XADD', KEYS[3], '*', 'type', ARGV[8], 'key', ARGV[9], 'version', ARGV[1], 'trace', ARGV[11], 'value', ARGV[10])
return { 'accepted', entry, ARGV[10] }
