-- SPDX-License-Identifier: GPL-2.0-or-later
-- Copyright (C) 2026 The ipcp_rekey contributors
--
-- Wireshark dissector of the packets of ipcp_rekey: Documentation/wire-format.md,
-- and for the frames between agents Documentation/agent-protocol.md.
--
-- Copy this file to a folder of Lua plugins ("tshark -G folders" lists them), or
-- call "tshark -X lua_script:ipcp_rekey.lua".
--
-- Payloads are encrypted. ipcp-rekey-decrypt(1) writes a capture with payloads in
-- the clear, as packets of the dissector "ipcp_rekey_plain" below. Decryption is a
-- separate program, since the Lua of Wireshark 4.0 and 4.4 (Debian 12 and 13) has no
-- cryptography; the Lua of 4.6 has ciphers, but no HMAC for the key derivation.

local HEADER_LEN = 12
local TAG_LEN = 16
local FRAME_LEN = 32		-- header of a frame between agents
local FRAME_MAX = 1172
local FRAMES_MAX = 16
local EID_AT = 8

local DATA, CONFIRM, CTRL, SEALED, CLOSE = 1, 2, 3, 4, 5

local types = {
	[DATA] = "DATA", [CONFIRM] = "CONFIRM", [CTRL] = "CTRL",
	[SEALED] = "SEALED", [CLOSE] = "CLOSE",
}

local PROBE, ECHO = 8, 16

local REFUSALS = { [3] = true, [6] = true, [18] = true }

local messages = {
	[1] = "HELLO", [2] = "ALLOC", [3] = "ABORT", [4] = "COOKIE",
	[5] = "ALLOC-OK", [6] = "REFUSED", [16] = "REKEY", [17] = "REKEY-OK",
	[18] = "REKEY-REFUSED", [19] = "REKEY-WANTED", [20] = "REKEY-DENIED",
}

local codes = {
	[1] = "name not served", [2] = "certificate or signature refused",
	[3] = "policy", [4] = "no acceptable key exchange or cipher",
	[5] = "clocks differ too much", [6] = "own credentials cannot be used",
	[7] = "too many flows or requests", [8] = "QoS not supported",
	[9] = "malformed request", [10] = "internal error", [11] = "busy",
	[12] = "start anew", [13] = "the program gave up",
	[14] = "no such flow", [15] = "not recoverable",
	[16] = "nobody lost the keys", [17] = "epoch or exchange number behind",
}

local proto = Proto("ipcp_rekey", "ipcp_rekey")
local plain_proto = Proto("ipcp_rekey_plain", "ipcp_rekey, decrypted")

local f = {
	version = ProtoField.uint8("ipcp_rekey.version", "Version", base.DEC,
				   nil, 0xf0),
	type = ProtoField.uint8("ipcp_rekey.type", "Type", base.DEC, types,
				0x0f),
	epoch = ProtoField.uint8("ipcp_rekey.epoch", "Epoch"),
	reserved = ProtoField.uint8("ipcp_rekey.reserved", "Reserved", base.HEX),
	counter = ProtoField.uint64("ipcp_rekey.counter", "Counter"),
	node = ProtoField.uint8("ipcp_rekey.node", "Node"),
	leaf = ProtoField.uint8("ipcp_rekey.leaf", "Leaf"),
	sequence = ProtoField.uint32("ipcp_rekey.sequence", "Sequence"),
	eid = ProtoField.uint32("ipcp_rekey.eid", "Endpoint id of the receiver",
				base.HEX),
	ciphertext = ProtoField.bytes("ipcp_rekey.ciphertext", "Ciphertext"),
	tag = ProtoField.bytes("ipcp_rekey.tag", "Tag"),
	decrypted = ProtoField.bool("ipcp_rekey.decrypted", "Decrypted"),
	data = ProtoField.bytes("ipcp_rekey.data", "Message"),

	flags = ProtoField.uint8("ipcp_rekey.confirm", "Flags", base.HEX),
	seen = ProtoField.bool("ipcp_rekey.confirm.seen", "SEEN", 8, nil, 0x01),
	sending = ProtoField.bool("ipcp_rekey.confirm.sending", "SENDING", 8,
				  nil, 0x02),
	done = ProtoField.bool("ipcp_rekey.confirm.done", "DONE", 8, nil, 0x04),
	probe = ProtoField.bool("ipcp_rekey.confirm.probe", "PROBE", 8, nil,
				PROBE),
	echo = ProtoField.bool("ipcp_rekey.confirm.echo", "ECHO", 8, nil, ECHO),
	number = ProtoField.uint16("ipcp_rekey.probe.number", "Number"),
	length = ProtoField.uint16("ipcp_rekey.probe.length",
				   "Length of the PROBE packet"),

	fversion = ProtoField.uint8("ipcp_rekey.frame.version", "Frame version"),
	ftype = ProtoField.uint8("ipcp_rekey.frame.type", "Message", base.DEC,
				 messages),
	index = ProtoField.uint8("ipcp_rekey.frame.index", "Index"),
	count = ProtoField.uint8("ipcp_rekey.frame.count", "Frames"),
	freserved = ProtoField.bytes("ipcp_rekey.frame.reserved", "Reserved"),
	token = ProtoField.bytes("ipcp_rekey.frame.token", "Token"),
	cookie = ProtoField.bytes("ipcp_rekey.frame.cookie", "Cookie"),
	payload = ProtoField.bytes("ipcp_rekey.frame.payload", "Payload"),
	code = ProtoField.uint8("ipcp_rekey.refusal.code", "Refusal", base.DEC,
				codes),
	text = ProtoField.string("ipcp_rekey.refusal.text", "Text"),
	lowest = ProtoField.uint8("ipcp_rekey.notice.lowest", "Lowest version"),
	highest = ProtoField.uint8("ipcp_rekey.notice.highest",
				   "Highest version"),
}
proto.fields = f

local function malformed(word, text)
	return ProtoExpert.new("ipcp_rekey." .. word, text,
			       expert.group.MALFORMED, expert.severity.ERROR)
end

-- The first five are the reasons for which the module drops a packet.
local e = {
	short = malformed("short", "Shorter than a packet of this type"),
	version = malformed("bad_version",
			    "Another version, or a reserved bit is set"),
	type = malformed("bad_type", "Unknown type"),
	eid = malformed("no_eid", "Endpoint id 0, which no flow has"),
	ctrl = malformed("bad_ctrl",
			 "CTRL with an epoch, a counter or an endpoint id"),
	confirm = malformed("bad_confirm", "Malformed CONFIRM"),
	close = malformed("bad_close", "CLOSE with a payload"),
	frame = malformed("bad_frame", "Malformed frame between agents"),
}
proto.experts = { e.short, e.version, e.type, e.eid, e.ctrl, e.confirm, e.close,
		  e.frame }

proto.prefs.ports = Pref.range("UDP ports", "3435",
			       "UDP ports of the agents", 65535)
proto.prefs.heuristic = Pref.bool("Look for packets on all UDP ports", false,
				  "Recognise packets by their header")

local function hex(range)
	return range:bytes():tohex(true)
end

local function all_zero(range)
	return not hex(range):find("[^0]")
end

-- Dissect a message of an agent: a frame, or a notice of its versions.
local function dissect_frame(buf, pinfo, tree)
	local sub = tree:add(proto, buf(), "Frame between agents")
	local len = buf:len()
	local version, kind, index, count

	if len < FRAME_LEN or len > FRAME_MAX then
		sub:add_proto_expert_info(e.frame, "A frame has " .. FRAME_LEN ..
			" to " .. FRAME_MAX .. " bytes, not " .. len)
		return
	end
	version, kind = buf(0, 1):uint(), buf(1, 1):uint()
	index, count = buf(2, 1):uint(), buf(3, 1):uint()
	sub:add(f.fversion, buf(0, 1))
	if version == 0 then
		sub:add(f.lowest, buf(2, 1))
		sub:add(f.highest, buf(3, 1))
		sub:add(f.token, buf(8, 8))
		pinfo.cols.info:append(", notice: agent speaks versions " ..
				       index .. " to " .. count)
		if kind ~= 1 or not all_zero(buf(4, 4)) or
		   not all_zero(buf(16, 16)) or len ~= FRAME_LEN then
			sub:add_proto_expert_info(e.frame, "Malformed notice")
		end
		return
	end
	sub:add(f.ftype, buf(1, 1))
	sub:add(f.index, buf(2, 1))
	sub:add(f.count, buf(3, 1))
	sub:add(f.freserved, buf(4, 4))
	sub:add(f.token, buf(8, 8))
	sub:add(f.cookie, buf(16, 16))
	pinfo.cols.info:append(", " .. (messages[kind] or "message " .. kind))
	if count > 1 then
		pinfo.cols.info:append(" " .. index + 1 .. "/" .. count)
	end
	if not all_zero(buf(4, 4)) then
		sub:add_proto_expert_info(e.frame, "Reserved bytes are set")
	end
	if count < 1 or count > FRAMES_MAX or index >= count then
		sub:add_proto_expert_info(e.frame, "Frame " .. index .. " of " ..
					  count)
	elseif index + 1 < count and len ~= FRAME_MAX then
		sub:add_proto_expert_info(e.frame,
			"All frames but the last are full")
	end
	if version ~= 1 then
		sub:add_proto_expert_info(e.frame, "Version " .. version)
	elseif not messages[kind] then
		sub:add_proto_expert_info(e.frame, "Unknown message " .. kind)
	elseif REFUSALS[kind] then
		if len == FRAME_LEN then
			sub:add_proto_expert_info(e.frame,
				"A refusal without a code")
			return
		end
		sub:add(f.code, buf(FRAME_LEN, 1))
		if len > FRAME_LEN + 1 then
			sub:add(f.text, buf(FRAME_LEN + 1))
		end
		return
	end
	if len > FRAME_LEN then
		sub:add(f.payload, buf(FRAME_LEN))
	end
end

-- Return why a probe is malformed, or nil. Its first byte is the flags.
local function wrong_probe(buf, flags)
	local len = buf:len()
	local packet

	if len < 5 then
		return "A probe has a number and a length"
	end
	packet = buf(3, 2):uint()
	if flags == ECHO and len ~= 5 then
		return "An ECHO has 5 bytes"
	end
	if flags == PROBE and HEADER_LEN + len + TAG_LEN ~= packet then
		return "Not as long as it says"
	end
	if flags == PROBE and len > 5 and not all_zero(buf(5)) then
		return "The padding is not zero"
	end
	return nil
end

local function dissect_confirm(buf, pinfo, tree)
	local sub, flags, wrong, words

	if buf:len() == 0 then
		tree:add_proto_expert_info(e.confirm, "No flags")
		return
	end
	flags = buf(0, 1):uint()
	sub = tree:add(f.flags, buf(0, 1))
	words = {}
	for _, flag in ipairs({ { f.seen, 1, "SEEN" },
				{ f.sending, 2, "SENDING" },
				{ f.done, 4, "DONE" }, { f.probe, PROBE, "PROBE" },
				{ f.echo, ECHO, "ECHO" } }) do
		sub:add(flag[1], buf(0, 1))
		if math.floor(flags / flag[2]) % 2 == 1 then
			words[#words + 1] = flag[3]
		end
	end
	pinfo.cols.info:append(", " .. (words[1] and table.concat(words, " ") or
				       "no flag"))
	if flags == PROBE or flags == ECHO then
		wrong = wrong_probe(buf, flags)
		if buf:len() >= 5 then
			tree:add(f.number, buf(1, 2))
			tree:add(f.length, buf(3, 2))
		end
	elseif flags >= PROBE then
		wrong = "PROBE or ECHO with other flags, or an unknown flag"
	elseif buf:len() ~= 1 then
		wrong = "Longer than its flags"
	end
	if wrong then
		tree:add_proto_expert_info(e.confirm, wrong)
	end
end

-- Dissect the plaintext of a packet.
local function dissect_plain(kind, buf, pinfo, tree)
	if kind == CONFIRM then
		dissect_confirm(buf, pinfo, tree)
	elseif kind == SEALED then
		dissect_frame(buf, pinfo, tree)
	elseif kind == CLOSE then
		if buf:len() > 0 then
			tree:add_proto_expert_info(e.close)
		end
	elseif buf:len() > 0 then
		tree:add(f.data, buf())
	end
end

-- Dissect the 40-bit counter. Return true if one of the top 7 bits, which must be
-- zero, is set.
local function dissect_counter(buf, tree)
	local high = buf(3, 1):uint()
	local low = buf(4, 4):uint()
	local sub = tree:add(f.counter, buf(3, 5),
			     UInt64.new(low, high))

	sub:add(f.node, buf(3, 2), high % 2 * 64 + math.floor(low / 0x4000000))
	sub:add(f.leaf, buf(4, 2), math.floor(low / 0x100000) % 64)
	sub:add(f.sequence, buf(5, 3), low % 0x100000)
	return high >= 2
end

local function dissect_header(buf, tree)
	tree:add(f.version, buf(0, 1))
	tree:add(f.type, buf(0, 1))
	tree:add(f.epoch, buf(1, 1))
	tree:add(f.reserved, buf(2, 1))
	if dissect_counter(buf, tree) or buf(2, 1):uint() ~= 0 then
		tree:add_proto_expert_info(e.version, "A reserved bit is set")
	end
	tree:add(f.eid, buf(EID_AT, 4))
end

local function describe(buf, pinfo, kind)
	pinfo.cols.info = types[kind]
	if kind == CTRL then
		return
	end
	pinfo.cols.info:append(string.format(
		", eid %08x, epoch %d, counter %s", buf(EID_AT, 4):uint(),
		buf(1, 1):uint(),
		tostring(UInt64.new(buf(4, 4):uint(), buf(3, 1):uint()))))
end

-- Return the length of the shortest packet of a type; @tag: length of the tag.
local function shortest(kind, tag)
	return kind == CTRL and HEADER_LEN + 1 or HEADER_LEN + tag
end

-- Dissect the header. Return the tree and the type; no type if the rest cannot be
-- dissected. @tag is the length of the packet's tag.
local function dissect_start(buf, pinfo, tree, tag)
	local sub = tree:add(proto, buf())
	local kind

	pinfo.cols.protocol = "ipcp_rekey"
	pinfo.cols.info = "malformed"
	if buf:len() < HEADER_LEN then
		if buf:reported_len() == buf:len() then
			sub:add_proto_expert_info(e.short)
		end
		return sub
	end
	if math.floor(buf(0, 1):uint() / 16) ~= 1 then
		sub:add(f.version, buf(0, 1))
		sub:add_proto_expert_info(e.version)
		pinfo.cols.info = "another version"
		return sub
	end
	kind = buf(0, 1):uint() % 16
	dissect_header(buf, sub)
	if not types[kind] then
		sub:add_proto_expert_info(e.type)
		return sub
	end
	describe(buf, pinfo, kind)
	if buf:reported_len() < shortest(kind, tag) then
		sub:add_proto_expert_info(e.short)
		return sub
	end
	if kind ~= CTRL and buf(EID_AT, 4):uint() == 0 then
		sub:add_proto_expert_info(e.eid)
	elseif kind == CTRL and not all_zero(buf(1, HEADER_LEN - 1)) then
		sub:add_proto_expert_info(e.ctrl)
	end
	return sub, kind
end

local function dissect_packet(buf, pinfo, tree)
	local cut = buf:len() < buf:reported_len()
	local sub, kind = dissect_start(buf, pinfo, tree, TAG_LEN)
	local len = buf:len()

	if kind and cut then
		-- the capture has only the beginning of the packet
		if len > HEADER_LEN then
			sub:add(kind == CTRL and f.payload or f.ciphertext,
				buf(HEADER_LEN))
		end
	elseif kind == CTRL then
		dissect_frame(buf(HEADER_LEN):tvb(), pinfo, sub)
	elseif kind then
		if len > HEADER_LEN + TAG_LEN then
			sub:add(f.ciphertext, buf(HEADER_LEN,
						  len - HEADER_LEN - TAG_LEN))
		end
		sub:add(f.tag, buf(len - TAG_LEN))
	end
	return len
end

-- Return the length of the first packet of a datagram. A capture on the sending host
-- has several packets in one datagram if the network device segments it. The packets
-- are of one flow, and all but the last are as long as the first: the header after
-- the first packet is known.
local function first_len(buf)
	local len = buf:len()
	local high, low, following, at

	if len < 2 * (HEADER_LEN + TAG_LEN) or len < buf:reported_len() or
	   buf(0, 1):uint() % 16 == CTRL then
		return len
	end
	high, low = buf(3, 1):uint(), buf(4, 4):uint() + 1
	if low == 0x100000000 then
		high, low = (high + 1) % 256, 0
	end
	following = Struct.pack(">BI4", high, low) .. buf:raw(EID_AT, 4)
	at = buf:raw():find(following, HEADER_LEN + TAG_LEN + 4, true)
	return at and at - 4 or len
end

function proto.dissector(buf, pinfo, tree)
	local len = buf:len()
	local size = first_len(buf)
	local at = 0

	if size == len then
		return dissect_packet(buf, pinfo, tree)
	end
	while at < len do
		dissect_packet(buf(at, math.min(size, len - at)):tvb(), pinfo,
			       tree)
		at = at + size
	end
	pinfo.cols.info:append(string.format(", the last of %d packets",
					     math.ceil(len / size)))
	return len
end

-- A packet of ipcp-rekey-decrypt: the header, then the plaintext without a tag.
function plain_proto.dissector(buf, pinfo, tree)
	local sub, kind = dissect_start(buf, pinfo, tree, 0)
	local len = buf:len()

	if not kind then
		return len
	end
	sub:add(f.decrypted, true):set_generated()
	if kind == CTRL then
		dissect_frame(buf(HEADER_LEN):tvb(), pinfo, sub)
	elseif len > HEADER_LEN then
		dissect_plain(kind, buf(HEADER_LEN):tvb(), pinfo, sub)
	elseif kind == CONFIRM or kind == SEALED then
		sub:add_proto_expert_info(kind == CONFIRM and e.confirm or e.frame,
					  "Empty")
	end
	return len
end

-- Check the header. About 30 bits must match: too few to be on by default.
local function looks_right(buf)
	local kind

	if buf:len() < HEADER_LEN or math.floor(buf(0, 1):uint() / 16) ~= 1 then
		return false
	end
	kind = buf(0, 1):uint() % 16
	if not types[kind] or buf:reported_len() < shortest(kind, TAG_LEN) or
	   buf(2, 1):uint() ~= 0 or buf(3, 1):uint() > 1 then
		return false
	end
	if kind == CTRL then
		return all_zero(buf(1, HEADER_LEN - 1))
	end
	return buf(EID_AT, 4):uint() ~= 0
end

proto:register_heuristic("udp", function(buf, pinfo, tree)
	if not proto.prefs.heuristic or not looks_right(buf) then
		return false
	end
	proto.dissector(buf, pinfo, tree)
	return true
end)

local udp = DissectorTable.get("udp.port")
local ports

local function listen()
	if ports then
		udp:remove(ports, proto)
	end
	ports = proto.prefs.ports
	udp:add(ports, proto)
end

proto.prefs_changed = listen
listen()
