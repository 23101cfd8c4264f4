/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_OWNER_H
#define _IPCP_OWNER_H

#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uidgid.h>

#include "users.h"

struct group_info;
struct pid;

/**
 * struct ipcp_payer - the user and the control group that a flow is charged to
 * @user: user whose limits apply, with a reference; NULL for no limits
 * @memcg: control group that memory is charged to, with a reference; NULL for
 *	that of the allocating task
 *
 * Locking: None. The payer does not change while its flow or listener is in
 * use.
 */
struct ipcp_payer {
	struct ipcp_user *user;
	struct mem_cgroup *memcg;
};

/**
 * struct ipcp_owner - the process that opened a flow or serves a name
 * @pid: process, with a reference; shown in the reader's pid namespace
 * @uid: effective user
 * @gid: effective group
 * @groups: supplementary groups, with a reference
 * @comm: name of the process
 * @exe_dev: device of the file that the process runs, as in st_dev of stat(2)
 * @exe_ino: inode of that file, as in st_ino; 0 if there is none
 *
 * Locking: None. The owner is written once, that of a flow after the flow can
 * be found: @pid last, with smp_store_release(), so that a reader of @pid sees
 * all members.
 */
struct ipcp_owner {
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	struct group_info *groups;
	char comm[TASK_COMM_LEN];
	u64 exe_dev;
	u64 exe_ino;
};

void ipcp_owner_current(struct ipcp_owner *owner);
void ipcp_owner_copy(struct ipcp_owner *to, const struct ipcp_owner *from);
void ipcp_owner_clear(struct ipcp_owner *owner);

int ipcp_payer_current(struct ipcp_payer *payer);
void ipcp_payer_copy(struct ipcp_payer *to, const struct ipcp_payer *from);
void ipcp_payer_clear(struct ipcp_payer *payer);

/* Charge accounted memory to the payer until ipcp_pay_end(). */
static inline struct mem_cgroup *ipcp_pay(const struct ipcp_payer *payer)
{
	return set_active_memcg(payer->memcg);
}

static inline void ipcp_pay_end(struct mem_cgroup *before)
{
	set_active_memcg(before);
}

#endif /* _IPCP_OWNER_H */
