/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The picture of a flow: the page, and the drawings of its ends. */
#ifndef IPCP_CLI_TIMELINE_DRAW_H
#define IPCP_CLI_TIMELINE_DRAW_H

#include "../common/addr.h"
#include "history.h"
#include "svg.h"

#define TIMELINE_ENDS	2
#define TIMELINE_LABEL	64

/**
 * struct timeline_end - one end of the flow
 * @label: name of the recording
 * @name: name of the flow
 * @peer: address of the peer, or ""
 */
struct timeline_end {
	char label[TIMELINE_LABEL];
	char name[IPCP_REKEY_NAME_MAX + 1];
	char peer[ADDR_TEXT_LEN];
	struct history *history;
};

/**
 * struct timeline - the picture of a flow
 * @top_rate: messages per second at the edge of all charts
 */
struct timeline {
	struct svg svg;
	struct timeline_end ends[TIMELINE_ENDS];
	unsigned int nends;
	double top_rate;
};

void timeline_draw(struct timeline *t);

/* timeline-end.c */
double timeline_end_height(const struct timeline_end *end);
void timeline_end_draw(const struct timeline *t, const struct timeline_end *end,
		       double top);

/* timeline-chart.c */
#define TIMELINE_CHART	100	/* height */
double timeline_chart_rate(const struct history *h);
void timeline_chart_draw(const struct timeline *t, const struct history *h,
			 double top);

#endif /* IPCP_CLI_TIMELINE_DRAW_H */
