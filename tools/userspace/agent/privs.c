// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Keep keys in memory, and drop privileges. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sys/capability.h>

#include "log.h"
#include "privs.h"

/*
 * The heap for private keys and secrets: 64 bytes for each re-key in progress with
 * X25519, 2 KiB with ML-KEM. Its pages are locked when they are used.
 */
#define SECURE_HEAP	(16 << 20)
#define SECURE_SMALL	(4 << 20)	/* within the usual limit of a user */
#define SECURE_MIN	32

void privs_lock_memory(void)
{
	struct rlimit none = { 0, 0 };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	/* still privileged; otherwise the limit comes from the starting user */
	setrlimit(RLIMIT_MEMLOCK, &all);
	getrlimit(RLIMIT_MEMLOCK, &all);
	if (CRYPTO_secure_malloc_init(all.rlim_cur == RLIM_INFINITY ? SECURE_HEAP :
				      SECURE_SMALL, SECURE_MIN) != 1)
		log_warn("cannot lock memory for keys: raise the limit of locked memory");
	/* with a limit, allocations would eventually fail */
	if (all.rlim_cur != RLIM_INFINITY)
		log_warn("not all memory is locked: remove the limit of locked memory");
	else if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warn("cannot lock memory: %s", strerror(errno));
}

static bool is_one_of(cap_value_t cap, const cap_value_t *caps, int n)
{
	int i;

	for (i = 0; i < n && caps[i] != cap; i++)
		;
	return i < n;
}

/* Limit the bounding set, so that exec cannot bring other capabilities back. */
static void limit_to(const cap_value_t *caps, int n)
{
	cap_value_t c;

	/* needs CAP_SETPCAP; without it there is little to drop */
	for (c = 0; cap_get_bound(c) >= 0; c++)
		if (!is_one_of(c, caps, n))
			cap_drop_bound(c);
	cap_reset_ambient();
}

static int change_user(const char *name)
{
	const struct passwd *pw;

	if (!name || geteuid())
		return 0;
	pw = getpwnam(name);
	if (!pw)
		return -ENOENT;
	/* otherwise dropping root loses the capabilities */
	if (prctl(PR_SET_KEEPCAPS, 1) || initgroups(name, pw->pw_gid) ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return -errno;
	return 0;
}

static int keep(const cap_value_t *caps, int n)
{
	cap_t set = cap_init();
	int err = 0;

	if (!set ||
	    (n && cap_set_flag(set, CAP_PERMITTED, n, caps, CAP_SET)) ||
	    (n && cap_set_flag(set, CAP_EFFECTIVE, n, caps, CAP_SET)) ||
	    cap_set_proc(set))
		err = -errno;
	cap_free(set);
	return err;
}

static bool has(cap_value_t cap)
{
	cap_t set = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (set)
		cap_get_flag(set, cap, CAP_PERMITTED, &value);
	cap_free(set);
	return value == CAP_SET;
}

int privs_become_reader(const struct config *conf)
{
	int err = change_user(conf->user);

	if (!err)
		err = keep(NULL, 0);
	if (err)
		log_err("cannot become %s: %s", conf->user ? conf->user :
			"a user without capabilities", strerror(-err));
	return err;
}

int privs_drop(const struct config *conf)
{
	static const cap_value_t caps[] = { CAP_NET_ADMIN };
	int err;

	if (!has(CAP_NET_ADMIN)) {
		log_err("CAP_NET_ADMIN is missing: start the agent as root, or with this capability");
		return -EPERM;
	}
	limit_to(caps, 1);
	err = change_user(conf->user);
	if (!err)
		err = keep(caps, 1);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	/* the change of user has reset this flag */
	if (!err && prctl(PR_SET_DUMPABLE, 0))
		err = -errno;
	if (err)
		log_err("cannot become %s with few capabilities: %s",
			conf->user ? conf->user : "an agent", strerror(-err));
	return err;
}
