// SPDX-License-Identifier: LGPL-2.1-or-later
/* enc.conf: which key exchange, cipher and digests a name uses. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "int.h"

#define LINE_MAX_LEN	256

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r\n");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return s;
}

static enum oap_code bad_value(const char *where, const char *key,
			       const char *value, struct oap_err *err)
{
	return oap_fail(err, OAP_BAD_CONFIG, "%s: unknown %s '%s'", where, key,
			value);
}

static enum oap_code set_cipher(struct oap_conf *conf, const char *where,
				const char *value, struct oap_err *err)
{
	bool offered = false;

	conf->cipher = oap_cipher_by_name(value, &offered);
	if (!conf->cipher)
		return bad_value(where, "cipher", value, err);
	if (!offered)
		return oap_fail(err, OAP_BAD_CONFIG,
				"%s: the kernel module has no %s: use aes-128-gcm, aes-256-gcm or chacha20-poly1305",
				where, value);
	return OAP_OK;
}

static enum oap_code set(struct oap_conf *conf, const char *where,
			 const char *key, const char *value,
			 struct oap_err *err)
{
	if (!strcmp(key, "kex")) {
		conf->kex = oap_kex_by_name(value);
		return conf->kex ? OAP_OK : bad_value(where, key, value, err);
	}
	if (!strcmp(key, "cipher"))
		return set_cipher(conf, where, value, err);
	if (!strcmp(key, "kdf")) {
		conf->kdf = oap_digest_by_name(value);
		return conf->kdf ? OAP_OK : bad_value(where, key, value, err);
	}
	if (!strcmp(key, "digest")) {
		conf->md = oap_digest_by_name(value);
		return conf->md ? OAP_OK : bad_value(where, key, value, err);
	}
	if (!strcmp(key, "kem_mode")) {
		if (!strcmp(value, "server"))
			return OAP_OK;
		if (!strcmp(value, "client"))
			return oap_fail(err, OAP_BAD_CONFIG,
					"%s: kem_mode client has no forward secrecy: use server",
					where);
		return bad_value(where, key, value, err);
	}
	return oap_fail(err, OAP_BAD_CONFIG,
			"%s: unknown word '%s': use kex, cipher, kdf, digest or kem_mode",
			where, key);
}

static enum oap_code parse(struct oap_conf *conf, FILE *file, const char *path,
			   struct oap_err *err)
{
	char line[LINE_MAX_LEN], where[160];
	enum oap_code code;
	int number = 0;
	char *s, *eq;

	while (fgets(line, sizeof(line), file)) {
		snprintf(where, sizeof(where), "%.120s line %d", path,
			 ++number);
		if (!strchr(line, '\n') && !feof(file))
			return oap_fail(err, OAP_BAD_CONFIG,
					"%s is longer than 254 characters",
					where);
		s = trim(line);
		if (!*s || *s == '#')
			continue;
		if (!strcmp(s, "none")) {
			memset(conf, 0, sizeof(*conf));
			return OAP_OK;
		}
		eq = strchr(s, '=');
		if (!eq)
			return oap_fail(err, OAP_BAD_CONFIG,
					"%s: neither 'key = value' nor 'none'",
					where);
		*eq = '\0';
		code = set(conf, where, trim(s), trim(eq + 1), err);
		if (code)
			return code;
	}
	if (ferror(file))
		return oap_fail(err, OAP_BAD_CONFIG, "cannot read %s", path);
	return OAP_OK;
}

/**
 * oap_conf_load() - read an enc.conf
 * @server: for the side that answers
 *
 * Without a file both sides have encryption: the client asks for X25519, the
 * server takes anything from prime256v1 up.
 */
enum oap_code oap_conf_load(struct oap_conf *conf, const char *path,
			    bool server, struct oap_err *err)
{
	FILE *file = fopen(path, "re");
	enum oap_code code;

	conf->kex = oap_kex_by_name("prime256v1");
	conf->cipher = 901;
	conf->kdf = 672;
	conf->md = 672;
	if (!file) {
		if (errno != ENOENT && errno != ENOTDIR)
			return oap_fail(err, OAP_BAD_CONFIG,
					"cannot read %s: %s", path,
					strerror(errno));
		if (!server)
			conf->kex = oap_kex_by_name("X25519");
		return OAP_OK;
	}
	code = parse(conf, file, path, err);
	fclose(file);
	return code;
}
