// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Traffic chart of one end: messages sent above a line, received below, and
 * drops.
 */
#include "fmt.h"
#include "io.h"
#include "timeline-draw.h"

#define HALF		(TIMELINE_CHART / 2)
#define BIN_WIDTH	((double)SVG_PLOT / HISTORY_BINS)
#define KNOWN_MIN	0.01	/* smallest covered part of a bin to draw */
#define GUIDE_ROOM	16	/* average pixels between two promotions */
#define LABEL_ROOM	90	/* width of a drop label */

static double bin_rate(const struct history *h, const struct bin *bin, double n)
{
	double seconds = (double)(h->to - h->from) / HISTORY_BINS / NSEC_PER_SEC;

	return n / (bin->known * seconds);
}

static bool is_known(const struct bin *bin)
{
	return bin->known >= KNOWN_MIN;
}

/**
 * timeline_chart_rate() - get the highest rate of an end
 * @h: the end
 *
 * Return: messages per second in one direction.
 */
double timeline_chart_rate(const struct history *h)
{
	double rate, top = 0;
	size_t i;

	for (i = 0; i < HISTORY_BINS; i++) {
		const struct bin *bin = &h->bins[i];

		if (!is_known(bin))
			continue;
		rate = bin_rate(h, bin, bin->tx > bin->rx ? bin->tx : bin->rx);
		if (rate > top)
			top = rate;
	}
	return top;
}

/*
 * Draw the area of one direction, up (-1) or down (1) from the middle. The area
 * is interrupted where there are no counters.
 */
static void draw_area(const struct timeline *t, const struct history *h,
		      bool sent, double middle)
{
	double x, y, last = middle;
	bool open = false;
	size_t i;

	fprintf(t->svg.out, "<path class=\"%s\" d=\"", sent ? "tx" : "rx");
	for (i = 0; i < HISTORY_BINS; i++) {
		const struct bin *bin = &h->bins[i];

		x = SVG_LEFT + i * BIN_WIDTH;
		if (!is_known(bin)) {
			if (open)
				fprintf(t->svg.out, "H%.1fV%.1fZ", x, middle);
			open = false;
			continue;
		}
		y = bin_rate(h, bin, sent ? bin->tx : bin->rx) / t->top_rate *
		    (HALF - 4);
		y = sent ? middle - y : middle + y;
		if (!open)
			fprintf(t->svg.out, "M%.1f %.1fV%.1f", x, middle, y);
		else if (y - last > 0.04 || last - y > 0.04)
			fprintf(t->svg.out, "H%.1fV%.1f", x, y);
		else
			continue;
		open = true;
		last = y;
	}
	if (open)
		fprintf(t->svg.out, "H%d V%.1fZ", SVG_LEFT + SVG_PLOT, middle);
	fputs("\"/>\n", t->svg.out);
}

/* Draw a line at each promotion, unless there are too many. */
static void draw_guides(const struct timeline *t, const struct history *h,
			double top)
{
	double x;
	size_t i;

	if (h->nepochs > SVG_PLOT / GUIDE_ROOM)
		return;
	for (i = 0; i < h->nepochs; i++) {
		const struct epoch *ep = &h->epochs[i];

		if (!ep->promoted || ep->promoted == h->begin)
			continue;
		x = svg_x(&t->svg, ep->promoted);
		fprintf(t->svg.out,
			"<line class=\"guide\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>\n",
			x, top, x, top + TIMELINE_CHART);
	}
}

/* Sum the packets dropped in a bin; set @worst to the most frequent reason. */
static uint64_t sum_drops(const struct bin *bin, unsigned int *worst)
{
	uint64_t sum = 0;
	unsigned int i;

	*worst = 0;
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		sum += bin->drops.by[i];
		if (bin->drops.by[i] > bin->drops.by[*worst])
			*worst = i;
	}
	return sum;
}

/* True if no drop in a later bin collides with a label. */
static bool has_room(const struct history *h, size_t at, double width)
{
	unsigned int worst;
	size_t i;

	for (i = at + 1; i < HISTORY_BINS && (i - at) * BIN_WIDTH < width; i++)
		if (sum_drops(&h->bins[i], &worst))
			return false;
	return true;
}

/* Draw a mark for the drops of a bin, with the main reason if there is room. */
static void draw_drop(const struct timeline *t, const struct history *h,
		      size_t at, double y)
{
	const struct bin *bin = &h->bins[at];
	double x = SVG_LEFT + (at + 0.5) * BIN_WIDTH;
	bool flip = x > SVG_LEFT + SVG_PLOT - LABEL_ROOM;
	unsigned int i, worst;
	uint64_t sum = sum_drops(bin, &worst);
	char label[64];

	if (!sum)
		return;
	fprintf(t->svg.out,
		"<g class=\"drop\" data-dropped=\"%llu\"><title>%llu dropped:",
		(unsigned long long)sum, (unsigned long long)sum);
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		if (bin->drops.by[i])
			fprintf(t->svg.out, " %s %llu", ipcp_nl_drop_name(i),
				(unsigned long long)bin->drops.by[i]);
	fprintf(t->svg.out, "</title><path d=\"M%.1f %.1fl-4 -8h8z\"/>", x, y);
	if (!flip && has_room(h, at, LABEL_ROOM)) {
		snprintf(label, sizeof(label), "%llu %s",
			 (unsigned long long)bin->drops.by[worst],
			 ipcp_nl_drop_name(worst));
		svg_text(&t->svg, "reason", x + 7, y, label);
	}
	fputs("</g>\n", t->svg.out);
}

static void draw_scale(const struct timeline *t, double top, double middle)
{
	static const char prefixes[] = "\0kMGT";
	double rate_of = t->top_rate;
	char rate[FMT_LEN];
	size_t i;

	for (i = 0; rate_of >= 1000 && i < sizeof(prefixes) - 2; i++)
		rate_of /= 1000;
	snprintf(rate, sizeof(rate), "%g%.1s/s", rate_of, &prefixes[i]);
	fprintf(t->svg.out,
		"<line class=\"base\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n",
		SVG_LEFT, middle, SVG_LEFT + SVG_PLOT, middle);
	svg_text(&t->svg, "scale", SVG_LEFT - 8, top + 10, rate);
	svg_text(&t->svg, "scale", SVG_LEFT - 8, middle - 12, "sent");
	svg_text(&t->svg, "scale", SVG_LEFT - 8, middle + 4, "0");
	svg_text(&t->svg, "scale", SVG_LEFT - 8, middle + 20, "received");
	svg_text(&t->svg, "scale", SVG_LEFT - 8, top + TIMELINE_CHART - 2, rate);
}

/**
 * timeline_chart_draw() - draw the traffic of an end
 * @t: the picture
 * @h: the end
 * @top: y coordinate of the top; the height is TIMELINE_CHART
 */
void timeline_chart_draw(const struct timeline *t, const struct history *h,
			 double top)
{
	double middle = top + HALF;
	size_t i;

	fputs("<g class=\"traffic\">\n", t->svg.out);
	draw_scale(t, top, middle);
	draw_area(t, h, true, middle);
	draw_area(t, h, false, middle);
	draw_guides(t, h, top);
	for (i = 0; i < HISTORY_BINS; i++)
		draw_drop(t, h, i, top + 10);
	fputs("</g>\n", t->svg.out);
}
