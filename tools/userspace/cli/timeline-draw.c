// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The page of the picture of a flow: its title, style, axis and legend. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "io.h"
#include "timeline-draw.h"

#define HEAD		78	/* heights */
#define BETWEEN		26
#define AXIS		30
#define LEGEND		46
#define NAME_MAX_SHOWN	60	/* characters */

/*
 * Colours by Okabe and Ito, which people with any colour vision can tell apart;
 * shapes differ, too. Programs without media queries use the light colours.
 */
static const char style[] =
	"<style>\n"
	"text{font-family:system-ui,sans-serif;font-size:12px;fill:#57606a}\n"
	".page{fill:#fff}\n"
	".title{font-size:21px;font-weight:600;fill:#1f2328}\n"
	".heading{font-size:15px;font-weight:600;fill:#1f2328}\n"
	".detail{font-size:12px;font-weight:400;fill:#57606a}\n"
	".tick{text-anchor:middle}\n"
	".scale,.left{text-anchor:end}\n"
	".scale{font-size:11px}\n"
	".below{font-size:10px;text-anchor:middle}\n"
	".number{font-weight:600;text-anchor:middle;fill:#fff}\n"
	".grid{stroke:#e6e9ed}\n"
	".base{stroke:#8c959f}\n"
	".guide{stroke:#0072b2;stroke-opacity:.55;stroke-dasharray:2 3}\n"
	".ended{stroke:#1f2328;stroke-width:1.5}\n"
	".waits{fill:#fdf1d7;stroke:#b87800}\n"
	".sends{fill:#0072b2}\n"
	".kept{fill:#8cc5e8}\n"
	".observed{fill:#fff;stroke:#1f2328;stroke-width:1.2}\n"
	".tx{fill:#009e73}\n"
	".rx{fill:#cc79a7}\n"
	".drop path{fill:#d55e00}\n"
	".drop text,.bad text{fill:#a84a00}\n"
	".reason{font-size:11px}\n"
	".bad path{fill:none;stroke:#d55e00;stroke-width:2.2}\n"
	".good circle{fill:#57606a}\n"
	".keyless{stroke:#d55e00;stroke-width:2;stroke-dasharray:5 4}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text,.detail{fill:#9da7b3}\n"
	".page{fill:#0d1117}\n"
	".title,.heading{fill:#f0f6fc}\n"
	".number{fill:#0d1117}\n"
	".grid{stroke:#22282f}\n"
	".base{stroke:#656c76}\n"
	".guide{stroke:#79c0ff}\n"
	".ended{stroke:#f0f6fc}\n"
	".waits{fill:#3d2e0a;stroke:#e69f00}\n"
	".sends{fill:#56b4e9}\n"
	".kept{fill:#25597a}\n"
	".observed{fill:#0d1117;stroke:#f0f6fc}\n"
	".tx{fill:#1fb88d}\n"
	".rx{fill:#d68fb8}\n"
	".drop text,.bad text{fill:#ff9d5c}\n"
	".drop path{fill:#ff7b29}\n"
	".bad path,.keyless{stroke:#ff7b29}\n"
	".good circle{fill:#9da7b3}\n"
	"}\n"
	"</style>\n";

/* Count promotions after the first epoch, at the end that has more of them. */
static size_t count_rekeys(const struct timeline *t)
{
	size_t most = 0, n, i;
	unsigned int e;

	for (e = 0; e < t->nends; e++) {
		const struct history *h = t->ends[e].history;

		for (n = i = 0; i < h->nepochs; i++)
			n += !!h->epochs[i].promoted;
		if (n > most)
			most = n;
	}
	return most ? most - 1 : 0;
}

/* Write the description for screen readers. */
static void put_description(const struct timeline *t)
{
	FILE *out = t->svg.out;
	unsigned int e;
	size_t i;

	fputs("<desc id=\"timeline-desc\">", out);
	for (e = 0; e < t->nends; e++) {
		const struct timeline_end *end = &t->ends[e];
		const struct history *h = end->history;
		size_t promoted = 0, observed = 0, wiped = 0;

		for (i = 0; i < h->nepochs; i++) {
			promoted += !!h->epochs[i].promoted;
			observed += !!h->epochs[i].observed;
			wiped += !!h->epochs[i].wiped;
		}
		svg_escape(out, end->label);
		fprintf(out, ": %zu epochs, of which %zu were sent in, the peer was heard in %zu, and %zu were wiped; %llu messages sent, %llu received, %llu packets dropped. ",
			h->nepochs, promoted, observed, wiped,
			(unsigned long long)h->sent,
			(unsigned long long)h->received,
			(unsigned long long)h->dropped);
	}
	fputs("</desc>\n", out);
}

static void put_title(const struct timeline *t)
{
	const struct timeline_end *end = &t->ends[0];
	size_t rekeys = count_rekeys(t);
	char span[SVG_SPAN_LEN];

	if (end->name[0]) {
		fputs("Flow to ", t->svg.out);
		svg_short(t->svg.out, end->name, NAME_MAX_SHOWN);
	} else {
		fprintf(t->svg.out, "Flow %u", end->history->id);
	}
	fprintf(t->svg.out, ": %zu re-key%s in %s", rekeys, rekeys == 1 ? "" : "s",
		svg_span(t->svg.to - t->svg.from, span));
}

static void draw_head(const struct timeline *t)
{
	time_t seconds = t->svg.from / NSEC_PER_SEC;
	char when[64], text[128];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(t->svg.out, "<text class=\"title\" x=\"%d\" y=\"34\">", SVG_LEFT);
	put_title(t);
	fputs("</text>\n", t->svg.out);
	snprintf(text, sizeof(text), "begins %s.%03d UTC", when,
		 (int)(t->svg.from % NSEC_PER_SEC / NSEC_PER_MSEC));
	svg_text(&t->svg, "detail", SVG_LEFT, 54, text);
}

/* Draw an item of the legend; return the x coordinate of the next item. */
static double draw_key(const struct timeline *t, double x, double y,
		       const char *shape, const char *text)
{
	fprintf(t->svg.out, "<g transform=\"translate(%.1f %.1f)\">%s", x, y, shape);
	svg_text(&t->svg, "key", 28, 4, text);
	fputs("</g>\n", t->svg.out);
	return x + 28 + strlen(text) * 6.1 + 22;
}

static void draw_legend(const struct timeline *t, double y, bool traffic)
{
	double x = SVG_LEFT;

	fputs("<g class=\"legend\">\n", t->svg.out);
	x = draw_key(t, x, y, "<rect class=\"waits\" y=\"-6\" width=\"22\" height=\"12\"/>",
		     "installed, not sent in yet");
	x = draw_key(t, x, y, "<path class=\"observed\" d=\"M11 -5l5 5l-5 5l-5 -5z\"/>",
		     "peer heard in it");
	x = draw_key(t, x, y, "<rect class=\"sends\" y=\"-9\" width=\"22\" height=\"18\"/>",
		     "sends in it");
	x = draw_key(t, x, y, "<rect class=\"kept\" y=\"-3.5\" width=\"22\" height=\"7\"/>",
		     "kept for late packets, then wiped");
	if (traffic) {
		x = draw_key(t, x, y, "<rect class=\"tx\" y=\"-6\" width=\"22\" height=\"12\"/>",
			     "messages sent");
		x = draw_key(t, x, y, "<rect class=\"rx\" y=\"-6\" width=\"22\" height=\"12\"/>",
			     "received");
		draw_key(t, x, y, "<g class=\"drop\"><path d=\"M11 5l-5 -10h10z\"/></g>",
			 "packets dropped");
	}
	fputs("</g>\n", t->svg.out);
}

/* Round a rate up to 1, 2 or 5 times a power of ten. */
static double round_up(double rate)
{
	double ten = 1;

	while (10 * ten < rate)
		ten *= 10;
	return rate <= ten ? ten : rate <= 2 * ten ? 2 * ten :
	       rate <= 5 * ten ? 5 * ten : 10 * ten;
}

/* Draw everything below the head. */
static void draw_body(const struct timeline *t, bool traffic)
{
	double y = HEAD, axis;
	unsigned int e;

	for (e = 0, axis = HEAD; e < t->nends; e++)
		axis += timeline_end_height(&t->ends[e]) + BETWEEN;
	axis -= BETWEEN - 10;
	svg_grid(&t->svg, HEAD, axis);
	for (e = 0; e < t->nends; e++) {
		timeline_end_draw(t, &t->ends[e], y);
		y += timeline_end_height(&t->ends[e]) + BETWEEN;
	}
	draw_legend(t, axis + AXIS + LEGEND / 2.0, traffic);
}

/**
 * timeline_draw() - draw the picture
 * @t: the picture; sets @top_rate
 */
void timeline_draw(struct timeline *t)
{
	double height = HEAD + AXIS + LEGEND + 10 - BETWEEN, rate;
	bool traffic = false;
	unsigned int e;

	t->top_rate = 1;
	for (e = 0; e < t->nends; e++) {
		height += timeline_end_height(&t->ends[e]) + BETWEEN;
		traffic |= t->ends[e].history->has_traffic;
		rate = timeline_chart_rate(t->ends[e].history);
		if (rate > t->top_rate)
			t->top_rate = rate;
	}
	t->top_rate = round_up(t->top_rate);
	fprintf(t->svg.out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-labelledby=\"timeline-title timeline-desc\" data-from=\"%" PRId64 "\" data-to=\"%" PRId64 "\">\n<title id=\"timeline-title\">",
		SVG_WIDTH, height, SVG_WIDTH, height, t->svg.from, t->svg.to);
	put_title(t);
	fputs("</title>\n", t->svg.out);
	put_description(t);
	fputs(style, t->svg.out);
	fprintf(t->svg.out, "<rect class=\"page\" width=\"%d\" height=\"%.0f\" rx=\"6\"/>\n",
		SVG_WIDTH, height);
	draw_head(t);
	draw_body(t, traffic);
	fputs("</svg>\n", t->svg.out);
}
