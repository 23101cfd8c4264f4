// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The agent's configuration: created from the sample, and extended. libconfuse
 * parses it before and after a change, as the agent does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "sample.h"
#include "setup.h"

#define SECURITY_LINE	"\n#security = "

/**
 * struct conf - a configuration
 * @path: path of the file, without symbolic links
 * @there: true if the file exists
 * @text: contents of the file, or the sample
 * @cfg: @text as parsed by libconfuse
 */
struct conf {
	char path[PATH_MAX];
	bool there;
	char *text;
	cfg_t *cfg;
};

/* The keys used here; the agent checks the others. */
static cfg_opt_t name_opts[] = {
	CFG_STR_LIST("address", NULL, CFGF_NODEFAULT),
	CFG_END()
};

static cfg_opt_t top_opts[] = {
	CFG_STR("security", SETUP_DIR "/security", CFGF_NONE),
	CFG_SEC("name", name_opts,
		CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END()
};

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char buf[256];

	vsnprintf(buf, sizeof(buf), fmt, ap);
	note("line %d of the configuration: %s", cfg ? cfg->line : 0, buf);
}

static cfg_t *parse(const char *text)
{
	cfg_t *cfg = cfg_init(top_opts, CFGF_IGNORE_UNKNOWN);

	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, on_error);
	if (cfg_parse_buf(cfg, text) == CFG_SUCCESS)
		return cfg;
	cfg_free(cfg);
	return NULL;
}

/* Write a string in the quoting of libconfuse. */
static void put_quoted(BIO *bio, const char *text)
{
	BIO_puts(bio, "\"");
	for (; *text; text++)
		BIO_printf(bio, "%s%c", strchr("\"\\$", *text) ? "\\" : "",
			   *text);
	BIO_puts(bio, "\"");
}

/* Return the text of a BIO and free it; NULL if there is no memory. */
static char *text_of(BIO *bio)
{
	char *p, *text = NULL;
	long len = bio ? BIO_get_mem_data(bio, &p) : 0;

	if (bio)
		text = len > 0 ? strndup(p, len) : strdup("");
	BIO_free(bio);
	return text;
}

/* Return the sample; set "security" in it if the folder is not the default. */
static char *make_sample(const struct setup_tx *tx)
{
	const char *line = strstr(sample, SECURITY_LINE);
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio)
		return NULL;
	if (!strcmp(tx->dir, SETUP_DIR) || !line) {
		BIO_puts(bio, sample);
		return text_of(bio);
	}
	BIO_write(bio, sample, line + 1 - sample);
	BIO_puts(bio, "security = ");
	put_quoted(bio, tx->security);
	BIO_puts(bio, strchr(line + 1, '\n'));
	return text_of(bio);
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	bool bad;

	if (!file) {
		setup_file_fail("open", path);
		return NULL;
	}
	len = getdelim(&text, &size, '\0', file);
	bad = ferror(file);
	fclose(file);
	if (len < 0 && !bad) {
		free(text);
		return strdup("");
	}
	if (!bad && text[len - 1])
		return text;
	free(text);
	fail("%s is no text file: restore it", path);
	return NULL;
}

static void conf_close(struct conf *c)
{
	if (c->cfg)
		cfg_free(c->cfg);
	free(c->text);
}

static int conf_open(const struct setup_tx *tx, struct conf *c)
{
	char path[PATH_MAX];

	memset(c, 0, sizeof(*c));
	setup_file_join(path, "%s/" SETUP_CONF, tx->dir);
	c->there = setup_file_exists(path);
	if (!c->there)
		setup_file_join(c->path, "%s", path);
	else if (!realpath(path, c->path))
		return setup_file_fail("open", path);
	c->text = c->there ? read_text(c->path) : make_sample(tx);
	c->cfg = c->text ? parse(c->text) : NULL;
	if (c->cfg)
		return EXIT_OK;
	return fail("cannot use %s; see 'ipcp-rekeyd --test --config %s'", path,
		    path);
}

/* Warn if the configuration makes the agent use another security folder. */
static void check_security(const struct setup_tx *tx, const struct conf *c)
{
	const char *said = cfg_getstr(c->cfg, "security");
	char path[PATH_MAX];

	if (!strcmp(said, tx->security) ||
	    (realpath(said, path) && !strcmp(path, tx->security)))
		return;
	note("the agent will not look into %s: %s says security = \"%s\"; change that",
	     tx->security, c->path, said);
}

static int put_text(struct setup_tx *tx, const struct conf *c,
		    const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	int status = c->there ? setup_file_replace(tx, c->path, bio) :
				setup_file_put(tx, c->path, bio, 0644);

	BIO_free(bio);
	return status;
}

/**
 * setup_conf_put_sample() - create the configuration unless it exists
 * @tx: the changes
 * @made: set to true if it was created
 *
 * Return: the exit status.
 */
int setup_conf_put_sample(struct setup_tx *tx, bool *made)
{
	struct conf c;
	int status = conf_open(tx, &c);

	*made = !c.there;
	if (!status && *made)
		status = put_text(tx, &c, c.text);
	if (!status)
		check_security(tx, &c);
	conf_close(&c);
	return status;
}

static bool has_addresses(cfg_t *block, char **addresses)
{
	unsigned int i, n = cfg_size(block, "address");

	for (i = 0; i < n && addresses[i]; i++)
		if (strcmp(cfg_getnstr(block, "address", i), addresses[i]))
			return false;
	return i == n && !addresses[i];
}

static void put_addresses(BIO *bio, char **addresses)
{
	size_t i;

	BIO_puts(bio, "\taddress = {");
	for (i = 0; addresses[i]; i++) {
		BIO_puts(bio, i ? ", " : "");
		put_quoted(bio, addresses[i]);
	}
	BIO_puts(bio, "}\n");
}

static char *extended(const char *text, const char *name, char **addresses)
{
	size_t len = strlen(text);
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio)
		return NULL;
	BIO_puts(bio, text);
	BIO_puts(bio, len && text[len - 1] != '\n' ? "\n\nname " : "\nname ");
	put_quoted(bio, name);
	BIO_puts(bio, " {\n");
	put_addresses(bio, addresses);
	BIO_puts(bio, "}\n");
	return text_of(bio);
}

/* Extend the text. Parse it again to verify that the name has its addresses. */
static int put_extended(struct setup_tx *tx, const struct conf *c,
			const char *name, char **addresses)
{
	char *text = extended(c->text, name, addresses);
	cfg_t *cfg = text ? parse(text) : NULL;
	cfg_t *block = cfg ? cfg_gettsec(cfg, "name", name) : NULL;
	int status;

	if (block && has_addresses(block, addresses))
		status = put_text(tx, c, text);
	else
		status = fail("cannot add a block to the end of %s: write the name and its address there yourself",
			      c->path);
	if (cfg)
		cfg_free(cfg);
	free(text);
	return status;
}

static int refuse(const struct conf *c, const char *name, char **addresses)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *line;

	if (bio)
		put_addresses(bio, addresses);
	line = text_of(bio);
	note("%s has a block name \"%s\" with other settings, and nothing was changed; write into that block:",
	     c->path, name);
	fputs(line ? line : "", stderr);
	free(line);
	return EXIT_FAIL;
}

/**
 * setup_conf_add() - give a name its addresses
 * @tx: the changes
 * @name: the name
 * @addresses: the addresses, terminated by NULL; if empty, only check the
 *	configuration
 *
 * Return: the exit status.
 */
int setup_conf_add(struct setup_tx *tx, const char *name, char **addresses)
{
	struct conf c;
	int status = conf_open(tx, &c);
	cfg_t *block = status ? NULL : cfg_gettsec(c.cfg, "name", name);

	if (!status)
		check_security(tx, &c);
	if (!status && addresses[0]) {
		if (!block)
			status = put_extended(tx, &c, name, addresses);
		else if (!has_addresses(block, addresses))
			status = refuse(&c, name, addresses);
	} else if (!status && !c.there) {
		status = put_text(tx, &c, c.text);
	}
	conf_close(&c);
	return status;
}
