# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Prints KTAP for tests written in bash. Sourced, never run.
#
#   plan N                     print the plan: N tests
#   check NAME COMMAND...      "ok" if COMMAND succeeds, else its output and "not ok"
#   check_not NAME COMMAND...  "ok" if COMMAND fails
#   skip NAME REASON           "ok", marked as skipped
#   note TEXT                  print a diagnostic line
#   finish                     exit with status 0, or 1 if any test failed

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
