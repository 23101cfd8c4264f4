/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Requested quality of a flow. Flows neither preserve order nor retransmit:
 * flow_alloc() returns -ENOTSUP if in_order is set or loss is 0.
 */
#ifndef OUROBOROS_QOS_H
#define OUROBOROS_QOS_H

#include <stdint.h>

#define DEFAULT_PEER_TIMEOUT 120000

typedef struct qos_spec {
	uint32_t delay;		/* ms */
	uint64_t bandwidth;	/* bits/s */
	uint8_t  availability;	/* number of nines */
	uint32_t loss;		/* 1 if messages may be lost */
	uint32_t ber;		/* 1 to tolerate bit errors; none occur */
	uint8_t  in_order;	/* 1 if messages must stay in order */
	uint32_t max_gap;	/* ms */
	uint32_t timeout;	/* ms of silence after which the peer is lost, */
				/* or 0 for never */
} qosspec_t;

static const qosspec_t qos_raw = {
	UINT32_MAX, 0, 0, 1, 1, 0, UINT32_MAX, DEFAULT_PEER_TIMEOUT
};

static const qosspec_t qos_raw_no_errors = {
	UINT32_MAX, 0, 0, 1, 0, 0, UINT32_MAX, DEFAULT_PEER_TIMEOUT
};

static const qosspec_t qos_best_effort = {
	UINT32_MAX, 0, 0, 1, 0, 1, UINT32_MAX, DEFAULT_PEER_TIMEOUT
};

static const qosspec_t qos_video = {
	100, UINT64_MAX, 3, 1, 0, 1, 100, DEFAULT_PEER_TIMEOUT
};

static const qosspec_t qos_voice = {
	50, 100000, 5, 1, 0, 1, 50, DEFAULT_PEER_TIMEOUT
};

static const qosspec_t qos_data = {
	1000, 0, 0, 0, 0, 1, 2000, DEFAULT_PEER_TIMEOUT
};

#endif /* OUROBOROS_QOS_H */
