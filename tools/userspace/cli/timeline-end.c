// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* One end in the picture: heading, marks, epochs in rows, then the traffic. */
#include <string.h>

#include "fmt.h"
#include "timeline-draw.h"

#define HEADING		22	/* heights */
#define MARKS		20
#define ROW		26
#define BAR		18
#define WAITS		12
#define KEPT		7
#define NUMBERS		14
#define GAP		8

#define LABEL_MAX	40	/* characters of the name of an end */
#define MIN_WIDTH	0.8	/* minimum width of a visible bar */
#define DIGIT		7.0	/* width of a digit in a bar */
#define MARK_DIGIT	6.2	/* width of a character beside a mark */
#define NUMBER_ROOM	26	/* pixels between two numbers below the bars */
#define DIAMOND_ROOM	9	/* pixels between two diamonds */

/* Coordinates of the parts of an epoch. */
struct places {
	double start;
	double promoted;
	double left;
	double end;
};

static void find_places(const struct timeline *t, const struct history *h,
			const struct epoch *ep, struct places *at)
{
	int64_t end = history_end(h, ep);
	int64_t promoted = ep->promoted ?: end;

	at->start = svg_x(&t->svg, history_start(h, ep));
	at->promoted = svg_x(&t->svg, promoted);
	at->left = svg_x(&t->svg, ep->promoted && ep->left ? ep->left : end);
	at->end = svg_x(&t->svg, end);
}

/* True if the number of an epoch fits into its bar. */
static bool number_fits(const struct epoch *ep, const struct places *at)
{
	int digits = ep->no < 10 ? 1 : ep->no < 100 ? 2 : 3;

	return ep->promoted && at->left - at->promoted >= digits * DIGIT + 8;
}

/**
 * timeline_end_height() - get the height of an end
 * @end: the end
 *
 * Return: pixels, independent of the width of the epochs.
 */
double timeline_end_height(const struct timeline_end *end)
{
	const struct history *h = end->history;

	return HEADING + (h->nmarks ? MARKS : 0) + h->rows * ROW + NUMBERS +
	       (h->has_traffic ? GAP + TIMELINE_CHART : 0);
}

static void draw_heading(const struct timeline *t,
			 const struct timeline_end *end, double top)
{
	char sent[FMT_LEN], received[FMT_LEN], dropped[FMT_LEN];
	const struct history *h = end->history;
	FILE *out = t->svg.out;

	fprintf(out, "<text class=\"heading\" x=\"%d\" y=\"%.1f\">", SVG_LEFT,
		top + 12);
	svg_short(out, end->label, LABEL_MAX);
	fprintf(out, "<tspan class=\"detail\" dx=\"10\">flow %u%s", h->id,
		h->initiator < 0 ? "" :
		h->initiator ? ", allocated it" : ", accepted it");
	if (end->peer[0]) {
		fputs(", peer ", out);
		svg_escape(out, end->peer);
	}
	if (h->has_traffic)
		fprintf(out, ", %s sent, %s received, %s dropped",
			fmt_count(h->sent, sent), fmt_count(h->received, received),
			fmt_count(h->dropped, dropped));
	fputs("</tspan></text>\n", out);
}

/* Draw the marks, with labels where there is room. */
static void draw_marks(const struct timeline *t, const struct history *h,
		       double top)
{
	double x, width, free = SVG_LEFT - 8, y = top + MARKS / 2.0;
	char more[64];
	size_t i;

	for (i = 0; i < h->nmarks; i++) {
		const struct mark *m = &h->marks[i];
		bool flip;

		x = svg_x(&t->svg, m->at);
		width = strlen(m->text) * MARK_DIGIT + 10;
		flip = x + width > SVG_LEFT + SVG_PLOT;
		fprintf(t->svg.out, "<g class=\"mark %s\"><title>", m->bad ? "bad" : "good");
		svg_at(&t->svg, m->text, m->at);
		svg_escape(t->svg.out, m->more);
		if (m->bad)
			fprintf(t->svg.out,
				"</title><path d=\"M%.2f %.1fl8 8m0 -8l-8 8\"/>",
				x - 4, y - 4);
		else
			fprintf(t->svg.out,
				"</title><circle cx=\"%.2f\" cy=\"%.1f\" r=\"4\"/>",
				x, y);
		if ((flip ? x - width : x - 4) >= free) {
			svg_text(&t->svg, flip ? "word left" : "word",
				 flip ? x - 8 : x + 8, y + 4, m->text);
			free = flip ? x + 8 : x + width;
		} else if (x + 8 > free) {
			free = x + 8;
		}
		fputs("</g>\n", t->svg.out);
	}
	if (!h->more_marks)
		return;
	snprintf(more, sizeof(more), "and %zu more", h->more_marks);
	svg_text(&t->svg, "word left", SVG_LEFT + SVG_PLOT, top - 4, more);
}

static void draw_bar(const struct svg *svg, const char *class, double from,
		     double to, double middle, double height)
{
	double width = to - from;

	if (width <= 0)
		return;
	if (width < MIN_WIDTH)
		width = MIN_WIDTH;
	fprintf(svg->out,
		"<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"/>\n",
		class, from, middle - height / 2, width, height);
}

/*
 * Write the times of an epoch: as recorded for programs, and as text to read.
 */
static void put_times(const struct timeline *t, const struct history *h,
		      const struct epoch *ep)
{
	const struct {
		const char *key;
		int64_t at;
	} data[] = {
		{ "installed", ep->parked }, { "observed", ep->observed },
		{ "promoted", ep->older && ep->promoted == h->begin ? 0 : ep->promoted },
		{ "wiped", ep->wiped },
	};
	FILE *out = t->svg.out;
	size_t i;

	fprintf(out, "<g class=\"epoch\" data-epoch=\"%u\"", ep->no);
	if (ep->exchange >= 0)
		fprintf(out, " data-exchange=\"%lld\"", (long long)ep->exchange);
	for (i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		if (data[i].at)
			fprintf(out, " data-%s=\"%lld\"", data[i].key,
				(long long)data[i].at);
	fprintf(out, "><title>Epoch %u%s%s\n", ep->no,
		ep->older ? ", older than the recording" : "",
		ep->replaced ? ", replaced before it was used" : "");
	svg_at(&t->svg, "installed", data[0].at);
	svg_at(&t->svg, "peer heard in it", data[1].at);
	svg_at(&t->svg, "sent in from then on, promoted", data[2].at);
	svg_at(&t->svg, "no longer sent in", ep->left);
	svg_at(&t->svg, "wiped", data[3].at);
	fputs("</title>\n", out);
}

/* Draw a diamond where the peer was first heard, if there is room. */
static void draw_observed(const struct timeline *t, const struct epoch *ep,
			  double middle, double *last)
{
	double x = svg_x(&t->svg, ep->observed);

	if (!ep->observed || x < *last + DIAMOND_ROOM)
		return;
	fprintf(t->svg.out,
		"<path class=\"observed\" d=\"M%.2f %.1fl4 4l-4 4l-4 -4z\"/>\n",
		x, middle - BAR / 2.0 - 4);
	*last = x;
}

/* State of drawing from left to right. */
struct pen {
	double rows;		/* y coordinate of the top of the first row */
	double numbers;		/* base line of the numbers below */
	double last_number;
	double last_observed;
};

static void draw_number(const struct timeline *t, const struct epoch *ep,
			const struct places *at, double middle, struct pen *pen)
{
	double x = ep->promoted ? at->promoted : at->start;
	char text[32];

	if (number_fits(ep, at)) {
		snprintf(text, sizeof(text), "%s%u",
			 at->left - at->promoted >= 80 ? "epoch " : "", ep->no);
		svg_text(&t->svg, "number", (at->promoted + at->left) / 2,
			 middle + 4, text);
		return;
	}
	if (x < pen->last_number + NUMBER_ROOM)
		return;
	snprintf(text, sizeof(text), "%u", ep->no);
	svg_text(&t->svg, "below", x, pen->numbers, text);
	pen->last_number = x;
}

static void draw_epoch(const struct timeline *t, const struct history *h,
		       const struct epoch *ep, struct pen *pen)
{
	double middle = pen->rows + ep->row * ROW + ROW / 2.0;
	struct places at;

	find_places(t, h, ep, &at);
	put_times(t, h, ep);
	if (at.start < at.promoted)
		draw_bar(&t->svg, "waits", at.start, at.promoted, middle, WAITS);
	if (ep->promoted) {
		draw_bar(&t->svg, "kept", at.left, at.end, middle, KEPT);
		draw_bar(&t->svg, "sends", at.promoted, at.left, middle, BAR);
	}
	draw_number(t, ep, &at, middle, pen);
	draw_observed(t, ep, middle, &pen->last_observed);
	fputs("</g>\n", t->svg.out);
}

/* Draw a line for each time without a sending epoch. */
static void draw_keyless(const struct timeline *t, const struct history *h,
			 double middle)
{
	char span[SVG_SPAN_LEN];
	size_t i, j;

	for (i = 0; i < h->nepochs; i++) {
		const struct epoch *ep = &h->epochs[i];
		int64_t until = h->ended ?: h->end;

		if (!ep->left || ep->left != ep->wiped || ep->left >= until ||
		    ep->left <= h->begin)
			continue;
		for (j = i + 1; j < h->nepochs; j++) {
			if (h->epochs[j].promoted >= ep->left) {
				until = h->epochs[j].promoted;
				break;
			}
		}
		fprintf(t->svg.out,
			"<path class=\"keyless\" d=\"M%.2f %.1fH%.2f\"><title>No keys to send with for %s</title></path>\n",
			svg_x(&t->svg, ep->left), middle, svg_x(&t->svg, until),
			svg_span(until - ep->left, span));
	}
}

static void draw_end(const struct timeline *t, const struct history *h, double top,
		     double bottom)
{
	double x = svg_x(&t->svg, h->ended);

	if (h->ended)
		fprintf(t->svg.out,
			"<line class=\"ended\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>\n",
			x, top, x, bottom);
}

/**
 * timeline_end_draw() - draw an end
 * @t: the picture
 * @end: the end
 * @top: y coordinate of the top
 */
void timeline_end_draw(const struct timeline *t, const struct timeline_end *end,
		       double top)
{
	const struct history *h = end->history;
	double bottom = top + timeline_end_height(end);
	struct pen pen = { .last_number = -NUMBER_ROOM, .last_observed = -DIAMOND_ROOM };
	size_t i;

	fputs("<g class=\"end\" data-end=\"", t->svg.out);
	svg_escape(t->svg.out, end->label);
	fprintf(t->svg.out, "\" data-flow=\"%u\">\n", h->id);
	draw_heading(t, end, top);
	top += HEADING;
	if (h->nmarks) {
		draw_marks(t, h, top);
		top += MARKS;
	}
	draw_end(t, h, top, bottom);
	pen.rows = top;
	pen.numbers = top + h->rows * ROW + NUMBERS - 3;
	draw_keyless(t, h, top + ROW / 2.0);
	for (i = 0; i < h->nepochs; i++)
		draw_epoch(t, h, &h->epochs[i], &pen);
	if (h->has_traffic)
		timeline_chart_draw(t, h, bottom - TIMELINE_CHART);
	fputs("</g>\n", t->svg.out);
}
