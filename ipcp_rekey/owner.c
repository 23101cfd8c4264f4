// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Owners of flows and names, and accounting.
 *
 * A flow, its keys and what the agent adds to it are charged to the control
 * group of the process that opened the flow or serves the name, whatever task
 * or worker allocates them. Cipher transforms, and packets queued in the
 * buffers that the stack received them in, are not charged to control groups.
 * They are bounded by limits for each user (users.c).
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/memcontrol.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "owner.h"

/*
 * Record which file the process runs. /proc/PID/exe would show a path of
 * another mount namespace, and later perhaps the path of another program. Take
 * the numbers that the file system shows to stat(2), so that they can be
 * compared on overlayfs and btrfs, too. AT_STATX_DONT_SYNC: do not wait for a
 * server.
 */
static void get_exe(struct ipcp_owner *owner)
{
	struct file *exe = NULL;
	struct kstat stat;

	owner->exe_dev = 0;
	owner->exe_ino = 0;
	if (!current->mm)
		return;
	rcu_read_lock();
	exe = get_file_rcu(&current->mm->exe_file);
	rcu_read_unlock();
	if (!exe)
		return;
	if (!vfs_getattr_nosec(&exe->f_path, &stat, STATX_INO,
			       AT_STATX_DONT_SYNC)) {
		owner->exe_dev = huge_encode_dev(stat.dev);
		owner->exe_ino = stat.ino;
	}
	fput(exe);
}

/**
 * ipcp_owner_current() - Set the owner to the current process
 * @owner: (output) owner
 *
 * Context: Process context of the program, may sleep for as long as a file
 * system takes. The caller holds no lock except file->lock of the program's own
 * file.
 */
void ipcp_owner_current(struct ipcp_owner *owner)
{
	get_exe(owner);
	owner->uid = current_euid();
	owner->gid = current_egid();
	owner->groups = get_group_info(current_cred()->group_info);
	get_task_comm(owner->comm, current);
	/* Pairs with smp_load_acquire() in put_owner(): all or none is seen. */
	smp_store_release(&owner->pid, get_pid(task_tgid(current)));
}

/**
 * ipcp_owner_copy() - Copy an owner, with references
 * @to: (output) owner
 * @from: owner
 *
 * Context: Any context.
 */
void ipcp_owner_copy(struct ipcp_owner *to, const struct ipcp_owner *from)
{
	if (from->groups)
		get_group_info(from->groups);
	to->uid = from->uid;
	to->gid = from->gid;
	to->groups = from->groups;
	memcpy(to->comm, from->comm, sizeof(to->comm));
	to->exe_dev = from->exe_dev;
	to->exe_ino = from->exe_ino;
	/* Pairs with smp_load_acquire() in put_owner(): all or none is seen. */
	smp_store_release(&to->pid, get_pid(from->pid));
}

/**
 * ipcp_owner_clear() - Drop the references of an owner
 * @owner: owner, or all zero
 *
 * Context: Any context.
 */
void ipcp_owner_clear(struct ipcp_owner *owner)
{
	put_pid(owner->pid);
	if (owner->groups)
		put_group_info(owner->groups);
	owner->pid = NULL;
	owner->groups = NULL;
}

/**
 * ipcp_payer_current() - Set the payer to the current process
 * @payer: (output) payer
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ipcp_payer_current(struct ipcp_payer *payer)
{
	payer->user = NULL;
	payer->memcg = NULL;
	if (!capable(CAP_SYS_RESOURCE)) {
		payer->user = ipcp_user_get(current_euid());
		if (!payer->user)
			return -ENOMEM;
	}
	payer->memcg = get_mem_cgroup_from_mm(current->mm);
	return 0;
}

/**
 * ipcp_payer_copy() - Copy a payer, with references
 * @to: (output) payer
 * @from: payer
 *
 * Context: Process context.
 */
void ipcp_payer_copy(struct ipcp_payer *to, const struct ipcp_payer *from)
{
	*to = *from;
	ipcp_user_hold(to->user);
	if (!mem_cgroup_tryget(to->memcg))
		to->memcg = NULL;	/* cannot happen: @from holds it */
}

/**
 * ipcp_payer_clear() - Drop the references of a payer
 * @payer: payer, or all zero
 *
 * Context: Process context.
 */
void ipcp_payer_clear(struct ipcp_payer *payer)
{
	ipcp_user_put(payer->user);
	mem_cgroup_put(payer->memcg);
	payer->user = NULL;
	payer->memcg = NULL;
}
