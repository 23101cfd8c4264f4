# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Two hosts in one machine: the network namespaces alice and bob, each with an
# agent of its own, and a veth between them. Sourced by the demo and by the
# end-to-end tests; needs bash, root, and the module and the tools installed.
#
#   hosts_up [MTU]		namespaces, veth, addresses, a folder for each host
#   hosts_down			stop all servers, remove the namespaces
#   hosts_dump			show logs and state of both, after a failure
#   on HOST COMMAND...		run a command at a host
#   host_start HOST TAG COMMAND...
#				start a server at a host, wait for its READY=1
#				(sd_notify); its output goes to $HOSTS/HOST/TAG.log
#   host_pid HOST TAG		its process id
#   host_stop HOST TAG [SIGNAL]	end it (TERM), wait for it, return its status
#   host_wait HOST TAG		wait for it, return its status
#   agent_conf HOST [LINE]...	write the configuration of the agent: LINEs are
#				settings of the top level
#   agent_name HOST NAME [LINE]...
#				append a name, with LINEs inside
#   agent_start HOST		start the agent, wait until it is ready
#   agent_stop HOST [SIGNAL]	end the agent, KILL for a crash
#   agents_mark			let agent_says ignore what the agents have logged before
#   agent_says HOST WORDS	wait until an agent has logged WORDS
#   agent_status HOST [FILTER]	status of the agent, through jq -e FILTER
#   serves HOST NAME		true if a program of the host serves a name
#   flow_id HOST NAME		number of the newest allocated flow of a name
#   within SECONDS COMMAND...	wait until COMMAND succeeds (limit.sh)
#
# $HOSTS is a folder that is removed at the end; $HOSTS/HOST/security is where
# that host's certificates go (tests/lib/make-ca).

HOSTS_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HOSTS=
# shellcheck source=limit.sh
. "$HOSTS_LIB/limit.sh"
declare -A HOSTS_PID=()
# lines of the agents' logs that agent_says ignores
declare -A HOSTS_LOGGED=()
# shellcheck disable=SC2034
declare -A HOSTS_ADDR=([alice]=10.77.0.1 [bob]=10.77.0.2)
# shellcheck disable=SC2034
declare -A HOSTS_ADDR6=([alice]=fd77::1 [bob]=fd77::2)

# How long a server may take to get ready; generous, for slow machines.
HOSTS_READY=${HOSTS_READY:-$((60 * ${SLOW:-1}))}
# Limit of a command that shows the state: it may hang after the failure.
HOSTS_DUMP=$((60 * ${SLOW:-1}))

hosts_say()
{
	printf '# %s\n' "$*" >&2
}

on()
{
	local host=$1

	shift
	ip netns exec "$host" "$@"
}

hosts_up()
{
	local mtu=${1:-1500} host

	HOSTS=$(mktemp -d "${TMPDIR:-/tmp}/hosts.XXXXXX") || return
	ip -batch - <<-END || return
		netns add alice
		netns add bob
		link add veth netns alice mtu $mtu type veth peer name veth netns bob mtu $mtu
	END
	for host in alice bob; do
		mkdir -p "$HOSTS/$host/security"
		# Addresses are usable at once. One queue for all senders keeps
		# packets in order, as on a wire, if a processor is delayed.
		on "$host" bash -c 'echo 0 >/proc/sys/net/ipv6/conf/veth/accept_dad &&
			echo 1 >/sys/class/net/veth/queues/rx-0/rps_cpus' || return
		ip -n "$host" -batch - <<-END || return
			link set lo up
			link set veth up
			addr add ${HOSTS_ADDR[$host]}/24 dev veth
			addr add ${HOSTS_ADDR6[$host]}/64 dev veth nodad
		END
	done
}

hosts_down()
{
	local key host

	for key in "${!HOSTS_PID[@]}"; do
		host_stop "${key%%/*}" "${key#*/}" KILL 2>/dev/null
	done
	for host in alice bob; do
		ip netns del "$host" 2>/dev/null
	done
	[ -z "$HOSTS" ] || rm -rf "$HOSTS"
	HOSTS=
	return 0
}

hosts_dump()
{
	local host log

	for host in alice bob; do
		[ -e "/run/netns/$host" ] || continue
		{
			echo "--- $host: flows, names, drops"
			on "$host" timeout $HOSTS_DUMP ipcp-rekey flow list
			on "$host" timeout $HOSTS_DUMP ipcp-rekey name list
			echo "--- $host: agent"
			timeout $HOSTS_DUMP ipcp-rekey agent status \
				--socket "$HOSTS/$host/agent.sock"
			on "$host" timeout $HOSTS_DUMP ipcp-rekey stats |
				awk 'NR == 1 || $2 + $3 > 0'
			for log in "$HOSTS/$host"/*.log; do
				[ -s "$log" ] || continue
				echo "--- $host: ${log##*/}"
				cat "$log"
			done
		} 2>&1 | sed 's/^/# /' >&2
	done
	echo '# --- kernel log' >&2
	dmesg | sed 's/^/# /' >&2
}

host_start()
{
	local host=$1 tag=$2 fifo fd word

	shift 2
	fifo=$HOSTS/$host/$tag.fifo
	rm -f "$fifo"
	mkfifo "$fifo" || return
	"$HOSTS_LIB/notify-exec" "$fifo" "$HOSTS_READY" \
		ip netns exec "$host" "$@" \
		</dev/null >>"$HOSTS/$host/$tag.log" 2>&1 &
	HOSTS_PID[$host/$tag]=$!
	# open for reading and writing: else the open waits for the writer
	exec {fd}<>"$fifo"
	# notify-exec writes a word in the end, unless it is killed
	limit_read "$fd" $((HOSTS_READY + 10)) || :
	word=$LIMIT_LINE
	exec {fd}>&-
	rm -f "$fifo"
	[ "$word" = ready ] && return 0
	hosts_say "$host: $1 is not ready (${word:=late}); $tag.log says:"
	sed 's/^/#   /' "$HOSTS/$host/$tag.log" >&2
	if [ "$word" = late ]; then
		hosts_say "it sleeps in the kernel at:"
		sed 's/^/#   /' "/proc/${HOSTS_PID[$host/$tag]}/stack" >&2
	fi
	host_stop "$host" "$tag" KILL
	return 1
}

host_pid()
{
	echo "${HOSTS_PID[$1/$2]:-}"
}

host_wait()
{
	local pid=${HOSTS_PID[$1/$2]:-}

	[ -n "$pid" ] || return 127
	unset "HOSTS_PID[$1/$2]"
	wait "$pid"
}

host_stop()
{
	local pid=${HOSTS_PID[$1/$2]:-}

	[ -n "$pid" ] || return 127
	kill "-${3:-TERM}" "$pid" 2>/dev/null
	host_wait "$1" "$2" 2>/dev/null
}

agent_conf()
{
	local host=$1

	shift
	{
		echo "security = \"$HOSTS/$host/security\""
		echo "socket = \"$HOSTS/$host/agent.sock\""
		printf '%s\n' "$@"
	} >"$HOSTS/$host/agent.conf"
}

agent_name()
{
	local host=$1 name=$2

	shift 2
	{
		echo "name \"$name\" {"
		printf '\t%s\n' "$@"
		echo "}"
	} >>"$HOSTS/$host/agent.conf"
}

agent_start()
{
	host_start "$1" agent ipcp-rekeyd --log stderr \
		--config "$HOSTS/$1/agent.conf"
}

agent_stop()
{
	host_stop "$1" agent "${2:-TERM}"
}

agents_mark()
{
	local host

	for host in alice bob; do
		HOSTS_LOGGED[$host]=$(wc -l <"$HOSTS/$host/agent.log")
	done
}

agent_says()
{
	within 20 agent_has_said "$@" && return
	agent_lines "$1"
	return 1
}

agent_has_said()
{
	agent_lines "$1" | grep -q -F -e "$2"
}

# agent_lines HOST: what its agent has logged since agents_mark
agent_lines()
{
	tail -n "+$((HOSTS_LOGGED[$1] + 1))" "$HOSTS/$1/agent.log"
}

agent_status()
{
	ipcp-rekey agent status --json --socket "$HOSTS/$1/agent.sock" |
		jq -e "${2:-.}"
}

serves()
{
	on "$1" ipcp-rekey name list --json |
		jq -e --arg name "$2" 'any(.[]; .name == $name and .granted)' >/dev/null
}

flow_id()
{
	on "$1" ipcp-rekey flow list --json |
		jq -e --arg name "$2" '[.[] | select(.name == $name and
			.state == "allocated") | .id] | max // empty'
}
