// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The work of the agent, and its schedule. */

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "work.h"

#define NO_MEMORY_MS	100	/* until the next read of upcalls */
#define LOOK_MORE_MS	100	/* if one look did not cover all flows */

static uint64_t now_ms(void)
{
	return kernel_ops.now(NULL);
}

/* Vary a time from 3/4 to 5/4, so that agents do not run in step. */
static uint64_t jitter(uint64_t ms)
{
	uint16_t r = 0;

	RAND_bytes((uint8_t *)&r, sizeof(r));
	return ms - ms / 4 + ms * r / 2 / UINT16_MAX;
}

static uint64_t clamp(uint64_t ms, uint64_t min, uint64_t max)
{
	return ms < min ? min : ms > max ? max : ms;
}

/* Log that the module was replaced or has another agent, and return -ENODEV. */
static int end_in_vain(void)
{
	log_err("the module was unloaded, or has another agent: load it with 'modprobe ipcp_rekey', or stop the other agent; then start this agent again");
	return -ENODEV;
}

int work_upcalls(struct work *w)
{
	int err;

	if (w->no_memory && now_ms() < w->next_upcalls)
		return 0;
	err = kernel_upcalls(w->kernel, w->engine, w->conf, w->oap);
	if (err == -ENOMEM && !w->no_memory)
		log_warn("no memory for the module's requests: trying again until there is some");
	w->no_memory = err == -ENOMEM;
	w->next_upcalls = UINT64_MAX;
	if (err > 0)
		w->next_upcalls = now_ms();
	if (w->no_memory)
		w->next_upcalls = now_ms() + NO_MEMORY_MS;
	return err > 0 || w->no_memory ? 0 : err;
}

/* Claim flows that have reached their re-key age. */
static void claim_old(struct work *w, unsigned int room)
{
	uint64_t min_age;
	unsigned int n;
	int claimed;

	n = pace_take(&w->pace, now_ms(), w->conf->rekey_interval,
		      kernel_flows(w->kernel), &min_age);
	if (n > room)
		n = room;
	if (!n)
		return;
	claimed = kernel_claim(w->kernel, w->engine, n, min_age);
	if (claimed > 0)
		pace_spent(&w->pace, claimed);
}

int work_claim(struct work *w)
{
	unsigned int room = engine_room(w->engine);
	int n = 0;

	/* exchanges that begin now may schedule another claim */
	engine_claims(w->engine);
	/* flows that are due for another reason take precedence */
	if (room)
		n = kernel_claim(w->kernel, w->engine, room, 0);
	if (n == -EPERM)
		return end_in_vain();
	if (n < 0)
		return 0;
	room -= n;
	w->hungry = !room;
	if (room)
		claim_old(w, room);
	return 0;
}

/* True if it makes sense to claim again, since there is room again. */
static bool may_eat(const struct work *w)
{
	return w->hungry &&
	       engine_room(w->engine) > w->conf->max_exchanges / 8;
}

int work_look(struct work *w)
{
	uint64_t each = clamp(w->conf->rekey_interval / 2, 1000, 10000);

	if (kernel_lost(w->kernel))
		return end_in_vain();
	w->next_look = now_ms() +
		       (kernel_look(w->kernel, w->engine, w->conf) > 0 ?
			LOOK_MORE_MS : jitter(each));
	sd_notifyf(0, "STATUS=%s%u flows, %u re-keys under way",
		   w->refused ? "the new configuration cannot be used; " : "",
		   kernel_flows(w->kernel),
		   w->conf->max_exchanges - engine_room(w->engine));
	return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int work_turn(struct work *w, uint64_t *next)
{
	uint64_t now = now_ms();
	int err = now >= w->next_upcalls ? work_upcalls(w) : 0;

	if (err)
		return err;
	*next = engine_tick(w->engine);
	now = now_ms();
	if (now >= w->next_claim || engine_claim_at(w->engine) <= now ||
	    may_eat(w)) {
		err = work_claim(w);
		w->next_claim = now + jitter(pace_tick(w->conf->rekey_interval));
		*next = engine_tick(w->engine);
	}
	if (!err && now >= w->next_look)
		err = work_look(w);
	*next = earlier(*next, engine_claim_at(w->engine));
	*next = earlier(*next, w->next_claim);
	*next = earlier(*next, w->next_look);
	*next = earlier(*next, w->next_upcalls);
	return err;
}
