-- A token bucket with continuous refill: capacity is the burst. All limits but reserve's, which has its own inside its script.
--
-- KEYS   1 bucket
-- ARGV   1 tokens a minute  2 burst
-- Reply  { 1 or 0, tokens left (thousandths), wait until the next token (ms) }

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local perMs = tonumber(ARGV[1]) / 60000
local burst = tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if bucket[1] then tokens = math.min(burst, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * perMs) end
if tokens < 1 then return { 0, math.floor(tokens * 1000), math.ceil((1 - tokens) / perMs) } end
tokens = tokens - 1
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / perMs) + 1)
return { 1, math.floor(tokens * 1000), 0 }
