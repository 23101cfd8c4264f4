# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Harmless lines of the kernel log: sourced, never run; needs no other file.
#
#   KERNEL_LOG_HARMLESS		lines that do not concern the module (grep -E)
#   kernel_log_unless_harmless	standard input without harmless lines; true,
#				even if no line is left
#   kernel_log_without_races	standard input without the data races that KCSAN
#				reports of code outside the module
#   kernel_warnings		warnings of the kernel since it started, without
#				harmless lines and these races

# an emulated clock that the host has delayed
KERNEL_LOG_HARMLESS='hrtimer: interrupt took|clocksource: '
KERNEL_LOG_HARMLESS+='|TSC found unstable|tsc: Marking TSC unstable'
# a real-time task that then runs for long
KERNEL_LOG_HARMLESS+='|sched: RT throttling'
# an unsigned module from outside the kernel tree
KERNEL_LOG_HARMLESS+='|loading out-of-tree module taints kernel'
KERNEL_LOG_HARMLESS+='|module verification failed'

kernel_log_unless_harmless()
{
	grep -v -E -e "$KERNEL_LOG_HARMLESS" || [ $? = 1 ]
}

# A report begins and ends with a line of "=", and its title names both functions.
kernel_log_without_races()
{
	awk '
	function is_ruler(line) { return line ~ /^(\[ *[0-9.]+\] )?=====+$/ }
	report && is_ruler($0) {
		if (ours)
			print report "\n" $0
		report = ""
		next
	}
	report { report = report "\n" $0; next }
	ruler && /BUG: KCSAN: / {
		report = ruler "\n" $0
		ours = /\[ipcp_/
		ruler = ""
		next
	}
	ruler { print ruler; ruler = "" }
	is_ruler($0) { ruler = $0; next }
	{ print }
	END { if (report) print report; if (ruler) print ruler }'
}

kernel_warnings()
{
	dmesg --level=emerg,alert,crit,err,warn | kernel_log_unless_harmless |
		kernel_log_without_races
}
