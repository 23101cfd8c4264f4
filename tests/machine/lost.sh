# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# For tests of the loss of all keys: sourced, never run. Sets up two hosts with agents
# and the names that lost.py asks for.

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

lost_hosts()
{
	# Flows are re-keyed only on request, or when they have no keys.
	two_hosts 'rekey-interval = 3600.0'
	add_name known
	agent_name alice unknown "address = \"${HOSTS_ADDR[bob]}\"" \
		'auth = "optional"'
	agent_name bob unknown 'auth = "optional"'
	start_agents
}

# lost WAY...: lose the keys and check the flows
lost()
{
	AGENT_bob=$(host_pid bob agent) PYTHONPATH=$E2E python3 "$(dirname "${BASH_SOURCE[0]}")/lost.py" "$@"
}
