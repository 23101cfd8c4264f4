// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Findings of the checks of "doctor": collected as JSON, printed as text. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../agent/config.h"
#include "doctor.h"
#include "setup.h"

static const char *const results[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_ERROR] = "error",
};

/* Format text for a terminal; parts of it may come from files and programs. */
static json_t *make_text(const char *fmt, va_list ap)
{
	json_t *json;
	char *text, *p;

	if (vasprintf(&text, fmt, ap) < 0)
		return NULL;
	for (p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	json = json_string(text);
	free(text);
	return json;
}

/**
 * doctor_find() - report a finding of the current check
 * @d: the checks
 * @result: severity; a warning and an error need advice
 * @fmt: the finding
 */
void doctor_find(struct doctor *d, enum doctor_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	json_array_append_new(d->found, json_pack("{s:s, s:s, s:o, s:n}",
						  "check", d->check,
						  "result", results[result],
						  "text", make_text(fmt, ap),
						  "advice"));
	va_end(ap);
}

/**
 * doctor_advise() - add advice to the last finding
 * @d: the checks
 * @fmt: the advice; begins with the exact action
 */
void doctor_advise(struct doctor *d, const char *fmt, ...)
{
	json_t *last = json_array_get(d->found, json_array_size(d->found) - 1);
	va_list ap;

	va_start(ap, fmt);
	json_object_set_new(last, "advice", make_text(fmt, ap));
	va_end(ap);
}

/* True if text begins like the advice in a message of the agent's checks. */
static bool is_advice(const char *text)
{
	static const char *const verbs[] = {
		"check", "give", "put", "remove", "replace", "request", "run", "use"
	};
	size_t i, len;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		len = strlen(verbs[i]);
		if (!strncmp(text, verbs[i], len) && text[len] == ' ')
			return true;
	}
	return false;
}

/*
 * Turn "PATH is readable by everybody", "run chmod o= on it" into the command
 * "chmod o= PATH".
 */
static void advise_command(struct doctor *d, const char *text, const char *advice)
{
	const char *on_it = strstr(advice, " on it");
	const char *end = strstr(text, " is ");

	if (!end)
		end = strstr(text, " can be ");
	if (strncmp(advice, "run ", 4) || !on_it || !end)
		doctor_advise(d, "%s", advice);
	else
		doctor_advise(d, "%.*s %.*s%s", (int)(on_it - advice - 4), advice + 4,
			      (int)(end - text), text, on_it + strlen(" on it"));
}

/**
 * doctor_problem() - report a message of the agent's own checks
 * @d: the checks
 * @result: severity
 * @text: "PROBLEM: ADVICE" or "PROBLEM; ADVICE", or only the problem
 * @otherwise: the advice if @text has none
 */
void doctor_problem(struct doctor *d, enum doctor_result result, const char *text,
		    const char *otherwise)
{
	const char *p = text;

	while ((p = strpbrk(p, ":;")) && !(p[1] == ' ' && is_advice(p + 2)))
		p++;
	if (p) {
		doctor_find(d, result, "%.*s", (int)(p - text), text);
		advise_command(d, text, p + 2);
	} else {
		doctor_find(d, result, "%s", text);
		doctor_advise(d, "%s", otherwise);
	}
}

/**
 * doctor_unreadable() - find the file in a message of the agent's own checks
 * @text: the message
 *
 * Return: the rest of a message that a file cannot be read, which begins with
 * the path; NULL for other messages.
 */
const char *doctor_unreadable(const char *text)
{
	static const char words[] = "cannot read ";
	const size_t len = sizeof(words) - 1;

	return strncmp(text, words, len) ? NULL : text + len;
}

/**
 * doctor_setup_option() - find the option with which "setup" works here
 * @d: the checks, with a configuration
 *
 * "setup" uses DIR/ipcp-rekeyd.conf and DIR/security.
 *
 * Return: " -d DIR", the empty text, or NULL if there is no such option. The
 * caller frees it.
 */
char *doctor_setup_option(const struct doctor *d)
{
	const char *last = strrchr(d->file, '/');
	char security[PATH_MAX], dir[PATH_MAX];
	char *option = NULL;
	size_t len;
	FILE *out;

	if (d->file[0] != '/' || strcmp(last, "/" SETUP_CONF) ||
	    strlen(d->file) >= sizeof(dir))
		return NULL;
	snprintf(dir, sizeof(dir), "%.*s", (int)(last - d->file), d->file);
	if (snprintf(security, sizeof(security), "%s/security", dir) >=
	    (int)sizeof(security) || strcmp(security, d->conf->security))
		return NULL;
	out = open_memstream(&option, &len);
	if (!out)
		return NULL;
	setup_say_folder(out, dir);
	if (!fclose(out))
		return option;
	free(option);
	return NULL;
}

static enum doctor_result result_of(const json_t *finding)
{
	const char *word = json_string_value(json_object_get(finding, "result"));
	enum doctor_result result = DOCTOR_ERROR;

	while (result > DOCTOR_OK && word && strcmp(word, results[result]))
		result--;
	return result;
}

/**
 * doctor_print() - return the worst result, and print the findings as text
 * @found: the findings, an array
 * @text: true to print
 *
 * Return: the worst result.
 */
enum doctor_result doctor_print(const json_t *found, bool text)
{
	enum doctor_result worst = DOCTOR_OK, result;
	const char *advice;
	json_t *finding;
	size_t i;

	json_array_foreach(found, i, finding) {
		result = result_of(finding);
		if (result > worst)
			worst = result;
		if (!text)
			continue;
		printf("%-7s %-12s %s\n", results[result],
		       json_string_value(json_object_get(finding, "check")),
		       json_string_value(json_object_get(finding, "text")));
		advice = json_string_value(json_object_get(finding, "advice"));
		if (advice)
			printf("        %s\n", advice);
	}
	return worst;
}
