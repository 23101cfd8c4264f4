/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Requests for a fresh seed, held while the kernel asks the peer of the flow
 * whether it has the keys.
 */
#ifndef REKEYD_HELD_H
#define REKEYD_HELD_H

#include "request.h"

#define HELD_MAX	512
#define HELD_FREE	256	/* first come, first served; beyond that */
#define HELD_EACH	16	/* limit per peer name */
#define HELD_LOOK_MS	3500	/* without an event: a question takes 3 s */
#define HELD_AGAIN_MS	500
#define HELD_KEEP_MS	8000

/* Continue a request: IPCP_REKEY_QUESTION_ANSWERED, _SILENT or _NONE. */
typedef void (*held_done)(struct request *r, uint32_t result);

struct held {
	TAILQ_ENTRY(held) entry;	/* sorted by @expires */
	struct request r;
	held_done done;
	uint64_t look_at;
	uint64_t expires;
};

/*
 * Hold a request; the list then owns its exchange. Return false if the request
 * is refused: another request of its flow is held, or there is no room.
 */
bool held_add(struct engine *e, struct request *r, held_done done);

/* True if the request with this token from this address is held. */
bool held_has(struct engine *e, const struct ipcp_nl_peer *peer,
	      uint64_t token);

/* Report that the kernel has asked the peer of a flow. */
void held_asked(struct engine *e, uint32_t flow);
void held_gone(struct engine *e, uint32_t flow);
uint64_t held_tick(struct engine *e, uint64_t now);
void held_free(struct engine *e);

#endif /* REKEYD_HELD_H */
