// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Read the configuration file. The scanner of libconfuse ends the process when a
 * read fails, so it gets the contents from memory.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config-int.h"
#include "config.h"
#include "log.h"

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char buf[256];

	vsnprintf(buf, sizeof(buf), fmt, ap);
	log_err("%s line %d: %s", cfg && cfg->filename ? cfg->filename :
		"configuration", cfg ? cfg->line : 0, buf);
}

static bool fill(FILE *f, const char *file, char *text, size_t *len)
{
	*len = fread(text, 1, CONFIG_SIZE_MAX + 1, f);
	if (ferror(f)) {
		log_err("cannot read %s: %s", file, strerror(errno));
		return false;
	}
	if (*len > CONFIG_SIZE_MAX) {
		log_err("%s is longer than %u bytes: is it the configuration?",
			file, CONFIG_SIZE_MAX);
		return false;
	}
	return true;
}

/* Read the whole file. Return NULL on failure; the caller frees the text. */
static char *slurp(const char *file, size_t *len)
{
	FILE *f = fopen(file, "re");
	char *text;

	if (!f) {
		log_err("cannot read %s: %s", file, strerror(errno));
		return NULL;
	}
	text = malloc(CONFIG_SIZE_MAX + 1);
	if (!text) {
		log_err("cannot read %s: out of memory", file);
	} else if (!fill(f, file, text, len)) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

bool config_read(cfg_t *cfg, const char *file)
{
	bool ok = false;
	size_t len;
	char *text = slurp(file, &len);
	FILE *f;

	if (!text)
		return false;
	f = fmemopen(text, len, "r");
	cfg->filename = strdup(file);	/* for on_error(); cfg_free() frees it */
	if (f && cfg->filename) {
		cfg_set_error_function(cfg, on_error);
		ok = cfg_parse_fp(cfg, f) == CFG_SUCCESS;
	} else {
		log_err("cannot read %s: out of memory", file);
	}
	if (f)
		fclose(f);
	free(text);
	return ok;
}
