// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Reassembly of messages from frames. */

#include <stdlib.h>
#include <string.h>

#include "frame.h"

int assembly_add(struct assembly *a, const struct frame *frame)
{
	uint32_t bit = UINT32_C(1) << frame->index;

	if (!a->p) {
		a->p = malloc((size_t)frame->count * FRAME_PAYLOAD);
		if (!a->p)
			return -1;
		a->type = frame->type;
		a->token = frame->token;
		a->count = frame->count;
	}
	if (a->count != frame->count || a->type != frame->type)
		return -1;
	if (!(a->have & bit)) {
		if (frame->len)
			memcpy(a->p + (size_t)frame->index * FRAME_PAYLOAD,
			       frame->payload, frame->len);
		a->have |= bit;
		a->len += frame->len;
	}
	return a->have == (UINT32_C(1) << a->count) - 1;
}

void assembly_free(struct assembly *a)
{
	free(a->p);
	memset(a, 0, sizeof(*a));
}
