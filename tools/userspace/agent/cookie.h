/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * A cookie proves that a peer receives at its source address. No per-address
 * state is needed: a cookie is a MAC over the address, under a secret that
 * changes.
 */
#ifndef REKEYD_COOKIE_H
#define REKEYD_COOKIE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "frame.h"

#define COOKIE_SLOT_MS	60000	/* a cookie is valid for one to two slots */
#define COOKIE_SECRET	32

struct cookie_jar {
	uint8_t now[COOKIE_SECRET];
	uint8_t before[COOKIE_SECRET];
	uint64_t slot;
	bool ready;
};

bool cookie_make(struct cookie_jar *jar, uint64_t now_ms,
		 const struct sockaddr_storage *peer,
		 uint8_t cookie[COOKIE_LEN]);
bool cookie_ok(struct cookie_jar *jar, uint64_t now_ms,
	       const struct sockaddr_storage *peer,
	       const uint8_t cookie[COOKIE_LEN]);

#endif /* REKEYD_COOKIE_H */
