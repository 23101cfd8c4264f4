// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey timeline: draw the epochs of a flow from recordings. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "io.h"
#include "plain.h"
#include "timeline-draw.h"

#define FLOWS_MAX	4096	/* flows in a recording */
#define LISTED_MAX	8	/* flows listed in an error */

/**
 * struct found - a flow of a recording
 * @first: time of the first line
 * @last: time of the last line
 * @traffic: true if there are counters
 */
struct found {
	uint32_t id;
	uint32_t eid;
	uint32_t peer_eid;
	int64_t first;
	int64_t last;
	bool traffic;
	char name[IPCP_REKEY_NAME_MAX + 1];
	char peer[ADDR_TEXT_LEN];
};

/**
 * struct flows - all flows of a recording
 * @at: the flow of the previous line
 */
struct flows {
	const char *path;
	struct found *found;
	size_t n;
	size_t at;
};

/* Find the flow of a line. Search from the last one: order mostly repeats. */
static struct found *find_flow(struct flows *flows, const struct record *rec)
{
	size_t i;

	for (i = 0; i < flows->n; i++) {
		size_t at = (flows->at + i) % flows->n;

		if (flows->found[at].id == rec->id &&
		    flows->found[at].eid == rec->eid) {
			flows->at = at;
			return &flows->found[at];
		}
	}
	if (flows->n == FLOWS_MAX)
		return NULL;
	flows->found[flows->n] = (struct found) {
		.id = rec->id, .eid = rec->eid, .first = rec->at,
	};
	flows->at = flows->n;
	return &flows->found[flows->n++];
}

static int note_flow(const struct record *rec, void *arg)
{
	struct flows *flows = arg;
	struct found *f;

	if (!rec->id)
		return EXIT_OK;
	f = find_flow(flows, rec);
	if (!f)
		return fail("%s has more than %d flows; record one: monitor --flow ID",
			    flows->path, FLOWS_MAX);
	f->last = rec->at;
	f->traffic |= rec->event == RECORD_TRAFFIC;
	if (rec->peer_eid)
		f->peer_eid = rec->peer_eid;
	if (rec->name[0])
		plain_copy(f->name, sizeof(f->name), rec->name);
	if (rec->peer[0] && strcmp(rec->peer, "-"))
		plain_copy(f->peer, sizeof(f->peer), rec->peer);
	return EXIT_OK;
}

static int read_flows(struct flows *flows, const char *path)
{
	int status;

	flows->path = path;
	flows->found = calloc(FLOWS_MAX, sizeof(*flows->found));
	if (!flows->found)
		return fail("out of memory");
	status = recording_read(path, note_flow, flows);
	if (!status && !flows->n)
		return fail("%s has no line about a flow", path);
	return status;
}

/*
 * True if these are the two ends of a flow. If no peer id is known, compare
 * names.
 */
static bool are_ends(const struct found *a, const struct found *b)
{
	if (a->peer_eid && b->peer_eid)
		return a->peer_eid == b->eid && b->peer_eid == a->eid;
	if (a->peer_eid || b->peer_eid)
		return a->peer_eid == b->eid || b->peer_eid == a->eid;
	return !strcmp(a->name, b->name);
}

/* Print an error that lists the flows to choose from. */
static int many_flows(const struct flows *flows)
{
	char text[NLCMD_TEXT_LEN], *list = NULL;
	size_t i, len;
	FILE *out = open_memstream(&list, &len);

	if (!out)
		return fail("out of memory");
	for (i = 0; i < flows->n && i < LISTED_MAX; i++)
		fprintf(out, "%s%u '%s'", i ? ", " : "", flows->found[i].id,
			nlcmd_text(flows->found[i].name, text));
	if (flows->n > LISTED_MAX)
		fprintf(out, " and %zu more", flows->n - LISTED_MAX);
	if (fclose(out))
		fail("out of memory");
	else
		fail("choose one of the flows of %s with --flow: %s", flows->path, list);
	free(list);
	return EXIT_FAIL;
}

/**
 * struct choice - which flow to draw
 * @id: flow number in the first recording; 0 for any
 * @found: the ends of the flow
 * @several: true if several flows match
 */
struct choice {
	uint32_t id;
	const struct found *found[TIMELINE_ENDS];
	bool several;
};

/*
 * Consider a pair of ends, or one end. If a number was reused, take the last
 * flow.
 */
static void consider(struct choice *c, const struct found *a, const struct found *b)
{
	if (c->id && a->id != c->id)
		return;
	if (c->found[0] && (!c->id || c->found[0] == a))
		c->several = true;
	c->found[0] = a;
	c->found[1] = b;
}

static int choose(struct choice *c, const struct flows *flows, unsigned int n)
{
	size_t i, j;

	for (i = 0; i < flows[0].n; i++) {
		if (n == 1)
			consider(c, &flows[0].found[i], NULL);
		for (j = 0; n == 2 && j < flows[1].n; j++)
			if (are_ends(&flows[0].found[i], &flows[1].found[j]))
				consider(c, &flows[0].found[i],
					 &flows[1].found[j]);
	}
	if (c->found[0] && c->several && c->id)
		return fail("flow %u fits several flows of %s; record with --traffic, which has the ids of both ends",
			    c->id, flows[1].path);
	if (c->found[0] && c->several)
		return many_flows(&flows[0]);
	if (c->found[0])
		return EXIT_OK;
	if (n == 2)
		return fail("%s and %s have no flow in common%s", flows[0].path,
			    flows[1].path, c->id ? " with this number" : "");
	return fail("%s has no flow %u", flows[0].path, c->id);
}

/* Set the time range. Without counters the time of the end is unknown. */
static void set_range(struct timeline *t, const struct choice *c, unsigned int n)
{
	int64_t from = INT64_MAX, to = 0;
	bool traffic = true;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (c->found[i]->first < from)
			from = c->found[i]->first;
		if (c->found[i]->last > to)
			to = c->found[i]->last;
		traffic &= c->found[i]->traffic;
	}
	if (!traffic)
		to += (to - from) / 25;
	if (to - from < NSEC_PER_MSEC)
		to = from + NSEC_PER_MSEC;
	t->svg.from = from;
	t->svg.to = to;
}

static int add_record(const struct record *rec, void *arg)
{
	return history_add(arg, rec);
}

/* Copy a file name without folder and extension; invalid UTF-8 becomes '?'. */
static void set_label(struct timeline_end *end, const char *path)
{
	const char *base = strrchr(path, '/');
	char *dot, *p;
	json_t *valid;

	snprintf(end->label, sizeof(end->label), "%s", base ? base + 1 : path);
	dot = strrchr(end->label, '.');
	if (dot && dot > end->label)
		*dot = '\0';
	valid = json_string(end->label);
	for (p = end->label; !valid && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	json_decref(valid);
}

/* Read one end again, this time with the flow known. */
static int read_end(struct timeline *t, const char *path, const struct found *f)
{
	struct timeline_end *end = &t->ends[t->nends++];
	struct history *h = history_new(f->id, f->eid, t->svg.from, t->svg.to);
	int status;

	if (!h)
		return fail("out of memory");
	end->history = h;
	h->begin = f->first;
	if (f->traffic)
		h->end = f->last;
	set_label(end, path);
	snprintf(end->name, sizeof(end->name), "%s", f->name);
	snprintf(end->peer, sizeof(end->peer), "%s", f->peer);
	status = recording_read(path, add_record, h);
	if (!status)
		history_finish(h);
	return status;
}

struct text {
	char *bytes;
	size_t len;
};

static void put_text(FILE *out, const void *arg)
{
	const struct text *text = arg;

	fwrite(text->bytes, 1, text->len, out);
}

static int write_text(const struct text *text, const char *file)
{
	mode_t mask;

	if (file) {
		mask = umask(0);
		umask(mask);
		return out_replace(file, 0666 & ~mask, put_text, text);
	}
	put_text(stdout, text);
	return out_flush();
}

/* Draw into memory first, so that a failure leaves no part of a picture. */
static int write_picture(struct timeline *t, const char *file)
{
	struct text text = { 0 };
	int status;

	t->svg.out = open_memstream(&text.bytes, &text.len);
	if (!t->svg.out)
		return fail("out of memory");
	timeline_draw(t);
	status = fclose(t->svg.out) ? fail("out of memory") :
				      write_text(&text, file);
	free(text.bytes);
	return status;
}

static int make(struct timeline *t, struct flows *flows, struct choice *c,
		char **paths, unsigned int n)
{
	unsigned int i;
	int status = EXIT_OK;

	for (i = 0; i < n && !status; i++)
		status = read_flows(&flows[i], paths[i]);
	if (!status)
		status = choose(c, flows, n);
	if (status)
		return status;
	set_range(t, c, n);
	for (i = 0; i < n && !status; i++)
		status = read_end(t, paths[i], c->found[i]);
	return status;
}

int cmd_timeline(int argc, char **argv)
{
	const char *file = NULL;
	uint64_t id = 0;
	const struct opt opts[] = {
		{ "output", 'o', "FILE", "write to this file instead of stdout",
		  OPT_TEXT, &file, 0, 0 },
		{ "flow", 'f', "ID", "the flow, by its number in the first recording",
		  OPT_COUNT, &id, 1, UINT32_MAX },
		{ 0 }
	};
	const struct use use = {
		"timeline", "RECORDING [RECORDING]",
		"Draws the epochs of a flow over time, with its traffic, as SVG. A recording\n"
		"is what 'ipcp-rekey monitor --json --traffic 0.5' prints; with those of\n"
		"both hosts, both ends are drawn.\n",
		opts, 1, TIMELINE_ENDS
	};
	struct flows flows[TIMELINE_ENDS] = { 0 };
	struct choice choice = { 0 };
	struct timeline t = { 0 };
	unsigned int i, n = 0;
	int status;
	char **paths;

	paths = use_parse(&use, argc, argv);
	while (paths[n])
		n++;
	choice.id = id;
	status = make(&t, flows, &choice, paths, n);
	if (!status)
		status = write_picture(&t, file);
	for (i = 0; i < TIMELINE_ENDS; i++) {
		history_free(t.ends[i].history);
		free(flows[i].found);
	}
	return status;
}
