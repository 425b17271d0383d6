-- Changes one customer's account in Redis, all of it or nothing. clients/ACCOUNT.md says what the keys hold and when
-- a client may ask for which change; every language runs these very bytes.
--
-- KEYS: account, writers, lapses, the account's earlier form, then one key for each mark.
-- ARGV: "apply" or "put", and a JSON object; all numbers in it are texts, for Lua's numbers end at 2^53.
-- Returns ok (changes, then used and held of each unit), known (a mark is not as expected), done (this writer made
-- this change before) or look (the account is not as the client thought: read it again).

local ACCOUNT, WRITERS, LAPSES, EARLIER, FIRST_MARK = KEYS[1], KEYS[2], KEYS[3], KEYS[4], 5
local LIMB, BASE, MOST_DIGITS = 13, 1e13, 39
local MOST_WRITERS, WRITER_KEPT_US = 128, 90 * 86400 * 1e6

-- A quantity is a text of decimal digits, without sign and without zeros at its beginning; it has up to three limbs.

local function limbs(text)
  return tonumber(string.sub(text, -LIMB)) or 0,
    tonumber(string.sub(text, -2 * LIMB, -LIMB - 1)) or 0,
    tonumber(string.sub(text, -3 * LIMB, -2 * LIMB - 1)) or 0
end

local function joined(low, middle, high)
  if high > 0 then return string.format('%.0f%013.0f%013.0f', high, middle, low) end
  if middle > 0 then return string.format('%.0f%013.0f', middle, low) end
  return string.format('%.0f', low)
end

local function sum(one, other)
  local low, middle, high = limbs(one)
  local more_low, more_middle, more_high = limbs(other)
  low, middle, high = low + more_low, middle + more_middle, high + more_high
  if low >= BASE then low, middle = low - BASE, middle + 1 end
  if middle >= BASE then middle, high = middle - BASE, high + 1 end
  return joined(low, middle, high)
end

-- What is left of `one`, never below zero: no more is ever taken off than was put in.
local function less(one, other)
  local low, middle, high = limbs(one)
  local less_low, less_middle, less_high = limbs(other)
  low, middle, high = low - less_low, middle - less_middle, high - less_high
  if low < 0 then low, middle = low + BASE, middle - 1 end
  if middle < 0 then middle, high = middle + BASE, high - 1 end
  if high < 0 then return '0' end
  return joined(low, middle, high)
end

local function at_most(one, other)
  if #one ~= #other then return #one < #other end
  return one <= other
end

local function is_quantity(text)
  return #text < MOST_DIGITS and string.find(text, '^%d+$') ~= nil
end

-- What the script reads of the account and what it will write at its end; false is a field to delete.
local fields, changed = {}, {}

local function get(name)
  if changed[name] ~= nil then return changed[name] end
  if fields[name] == nil then fields[name] = redis.call('HGET', ACCOUNT, name) end
  return fields[name]
end

local function set(name, value)
  changed[name] = value
end

local let_go = {}

local function drop(reservation)
  local hold = get('hold:' .. reservation)
  if not hold then return end
  local _, period, quantity, unit = string.match(hold, '^(%d+) (%S+) (%d+) (.*)$')
  local held = 'held:' .. period .. ':' .. unit
  set(held, less(get(held) or '0', quantity))
  set('hold:' .. reservation, false)
  let_go[#let_go + 1] = reservation
end

local function was_done(writer)
  local last = redis.call('HGET', WRITERS, writer[1])
  return last and tonumber(string.match(last, '^%d+')) >= tonumber(writer[2]), last
end

local function forget_old_writers(now)
  local all = redis.call('HGETALL', WRITERS)
  for at = 1, #all, 2 do
    if tonumber(string.match(all[at + 1], ' (%d+)$')) < tonumber(now) - WRITER_KEPT_US then
      redis.call('HDEL', WRITERS, all[at])
    end
  end
end

local function note_writer(writer, now, last)
  if not last and redis.call('HLEN', WRITERS) >= MOST_WRITERS then forget_old_writers(now) end
  redis.call('HSET', WRITERS, writer[1], writer[2] .. ' ' .. now)
end

-- Milliseconds "0": the mark is known to the client and must be there; else it must not be there yet.
local function marks_are_as_expected(milliseconds)
  for at, alive in ipairs(milliseconds) do
    local there = redis.call('EXISTS', KEYS[FIRST_MARK + at - 1]) == 1
    if there ~= (alive == '0') then return false end
  end
  return true
end

local function set_marks(milliseconds)
  for at, alive in ipairs(milliseconds) do
    if alive ~= '0' then redis.call('SET', KEYS[FIRST_MARK + at - 1], '1', 'PX', alive) end
  end
end

local function read_units(request)
  local names = { 'epoch' }
  for _, unit in ipairs(request.units) do
    names[#names + 1] = 'used:' .. request.period .. ':' .. unit[1]
    names[#names + 1] = 'held:' .. request.period .. ':' .. unit[1]
  end
  for at, value in ipairs(redis.call('HMGET', ACCOUNT, unpack(names))) do fields[names[at]] = value end
end

-- Adds to used and held; whether every unit stays within its limit then, and every number within three limbs.
local function fits(request)
  for at, unit in ipairs(request.units) do
    local used_field = 'used:' .. request.period .. ':' .. unit[1]
    local held_field = 'held:' .. request.period .. ':' .. unit[1]
    local used, held = get(used_field) or '0', get(held_field) or '0'
    if not (is_quantity(used) and is_quantity(held)) then return false end
    if unit[2] ~= '' then
      used = sum(used, unit[2])
      set(used_field, used)
    end
    if at == 1 and request.hold then
      held = sum(held, request.hold[2])
      set(held_field, held)
    end
    local measured = request.measure == 'used' and used or sum(used, held)
    if unit[3] ~= '' and not at_most(measured, unit[3]) then return false end
  end
  return true
end

local function write(request)
  for name, value in pairs(changed) do
    if value then
      redis.call('HSET', ACCOUNT, name, value)
    else
      redis.call('HDEL', ACCOUNT, name)
    end
  end
  if #let_go > 0 then redis.call('ZREM', LAPSES, unpack(let_go)) end
  if request.hold then redis.call('ZADD', LAPSES, request.hold[3], request.hold[1]) end
  return redis.call('HINCRBY', ACCOUNT, 'changes', 1)
end

-- Adds to an account that is, but for its numbers, the one that the client knows.
local function apply(request)
  local done, last = was_done(request.writer)
  if done then return { 'done' } end
  if not marks_are_as_expected(request.marks) then return { 'known' } end
  read_units(request)
  if fields.epoch ~= request.epoch then return { 'look' } end
  for _, reservation in ipairs(redis.call('ZRANGEBYSCORE', LAPSES, '-inf', request.now, 'LIMIT', 0, 1000)) do
    drop(reservation)
  end
  if request.drop then drop(request.drop) end
  if not fits(request) then return { 'look' } end
  if request.hold then
    local of = { request.hold[3], request.period, request.hold[2], request.units[1][1] }
    set('hold:' .. request.hold[1], table.concat(of, ' '))
  end
  local reply = { 'ok', write(request) }
  for _, unit in ipairs(request.units) do
    reply[#reply + 1] = get('used:' .. request.period .. ':' .. unit[1]) or '0'
    reply[#reply + 1] = get('held:' .. request.period .. ':' .. unit[1]) or '0'
  end
  set_marks(request.marks)
  note_writer(request.writer, request.now, last)
  return reply
end

-- Replaces the whole account, if nobody has changed it since the client read it.
local function put(request)
  local done, last = was_done(request.writer)
  if done then return { 'done' } end
  if not marks_are_as_expected(request.marks) then return { 'known' } end
  local changes = redis.call('HGET', ACCOUNT, 'changes') or ''
  local version = redis.call('HGET', EARLIER, 'version') or ''
  if changes ~= request.was or version ~= request.was_earlier then return { 'look' } end
  redis.call('DEL', ACCOUNT, LAPSES, EARLIER)
  for at = 1, #request.fields, 2 do redis.call('HSET', ACCOUNT, request.fields[at], request.fields[at + 1]) end
  for at = 1, #request.lapses, 2 do redis.call('ZADD', LAPSES, request.lapses[at + 1], request.lapses[at]) end
  set_marks(request.marks)
  note_writer(request.writer, request.now, last)
  return { 'ok', tonumber(redis.call('HGET', ACCOUNT, 'changes')) }
end

local request = cjson.decode(ARGV[2])
if ARGV[1] == 'put' then return put(request) end
return apply(request)
