# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# For tests written in bash: sourced, never run. Prints KTAP.
#
#   plan N                     say how many there will be
#   check NAME COMMAND...      "ok" if COMMAND succeeds, else its output follows
#   check_not NAME COMMAND...  the other way round
#   skip NAME REASON
#   note TEXT                  a line for people
#   finish                     exit status: 0, or 1 if any failed

ktap_count=0
ktap_failed=0

plan()
{
	printf 'KTAP version 1\n1..%d\n' "$1"
}

note()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

ktap_result()
{
	ktap_count=$((ktap_count + 1))
	[ "$1" = ok ] || ktap_failed=$((ktap_failed + 1))
	printf '%s %d %s\n' "$1" "$ktap_count" "$2"
}

skip()
{
	ktap_result ok "$1 # SKIP $2"
}

check()
{
	local name=$1 status=0 out

	shift
	out=$("$@" 2>&1) || status=$?
	if [ "$status" = 0 ]; then
		ktap_result ok "$name"
		return
	fi
	note "$*: status $status"
	[ -z "$out" ] || note "$out"
	ktap_result "not ok" "$name"
}

# shellcheck disable=SC2317
ktap_not()
{
	! "$@"
}

check_not()
{
	local name=$1

	shift
	check "$name" ktap_not "$@"
}

finish()
{
	[ "$ktap_failed" = 0 ]
	exit
}
