// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Which events "monitor" prints. The test stands in for the module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail	/* a function here, see cmd.h */

#include "capture.h"
#include "cmd.h"
#include "io.h"
#include "nlcmd.h"

int __wrap_nlcmd_open(struct ipcp_nl **nl);
int __wrap_ipcp_nl_subscribe(struct ipcp_nl *nl, unsigned int groups);
int __wrap_ipcp_nl_event_fd(const struct ipcp_nl *nl);
int __wrap_ipcp_nl_events(struct ipcp_nl *nl, ipcp_nl_event_cb cb, void *arg);

static int ready;	/* always readable */
static bool told;

int __wrap_nlcmd_open(struct ipcp_nl **nl)
{
	*nl = NULL;
	return EXIT_OK;
}

int __wrap_ipcp_nl_subscribe(struct ipcp_nl *nl, unsigned int groups)
{
	(void)nl;
	(void)groups;
	return 0;
}

int __wrap_ipcp_nl_event_fd(const struct ipcp_nl *nl)
{
	(void)nl;
	return ready;
}

/* Report an event of two flows, then one of all flows; the next time end. */
int __wrap_ipcp_nl_events(struct ipcp_nl *nl, ipcp_nl_event_cb cb, void *arg)
{
	const struct ipcp_nl_event events[] = {
		{ .event = IPCP_REKEY_EVENT_DUE, .flow.id = 3 },
		{ .event = IPCP_REKEY_EVENT_DUE, .flow.id = 4 },
		{ .event = IPCP_REKEY_EVENT_COPIED },
	};
	size_t i;

	(void)nl;
	if (told)
		stopped = 1;
	for (i = 0; !told && i < sizeof(events) / sizeof(events[0]); i++)
		cb(&events[i], arg);
	told = true;
	return 0;
}

static void a_copied_machine_concerns_each_flow(void **state)
{
	char *args[] = { "monitor", "--flow", "3", "--count", "2", NULL };
	int fds[2], status;
	char *text;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "", 1), 1);
	ready = fds[0];
	capture_begin(STDOUT_FILENO);
	status = cmd_monitor(5, args);
	text = capture_end();
	assert_int_equal(status, EXIT_OK);
	assert_non_null(strstr(text, "flow 3 due"));
	assert_null(strstr(text, "flow 4"));
	assert_non_null(strstr(text, "copied: all flows of this machine"));
	free(text);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copied_machine_concerns_each_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
