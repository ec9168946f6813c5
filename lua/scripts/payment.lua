-- Writes a payment's record where it is newer than what is there; LuaScript.swift puts this before the scripts that do so.
-- The gateway's token goes when no more money can move.

local function putPayment(key, kept, version, status, first)
  local old = redis.call('HGET', key, 'version')
  if old and tonumber(old) >= tonumber(version) then return 0 end
  redis.call('HSET', key, 'version', version, 'status', status, unpack(ARGV, first))
  if status ~= 'pending' and status ~= 'processing' then redis.call('HDEL', key, 'token') end
  redis.call('PEXPIRE', key, kept)
  return 1
end
