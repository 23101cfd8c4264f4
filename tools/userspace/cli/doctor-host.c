// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Checks of "doctor": clock, interfaces, limits and drop counters. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "doctor.h"

#define DAY		86400
#define PAYLOAD		1200	/* bytes that every path has to carry */
#define MTU_IP4		(PAYLOAD + 28)
#define MTU_IP6		1280	/* minimum MTU of IPv6 (RFC 8200) */
#define NEARLY		90	/* percentage of a limit */

void doctor_clock(struct doctor *d)
{
	struct timex timex = { 0 };
	int state = adjtimex(&timex);
	char when[32] = "an unknown date";
	time_t now = time(NULL);
	struct stat st;
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	/* a clock that lost its time starts years ago */
	if (!stat("/proc/self/exe", &st) && now < st.st_mtime - DAY) {
		doctor_error(d, "it says %s, but this program was installed later",
			     when);
		doctor_advise(d, "systemctl enable --now systemd-timesyncd, or date --set '2030-01-31 12:00' with the right time");
	} else if (state < 0) {
		doctor_note(d, "it says %s; whether it is synchronised cannot be told: %s",
			    when, strerror(errno));
	} else if (timex.status & STA_UNSYNC) {
		doctor_warning(d, "it says %s, and nothing synchronises it", when);
		doctor_advise(d, "systemctl enable --now systemd-timesyncd, or apt-get install chrony: hosts refuse requests from another time");
	} else {
		doctor_ok(d, "synchronised, %s", when);
	}
}

/* True for an ipcp_rekey interface, which is not a path of flows. */
static bool is_ours(int fd, const struct ifreq *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = *name;

	ifr.ifr_data = (void *)&info;
	return !ioctl(fd, SIOCETHTOOL, &ifr) && !strcmp(info.driver, "ipcp_rekey");
}

/* Check the MTU of an interface. Return 1 if it is up and wide enough. */
static int check_interface(struct doctor *d, int fd, const char *name)
{
	struct ifreq ifr = { 0 };
	int mtu;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) || !(ifr.ifr_flags & IFF_UP) ||
	    ifr.ifr_flags & IFF_LOOPBACK || is_ours(fd, &ifr) ||
	    ioctl(fd, SIOCGIFMTU, &ifr))
		return 0;
	mtu = ifr.ifr_mtu;
	if (mtu >= MTU_IP6)
		return 1;
	doctor_warning(d, "%s has an MTU of %d: flows need %d over IPv4, and %d over IPv6",
		       name, mtu, MTU_IP4, MTU_IP6);
	doctor_advise(d, "ip link set dev %s mtu %d, or as much as its network carries",
		      name, MTU_IP6);
	return 0;
}

void doctor_mtu(struct doctor *d)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct if_nameindex *all = if_nameindex(), *i;
	int wide = 0;

	for (i = all; fd >= 0 && i && i->if_name; i++)
		wide += check_interface(d, fd, i->if_name);
	if (wide)
		doctor_ok(d, "%d interface%s with at least %d bytes", wide,
			  wide == 1 ? "" : "s", MTU_IP6);
	else if (!json_array_size(d->found))
		doctor_note(d, "no interface is up besides the loopback: only programs of this host can be reached");
	if_freenameindex(all);
	if (fd >= 0)
		close(fd);
}

static bool is_near(uint64_t used, uint64_t limit)
{
	return limit && used >= limit - limit / 100 * (100 - NEARLY) -
			       limit % 100 * (100 - NEARLY) / 100;
}

static int check_user(const struct ipcp_nl_user *u, void *arg)
{
	uint64_t flows = (uint64_t)u->flows + u->listeners;
	struct doctor *d = arg;
	unsigned long long mib = u->max_bytes >> 20;

	if (is_near(flows, u->max_flows)) {
		doctor_warning(d, "user %u has %llu of at most %u flows and names",
			       u->uid, (unsigned long long)flows, u->max_flows);
		doctor_advise(d, "echo %llu >/sys/module/ipcp_rekey/parameters/max_user_flows, unless that user should close some; to keep the limit, see ipcp_rekey(4)",
			      2ULL * u->max_flows);
	}
	if (is_near(u->bytes, u->max_bytes)) {
		doctor_warning(d, "queues of user %u use %llu of at most %llu MiB",
			       u->uid, (unsigned long long)u->bytes >> 20, mib);
		doctor_advise(d, "echo %llu >/sys/module/ipcp_rekey/parameters/max_user_mib, unless its programs should read faster; to keep the limit, see ipcp_rekey(4)",
			      mib >= 512 ? 1024 : 2 * mib);
	}
	return 0;
}

static const struct {
	unsigned int reason;
	const char *text;
} drops[] = {
	{ IPCP_REKEY_A_DROPS_AUTH,
	  "forged packets, or a middlebox that changes packets" },
	{ IPCP_REKEY_A_DROPS_VERSION,
	  "a host with another version of the module, or rubbish from a stranger" },
	{ IPCP_REKEY_A_DROPS_RING_FULL,
	  "a program, or the provider of a name, that reads too slowly" },
};

static int add_drops(const struct ipcp_nl_flow *f, void *arg)
{
	struct ipcp_nl_drops *sum = arg;
	unsigned int i;

	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		sum->by[i] += f->stats.drops.by[i];
	return 0;
}

static int check_drops(struct doctor *d)
{
	struct ipcp_nl_drops sum = { 0 };
	unsigned int reason;
	size_t i;
	int err;

	err = ipcp_nl_stats_get(d->nl, &sum);
	if (!err)
		err = ipcp_nl_flow_dump(d->nl, add_drops, &sum);
	for (i = 0; !err && i < sizeof(drops) / sizeof(drops[0]); i++) {
		reason = drops[i].reason;
		if (sum.by[reason])
			doctor_note(d, "%llu packets were dropped, %s: %s",
				    (unsigned long long)sum.by[reason],
				    ipcp_nl_drop_name(reason), drops[i].text);
	}
	return err;
}

void doctor_limits(struct doctor *d)
{
	int err;

	if (!d->nl) {
		doctor_note(d, "not looked at: the module cannot be asked");
		return;
	}
	err = ipcp_nl_user_dump(d->nl, check_user, d);
	if (!err)
		err = check_drops(d);
	if (err == -EPERM || err == -EACCES)
		doctor_note(d, "not looked at: run as root");
	else if (err)
		doctor_note(d, "not looked at: %s", strerror(-err));
	else if (!json_array_size(d->found))
		doctor_ok(d, "no user is near a limit, and no packet was dropped for a reason to look at");
}
