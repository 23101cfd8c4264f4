// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Users and their limits.
 *
 * A user is a kuid, in all namespaces together, so a new network or user
 * namespace gives no user higher limits. Tasks with CAP_SYS_RESOURCE in the
 * initial user namespace have no limits and no entry: functions accept NULL for
 * the user of such a task.
 *
 * Flows and the names that are served count against max_user_flows. Memory that
 * waits for programs or agents counts against max_user_mib: rings, messages in
 * flight, messages of kernel code that wait for a key, and what a namespace
 * holds for its agent. Queues reserve memory in
 * steps and keep it while they are in use, so the packet path shares no cache
 * line between flows. Queues that the kernel empties by itself are bounded for
 * each flow and not counted.
 */
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "users.h"

static unsigned int max_user_flows = IPCP_USER_FLOWS;
static unsigned int max_user_mib = IPCP_USER_MIB;

static int set_flows(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, INT_MAX / 2);
}

static int set_mib(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, IPCP_USER_MIB_MIN,
				     IPCP_USER_MIB_MAX);
}

static const struct kernel_param_ops flows_ops = {
	.set = set_flows,
	.get = param_get_uint,
};

static const struct kernel_param_ops mib_ops = {
	.set = set_mib,
	.get = param_get_uint,
};

module_param_cb(max_user_flows, &flows_ops, &max_user_flows, 0644);
MODULE_PARM_DESC(max_user_flows, "Maximum number of flows and served names of a user");
module_param_cb(max_user_mib, &mib_ops, &max_user_mib, 0644);
MODULE_PARM_DESC(max_user_mib, "Maximum MiB that wait in queues of a user, 64 to 1024");

/* Users by number. The last reference may be dropped in a softirq. */
static DEFINE_XARRAY_FLAGS(users, XA_FLAGS_LOCK_BH);

/**
 * ipcp_user_find() - Look up a user that has an entry
 * @uid: user
 *
 * Context: Any context but hard interrupts.
 * Return: the user with a reference, or NULL.
 */
struct ipcp_user *ipcp_user_find(kuid_t uid)
{
	struct ipcp_user *user;

	xa_lock_bh(&users);
	user = xa_load(&users, __kuid_val(uid));
	if (user)
		refcount_inc(&user->refs);
	xa_unlock_bh(&users);
	return user;
}

/**
 * ipcp_user_get() - Look up a user, and create the entry if necessary
 * @uid: user
 *
 * Context: Process context, may sleep.
 * Return: the user with a reference, or NULL for lack of memory.
 */
struct ipcp_user *ipcp_user_get(kuid_t uid)
{
	struct ipcp_user *user = ipcp_user_find(uid), *new;
	int err;

	if (user)
		return user;
	new = kzalloc(sizeof(*new), IPCP_GFP_PAYER);
	if (!new)
		return NULL;
	new->uid = uid;
	refcount_set(&new->refs, 1);
	do {
		err = xa_insert_bh(&users, __kuid_val(uid), new,
				   IPCP_GFP_PAYER);
		if (!err)
			return new;
		user = err == -EBUSY ? ipcp_user_find(uid) : NULL;
	} while (!user && err == -EBUSY);
	kfree(new);	/* another task was faster, or no memory */
	return user;
}

/**
 * ipcp_user_next() - Return the next user that has an entry
 * @uid: number to begin at; (output) number of the user found
 *
 * Context: Any context but hard interrupts.
 * Return: the user with a reference, or NULL after the last one.
 */
struct ipcp_user *ipcp_user_next(unsigned long *uid)
{
	struct ipcp_user *user;

	xa_lock_bh(&users);
	user = xa_find(&users, uid, ULONG_MAX, XA_PRESENT);
	if (user)
		refcount_inc(&user->refs);
	xa_unlock_bh(&users);
	return user;
}

/**
 * ipcp_user_hold() - Take one more reference
 * @user: user, or NULL
 *
 * Context: Any context.
 * Return: @user.
 */
struct ipcp_user *ipcp_user_hold(struct ipcp_user *user)
{
	if (user)
		refcount_inc(&user->refs);
	return user;
}

/**
 * ipcp_user_put() - Drop a reference
 * @user: user, or NULL
 *
 * Context: Any context but hard interrupts.
 */
void ipcp_user_put(struct ipcp_user *user)
{
	bool last;

	if (!user || refcount_dec_not_one(&user->refs))
		return;
	xa_lock_bh(&users);
	last = refcount_dec_and_test(&user->refs);
	if (last)
		__xa_erase(&users, __kuid_val(user->uid));
	xa_unlock_bh(&users);
	if (last)
		kfree_rcu(user, rcu);
}

/**
 * ipcp_user_max_flows() - Return the maximum of flows and names of a user
 *
 * Context: Any context.
 * Return: max_user_flows.
 */
unsigned int ipcp_user_max_flows(void)
{
	return READ_ONCE(max_user_flows);
}

/**
 * ipcp_user_max_bytes() - Return the maximum number of bytes in a user's queues
 *
 * Context: Any context.
 * Return: max_user_mib in bytes.
 */
unsigned long ipcp_user_max_bytes(void)
{
	return (unsigned long)READ_ONCE(max_user_mib) << 20;
}

static bool add_object(struct ipcp_user *user)
{
	int max = ipcp_user_max_flows();

	if (atomic_inc_return(&user->objects) <= max)
		return true;
	atomic_dec(&user->objects);
	return false;
}

/**
 * ipcp_user_add_flow() - Count a flow, and reserve IPCP_QUEUE_FREE for its ring
 * @user: user, or NULL
 *
 * Context: Any context.
 * Return: 0, or -EDQUOT if the user has too many flows or bytes.
 */
int ipcp_user_add_flow(struct ipcp_user *user)
{
	if (!user)
		return 0;
	if (!add_object(user))
		return -EDQUOT;
	if (ipcp_user_reserve(user, IPCP_QUEUE_FREE))
		return 0;
	atomic_dec(&user->objects);
	return -EDQUOT;
}

/**
 * ipcp_user_del_flow() - Uncount a flow
 * @user: user, or NULL
 *
 * Context: Any context.
 */
void ipcp_user_del_flow(struct ipcp_user *user)
{
	if (!user)
		return;
	ipcp_user_release(user, IPCP_QUEUE_FREE);
	atomic_dec(&user->objects);
}

/**
 * ipcp_user_add_listener() - Count a name that is served
 * @user: user, or NULL
 *
 * Context: Any context.
 * Return: 0, or -EDQUOT if the user has too many flows and names.
 */
int ipcp_user_add_listener(struct ipcp_user *user)
{
	if (!user)
		return 0;
	if (!add_object(user))
		return -EDQUOT;
	atomic_inc(&user->listeners);
	return 0;
}

/**
 * ipcp_user_del_listener() - Uncount a name
 * @user: user, or NULL
 *
 * Context: Any context.
 */
void ipcp_user_del_listener(struct ipcp_user *user)
{
	if (!user)
		return;
	atomic_dec(&user->listeners);
	atomic_dec(&user->objects);
}

/**
 * ipcp_user_add_upcall() - Count a request or notification for an agent
 * @user: user, or NULL
 *
 * Context: Any context.
 */
void ipcp_user_add_upcall(struct ipcp_user *user)
{
	if (user)
		atomic_inc(&user->upcalls);
}

/**
 * ipcp_user_del_upcall() - Uncount a request or notification
 * @user: user, or NULL
 *
 * Context: Any context.
 */
void ipcp_user_del_upcall(struct ipcp_user *user)
{
	if (user)
		atomic_dec(&user->upcalls);
}

/* Never exceed the limit, even for a moment, so no sum overflows on 32 bits. */
static bool reserve(struct ipcp_user *user, unsigned long bytes,
		    unsigned long limit)
{
	long held;

	if (!user)
		return true;
	held = atomic_long_read(&user->bytes);
	do {
		if (held > (long)limit || bytes > limit - held)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->bytes, &held, held + bytes));
	return true;
}

/**
 * ipcp_user_reserve() - Reserve memory for a queue
 * @user: user, or NULL
 * @bytes: number of bytes
 *
 * Context: Any context.
 * Return: false if the user's queues would exceed max_user_mib.
 */
bool ipcp_user_reserve(struct ipcp_user *user, unsigned long bytes)
{
	return reserve(user, bytes, ipcp_user_max_bytes());
}

/**
 * ipcp_user_reserve_held() - Reserve memory for a message that waits for a key
 * @user: user, or NULL
 * @bytes: number of bytes
 *
 * The message needs memory in flight to be sent. Memory above half of the limit
 * is therefore not reserved for messages that wait.
 *
 * Context: Any context.
 * Return: false if the user's queues would exceed half of max_user_mib.
 */
bool ipcp_user_reserve_held(struct ipcp_user *user, unsigned long bytes)
{
	return reserve(user, bytes, ipcp_user_max_bytes() / 2);
}

/**
 * ipcp_user_release() - Release memory that was reserved for a queue
 * @user: user, or NULL
 * @bytes: number of bytes
 *
 * Context: Any context.
 */
void ipcp_user_release(struct ipcp_user *user, unsigned long bytes)
{
	if (user)
		atomic_long_sub(bytes, &user->bytes);
}
