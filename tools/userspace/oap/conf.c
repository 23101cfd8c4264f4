// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Parse enc.conf: which key exchange, cipher and digests a name uses. The
 * syntax is that of Ouroboros: unknown keys are skipped, but the value of a
 * known key must be valid.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/cipher.h"
#include "int.h"

#define LINE_LEN	257	/* 255 characters, newline, end */
#define SPACE		" \t\r\n\v\f"

static char *trim(char *s)
{
	char *end;

	s += strspn(s, SPACE);
	end = s + strlen(s);
	while (end > s && strchr(SPACE, end[-1]))
		*--end = '\0';
	return s;
}

static bool set_kex(struct oap_conf *conf, const char *value)
{
	conf->kex = oap_nid_kex_by_name(value);
	return conf->kex;
}

static bool set_cipher(struct oap_conf *conf, const char *value)
{
	conf->cipher = cipher_by_name(value);
	return conf->cipher;
}

static bool set_kdf(struct oap_conf *conf, const char *value)
{
	conf->kdf = oap_nid_digest_by_name(value);
	return conf->kdf;
}

static bool set_digest(struct oap_conf *conf, const char *value)
{
	conf->md = oap_nid_digest_by_name(value);
	return conf->md;
}

static bool set_kem_mode(struct oap_conf *conf, const char *value)
{
	conf->client_encap = !strcmp(value, "client");
	return conf->client_encap || !strcmp(value, "server");
}

static const struct {
	const char *key;
	bool (*set)(struct oap_conf *conf, const char *value);
} keys[] = {
	{ "kex", set_kex },
	{ "cipher", set_cipher },
	{ "kdf", set_kdf },
	{ "digest", set_digest },
	{ "kem_mode", set_kem_mode },
};

static enum oap_code set(struct oap_conf *conf, const char *where, char *line,
			 struct oap_err *err)
{
	char *eq = strchr(line, '='), *key, *value;
	size_t i;

	if (!eq)
		return OAP_OK;
	*eq = '\0';
	key = trim(line);
	value = trim(eq + 1);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, key) && !keys[i].set(conf, value))
			return oap_err_set(err, OAP_BAD_CONFIG,
					   "%s: unknown %s '%.60s'; oap.md lists the values",
					   where, key, value);
	return OAP_OK;
}

static void skip_rest(FILE *file)
{
	int c;

	do {
		c = getc(file);
	} while (c != '\n' && c != EOF);
}

static enum oap_code parse(struct oap_conf *conf, FILE *file, const char *path,
			   struct oap_err *err)
{
	char line[LINE_LEN], where[160];
	enum oap_code code = OAP_OK;
	int number = 0;
	bool whole;

	while (!code && fgets(line, sizeof(line), file)) {
		snprintf(where, sizeof(where), "%.120s line %d", path,
			 ++number);
		whole = strchr(line, '\n') || feof(file);
		if (!whole)
			skip_rest(file);
		if (line[0] == '#')
			continue;
		if (!whole)
			return oap_err_set(err, OAP_BAD_CONFIG,
					   "%s is longer than 255 characters",
					   where);
		if (!strcmp(trim(line), "none")) {
			memset(conf, 0, sizeof(*conf));
			return OAP_OK;
		}
		code = set(conf, where, line, err);
	}
	if (!code && ferror(file))
		code = oap_err_set(err, OAP_BAD_CONFIG, "cannot read %.120s: %s",
				   path, strerror(errno));
	return code;
}

static enum oap_code check(const struct oap_conf *conf, const char *path,
			   struct oap_err *err)
{
	char list[CIPHER_LIST_LEN];

	if (!conf->kex || cipher_offered(conf->cipher))
		return OAP_OK;
	return oap_err_set(err, OAP_BAD_CONFIG,
			   "%.100s: the kernel module has no %s: use %s",
			   path, cipher_name(conf->cipher), cipher_list(list));
}

/**
 * oap_conf_load() - read an enc.conf
 * @conf: the settings
 * @path: path of the file
 * @server: true for the responder
 * @err: reason of a failure
 *
 * Without a file both sides encrypt: the client asks for X25519, and the server
 * accepts prime256v1 and anything stronger. (Ouroboros does not encrypt then.)
 *
 * Return: OAP_OK or OAP_BAD_CONFIG.
 */
enum oap_code oap_conf_load(struct oap_conf *conf, const char *path,
			    bool server, struct oap_err *err)
{
	FILE *file = fopen(path, "re");
	enum oap_code code;

	memset(conf, 0, sizeof(*conf));
	conf->kex = oap_nid_kex_by_name("prime256v1");
	conf->cipher = cipher_by_name("aes-256-gcm");
	conf->kdf = oap_nid_digest_by_name("sha256");
	conf->md = conf->kdf;
	if (!file) {
		if (errno != ENOENT && errno != ENOTDIR)
			return oap_err_set(err, OAP_BAD_CONFIG,
					   "cannot read %.120s: %s", path,
					   strerror(errno));
		if (!server)
			conf->kex = oap_nid_kex_by_name("X25519");
		return OAP_OK;
	}
	code = parse(conf, file, path, err);
	fclose(file);
	return code ? code : check(conf, path, err);
}
