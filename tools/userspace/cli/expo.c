// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The text exposition format of Prometheus, version 0.0.4. The caller checks
 * the stream for errors.
 */
#include <stdbool.h>

#include <jansson.h>

#include "expo.h"

/* Jansson accepts valid UTF-8 only, which the format requires, too. */
static bool valid_utf8(const char *text)
{
	json_t *json = json_string(text);

	json_decref(json);
	return json;
}

/* Print the value of a label; bytes of invalid UTF-8 become '?'. */
static void put_value(FILE *out, const char *text)
{
	bool valid = valid_utf8(text);

	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			putc((unsigned char)*text >= 0x80 && !valid ? '?' : *text,
			     out);
	}
}

static void put_labels(FILE *out, const struct expo_label *labels)
{
	const struct expo_label *l;

	if (!labels || !labels->name)
		return;
	for (l = labels; l->name; l++) {
		fprintf(out, "%c%s=\"", l == labels ? '{' : ',', l->name);
		put_value(out, l->value);
		putc('"', out);
	}
	putc('}', out);
}

/**
 * expo_family() - begin a family of samples
 * @out: the stream
 * @name: name of the metric; the name of a counter ends in "_total"
 * @type: "counter" or "gauge"
 * @help: description, one line without a backslash
 */
void expo_family(FILE *out, const char *name, const char *type,
		 const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/**
 * expo_sample() - print a sample of the current family
 * @out: the stream
 * @name: name of the metric
 * @labels: its labels, or NULL
 * @value: its value
 */
void expo_sample(FILE *out, const char *name, const struct expo_label *labels,
		 uint64_t value)
{
	fputs(name, out);
	put_labels(out, labels);
	fprintf(out, " %llu\n", (unsigned long long)value);
}

/**
 * expo_sample_ms() - print a sample of a time, converted to seconds
 * @out: the stream
 * @name: name of the metric
 * @labels: its labels, or NULL
 * @ms: milliseconds
 */
void expo_sample_ms(FILE *out, const char *name,
		    const struct expo_label *labels, uint64_t ms)
{
	fputs(name, out);
	put_labels(out, labels);
	fprintf(out, " %llu.%03u\n", (unsigned long long)(ms / 1000),
		(unsigned int)(ms % 1000));
}
