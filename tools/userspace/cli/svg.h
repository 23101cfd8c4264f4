/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Elements of an SVG picture: text, times, and the time axis. */
#ifndef IPCP_CLI_SVG_H
#define IPCP_CLI_SVG_H

#include <stdint.h>
#include <stdio.h>

#define SVG_WIDTH	1200
#define SVG_LEFT	70	/* left of the time axis */
#define SVG_PLOT	1112	/* width of the time axis */
#define SVG_SPAN_LEN	48

/**
 * struct svg - a picture
 * @out: the file
 * @from: time of the left end, in nanoseconds
 * @to: time of the right end, later than @from
 */
struct svg {
	FILE *out;
	int64_t from;
	int64_t to;
};

double svg_x(const struct svg *svg, int64_t at);
void svg_escape(FILE *out, const char *text);
void svg_short(FILE *out, const char *text, size_t letters);
void svg_text(const struct svg *svg, const char *class, double x, double y,
	      const char *text);
void svg_at(const struct svg *svg, const char *what, int64_t at);
const char *svg_span(int64_t ns, char buf[SVG_SPAN_LEN]);
void svg_grid(const struct svg *svg, double top, double bottom);

#endif /* IPCP_CLI_SVG_H */
