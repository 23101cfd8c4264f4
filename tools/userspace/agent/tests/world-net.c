// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The network between the two engines, and its clock. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "world-int.h"

struct packet *wire[PACKETS];
unsigned int on_wire;
uint64_t clock_ms;
unsigned int loss;
bool chaos;
uint64_t dice_state;

unsigned int dice(unsigned int n)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + 1;
	return (dice_state >> 33) % n;
}

struct sockaddr_in *world_in4(struct sockaddr_storage *addr)
{
	return (struct sockaddr_in *)addr;
}

/* Set the source that the receiver sees of a packet from a socket to a port. */
static void address_packet(struct packet *pk, struct side *from,
			   uint32_t socket, uint16_t port)
{
	pk->from.addr = from->addr;
	if (socket >= SOURCE_SOCKET)
		world_in4(&pk->from.addr)->sin_port = htons(SOURCE_PORT);
	memcpy(pk->from.local, &world_in4(&pk->to->addr)->sin_addr, 4);
	pk->from.socket = port == SOURCE_PORT ? SOURCE_SOCKET : GROUP_SOCKET;
}

void world_send(struct side *from, uint32_t flow, const uint8_t *p,
		size_t len, uint32_t socket, uint16_t port)
{
	struct packet *pk;
	int copies = chaos && !dice(10) ? 2 : 1;

	assert_true(len <= FRAME_MAX);
	from->bytes_out += len;
	while (copies--) {
		if (dice(100) < loss || on_wire == PACKETS)
			continue;
		pk = calloc(1, sizeof(*pk));
		pk->to = from->other;
		pk->flow = flow;
		address_packet(pk, from, socket, port);
		pk->at = clock_ms + 5 + (chaos ? dice(100) : 0);
		pk->len = len;
		memcpy(pk->p, p, len);
		wire[on_wire++] = pk;
	}
}

static void deliver(struct packet *pk)
{
	uint8_t *exact = malloc(pk->len);

	/* exactly sized, so that the sanitizer sees an overrun */
	memcpy(exact, pk->p, pk->len);
	if (pk->to->e && pk->flow)
		engine_sealed(pk->to->e, pk->flow, exact, pk->len);
	else if (pk->to->e)
		engine_ctrl(pk->to->e, &pk->from, exact, pk->len);
	free(exact);
	free(pk);
}

bool step(uint64_t until)
{
	struct packet *pk = NULL;
	uint64_t at = until, t;
	unsigned int i;

	t = world_end_questions(&alice);
	if (t < at)
		at = t;
	t = world_end_questions(&bob);
	if (t < at)
		at = t;

	/* first, because messages sent now may be the next to arrive */
	t = alice.e ? engine_tick(alice.e) : UINT64_MAX;
	if (t < at)
		at = t;
	t = bob.e ? engine_tick(bob.e) : UINT64_MAX;
	if (t < at)
		at = t;
	for (i = 0; i < on_wire; i++) {
		if (wire[i]->at <= at && (!pk || wire[i]->at < pk->at))
			pk = wire[i];
	}
	if (pk)
		at = pk->at;
	if (at >= until) {
		clock_ms = until;
		return false;
	}
	if (at > clock_ms)
		clock_ms = at;
	if (pk) {
		for (i = 0; wire[i] != pk; i++)
			;
		wire[i] = wire[--on_wire];
		deliver(pk);
	}
	return true;
}

void run_for(uint64_t ms)
{
	uint64_t until = clock_ms + ms;

	while (step(until))
		;
}

void lose_all_on_wire(void)
{
	while (on_wire)
		free(wire[--on_wire]);
}
