/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the commands of "ipcp-rekey setup". */
#ifndef IPCP_CLI_SETUP_H
#define IPCP_CLI_SETUP_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../oap/oap.h"
#include "cmd.h"

#define SETUP_DIR	"/etc/ipcp-rekey"
#define SETUP_CONF	"ipcp-rekeyd.conf"
#define SETUP_USER	"ipcp-rekey"	/* user of the agent, if it exists */
#define SETUP_HOST_DAYS	730
#define SETUP_CA_DAYS	3650
#define SETUP_DAYS_MAX	36500
#define SETUP_PRINT_LEN	(3 * EVP_MAX_MD_SIZE)

#define SETUP_OPT_DIR(to) \
	{ "dir", 'd', "DIR", "folder of the agent (default " SETUP_DIR ")", \
	  OPT_TEXT, &(to), 0, 0 }
#define SETUP_OPT_DAYS(to) \
	{ "days", 'D', "N", "days until the certificate ends", \
	  OPT_COUNT, &(to), 1, SETUP_DAYS_MAX }
#define SETUP_OPT_TYPE(to) \
	{ "type", 't', "WORD", "of the key: p256 (default), ed25519, ml-dsa-65", \
	  OPT_TEXT, &(to), 0, 0 }

/* setup-file.c: transactions of file changes */

struct setup_step;

/**
 * struct setup_tx - the changes of a command
 * @dir: full path of the folder
 * @security: full path of its folder "security"
 * @euid: effective user of this program
 * @egid: its effective group
 * @uid: owner of @security, and of new files in it
 * @gid: the group of that user, and of those files
 * @mask: signals that were blocked before
 * @lock: descriptor of the folder, locked until the end
 * @steps: the changes, latest first
 */
struct setup_tx {
	char dir[PATH_MAX];
	char security[PATH_MAX];
	uid_t euid;
	gid_t egid;
	uid_t uid;
	gid_t gid;
	sigset_t mask;
	int lock;
	struct setup_step *steps;
};

int setup_file_begin(struct setup_tx *tx, const char *dir);
int setup_file_security(struct setup_tx *tx);
int setup_file_folder(struct setup_tx *tx, const char *path, bool security);
int setup_file_put(struct setup_tx *tx, const char *path, BIO *data,
		   mode_t mode);
int setup_file_put_security(struct setup_tx *tx, const char *path, BIO *data,
			    mode_t mode);
int setup_file_replace(struct setup_tx *tx, const char *path, BIO *data);
int setup_file_link(struct setup_tx *tx, const char *path, const char *target);
int setup_file_end(struct setup_tx *tx, int status);
int setup_file_fail(const char *what, const char *path);
bool setup_file_exists(const char *path);
void setup_file_join(char path[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* setup-say.c: output */

void setup_say_command(const struct setup_tx *tx, const char *first, ...)
	__attribute__((sentinel));
void setup_say_agent(const struct setup_tx *tx);
void setup_say_word(FILE *out, const char *word);
void setup_say_folder(FILE *out, const char *dir);
const char *setup_say_date(const X509 *crt, char buf[32]);
const char *setup_say_key(EVP_PKEY *key, char buf[SETUP_PRINT_LEN]);
const char *setup_say_print(const X509 *crt, char buf[SETUP_PRINT_LEN]);
char *setup_say_subject(const X509 *crt);

/* setup-key.c: private keys */

const char *setup_key_type(const struct use *use, const char *word);
EVP_PKEY *setup_key_make(const char *type);
EVP_PKEY *setup_key_read(const char *path);
bool setup_key_is(const EVP_PKEY *key, const char *type);
int setup_key_put(struct setup_tx *tx, const char *path, EVP_PKEY *key,
		  bool security);
const EVP_MD *setup_key_digest(EVP_PKEY *key);

/* setup-crt.c: certificates and requests */

/**
 * struct setup_issue - parameters of a new certificate
 * @name: name of the owner
 * @key: key of the owner
 * @ca: certificate of the issuer; NULL for a self-signed CA
 * @ca_key: key of the issuer
 * @days: days until expiry; limited by the expiry of @ca
 */
struct setup_issue {
	const char *name;
	EVP_PKEY *key;
	X509 *ca;
	EVP_PKEY *ca_key;
	unsigned int days;
};

const char *setup_crt_use_name(const struct use *use, const char *word);
X509 *setup_crt_issue(const struct setup_issue *issue);
X509_REQ *setup_crt_request(const char *name, EVP_PKEY *key);
STACK_OF(X509) *setup_crt_read(const char *path);
int setup_crt_put_ca(struct setup_tx *tx, X509 *crt, bool *made);
BIO *setup_crt_pem(X509 *first, const STACK_OF(X509) *others);
bool setup_crt_is_root(X509 *crt);
void setup_crt_free(STACK_OF(X509) *all);

/* setup-issuer.c: the CA of this folder */

/**
 * struct setup_ca - the CA of this folder
 * @all: its certificate, followed by the CAs above it
 * @crt: its certificate, the first of @all
 * @key: its private key
 */
struct setup_ca {
	STACK_OF(X509) *all;
	X509 *crt;
	EVP_PKEY *key;
};

bool setup_issuer_exists(const struct setup_tx *tx);
int setup_issuer_open(const struct setup_tx *tx, struct setup_ca *ca);
int setup_issuer_sign(struct setup_tx *tx, const struct setup_ca *ca,
		      const char *name, EVP_PKEY *key, unsigned int days,
		      X509 **crt);
int setup_issuer_trust(struct setup_tx *tx, const struct setup_ca *ca);
void setup_issuer_close(struct setup_ca *ca);

/* setup-conf.c: the configuration of the agent */

int setup_conf_put_sample(struct setup_tx *tx, bool *made);
int setup_conf_add(struct setup_tx *tx, const char *name, char **addresses);

int setup_ca(int argc, char **argv);
int setup_host(int argc, char **argv);
int setup_sign(int argc, char **argv);
int setup_install(int argc, char **argv);
int setup_peer(int argc, char **argv);

#endif /* IPCP_CLI_SETUP_H */
