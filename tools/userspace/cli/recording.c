// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Recordings: files with the lines of "monitor --json". */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "recording.h"

#define LINE_LEN	16384		/* the longest line; monitor's are shorter */
#define TIME_MAX	4102444800000000000LL	/* the year 2100 */

/**
 * struct reader - a recording that is being read
 * @line: number of the current line
 * @last: time of the previous line
 * @back: nanoseconds by which the clock was set back so far
 */
struct reader {
	const char *path;
	FILE *file;
	unsigned long line;
	int64_t last;
	int64_t back;
	char text[LINE_LEN];
};

/* Print an error about the current line. */
static int bad(const struct reader *r, const char *what, const char *word)
{
	char text[NLCMD_TEXT_LEN];

	return fail("%s:%lu: %s%s%s%s", r->path, r->line, what, word ? " '" : "",
		    word ? nlcmd_text(word, text) : "", word ? "'" : "");
}

/* Get a whole number. Return false after printing an error. */
static bool get_number(const struct reader *r, json_t *obj, const char *key,
		       json_int_t max, json_int_t *to)
{
	json_t *value = json_object_get(obj, key);

	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max) {
		bad(r, "this is no number, or too large:", key);
		return false;
	}
	*to = json_integer_value(value);
	return true;
}

static bool get_text(const struct reader *r, json_t *obj, const char *key,
		     const char **to)
{
	json_t *value = json_object_get(obj, key);

	*to = "";
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value)) {
		bad(r, "this is no text:", key);
		return false;
	}
	*to = json_string_value(value);
	return true;
}

/* Find the number of an event by its name. Return -1 for an unknown one. */
static int event_by_name(const char *name)
{
	int event;

	if (!strcmp(name, "traffic"))
		return RECORD_TRAFFIC;
	if (!strcmp(name, "events-lost"))
		return RECORD_LOST;
	for (event = 1; strcmp(ipcp_nl_event_name(event), "?"); event++)
		if (!strcmp(name, ipcp_nl_event_name(event)))
			return event;
	return -1;
}

/* Get the counters of dropped packets. Return false after printing an error. */
static bool get_drops(const struct reader *r, json_t *obj,
		      struct ipcp_nl_drops *drops)
{
	json_t *of = json_object_get(obj, "drops");
	json_int_t number;
	unsigned int i;

	if (!of)
		return true;
	if (!json_is_object(of)) {
		bad(r, "this is no object:", "drops");
		return false;
	}
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		number = 0;
		if (!get_number(r, of, ipcp_nl_drop_name(i), INT64_MAX, &number))
			return false;
		drops->by[i] = number;
	}
	return true;
}

/*
 * Get the members of a line about the flow @rec->id. Return false after an
 * error.
 */
static bool get_flow(const struct reader *r, json_t *obj, struct record *rec)
{
	json_int_t eid = 0, peer_eid = 0, exchange = 0, epoch = -1, tx = 0, rx = 0;
	const char *key = rec->event == RECORD_TRAFFIC ? "tx_epoch" : "epoch";

	if (!get_number(r, obj, "eid", UINT32_MAX, &eid) ||
	    !get_number(r, obj, "peer_eid", UINT32_MAX, &peer_eid) ||
	    !get_number(r, obj, key, UINT8_MAX, &epoch) ||
	    !get_number(r, obj, "exchange", UINT32_MAX, &exchange) ||
	    !get_number(r, obj, "tx_packets", INT64_MAX, &tx) ||
	    !get_number(r, obj, "rx_packets", INT64_MAX, &rx) ||
	    !get_drops(r, obj, &rec->drops))
		return false;
	rec->eid = eid;
	rec->peer_eid = peer_eid;
	rec->exchange = exchange;
	rec->epoch = epoch;
	rec->tx = tx;
	rec->rx = rx;
	if (json_is_boolean(json_object_get(obj, "initiator")))
		rec->initiator = json_is_true(json_object_get(obj, "initiator"));
	return true;
}

/*
 * Keep time monotonic: if the clock was set back, continue from the last time.
 * Neither @r->last nor @r->back exceeds TIME_MAX, so that no sum overflows.
 * Return false after printing an error.
 */
static bool set_time(struct reader *r, json_int_t at, struct record *rec)
{
	rec->at = at + r->back;
	if (rec->at > TIME_MAX) {
		bad(r, "the clock was set back by too much: keep only the lines before, or from this one on",
		    NULL);
		return false;
	}
	if (rec->at < r->last) {
		rec->back = r->last - rec->at;
		r->back += rec->back;
		rec->at = r->last;
	}
	r->last = rec->at;
	return true;
}

/* Convert a line. Return false after printing an error. */
static bool get_record(struct reader *r, json_t *obj, struct record *rec)
{
	json_int_t at = 0, id = 0;
	const char *event;

	if (!json_is_object(obj) || !json_object_get(obj, "event")) {
		bad(r, "this is no line of 'ipcp-rekey monitor --json'", NULL);
		return false;
	}
	if (!get_text(r, obj, "event", &event) ||
	    !get_number(r, obj, "time_ns", TIME_MAX, &at) ||
	    !get_number(r, obj, "id", UINT32_MAX, &id) ||
	    !get_text(r, obj, "name", &rec->name) ||
	    !get_text(r, obj, "peer", &rec->peer) ||
	    !get_text(r, obj, "reason", &rec->reason))
		return false;
	rec->event = event_by_name(event);
	rec->id = id;
	if (rec->event < 0) {
		bad(r, "use the version of ipcp-rekey that has recorded this event:",
		    event);
		return false;
	}
	if (!at) {
		bad(r, "the line has no time_ns; record with this version of ipcp-rekey",
		    NULL);
		return false;
	}
	return set_time(r, at, rec) && (!rec->id || get_flow(r, obj, rec));
}

/* Read a line into @r->text. Return 1, 0 at the end, -1 after printing an error. */
static int read_line(struct reader *r)
{
	size_t len;

	r->line++;
	if (!fgets(r->text, sizeof(r->text), r->file)) {
		if (!ferror(r->file))
			return 0;
		fail("cannot read %s: %m", r->path);
		return -1;
	}
	len = strlen(r->text);
	if (len && r->text[len - 1] == '\n')
		return 1;
	if (feof(r->file))
		bad(r, "the last line is cut off; remove it", NULL);
	else
		bad(r, "the line is too long, or has a zero byte: this is no recording",
		    NULL);
	return -1;
}

static int read_record(struct reader *r, recording_cb cb, void *arg)
{
	struct record rec = { .initiator = -1, .epoch = -1 };
	json_error_t error;
	json_t *obj = json_loads(r->text, JSON_REJECT_DUPLICATES, &error);
	int status = EXIT_FAIL;

	if (!obj)
		return bad(r, "this is no JSON:", error.text);
	if (get_record(r, obj, &rec))
		status = cb(&rec, arg);
	json_decref(obj);
	return status;
}

/* Open a recording. Refuse a pipe, since recordings are read twice. */
static int open_recording(struct reader *r)
{
	r->file = fopen(r->path, "re");
	if (!r->file)
		return fail("cannot open %s: %m", r->path);
	if (lseek(fileno(r->file), 0, SEEK_CUR) >= 0 || errno != ESPIPE)
		return EXIT_OK;
	fclose(r->file);
	return fail("%s is a pipe, and can be read only once; give a file", r->path);
}

/**
 * recording_read() - read a recording
 * @path: the file, no pipe
 * @cb: called for each line
 * @arg: for @cb
 *
 * Return: EXIT_OK; EXIT_FAIL after printing an error with file and line; or the
 * value of @cb.
 */
int recording_read(const char *path, recording_cb cb, void *arg)
{
	static struct reader r;
	int more, status;

	r = (struct reader) { .path = path };
	status = open_recording(&r);
	if (status)
		return status;
	while (!status && (more = read_line(&r))) {
		if (more < 0)
			status = EXIT_FAIL;
		else
			status = read_record(&r, cb, arg);
	}
	fclose(r.file);
	return status;
}
