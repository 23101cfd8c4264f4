# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For the end-to-end tests with two hosts: sourced, never run. Brings ktap.sh
# and hosts.sh with it.
#
#   needs_faults		skip the test unless allocations can be made to fail
#   two_hosts [LINE]...		module and hosts up, LINEs are settings of both
#				agents; all is taken down when the test ends
#   add_name NAME [ADDRESS]	alice may ask for NAME, bob may serve it
#   start_agents		start both
#   cases SCRIPT [ARGUMENT]...	run a Python script of cases that prints KTAP
#   within SECONDS COMMAND...	wait until COMMAND succeeds
#   no_flows			true if neither host has a flow
#   all_flows HOST FILTER	true if jq's FILTER holds for all its flows, and
#				there is one
#   log_begin			from here on
#   no_warnings			the kernel has not warned of anything

# shellcheck source=../ktap/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ktap/ktap.sh"
# shellcheck source=../lib/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/hosts.sh"

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
E2E_LOG=0

hosts_end()
{
	local status=$?

	[ $status = 0 ] || hosts_dump
	[ -z "$HOSTS" ] || cp "$HOSTS"/*/*.log "${RESULTS:-/tmp}" 2>/dev/null
	hosts_down
	# modprobe -r would let go of the ciphers, too, and they load slowly
	rmmod ipcp_rekey
	exit $status
}

needs_faults()
{
	[ -e /sys/kernel/debug/failslab/require-start ] && return
	echo '1..0 # SKIP this kernel cannot fail allocations'
	exit 4
}

two_hosts()
{
	local host

	log_begin
	modprobe ipcp_rekey || exit 1
	trap hosts_end EXIT
	hosts_up 1500 || exit 1
	export HOSTS
	"$HOSTS_LIB/make-ca" "$HOSTS/ca" || exit 1
	for host in alice bob; do
		agent_conf $host "$@"
	done
}

add_name()
{
	agent_name alice "$1" "address = \"${2:-${HOSTS_ADDR[bob]}}\""
	agent_name bob "$1"
	"$HOSTS_LIB/make-ca" "$HOSTS/ca" server "$1" "$HOSTS/bob/security" &&
		"$HOSTS_LIB/make-ca" "$HOSTS/ca" client "$1" \
			"$HOSTS/alice/security" || exit 1
}

start_agents()
{
	agent_start alice && agent_start bob || exit 1
}

cases()
{
	local host

	for host in alice bob; do
		export "AGENT_$host=$(host_pid $host agent)"
	done
	python3 "$E2E/$1" "${@:2}"
}

within()
{
	local end=$((SECONDS + $1 * ${SLOW:-1}))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

no_flows()
{
	[ "$(on alice ipcp-rekey flow list --json | jq length)" = 0 ] &&
		[ "$(on bob ipcp-rekey flow list --json | jq length)" = 0 ]
}

all_flows()
{
	on "$1" ipcp-rekey flow list --json |
		jq -e "length > 0 and all(.[]; $2)" >/dev/null
}

warnings()
{
	dmesg --level=emerg,alert,crit,err,warn
}

log_begin()
{
	E2E_LOG=$(warnings | wc -l)
}

# But for what is not about us: that there is a module from elsewhere, unsigned,
# and that an emulated clock was held up.
no_warnings()
{
	! warnings | tail -n "+$((E2E_LOG + 1))" |
		grep -v -E 'loading out-of-tree module|module verification failed|clocksource: |TSC found unstable'
}
