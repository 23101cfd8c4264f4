// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Frames. Header of 32 bytes, big endian:
 *
 *   0 version   1 type   2 index   3 count   4 zero (4)   8 token (8)
 *   16 cookie (16)
 *
 * A notice, which every version can read:
 *
 *   0 zero   1 type 1   2 lowest version   3 highest version   4 zero (4)
 *   8 token (8)   16 zero (16)
 *
 * The first 16 bytes therefore keep their meaning in every future version.
 */

#include <string.h>

#include "../common/bytes.h"
#include "frame.h"

bool frame_read(struct frame *frame, const uint8_t *p, size_t len)
{
	if (len < FRAME_HDR || len > FRAME_MAX || p[0] != FRAME_VERSION ||
	    get32(p + 4))
		return false;
	frame->type = p[1];
	frame->index = p[2];
	frame->count = p[3];
	frame->token = get64(p + 8);
	memcpy(frame->cookie, p + 16, COOKIE_LEN);
	frame->payload = p + FRAME_HDR;
	frame->len = len - FRAME_HDR;
	if (!frame->count || frame->count > FRAME_COUNT_MAX ||
	    frame->index >= frame->count)
		return false;
	return frame->index == frame->count - 1 || frame->len == FRAME_PAYLOAD;
}

unsigned int frame_count(const struct message *msg)
{
	return msg->len ? (msg->len + FRAME_PAYLOAD - 1) / FRAME_PAYLOAD : 1;
}

size_t frame_write(uint8_t buf[FRAME_MAX], const struct message *msg,
		   unsigned int index, const uint8_t *cookie)
{
	size_t at = (size_t)index * FRAME_PAYLOAD;
	size_t len = msg->len - at;
	uint8_t *p = buf;

	if (len > FRAME_PAYLOAD)
		len = FRAME_PAYLOAD;
	*p++ = FRAME_VERSION;
	*p++ = msg->type;
	*p++ = index;
	*p++ = frame_count(msg);
	p = put32(p, 0);
	p = put64(p, msg->token);
	if (cookie)
		memcpy(p, cookie, COOKIE_LEN);
	else
		memset(p, 0, COOKIE_LEN);
	if (len)
		memcpy(p + COOKIE_LEN, msg->p + at, len);
	return FRAME_HDR + len;
}

bool frame_foreign(const uint8_t *p, size_t len)
{
	return len >= FRAME_HDR && len <= FRAME_MAX &&
	       p[0] != FRAME_VERSION && p[0] != FRAME_NO_VERSION &&
	       p[2] < p[3] && !get32(p + 4);
}

void notice_write(uint8_t buf[FRAME_HDR], const uint8_t *foreign)
{
	memset(buf, 0, FRAME_HDR);
	buf[0] = FRAME_NO_VERSION;
	buf[1] = FRAME_NOTICE;
	buf[2] = FRAME_VERSION;
	buf[3] = FRAME_VERSION;
	put64(buf + 8, get64(foreign + 8));
}

bool notice_read(struct notice *notice, const uint8_t *p, size_t len)
{
	if (len != FRAME_HDR || p[0] != FRAME_NO_VERSION ||
	    p[1] != FRAME_NOTICE || get32(p + 4) || get64(p + 16) ||
	    get64(p + 24))
		return false;
	notice->lowest = p[2];
	notice->highest = p[3];
	notice->token = get64(p + 8);
	return notice->lowest && notice->lowest <= notice->highest;
}
