// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Elements of an SVG picture: text, times, and the time axis. */
#include <string.h>

#include "io.h"
#include "svg.h"

#define TICK_ROOM	80	/* minimum pixels between two ticks */
#define MINUTE		(60 * NSEC_PER_SEC)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)

/**
 * svg_x() - get the x coordinate of a time
 * @svg: the picture
 * @at: the time
 *
 * Return: the coordinate, limited to the ends of the axis.
 */
double svg_x(const struct svg *svg, int64_t at)
{
	double part = (double)(at - svg->from) / (double)(svg->to - svg->from);

	if (part < 0)
		part = 0;
	if (part > 1)
		part = 1;
	return SVG_LEFT + part * SVG_PLOT;
}

/* Print one character for XML; return the next one. */
static const char *put_letter(FILE *out, const char *p)
{
	static const char no_letters[2][4] = { "\xef\xbf\xbe", "\xef\xbf\xbf" };

	switch (*p) {
	case '&':
		fputs("&amp;", out);
		return p + 1;
	case '<':
		fputs("&lt;", out);
		return p + 1;
	case '>':
		fputs("&gt;", out);
		return p + 1;
	case '"':
		fputs("&quot;", out);
		return p + 1;
	}
	if (!strncmp(p, no_letters[0], 3) || !strncmp(p, no_letters[1], 3)) {
		fputc('?', out);	/* U+FFFE, U+FFFF */
		return p + 3;
	}
	fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, out);
	for (p++; ((unsigned char)*p & 0xc0) == 0x80; p++)
		fputc(*p, out);
	return p;
}

/**
 * svg_escape() - print text for XML
 * @out: the file
 * @text: UTF-8; characters that XML does not allow become '?'
 */
void svg_escape(FILE *out, const char *text)
{
	while (*text)
		text = put_letter(out, text);
}

/**
 * svg_short() - print the beginning of text for XML
 * @out: the file
 * @text: UTF-8, as for svg_escape()
 * @letters: maximum number of characters; text that is cut off ends in "…"
 */
void svg_short(FILE *out, const char *text, size_t letters)
{
	while (*text && letters--)
		text = put_letter(out, text);
	if (*text)
		fputs("…", out);
}

/**
 * svg_text() - draw text
 * @svg: the picture
 * @class: class in the style sheet
 * @x: x coordinate of the anchor
 * @y: y coordinate of the base line
 * @text: the text
 */
void svg_text(const struct svg *svg, const char *class, double x, double y,
	      const char *text)
{
	fprintf(svg->out, "<text class=\"%s\" x=\"%.2f\" y=\"%.1f\">", class, x, y);
	svg_escape(svg->out, text);
	fputs("</text>\n", svg->out);
}

/**
 * svg_at() - print a line "what at 1.234 s" of a title
 * @svg: the picture
 * @what: the event
 * @at: time of the event; 0 to print nothing
 */
void svg_at(const struct svg *svg, const char *what, int64_t at)
{
	if (at)
		fprintf(svg->out, "%s at %.*f s\n", what,
			svg->to - svg->from < NSEC_PER_SEC ? 6 : 3,
			(double)(at - svg->from) / NSEC_PER_SEC);
}

/**
 * svg_span() - format a duration in one or two units
 * @ns: nanoseconds
 * @buf: the buffer; receives "1.5 ms", "12.3 s", "2 min 5 s" or "3 h 20 min"
 *
 * Return: @buf.
 */
const char *svg_span(int64_t ns, char buf[SVG_SPAN_LEN])
{
	if (ns < NSEC_PER_MSEC)
		snprintf(buf, SVG_SPAN_LEN, "%.0f µs", ns / 1e3);
	else if (ns < NSEC_PER_SEC)
		snprintf(buf, SVG_SPAN_LEN, "%.1f ms", ns / 1e6);
	else if (ns < 2 * MINUTE)
		snprintf(buf, SVG_SPAN_LEN, "%.1f s", ns / 1e9);
	else if (ns < 2 * HOUR)
		snprintf(buf, SVG_SPAN_LEN, "%lld min %lld s", ns / MINUTE,
			 ns % MINUTE / NSEC_PER_SEC);
	else if (ns < 2 * DAY)
		snprintf(buf, SVG_SPAN_LEN, "%lld h %lld min", ns / HOUR,
			 ns % HOUR / MINUTE);
	else
		snprintf(buf, SVG_SPAN_LEN, "%lld d %lld h", ns / DAY,
			 ns % DAY / HOUR);
	return buf;
}

/*
 * Find the smallest step between two ticks that leaves room for their labels.
 */
static int64_t find_step(int64_t range)
{
	static const int64_t steps[] = {
		10 * NSEC_PER_SEC, 15 * NSEC_PER_SEC, 30 * NSEC_PER_SEC, MINUTE,
		2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,
		2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
	};
	double least = (double)range / ((double)SVG_PLOT / TICK_ROOM);
	int64_t ten;
	size_t i;

	for (ten = 1; ten < 10 * NSEC_PER_SEC; ten *= 10) {
		if (ten >= least)
			return ten;
		if (2 * ten >= least)
			return 2 * ten;
		if (5 * ten >= least)
			return 5 * ten;
	}
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] >= least)
			return steps[i];
	return ((int64_t)(least / DAY) + 1) * DAY;
}

/* Format the label of a tick, with the precision that the step needs. */
static void tick_label(int64_t at, int64_t step, int64_t range,
		       char buf[SVG_SPAN_LEN])
{
	int decimals = 0;

	if (range < 2 * MINUTE) {
		for (; step < NSEC_PER_SEC; step *= 10)
			decimals++;
		snprintf(buf, SVG_SPAN_LEN, "%.*f s", decimals, at / 1e9);
	} else if (range < 2 * HOUR) {
		snprintf(buf, SVG_SPAN_LEN, "%lld:%02lld", at / MINUTE,
			 at % MINUTE / NSEC_PER_SEC);
	} else if (range < 3 * DAY) {
		snprintf(buf, SVG_SPAN_LEN, "%lld:%02lld h", at / HOUR,
			 at % HOUR / MINUTE);
	} else {
		snprintf(buf, SVG_SPAN_LEN, "%lld d %lld h", at / DAY,
			 at % DAY / HOUR);
	}
}

/**
 * svg_grid() - draw the time axis and its grid lines
 * @svg: the picture
 * @top: y coordinate of the upper end of the lines
 * @bottom: y coordinate of the axis; labels are below
 */
void svg_grid(const struct svg *svg, double top, double bottom)
{
	int64_t range = svg->to - svg->from, step = find_step(range), at;
	char label[SVG_SPAN_LEN];

	fputs("<g class=\"axis\">\n", svg->out);
	for (at = 0; at <= range; at += step) {
		double x = svg_x(svg, svg->from + at);

		fprintf(svg->out,
			"<line class=\"grid\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>\n",
			x, top, x, bottom);
		tick_label(at, step, range, label);
		svg_text(svg, "tick", x, bottom + 16, label);
	}
	fprintf(svg->out,
		"<line class=\"base\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n</g>\n",
		SVG_LEFT, bottom, SVG_LEFT + SVG_PLOT, bottom);
}
