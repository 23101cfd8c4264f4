// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Read files that contain keys, without stdio, which does not wipe its buffers.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "int.h"

#define SECRET_MAX	32768

/* Key files have no passphrase: never prompt on a terminal. */
int oap_secret_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return 0;
}

static bool read_all(int fd, uint8_t *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = read(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

static enum oap_code read_open(struct oap_secret *secret, int fd,
			       const char *path, enum oap_code code,
			       struct oap_err *err)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > SECRET_MAX)
		return oap_err_set(err, code, "%.120s is not a key file: replace it",
				   path);
	if (st.st_mode & 07)
		return oap_err_set(err, code,
				   "%.120s is readable by everybody: run chmod o= on it",
				   path);
	secret->p = OPENSSL_secure_malloc(st.st_size);
	if (!secret->p)
		return oap_err_set(err, OAP_INTERNAL, "out of memory for keys");
	secret->len = st.st_size;
	if (read_all(fd, secret->p, secret->len))
		return OAP_OK;
	oap_secret_free(secret);
	return oap_err_set(err, code, "cannot read %.120s: %s", path,
			   strerror(errno));
}

/**
 * oap_secret_read() - read a key file, unless everybody can read it
 * @secret: the contents; free them with oap_secret_free()
 * @path: path of the file
 * @code: error code for a failure
 * @err: reason of a failure
 *
 * Return: OAP_OK, @code or OAP_INTERNAL; @secret is then empty.
 */
enum oap_code oap_secret_read(struct oap_secret *secret, const char *path,
			      enum oap_code code, struct oap_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	memset(secret, 0, sizeof(*secret));
	if (fd < 0)
		return oap_err_set(err, code,
				   "cannot read %.100s (%.30s): put a readable key there",
				   path, strerror(errno));
	code = read_open(secret, fd, path, code, err);
	close(fd);
	return code;
}

/**
 * oap_secret_free() - wipe and free a secret
 * @secret: the secret, empty afterwards
 */
void oap_secret_free(struct oap_secret *secret)
{
	OPENSSL_secure_clear_free(secret->p, secret->len);
	memset(secret, 0, sizeof(*secret));
}

/**
 * oap_secret_pem() - read a private key
 * @path: path of a PEM file without a passphrase
 * @code: error code for a failure
 * @key: the key
 * @err: reason of a failure
 *
 * Return: OAP_OK, @code or OAP_INTERNAL.
 */
enum oap_code oap_secret_pem(const char *path, enum oap_code code,
			     EVP_PKEY **key, struct oap_err *err)
{
	struct oap_secret secret;
	enum oap_code status;
	BIO *bio;

	status = oap_secret_read(&secret, path, code, err);
	if (status)
		return status;
	bio = BIO_new_mem_buf(secret.p, secret.len);
	*key = bio ? PEM_read_bio_PrivateKey(bio, NULL, oap_secret_no_passphrase,
					     NULL) : NULL;
	BIO_free(bio);
	oap_secret_free(&secret);
	if (*key)
		return OAP_OK;
	return oap_err_set(err, code,
			   "%.100s is not a PEM key without a passphrase (%.30s): replace it",
			   path, oap_err_why());
}
