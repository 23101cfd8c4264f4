# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Harmless lines of the kernel log: sourced, never run; needs no other file.
#
#   KERNEL_LOG_HARMLESS		lines that do not concern the module (grep -E)
#   kernel_log_unless_harmless	standard input without harmless lines; true,
#				even if no line is left
#   kernel_warnings		warnings of the kernel since it started, without
#				harmless lines

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

kernel_warnings()
{
	dmesg --level=emerg,alert,crit,err,warn | kernel_log_unless_harmless
}
