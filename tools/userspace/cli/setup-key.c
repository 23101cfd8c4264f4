// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Private keys of the setup commands: created, read, written, never printed. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "../oap/int.h"
#include "setup.h"

static const struct {
	const char *word;
	const char *algorithm;
	const char *group;
} types[] = {
	{ "p256", "EC", "P-256" },
	{ "ed25519", "ED25519", NULL },
	{ "ml-dsa-65", "ML-DSA-65", NULL },
};

#define TYPES	(sizeof(types) / sizeof(*types))

/* Check the option --type; exits if the type is unknown. */
const char *setup_key_type(const struct use *use, const char *word)
{
	size_t i;

	for (i = 0; word && i < TYPES; i++)
		if (!strcmp(word, types[i].word))
			return word;
	if (word)
		exit(use_error(use, "--type is p256, ed25519 or ml-dsa-65, not '%s'",
			       word));
	return NULL;
}

/**
 * setup_key_make() - create a key
 * @type: type of the key; NULL for the default
 *
 * Return: the key; NULL after an error was printed.
 */
EVP_PKEY *setup_key_make(const char *type)
{
	EVP_PKEY *key;
	size_t i = 0;

	while (type && strcmp(type, types[i].word))
		i++;
	/* the last argument is used for EC only */
	key = EVP_PKEY_Q_keygen(NULL, NULL, types[i].algorithm, types[i].group);
	if (!key)
		fail("OpenSSL cannot make a key of type %s: %s; choose another --type%s",
		     types[i].word, oap_err_why(),
		     types[i].group ? "" : " (ml-dsa-65 needs OpenSSL 3.5)");
	return key;
}

/**
 * setup_key_read() - read a key
 * @path: the file
 *
 * Return: the key; NULL after an error was printed.
 */
EVP_PKEY *setup_key_read(const char *path)
{
	EVP_PKEY *key = NULL;
	struct oap_err err;

	if (oap_secret_pem(path, OAP_NO_CREDENTIALS, &key, &err))
		fail("%s", err.text);
	return key;
}

/* True if a key has a type, as named by the option --type. */
bool setup_key_is(const EVP_PKEY *key, const char *type)
{
	char group[64] = "";
	size_t i;

	for (i = 0; i < TYPES; i++)
		if (!strcmp(type, types[i].word))
			break;
	if (i == TYPES || !EVP_PKEY_is_a(key, types[i].algorithm))
		return false;
	return !types[i].group ||
	       (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		!strcmp(group, "prime256v1"));
}

/**
 * setup_key_put() - write a key that only its owner can read
 * @tx: the changes
 * @path: the file
 * @key: the key
 * @security: true to give it to the owner of the folder "security"
 *
 * Return: the exit status.
 */
int setup_key_put(struct setup_tx *tx, const char *path, EVP_PKEY *key,
		  bool security)
{
	BIO *bio = BIO_new(BIO_s_secmem());	/* freeing wipes the memory */
	int status;

	if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		status = fail("cannot encode a key: %s", oap_err_why());
	else if (security)
		status = setup_file_put_security(tx, path, bio, 0600);
	else
		status = setup_file_put(tx, path, bio, 0600);
	BIO_free(bio);
	return status;
}

/* Return the digest for a signature; NULL if the algorithm has its own. */
const EVP_MD *setup_key_digest(EVP_PKEY *key)
{
	char name[64] = "";

	if (EVP_PKEY_get_default_digest_name(key, name, sizeof(name)) == 2 &&
	    (!name[0] || !strcasecmp(name, "undef")))
		return NULL;
	return EVP_PKEY_get_id(key) < 0 ? NULL : EVP_sha256();
}
