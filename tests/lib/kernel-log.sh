# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# What the kernel may say during a test: sourced, never run; needs nothing else.
#
#   KERNEL_LOG_HARMLESS		lines that say nothing of us (grep -E)
#   kernel_log_unless_harmless	standard input without these; true, even if
#				nothing is left
#   kernel_warnings		what the kernel has warned of since it started,
#				but for these

# An emulated clock that the host held up,
KERNEL_LOG_HARMLESS='hrtimer: interrupt took|clocksource: '
KERNEL_LOG_HARMLESS+='|TSC found unstable|tsc: Marking TSC unstable'
# and who runs for long then;
KERNEL_LOG_HARMLESS+='|sched: RT throttling'
# a module from elsewhere, unsigned.
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
