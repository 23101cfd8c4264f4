// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Owners of flows and names, and accounting.
 *
 * A flow, its keys and what the agent adds to it are charged to the control
 * group of the process that opened the flow or serves the name, whatever task
 * or worker allocates them. Cipher transforms, and packets queued in the
 * buffers that the stack received them in, are not charged to control groups.
 * They are bounded by limits for each user of a namespace. Tasks with
 * CAP_SYS_RESOURCE have no limits.
 *
 * A ring reserves memory in steps when it grows, so the packet path shares no
 * cache line between CPUs as long as readers keep up.
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

#include "net.h"
#include "owner.h"

/*
 * Note which file the process runs. What /proc/PID/exe shows later is a path of
 * another mount namespace, and may be of another program by then. The numbers
 * are those that the file system shows to stat(2), so that they can be compared
 * on overlayfs and btrfs, too. AT_STATX_DONT_SYNC: do not wait for a server.
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
 * Context: Process context of the program, may sleep. No lock is held: a file
 * system may take its time.
 */
void ipcp_owner_current(struct ipcp_owner *owner)
{
	get_exe(owner);
	owner->uid = current_euid();
	owner->gid = current_egid();
	owner->groups = get_group_info(current_cred()->group_info);
	get_task_comm(owner->comm, current);
	/* Pairs with smp_load_acquire() in put_owner(): a dump sees all or none. */
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
	/* Pairs with smp_load_acquire() in put_owner(): a dump sees all or none. */
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

static struct ipcp_user *hold_user(struct ipcp_net *ipn, kuid_t uid)
{
	struct ipcp_user *user;

	xa_lock(&ipn->users);
	user = xa_load(&ipn->users, __kuid_val(uid));
	if (user)
		user->holders++;
	xa_unlock(&ipn->users);
	return user;
}

/* Return the entry of a user with a reference. Create it if necessary. */
static struct ipcp_user *user_get(struct ipcp_net *ipn, kuid_t uid)
{
	struct ipcp_user *user, *new;
	int err;

	user = hold_user(ipn, uid);
	if (user)
		return user;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return NULL;
	new->ipn = ipn;
	new->uid = uid;
	new->holders = 1;
	for (;;) {
		err = xa_insert(&ipn->users, __kuid_val(uid), new,
				GFP_KERNEL_ACCOUNT);
		if (!err)
			return new;
		user = err == -EBUSY ? hold_user(ipn, uid) : NULL;
		if (user || err != -EBUSY)
			break;	/* another task was faster, or no memory */
	}
	kfree(new);
	return user;
}

static void user_put(struct ipcp_user *user)
{
	struct ipcp_net *ipn = user->ipn;
	bool last;

	xa_lock(&ipn->users);
	last = !--user->holders;
	if (last)
		__xa_erase(&ipn->users, __kuid_val(user->uid));
	xa_unlock(&ipn->users);
	if (last)
		kfree(user);
}

/**
 * ipcp_payer_current() - Set the payer to the current process
 * @payer: (output) payer
 * @ipn: namespace
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int ipcp_payer_current(struct ipcp_payer *payer, struct ipcp_net *ipn)
{
	payer->user = NULL;
	payer->memcg = NULL;
	if (!capable(CAP_SYS_RESOURCE)) {
		payer->user = user_get(ipn, current_euid());
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
	if (to->user) {
		xa_lock(&to->user->ipn->users);
		to->user->holders++;
		xa_unlock(&to->user->ipn->users);
	}
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
	if (payer->user)
		user_put(payer->user);
	mem_cgroup_put(payer->memcg);
	payer->user = NULL;
	payer->memcg = NULL;
}

/**
 * ipcp_user_add_flow() - Count a flow
 * @user: user, or NULL
 *
 * Context: Any context.
 * Return: 0, or -EDQUOT if the user has too many.
 */
int ipcp_user_add_flow(struct ipcp_user *user)
{
	return !user || atomic_add_unless(&user->flows, 1, IPCP_USER_FLOWS) ?
	       0 : -EDQUOT;
}

/**
 * ipcp_user_del_flow() - Uncount a flow
 * @user: user, or NULL
 *
 * Context: Any context.
 */
void ipcp_user_del_flow(struct ipcp_user *user)
{
	if (user)
		atomic_dec(&user->flows);
}

/**
 * ipcp_user_reserve() - Reserve memory for a ring of the user
 * @user: user, or NULL
 * @bytes: number of bytes
 *
 * Context: Any context.
 * Return: false if the user's rings would exceed IPCP_USER_QUEUE.
 */
bool ipcp_user_reserve(struct ipcp_user *user, unsigned int bytes)
{
	if (!user)
		return true;
	if (atomic_long_add_return(bytes, &user->queued) <= IPCP_USER_QUEUE)
		return true;
	atomic_long_sub(bytes, &user->queued);
	return false;
}

/**
 * ipcp_user_release() - Release memory that was reserved for a ring
 * @user: user, or NULL
 * @bytes: number of bytes
 *
 * Context: Any context.
 */
void ipcp_user_release(struct ipcp_user *user, unsigned int bytes)
{
	if (user)
		atomic_long_sub(bytes, &user->queued);
}
