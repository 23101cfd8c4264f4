// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The key log. One line for each seed, with these words:
 *
 *   ipcp-rekey-seed-1	tag, with the version of the format
 *   ROLE		of this host in the flow: initiator or responder
 *   EID EID		endpoint ids of the initiator and of the responder, hex
 *   EPOCH		of the seed
 *   CIPHER		its name
 *   PACKETS		packets per leaf of this side
 *   CHAIN		id of the chain that the seed is mixed with, hex
 *   SEED		hex
 *
 * ipcp-rekey-decrypt(1) reads them. Both ends write the same seed; one line is
 * enough.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cipher.h"
#include "keylog.h"
#include "log.h"

#define TAG		"ipcp-rekey-seed-1"
#define LINE_LEN	256

struct keylog {
	char *path;
	int fd;		/* -1 after a failed write */
};

/* Return why an open file must not receive seeds, or NULL. */
static const char *refusal(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_uid != geteuid())
		return "the file belongs to another user than the agent's: remove it";
	if (st.st_mode & 077)
		return "others may access the file: remove it, or chmod 0600";
	if (st.st_nlink != 1)
		return "the file has other names: remove it";
	return NULL;
}

static int open_file(const char *path)
{
	/* O_NONBLOCK: do not wait for the reader of a FIFO, which is refused */
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
		      O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	const char *why;

	if (fd < 0) {
		log_err("keylog = %s: %s", path, errno == ELOOP ?
			"a symbolic link: give the file itself" :
			strerror(errno));
		return -1;
	}
	why = refusal(fd);
	if (!why)
		return fd;
	log_err("keylog = %s: %s", path, why);
	close(fd);
	return -1;
}

bool keylog_open(const char *path, struct keylog **log)
{
	*log = NULL;
	if (!path)
		return true;
	*log = calloc(1, sizeof(**log));
	if (!*log) {
		log_err("keylog = %s: out of memory", path);
		return false;
	}
	(*log)->fd = -1;
	(*log)->path = strdup(path);
	if ((*log)->path)
		(*log)->fd = open_file(path);
	if ((*log)->fd < 0) {
		keylog_close(*log);
		*log = NULL;
		return false;
	}
	log_warn("seeds are written to the key log %s: whoever reads it can decrypt the flows; remove keylog from the configuration and delete the file when they are decrypted",
		 path);
	return true;
}

void keylog_close(struct keylog *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log);
}

/* Write bytes as hexadecimal digits. Return the end of the digits. */
static char *put_hex(char *to, const uint8_t *from, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	return to;
}

/* Return the length of the line. The caller wipes it. */
static size_t make_line(char line[LINE_LEN], const struct ipcp_nl_flow *flow,
			const struct ipcp_nl_seed *seed)
{
	char *p = line;

	p += sprintf(p, TAG " %s %08x %08x %u %s %u ",
		     flow->initiator ? "initiator" : "responder",
		     flow->initiator ? flow->eid : flow->peer_eid,
		     flow->initiator ? flow->peer_eid : flow->eid,
		     seed->epoch, cipher_name(flow->cipher),
		     flow->packets_per_leaf);
	p = put_hex(p, seed->chain, sizeof(seed->chain));
	*p++ = ' ';
	/* no printf, which could leave a copy of the seed behind */
	p = put_hex(p, seed->seed, IPCP_REKEY_SEED_LEN);
	*p++ = '\n';
	return p - line;
}

/* Remove the last bytes, which are a part of a line. */
static void cut(int fd, size_t n)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < (off_t)n || ftruncate(fd, end - n))
		log_dbg("a part of a line stays in the key log: %s", strerror(errno));
}

void keylog_add(struct keylog *log, const struct ipcp_nl_flow *flow,
		const struct ipcp_nl_seed *seed)
{
	char line[LINE_LEN];
	ssize_t n;
	size_t len;

	if (log->fd < 0)
		return;
	len = make_line(line, flow, seed);
	do {
		n = write(log->fd, line, len);
	} while (n < 0 && errno == EINTR);
	explicit_bzero(line, sizeof(line));
	if (n == (ssize_t)len)
		return;
	if (n > 0)
		cut(log->fd, n);
	log_err("cannot write to the key log %s: %s; nothing more is written until the configuration is reloaded",
		log->path, n < 0 ? strerror(errno) : "no room");
	close(log->fd);
	log->fd = -1;
}

const char *keylog_path(const struct keylog *log)
{
	return log && log->fd >= 0 ? log->path : NULL;
}
