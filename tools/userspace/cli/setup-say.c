// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Output of the setup commands: commands to type, dates, fingerprints. */
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "setup.h"

#define PLAIN								\
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"	\
	"@%_+=:,./-"

/* Write a word in the quoting of a shell. */
void setup_say_word(FILE *out, const char *word)
{
	if (*word && !word[strspn(word, PLAIN)]) {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	}
	putc('\'', out);
}

/* Write the option for a folder, unless it is the default. */
void setup_say_folder(FILE *out, const char *dir)
{
	if (!strcmp(dir, SETUP_DIR))
		return;
	fputs(" -d ", out);
	setup_say_word(out, dir);
}

/**
 * setup_say_command() - print a setup command for the user to type
 * @tx: the folder; NULL for a command on another host
 * @first: name of the command; its arguments follow, and NULL
 */
void setup_say_command(const struct setup_tx *tx, const char *first, ...)
{
	const char *word;
	va_list ap;

	printf("    " PROG " setup %s", first);
	if (tx)
		setup_say_folder(stdout, tx->dir);
	va_start(ap, first);
	while ((word = va_arg(ap, const char *))) {
		putchar(' ');
		setup_say_word(stdout, word);
	}
	va_end(ap);
	putchar('\n');
}

/**
 * setup_say_agent() - print how to check and start the agent
 * @tx: the folder, after setup_file_security()
 *
 * The agent runs as the owner of the keys.
 */
void setup_say_agent(const struct setup_tx *tx)
{
	const struct passwd *pw = tx->uid ? getpwuid(tx->uid) : NULL;

	if (!strcmp(tx->dir, SETUP_DIR)) {
		fputs("    ", stdout);
		if (pw)
			printf("runuser -u %s -- ", pw->pw_name);
		puts("ipcp-rekeyd --test\n"
		     "    systemctl enable --now ipcp-rekeyd\n"
		     "    systemctl reload ipcp-rekeyd");
		return;
	}
	fputs("    ipcp-rekeyd --test --config ", stdout);
	setup_say_word(stdout, tx->dir);
	puts("/" SETUP_CONF);
	fputs("    ipcp-rekeyd --config ", stdout);
	setup_say_word(stdout, tx->dir);
	puts("/" SETUP_CONF);
}

/* Format the date on which a certificate expires. */
const char *setup_say_date(const X509 *crt, char buf[32])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(crt), &tm) != 1 ||
	    !strftime(buf, 32, "%Y-%m-%d", &tm))
		snprintf(buf, 32, "an unknown date");
	return buf;
}

/* Format a fingerprint as openssl does. */
static const char *print_of(const unsigned char *md, unsigned int len,
			    char buf[SETUP_PRINT_LEN])
{
	unsigned int i;

	for (i = 0; i < len; i++)
		sprintf(buf + 3 * i, "%02X%s", md[i], i + 1 < len ? ":" : "");
	return buf;
}

/* Format the SHA-256 of a public key. */
const char *setup_say_key(EVP_PKEY *key, char buf[SETUP_PRINT_LEN])
{
	unsigned char md[EVP_MAX_MD_SIZE], *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	unsigned int size = 0;
	bool ok;

	ok = len > 0 && EVP_Digest(der, len, md, &size, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return ok ? print_of(md, size, buf) : "unknown";
}

/* Format the SHA-256 of a certificate. */
const char *setup_say_print(const X509 *crt, char buf[SETUP_PRINT_LEN])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int size;

	if (!X509_digest(crt, EVP_sha256(), md, &size))
		return "unknown";
	return print_of(md, size, buf);
}

/*
 * Format the subject of a certificate, without characters that a terminal could
 * interpret. Use OPENSSL_free() on the result.
 */
char *setup_say_subject(const X509 *crt)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *text = NULL;
	long len;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(crt), 0,
				      XN_FLAG_ONELINE) >= 0) {
		len = BIO_get_mem_data(bio, &p);
		text = OPENSSL_strndup(p, len);
	}
	BIO_free(bio);
	return text ? text : OPENSSL_strdup("?");
}
