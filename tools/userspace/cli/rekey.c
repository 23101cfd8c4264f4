// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey rekey: request new keys. */
#include <errno.h>
#include <poll.h>

#include "cmd.h"
#include "io.h"
#include "nlcmd.h"

#define LOOK_NS		NSEC_PER_SEC	/* if an event was lost */

static int no_flow(uint32_t id)
{
	return fail("there is no flow %u; '" PROG " flow list' shows them", id);
}

static int cannot_see(struct ipcp_nl *nl, int err)
{
	return nlcmd_fail(nl, "cannot see the flow", err);
}

/* Ignore the event: its arrival is only a reason to check the flow. */
static void on_event(const struct ipcp_nl_event *event, void *arg)
{
	(void)event;
	(void)arg;
}

static void wait_for_event(struct ipcp_nl *nl, int64_t ns)
{
	struct pollfd fd = { .fd = ipcp_nl_event_fd(nl), .events = POLLIN };

	poll(&fd, 1, (ns < LOOK_NS ? ns : LOOK_NS) / 1000000 + 1);
	ipcp_nl_events(nl, on_event, NULL);
}

/* Wait until the peer has confirmed a newer epoch than @before. */
static int wait_done(struct ipcp_nl *nl, uint32_t id, uint8_t before,
		     int64_t wait)
{
	int64_t limit = now_ns() + wait, left;
	static struct ipcp_nl_flow flow;
	int err;

	for (;;) {
		err = ipcp_nl_flow_get(nl, id, &flow);
		if (err == -ENOENT)
			return fail("flow %u is gone", id);
		if (err)
			return cannot_see(nl, err);
		if (flow.newest_epoch != before && flow.done)
			return EXIT_OK;
		if (flow.error)
			return fail("flow %u is down: %s", id, flow.reason);
		left = limit - now_ns();
		if (left <= 0)
			return fail("flow %u has no new keys yet; '" PROG " agent status' tells why, on the side that began the flow",
				    id);
		wait_for_event(nl, left);
	}
}

/* Fail if no agent runs, since nothing would then re-key or report that. */
static int check_agent(struct ipcp_nl *nl)
{
	struct ipcp_nl_info info;
	int err = ipcp_nl_info_get(nl, &info);

	if (err)
		return nlcmd_fail(nl, "cannot reach the module", err);
	return info.has_agent ? EXIT_OK :
	       fail("no agent runs in this network namespace: start ipcp-rekeyd");
}

static int request(struct ipcp_nl *nl, uint32_t id, int64_t wait)
{
	static struct ipcp_nl_flow flow;
	int err = 0, status = check_agent(nl);

	if (status)
		return status;
	if (wait)
		err = ipcp_nl_subscribe(nl, IPCP_NL_GRP_EVENTS);
	if (err)
		return nlcmd_fail(nl, "cannot subscribe to events", err);
	if (id)
		err = ipcp_nl_flow_get(nl, id, &flow);
	if (err && err != -ENOENT)
		return cannot_see(nl, err);
	if (!err)
		err = ipcp_nl_rekey_request(nl, id);
	if (err == -ENOENT)
		return no_flow(id);
	if (err)
		return nlcmd_fail(nl, "cannot ask for a re-key", err);
	return wait ? wait_done(nl, id, flow.newest_epoch, wait) : EXIT_OK;
}

int cmd_rekey(int argc, char **argv)
{
	bool all = false;
	int64_t wait = 0;
	const struct opt opts[] = {
		{ "all", 'a', NULL, "every flow of this network namespace",
		  OPT_FLAG, &all, 0, 0 },
		{ "wait", 'W', "S", "wait up to S seconds for the new keys",
		  OPT_SECONDS, &wait, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"rekey", "ID|--all",
		"Makes a flow due for a re-key, which the agent performs. Without --wait\n"
		"it returns at once; 'monitor' and 'flow show' show when it is complete.\n",
		opts, 0, 1
	};
	char **args = use_parse(&use, argc, argv);
	struct ipcp_nl *nl;
	uint32_t id = 0;
	int status;

	if (!all == !args[0])
		return use_error(&use, "name a flow, or give --all");
	if (all && wait)
		return use_error(&use, "--wait is for one flow");
	if (!all)
		id = use_flow_id(&use, args[0]);
	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	status = request(nl, id, wait);
	ipcp_nl_close(nl);
	return status;
}
