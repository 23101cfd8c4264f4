# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Time limits of waits that are made of turns: sourced, never run. limit.py does
# the same in Python.
#
#   within SECONDS COMMAND...	wait until COMMAND succeeds
#   limit_read FD SECONDS	wait for a line of FD, which sets $LIMIT_LINE;
#				false, with a part of the line, at the limit
#				or the end of the input
#   limit_begin SECONDS		begin a wait of the caller, which declares
#				"local limit_left limit_at" and does the waiting
#   limit_turn			count another turn; true if there is time left
#
# All limits are multiplied by $SLOW. A turn counts for at most a second,
# however long it took, so that a delayed machine does not use up the limit.

limit_now()
{
	local up rest

	read -r up rest </proc/uptime
	echo $((10#${up/./}))
}

limit_begin()
{
	limit_left=$(($1 * ${SLOW:-1} * 100))
	limit_at=$(limit_now)
}

limit_turn()
{
	local now turn

	now=$(limit_now)
	turn=$((now - limit_at))
	limit_at=$now
	limit_left=$((limit_left - (turn < 100 ? turn : 100)))
	[ "$limit_left" -gt 0 ]
}

within()
{
	local limit_left limit_at

	limit_begin "$1"
	shift
	until "$@"; do
		limit_turn || return 1
		sleep 0.1
	done
}

limit_read()
{
	local limit_left limit_at part status

	LIMIT_LINE=
	limit_begin "$2"
	while :; do
		status=0
		IFS= read -r -t 1 -u "$1" part || status=$?
		# a turn may end in the middle of the line
		LIMIT_LINE+=$part
		[ $status -gt 128 ] || return $status
		limit_turn || return 1
	done
}
