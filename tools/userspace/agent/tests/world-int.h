/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files of the test environment. */
#ifndef REKEYD_TEST_WORLD_INT_H
#define REKEYD_TEST_WORLD_INT_H

#include <netinet/in.h>

#include "world.h"

/* world-net.c: the network */
struct sockaddr_in *world_in4(struct sockaddr_storage *addr);
/* Send a message. @flow: id at the receiver, 0: in the clear. */
void world_send(struct side *from, uint32_t flow, const uint8_t *p, size_t len,
		uint32_t socket, uint16_t port);

/* world-registry.c: the role of the kernel */
extern const struct engine_ops world_ops;

/* End the questions that are due. Return: when the next one ends. */
uint64_t world_end_questions(struct side *s);
struct ipcp_nl_claim world_make_claim(struct fake_flow *f, uint64_t chain);

#endif /* REKEYD_TEST_WORLD_INT_H */
