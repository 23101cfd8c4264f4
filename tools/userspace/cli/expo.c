// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The text exposition format of Prometheus, version 0.0.4. The caller checks
 * the stream for errors.
 */
#include <stdbool.h>

#include "expo.h"
#include "plain.h"

/* Print the value of a label; control characters and invalid UTF-8 become '?'. */
static void put_value(FILE *out, const char *text)
{
	bool utf8 = plain_is_utf8(text);
	size_t unsafe;

	while (*text) {
		unsafe = *text == '\n' ? 0 : plain_unsafe(text, utf8);
		if (unsafe)
			putc('?', out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			putc(*text, out);
		text += unsafe ? unsafe : 1;
	}
}

static struct expo_label first;	/* label of all samples, or empty */

/**
 * expo_label_all() - add a label to all samples that are printed from now on
 * @name: name of the label; no sample may have it already
 * @value: its value, used until the last sample is printed
 */
void expo_label_all(const char *name, const char *value)
{
	first.name = name;
	first.value = value;
}

static void put_label(FILE *out, char before, const struct expo_label *label)
{
	fprintf(out, "%c%s=\"", before, label->name);
	put_value(out, label->value);
	putc('"', out);
}

static void put_labels(FILE *out, const struct expo_label *labels)
{
	const struct expo_label *l;
	char before = '{';

	if (first.name) {
		put_label(out, before, &first);
		before = ',';
	}
	for (l = labels; l && l->name; l++) {
		put_label(out, before, l);
		before = ',';
	}
	if (before == ',')
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
