"""The Lua script of the ledger in Redis: every verb is one run of it, and so one transaction.

Knows the keys and the rules of a step as ``ledger.sqlite`` has them. Imports nothing of Redis.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SCRIPT"]

# KEYS: notes (hash), open (sorted set: number = end of its lease), turns (hash), prefix of parts.
# ARGV: verb, then its arguments. A part is a hash. All keys have one hash tag, so that a cluster
# keeps them in one place.
SCRIPT: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local notes, open, turns, prefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb = ARGV[1]
local names = {'state', 'token', 'campaign', 'status', 'held', 'detail', 'seen'}
local function text(number) return string.format('%.6f', number) end
local function padded(number) return string.format('%08d', number) end
local function key(number) return prefix .. tonumber(number) end
local function row(number)
  local found = redis.call('HMGET', key(number), unpack(names))
  table.insert(found, 1, tostring(tonumber(number)))
  return found
end
local function count() return tonumber(redis.call('HGET', notes, 'count') or '0') end
local function wanted() return redis.call('HGET', notes, 'wanted') or 'running' end

if verb == 'fix' then
  local digest, settings = ARGV[2], ARGV[3]
  local known = redis.call('HGET', notes, 'parts')
  if known and known ~= digest then return {'other'} end
  local fixed = redis.call('HGET', notes, 'settings')
  if fixed == settings then return {'ok', fixed} end
  if not known then
    for i = 4, #ARGV do
      redis.call('HSET', key(i - 4), 'state', 'planned', 'token', 0, 'campaign', '', 'status', '',
        'held', '0', 'detail', '', 'seen', '0', 'sha256', ARGV[i])
    end
    redis.call('HSET', notes, 'parts', digest, 'count', #ARGV - 3)
  else
    for number = 0, count() - 1 do
      if redis.call('HGET', key(number), 'state') ~= 'planned' then return {'ok', fixed} end
    end
  end
  for number = 0, count() - 1 do
    redis.call('HINCRBY', key(number), 'token', 1)
    redis.call('ZADD', open, 0, padded(number))
  end
  redis.call('HSET', notes, 'settings', settings)
  return {'ok', settings}
end

if verb == 'settings' then return {redis.call('HGET', notes, 'settings') or ''} end
if verb == 'claim' then
  local seconds, only = tonumber(ARGV[2]), ARGV[3]
  local free = {}
  if only ~= '' then
    if tonumber(redis.call('ZSCORE', open, padded(only)) or '0') <= now then free = {only} end
  else
    free = redis.call('ZRANGEBYSCORE', open, '-inf', text(now))
    table.sort(free)
  end
  local first = {}
  for _, number in ipairs(free) do
    local state = redis.call('HGET', key(number), 'state')
    first[state] = first[state] or number
    if state == ARGV[4] then break end
  end
  for i = 4, #ARGV do
    local number = first[ARGV[i]]
    if number then
      redis.call('HINCRBY', key(number), 'token', 1)
      redis.call('ZADD', open, text(now + seconds), padded(number))
      return row(number)
    end
  end
  return {}
end

if verb == 'step' then
  local number, token, before, fixed = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local after, campaign, status, detail = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
  local seconds, running, seen = tonumber(ARGV[10]), ARGV[11], ARGV[12]
  local found = redis.call('HMGET', key(number), 'token', 'state', 'campaign')
  if found[1] ~= token then return {'lost'} end
  -- The reply to this very step was lost, and the client asks again.
  if found[2] == after and before ~= after and found[3] == campaign then return {'ok'} end
  if running == '1' and wanted() ~= 'running' then return {'lost'} end
  if found[2] ~= before or found[3] ~= fixed then return {'lost'} end
  redis.call('HSET', key(number), 'state', after, 'campaign', campaign, 'status', status,
    'detail', detail, 'seen', seen)
  redis.call('ZADD', open, text(now + seconds), padded(number))
  return {'ok'}
end

if verb == 'lease' then
  local number, token, seconds = ARGV[2], ARGV[3], tonumber(ARGV[4])
  if redis.call('HGET', key(number), 'token') ~= token then return {} end
  if seconds > 0 then
    redis.call('ZADD', open, text(now + seconds), padded(number))
    return {}
  end
  local state = redis.call('HGET', key(number), 'state')
  -- What nobody claims again must not be searched.
  if state == 'finished' or state == 'failed' or state == 'started' then
    redis.call('ZREM', open, padded(number))
  else
    redis.call('ZADD', open, 0, padded(number))
  end
  return {}
end

if verb == 'observe' then
  local number, campaign, after, status = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local found = redis.call('HMGET', key(number), 'state', 'campaign')
  if found[1] == 'started' and found[2] == campaign then
    redis.call('HSET', key(number), 'state', after, 'status', status)
  end
  return {}
end
if verb == 'hold' then
  redis.call('HSET', key(ARGV[2]), 'held', ARGV[3])
  return {}
end
if verb == 'row' then return row(ARGV[2]) end
if verb == 'rows' then
  local wished, all = {}, #ARGV == 1
  for i = 2, #ARGV do wished[ARGV[i]] = true end
  local found = {}
  for number = 0, count() - 1 do
    if all or wished[redis.call('HGET', key(number), 'state')] then
      found[#found + 1] = row(number)
    end
  end
  return found
end
if verb == 'held' then
  local found = {}
  for number = 0, count() - 1 do
    local part = redis.call('HMGET', key(number), 'state', 'held')
    if part[1] == 'started' and part[2] == '1' then found[#found + 1] = row(number) end
  end
  return found
end
if verb == 'count' then
  local wished, total = {}, 0
  for i = 2, #ARGV do wished[ARGV[i]] = true end
  for number = 0, count() - 1 do
    if wished[redis.call('HGET', key(number), 'state')] then total = total + 1 end
  end
  return {tostring(total)}
end
if verb == 'wanted' then return {wanted()} end
if verb == 'want' then
  if wanted() ~= 'stopped' then redis.call('HSET', notes, 'wanted', ARGV[2]) end
  return {wanted()}
end
if verb == 'turn' then
  if tonumber(redis.call('HGET', turns, ARGV[2]) or '0') > now then return {'0'} end
  redis.call('HSET', turns, ARGV[2], text(now + tonumber(ARGV[3])))
  return {'1'}
end
if verb == 'note' then return {redis.call('HGET', notes, 'note:' .. ARGV[2]) or ''} end
redis.call('HSET', notes, 'note:' .. ARGV[2], ARGV[3])
return {}
"""
