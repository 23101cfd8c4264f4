# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# For the end-to-end tests with two hosts: sourced, never run. Sources ktap.sh,
# hosts.sh (with limit.sh) and kernel-log.sh.
#
#   needs_faults		skip the test unless allocations can be made to fail
#   bare_hosts			load the module and set up both hosts, without settings and
#				certificates. All is taken down when the test ends
#   two_hosts [LINE]...		load the module and set up both hosts; LINEs are settings
#				of both agents. All is taken down when the test ends
#   router_up			put the namespace router between the hosts, in place of
#				the direct link
#   router_leg HOST NUMBER DEV LEG ADDRESS ADDRESS6 [METRIC]
#				add a link from HOST to the router: DEV at the host, LEG
#				at the router; both addresses are the host's
#   add_name NAME [ADDRESS]	alice may ask for NAME, bob may serve it
#   start_agents		start the agents of both hosts
#   cases SCRIPT [ARGUMENT]...	run a Python script of cases that prints KTAP
#   no_flows			true if neither host has a flow
#   all_flows HOST FILTER	true if HOST has at least one flow, and jq's FILTER
#				holds for all of them
#   log_begin			let no_warnings ignore the kernel log up to here
#   no_warnings			true if the kernel has logged no warning since, except
#				harmless ones (see kernel-log.sh)
#
# No tool has a time limit of its own: the limit of the whole test, enforced by the
# runner, catches hangs.

# shellcheck source=../ktap/ktap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ktap/ktap.sh"
# shellcheck source=../lib/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/hosts.sh"
# shellcheck source=../lib/kernel-log.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/kernel-log.sh"

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
E2E_LOG=0

# Copy the logs of every host to $RESULTS, as HOST-NAME.log.
keep_logs()
{
	local log host

	[ -n "$HOSTS" ] || return
	for log in "$HOSTS"/*/*.log; do
		[ -e "$log" ] || continue
		host=${log%/*}
		host=${host##*/}
		cp "$log" "${RESULTS:-/tmp}/$host-${log##*/}"
	done
}

hosts_end()
{
	local status=$?

	keep_logs	# first: a test that hangs has little time left
	[ $status = 0 ] || hosts_dump
	hosts_down
	[ ! -e /run/netns/router ] || ip netns del router
	# modprobe -r would unload the ciphers, too, which load slowly
	rmmod ipcp_rekey
	exit $status
}

needs_faults()
{
	[ -e /sys/kernel/debug/failslab/require-start ] && return
	echo '1..0 # SKIP this kernel cannot fail allocations'
	exit 4
}

bare_hosts()
{
	log_begin
	modprobe ipcp_rekey || exit 1
	trap hosts_end EXIT
	hosts_up 1500 || exit 1
	export HOSTS
}

two_hosts()
{
	local host

	bare_hosts
	"$HOSTS_LIB/make-ca" "$HOSTS/ca" || exit 1
	for host in alice bob; do
		agent_conf $host "$@"
	done
}

router_leg()
{
	local host=$1 number=$2 dev=$3 leg=$4 metric=${7:-1024}

	ip -batch - <<-END || return
		link add $dev netns $host mtu 1500 type veth peer name $leg netns router mtu 1500
	END
	ip -n router -batch - <<-END || return
		link set $leg up
		addr add 10.77.1.$number/32 dev $leg
		addr add fd77:1::$number/128 dev $leg nodad
		route add $5 dev $leg
		route add $6 dev $leg
	END
	ip -n "$host" -batch - <<-END
		link set $dev up
		addr add $5/32 dev $dev
		addr add $6/128 dev $dev nodad
		route add 10.77.1.$number dev $dev
		route add default via 10.77.1.$number metric $metric
		route add fd77:1::$number dev $dev
		route add default via fd77:1::$number metric $metric
	END
}

router_up()
{
	local host number=0

	ip -n alice link del veth
	ip netns add router || return
	on router sysctl -qw net.ipv4.ip_forward=1 \
		net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 || return
	for host in alice bob; do
		router_leg $host $number veth $host "${HOSTS_ADDR[$host]}" \
			"${HOSTS_ADDR6[$host]}" || return
		number=$((number + 1))
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

log_begin()
{
	E2E_LOG=$(kernel_warnings | wc -l)
}

no_warnings()
{
	! kernel_warnings | tail -n "+$((E2E_LOG + 1))" | grep .
}
