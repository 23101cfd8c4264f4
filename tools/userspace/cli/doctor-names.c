// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Check of "doctor": the names of the configuration, and one destination name.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../agent/config.h"
#include "../common/addr.h"
#include "dev.h"
#include "doctor.h"
#include "setup.h"

/* State of a check of the addresses of a name. */
struct route {
	struct doctor *d;
	const char *name;
	unsigned int good;
	unsigned int bad;
	char first[ADDR_TEXT_LEN];	/* the first good address */
};

/* Whether the security folder has a certificate: hidden if not accessible. */
enum certificate { CERT_MISSING, CERT_THERE, CERT_HIDDEN };

static enum certificate find_certificate(const struct doctor *d, bool server,
					 const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/%s/crt.pem", d->conf->security,
		 server ? "server" : "client", name);
	if (!stat(path, &st))
		return CERT_THERE;
	return errno == ENOENT ? CERT_MISSING : CERT_HIDDEN;
}

/* Look up a route in the kernel, with the firewall mark of the agent. */
static int find_route(const struct doctor *d, const struct sockaddr_storage *addr)
{
	socklen_t len = addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
						     sizeof(struct sockaddr_in6);
	int fd = socket(addr->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;
	if (d->conf && d->conf->mark)
		/*
		 * without the right to set a mark, look up the route without it
		 */
		setsockopt(fd, SOL_SOCKET, SO_MARK, &d->conf->mark,
			   sizeof(d->conf->mark));
	if (connect(fd, (const struct sockaddr *)addr, len))
		err = errno;
	close(fd);
	return err;
}

static void on_address(const struct sockaddr_storage *addr, void *arg)
{
	char text[ADDR_TEXT_LEN], host[ADDR_HOST_LEN], *zone;
	struct route *r = arg;
	int err = find_route(r->d, addr);

	addr_text(addr, text);
	if (!err) {
		if (!r->good++)
			strcpy(r->first, text);
		return;
	}
	r->bad++;
	addr_host_text(addr, host);
	zone = strchr(host, '%');
	if (zone)
		*zone++ = '\0';
	doctor_warning(r->d, "%s: no route to %s: %s", r->name, text, strerror(err));
	doctor_advise(r->d, "ip route get %s%s%s; add a route, or replace the address",
		      host, zone ? " dev " : "", zone ? zone : "");
}

static const char *look_up(struct route *r, const struct config_name *block)
{
	struct sockaddr_storage addr;
	size_t i;

	if (!block || !block->nplaces)
		return doctor_resolve(r->d, r->name, block ? block->port :
				      r->d->conf->port, on_address, r);
	for (i = 0; i < block->nplaces; i++) {
		if (place_find(&block->places[i], &addr)) {
			on_address(&addr, r);
			continue;
		}
		r->bad++;
		doctor_warning(r->d, "%s: there is no interface %s", r->name,
			       block->places[i].zone);
		doctor_advise(r->d, "ip link shows the interfaces: replace the address in %s",
			      r->d->file);
	}
	return NULL;
}

static void check_address(struct doctor *d, const char *name,
			  const struct config_name *block)
{
	struct route r = { .d = d, .name = name };
	const char *why = look_up(&r, block);

	if (why) {
		doctor_warning(d, "%s: no address: %s", name, why);
		doctor_advise(d, "add address = \"ADDRESS\" to name \"%s\" in %s, or the name to the DNS",
			      name, d->file);
	} else if (!r.good) {
		doctor_error(d, "%s: no address can be reached", name);
		doctor_advise(d, "ip route; connect this host to the network of %s",
			      name);
	} else {
		doctor_ok(d, "%s: at %s%s", name, r.first,
			  r.good > 1 ? ", and other addresses" : "");
	}
}

/* Advise how to get a certificate: with this command of "setup", or by hand. */
static void advise_certificate(struct doctor *d, const char *command,
			       const char *folder, const char *name)
{
	char *option = doctor_setup_option(d);

	if (option)
		doctor_advise(d, "ipcp-rekey setup %s%s %s, or put crt.pem and key.pem into %s/%s/%s",
			      command, option, name, d->conf->security, folder, name);
	else
		doctor_advise(d, "put crt.pem and key.pem into %s/%s/%s",
			      d->conf->security, folder, name);
	free(option);
}

static void check_client(struct doctor *d, const char *name)
{
	if (config_auth(d->conf, name) != OAP_AUTH_REQUIRED ||
	    find_certificate(d, false, name) != CERT_MISSING)
		return;
	doctor_warning(d, "%s: this host has no certificate to show: a peer with auth = \"required\" refuses it",
		       name);
	advise_certificate(d, "peer", "client", name);
}

static void check_served(struct doctor *d, const char *name,
			 enum certificate certificate)
{
	if (certificate != CERT_MISSING ||
	    config_auth(d->conf, name) != OAP_AUTH_REQUIRED) {
		doctor_ok(d, "%s: served here", name);
		return;
	}
	doctor_warning(d, "%s: served here, but without a certificate peers refuse it",
		       name);
	advise_certificate(d, "host", "server", name);
}

/* Check a name that is served here, reached from here, or both. */
static void check_block(struct doctor *d, const struct config_name *block)
{
	enum certificate certificate = find_certificate(d, true, block->name);
	bool served = block->listen.listed || block->provide.listed;

	if (served || certificate == CERT_THERE)
		check_served(d, block->name, certificate);
	if (block->nplaces || (!served && certificate == CERT_MISSING &&
			       !block->direct)) {
		check_address(d, block->name, block);
		check_client(d, block->name);
	} else if (block->direct && !served && certificate != CERT_THERE) {
		doctor_ok(d, "%s: of programs of this host", block->name);
	} else if (!served && certificate == CERT_HIDDEN) {
		doctor_note(d, "%s: not looked at: run as root, to see whether it is served here",
			    block->name);
	}
}

/* Advice for a failed allocation; %s is the name. */
static const struct {
	int err;
	const char *advice;
} cures[] = {
	{ EHOSTUNREACH, "ipcp-rekey doctor, on the host of %s: its address, the firewalls and its agent" },
	{ ETIMEDOUT, "ipcp-rekey doctor, on the host of %s: its address, the firewalls and its agent" },
	{ ENETUNREACH, "ip route; connect this host to the network of %s" },
	{ ECONNREFUSED, "ipcp-rekey listen %s, or the program that serves it, on the other host" },
	{ EKEYREJECTED, "ipcp-rekey doctor, on both hosts: certificates, dates, revocation lists and clocks; the log of the agent of %s names the cause" },
	{ EACCES, "edit alloc-... in the configuration here, or listen-... and peers on the host of %s" },
	{ EPERM, "edit alloc-... in the configuration here, or listen-... and peers on the host of %s" },
	{ EPROTO, "ipcp-rekey version, on this host and on that of %s: install the same version" },
	{ ENOTCONN, "systemctl enable --now ipcp-rekeyd, and try %s again" },
	{ EDQUOT, "ipcp-rekey stats --users: close flows, or raise the limit, then try %s again" },
	{ EUSERS, "ipcp-rekey agent status: it has too much to do; try %s again later" },
};

static void advise_cure(struct doctor *d, int err)
{
	size_t i;

	for (i = 0; i < sizeof(cures) / sizeof(cures[0]); i++) {
		if (cures[i].err == err) {
			doctor_advise(d, cures[i].advice, d->name);
			return;
		}
	}
	doctor_advise(d, "ipcp-rekey agent status: it says what failed, and why");
}

static void try_name(struct doctor *d)
{
	int fd = ipcp_dev_open(0), err;
	struct ipcp_info info;

	if (fd < 0) {
		doctor_note(d, "%s: not tried: the device cannot be opened", d->name);
		return;
	}
	err = -ipcp_dev_alloc(fd, d->name, NULL, d->timeout);
	if (!err) {
		doctor_ok(d, "%s: a flow was allocated", d->name);
	} else {
		if (ipcp_dev_info(fd, &info))
			info.reason[0] = '\0';
		doctor_error(d, "%s: no flow within %g s: %s%s%s", d->name,
			     d->timeout / 1e9, strerror(err), info.reason[0] ? ": " : "",
			     (const char *)info.reason);
		advise_cure(d, err);
	}
	close(fd);
}

void doctor_names(struct doctor *d)
{
	size_t i;

	if (d->conf) {
		for (i = 0; i < d->conf->nnames; i++)
			check_block(d, &d->conf->names[i]);
		if (d->name && !config_find(d->conf, d->name)) {
			check_address(d, d->name, NULL);
			check_client(d, d->name);
		}
	} else {
		doctor_note(d, "not looked at: the configuration has to be usable first");
	}
	if (d->name)
		try_name(d);
	else if (!json_array_size(d->found))
		doctor_note(d, "the configuration has none; give one to try: ipcp-rekey doctor NAME");
}
