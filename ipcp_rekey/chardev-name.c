// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Names of /dev/ipcp_rekey: ask the agent for permission to serve or to provide
 * a name, and report the agent's answer.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "chardev.h"
#include "listen.h"
#include "listener.h"
#include "provider.h"
#include "wait.h"
#include "wire.h"

#define IPCP_BACKLOG_DEFAULT	64
#define IPCP_BACKLOG_MAX	1024

/**
 * ipcp_chardev_name() - Copy a name from a program
 * @addr: user address
 * @len: length in bytes
 *
 * Context: Process context, may sleep.
 * Return: the name, to be freed; -EINVAL if it is not valid; -EFAULT; -ENOMEM.
 */
char *ipcp_chardev_name(u64 addr, u32 len)
{
	char *name;

	if (len > IPCP_NAME_LEN)
		return ERR_PTR(-EINVAL);
	name = memdup_user_nul(u64_to_user_ptr(addr), len);
	if (IS_ERR(name))
		return name;
	if (strlen(name) != len || !ipcp_name_valid(name)) {
		kfree(name);
		return ERR_PTR(-EINVAL);
	}
	return name;
}

/* Keep the reason why a name was refused. Called with f->lock held. */
static void note_refusal(struct ipcp_file *f, const struct ipcp_grant *g)
{
	kfree(f->reason);
	f->reason = kstrdup(g->reason, GFP_KERNEL_ACCOUNT);
	f->refused = g->error;
}

/* Wait for the agent's answer. Called with f->lock held. */
static int wait_for_answer(struct ipcp_file *f, const struct ipcp_grant *g)
{
	int err = wait_event_interruptible(f->wait->wq, ipcp_grant_answered(g));

	if (!err && g->error) {
		note_refusal(f, g);
		err = -g->error;
	}
	return err;
}

/* Make the file a listener. Called with f->lock held. Consumes the name. */
static int become_listener(struct ipcp_file *f, char *name, u32 backlog,
			   bool wait)
{
	struct ipcp_listener *l;
	int err;

	l = ipcp_listen_new(f->ipn, name, backlog, &f->wait->consumer);
	if (IS_ERR(l))
		return PTR_ERR(l);
	err = wait ? wait_for_answer(f, &l->grant) : 0;
	if (err) {
		ipcp_listen_end(l);
		return err;
	}
	ipcp_file_become_listener(f, l);
	return wait ? 0 : -EINPROGRESS;
}

/* Make the file a provider. Called with f->lock held. Consumes the name. */
static int become_provider(struct ipcp_file *f, char *name, u32 mtu, bool wait)
{
	struct ipcp_provider *p;
	int err;

	p = ipcp_provider_new(f->ipn, name, mtu, &f->wait->consumer);
	if (IS_ERR(p))
		return PTR_ERR(p);
	err = wait ? wait_for_answer(f, &p->grant) : 0;
	if (err) {
		ipcp_provider_end(p);
		return err;
	}
	ipcp_file_become_provider(f, p);
	return wait ? 0 : -EINPROGRESS;
}

/*
 * Ask the agent for a name of the program, and make the file its listener or
 * its provider by @become.
 */
static int ask_for_name(struct file *file, u64 addr, u32 len,
			int (*become)(struct ipcp_file *f, char *name, u32 arg,
				      bool wait),
			u32 arg)
{
	struct ipcp_file *f = file->private_data;
	char *name = ipcp_chardev_name(addr, len);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = mutex_lock_interruptible(&f->lock);
	if (err)
		goto err_name;
	if (ipcp_file_used(f)) {
		mutex_unlock(&f->lock);
		err = -EBUSY;
		goto err_name;
	}
	err = become(f, name, arg, !(file->f_flags & O_NONBLOCK));
	mutex_unlock(&f->lock);
	return err;

err_name:
	kfree(name);
	return err;
}

/**
 * ipcp_chardev_listen() - Serve a name (IPCP_IOC_LISTEN)
 * @file: file
 * @argp: struct ipcp_listen
 *
 * Context: Process context, may sleep.
 * Return: 0 or an errno of Documentation/device.md.
 */
int ipcp_chardev_listen(struct file *file, void *argp)
{
	const struct ipcp_listen *arg = argp;

	if (arg->flags || arg->backlog > IPCP_BACKLOG_MAX)
		return -EINVAL;
	return ask_for_name(file, arg->name, arg->name_len, become_listener,
			    arg->backlog ?: IPCP_BACKLOG_DEFAULT);
}

/**
 * ipcp_chardev_provide() - Provide a name (IPCP_IOC_PROVIDE)
 * @file: file
 * @argp: struct ipcp_provide
 *
 * Context: Process context, may sleep.
 * Return: 0 or an errno of Documentation/device.md.
 */
int ipcp_chardev_provide(struct file *file, void *argp)
{
	const struct ipcp_provide *arg = argp;

	if (arg->flags || arg->mtu < IPCP_BASE_LEN ||
	    arg->mtu > IPCP_PROVIDER_MTU)
		return -EINVAL;
	return ask_for_name(file, arg->name, arg->name_len, become_provider,
			    arg->mtu);
}

static void show_grant(const struct ipcp_grant *g, struct ipcp_info *info)
{
	strscpy(info->name, g->name, sizeof(info->name));
	info->error = ipcp_grant_refusal(g);
	if (info->error)
		strscpy(info->reason, g->reason, sizeof(info->reason));
}

/*
 * Report why the last name was refused. Report nothing while another task holds
 * the lock: that task may be waiting for the agent's answer.
 */
static void show_refusal(struct ipcp_file *f, struct ipcp_info *info)
{
	if (!mutex_trylock(&f->lock))
		return;
	info->error = f->refused;
	strscpy(info->reason, f->reason ?: "", sizeof(info->reason));
	mutex_unlock(&f->lock);
}

/**
 * ipcp_chardev_show_name() - Report the name of a file, and a refusal of a name
 * @f: file that is no flow
 * @info: (output) information
 *
 * Context: Process context.
 */
void ipcp_chardev_show_name(struct ipcp_file *f, struct ipcp_info *info)
{
	struct ipcp_listener *l = ipcp_file_listener(f);
	struct ipcp_provider *p = ipcp_file_provider(f);

	if (l)
		show_grant(&l->grant, info);
	else if (p)
		show_grant(&p->grant, info);
	else
		show_refusal(f, info);
}
