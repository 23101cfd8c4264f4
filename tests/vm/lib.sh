# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Functions that the scripts of tests/vm share. Sourced, never run.

set -euo pipefail
shopt -s inherit_errexit
umask 022
export LC_ALL=C

VM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
TOP=$(cd "$VM/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ipcp-rekey/vm
PROG=tests/vm/$(basename "$0")

# Progress and errors go to stderr; stdout is for results.
say()
{
	printf '%s: %s\n' "$PROG" "$*" >&2
}

# die [-STATUS] MESSAGE: exit with STATUS, by default 2: bad input, or this machine
# lacks something.
die()
{
	local status=2

	if [[ $1 =~ ^-[0-9]+$ ]]; then
		status=${1#-}
		shift
	fi
	say "error: $*"
	exit "$status"
}

# usage: print the script's header comment, from "Usage:" on.
usage()
{
	sed -n '/^# Usage:/,/^$/{/^#/!d;s/^# \{0,1\}//;p}' "$0"
}

# arg_of "$@": dies unless the option has a value.
arg_of()
{
	[ $# -ge 2 ] || die "option $1 needs a value; see $PROG --help"
}

need_root()
{
	[ "$(id -u)" = 0 ] ||
		die "must be root to $*: run it with sudo, or as root"
}

# need_host PROGRAM=PACKAGE...: installs packages of programs that the host lacks.
need_host()
{
	local pair missing=()

	for pair; do
		[ -e "${pair%%=*}" ] || command -v "${pair%%=*}" >/dev/null ||
			missing+=("${pair#*=}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "please install: ${missing[*]}"
	[ "$(id -u)" = 0 ] ||
		die "please run as root: apt-get install --no-install-recommends ${missing[*]}"
	mkdir -p "$CACHE"
	say "installing ${missing[*]} on this machine (about 30 s)"
	(
		flock 9
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq -o Acquire::Retries=3 &&
		apt-get install -y -qq --no-install-recommends \
			-o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 \
			"${missing[@]}"
	) 9>"$CACHE/apt.lock" >"$CACHE/apt.log" 2>&1 || {
		tail -n 20 "$CACHE/apt.log" >&2
		die "could not install ${missing[*]}"
	}
}

# locked NAME: holds the lock NAME until the (sub)shell ends.
locked()
{
	local fd

	mkdir -p "$CACHE"
	exec {fd}>"$CACHE/$1.lock"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds the lock '$1'"
		flock "$fd"
	fi
}

# alone_in FOLDER: make the folder of a run's results, wait for another run that writes
# there, and keep others out until the script ends.
alone_in()
{
	local fd

	mkdir -p "$1"
	exec {fd}>"$1/lock"
	if ! flock -n "$fd"; then
		say "waiting for another run that writes to $1"
		flock "$fd"
	fi
}

# The trap for INT, TERM and HUP of a script that runs several programs at a time: ends
# the whole process group.
# shellcheck disable=SC2317
stop_group()
{
	trap '' INT TERM HUP
	kill -- 0 2>/dev/null
	exit 130
}

# A folder that is kept between builds has a mark while a build is under way. A mark
# found at the start of a build was left by a killed build, which may have left half
# of an object.
#
#   work_begin FOLDER	creates FOLDER, anew if there is a mark; sets the mark
#   work_end FOLDER	removes the mark
#   work_mend FOLDER	removes files newer than the mark, so that the rest is whole;
#			sets the mark: for folders that take long to build
work_begin()
{
	if [ -e "$1/.building" ]; then
		say "a build in ${1##*/} was killed: anew"
		rm -rf --one-file-system "$1"
	fi
	mkdir -p "$1"
	touch "$1/.building"
}

work_end()
{
	rm -f "$1/.building"
}

work_mend()
{
	[ ! -e "$1/.building" ] || {
		say "a build in ${1##*/} was killed: what it wrote goes"
		find "$1" ! -type d -newer "$1/.building" -delete
	}
	# older than all files written from here on, whatever the clock's granularity
	touch -d '2 seconds ago' "$1/.building"
}

# checkout_files PATH...: print the checkout's files below the PATHs, tracked, or new and
# not ignored.
checkout_files()
{
	git -C "$TOP" ls-files -z --cached --others --exclude-standard --deduplicate \
		-- "$@" |
		while IFS= read -r -d '' file; do
			[ ! -f "$TOP/$file" ] && [ ! -L "$TOP/$file" ] ||
				printf '%s\0' "$file"
		done | sort -z
}

# update_work DIR LIST: bring DIR/src up to date with the checkout's files in LIST, print
# the files that changed. Unchanged files keep their time stamps and built files stay, so
# that make builds only what changed.
update_work()
{
	local dir=$1 list=$2

	mkdir -p "$dir/src"
	if [ -e "$dir/files" ]; then
		comm -z -23 "$dir/files" "$list" |
			(cd "$dir/src" && xargs -0 -r rm -f --) || return
	fi
	rsync --checksum --links --perms --from0 --files-from="$list" \
		--out-format=%n "$TOP/" "$dir/src/" || return
	cp "$list" "$dir/files"
}

# Lines that a healthy kernel does not log.
reports='Kernel panic|BUG: |BUG at |WARNING: |Oops[:-]|general protection fault[,:]'
reports+='|KASAN: |UBSAN: |KCSAN: |refcount_t: |ODEBUG: |list_(add|del) corruption'
reports+='|kmemleak: [0-9]+ new suspected|unreferenced object 0x|leak detector disabled'
reports+='|INFO: task .* blocked for more than|INFO: trying to register non-static key'
reports+='|rcu: INFO: |rcu_.* detected stalls|self-detected stall'
reports+='|possible (circular locking|recursive locking|irq lock inversion)'
reports+='|inconsistent lock state|suspicious RCU usage|held lock freed|bad unlock balance'
reports+='|lock held when returning|invalid wait context|unsafe lock order|DEBUG_LOCKS_WARN'
reports+='|sleeping function called from invalid|scheduling while atomic'
reports+='|Memory leak|Redzone|Poison overwritten|Object already free|double free'
reports+='|nested lock|Voluntary context switch within RCU|unregister_netdevice: waiting'

# kernel_reports LOG [REGEX]: prints the lines of the log that are reports, numbered,
# except lines that match REGEX. Data races that name none of our modules are ignored.
kernel_reports()
{
	{ grep -n -E "$reports" "$1" || [ $? = 1 ]; } |
		{ grep -v -E "${2:-^\$}" || [ $? = 1 ]; } |
		awk '!/BUG: KCSAN: / || /\[ipcp_/'
}

# emulator_fault LOG: true if the first fault is that a processor ran into code while
# the kernel patched it (static keys and calls), which real processors do not. The
# sign is a breakpoint that nobody set, or an invalid opcode that is no BUG(), without
# a function of this module in the trace.
emulator_fault()
{
	awk '
		/(int3|invalid opcode): [0-9]+ \[#1\]/ && !report { fault = 1 }
		/BUG: |WARNING: |KASAN: |general protection fault|Oops: / && !fault { report = 1 }
		fault && /ipcp_/ { ours = 1 }
		fault && /Code: / && /<0f> (0b|b9|ff)/ { bug = 1 }
		fault && /---\[ end trace|Kernel panic/ { exit }
		END { exit !(fault && !ours && !bug) }
	' "$1"
}

# roomy MIB FOLDER: true if a file of that size can be written there.
roomy()
{
	[ -w "$2" ] && [ "$(df -Pm "$2" | awk 'NR == 2 { print $4 }')" -ge "$1" ]
}

# temporary NAME [FOLDER]: make a folder for this script below FOLDER, or the folder for
# temporary files, and print its path. Remove those of that name that killed scripts left.
temporary()
{
	local in=${2:-${TMPDIR:-/tmp}} old pid

	for old in "$in/$1".*.*; do
		pid=${old#"$in/$1."}
		[ ! -d "$old" ] || kill -0 "${pid%%.*}" 2>/dev/null ||
			rm -rf --one-file-system "$old"
	done
	mktemp -d "$in/$1.$$.XXXXXX"
}

# need_space MIB FOR: dies, and says what to do, unless $CACHE has the space.
need_space()
{
	local free

	free=$(df -Pm "$CACHE" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$2 needs $1 MiB in $CACHE, and $free are free: make room, or set XDG_CACHE_HOME to a place that has it"
}

# hash_of FILE...: prints a short hash of the contents.
hash_of()
{
	cat -- "$@" | sha256sum | cut -c1-16
}

# Print the clock in milliseconds.
now_ms()
{
	local t=${EPOCHREALTIME/./}

	echo "${t%???}"
}

# sweep PATTERN: removes what matches in the cache and was unused for two weeks.
sweep()
{
	find "$CACHE" -mindepth 1 -maxdepth 1 -name "$1" -mtime +14 \
		-exec rm -rf --one-file-system {} + 2>/dev/null || :
}

# kvm_works EMULATOR BOOT: true if the processor has hardware virtualization and a
# kernel starts with it: the device node alone proves nothing. BOOT is the folder
# that "image kernel" printed.
kvm_works()
{
	local probe

	grep -q -w -E 'vmx|svm' /proc/cpuinfo || return 1
	[ -w /dev/kvm ] || return 1
	probe=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
	[ -e "$probe" ] || kvm_probe "$1" "$2" "$probe"
	[ "$(cat "$probe" 2>/dev/null)" = yes ]
}

# kvm_probe EMULATOR BOOT FILE: write "yes" or "no" to FILE, or nothing if the kernel
# takes too long: the host may be busy.
kvm_probe()
{
	local said tmp status=0

	# once the kernel has started, the initrd complains that it has no disk
	said=$(timeout 20 "$1/qemu-system-x86_64" -nodefaults -no-user-config -display none \
		-accel kvm -cpu host -m 256 -no-reboot -serial stdio \
		-kernel "$2/kernel" -initrd "$2/initrd" \
		-append "console=ttyS0 panic=-1 reboot=t" </dev/null 2>&1 | tr -d '\0') || status=$?
	tmp=$(mktemp "$CACHE/tmp.XXXXXX")
	case $status:$said in
	*"no disk"*)	echo yes >"$tmp" ;;
	124:*)		rm -f "$tmp"; return ;;
	*)		echo no >"$tmp" ;;
	esac
	mv "$tmp" "$3"
}

# in_tree ROOT [SOURCE:TARGET]... -- COMMAND...: runs COMMAND in the tree (which
# is read-only there), without network, with each SOURCE at TARGET. TARGET is one of
# the tree's empty folders: /build/{ipcp-rekey,linux,out,dest} or /opt.
in_tree()
{
	need_root "work in the Debian tree"
	unshare --mount --pid --net --ipc --fork --kill-child \
		--propagation private -- bash "$VM/enter" "$@"
}

# kernel_of NAME: sets the variables of a kernel, and TREE:
#   K_RELEASE  its release         K_SRC    its build folder, as the tree sees it
#   K_IMAGE    its image           K_BINDS  the mounts that in_tree needs for K_SRC
kernel_of()
{
	local dir

	# shellcheck disable=SC2034
	TREE=$("$VM/tree")
	# shellcheck disable=SC2034
	K_BINDS=()
	if [ "$1" = debug ] || [ "$1" = kcsan ]; then
		dir=$("$VM/debug-kernel" "$1")
		K_RELEASE=$(cat "$dir/release")
		K_IMAGE=$dir/bzImage
		K_SRC=/build/out
		# shellcheck disable=SC2034
		K_BINDS=("$("$VM/tree" --source):/build/linux" "$dir/build:/build/out")
		return
	fi
	K_RELEASE=$("$VM/tree" --kernels | awk -v n="$1" '$1 == n { print $2 }')
	[ -n "$K_RELEASE" ] ||
		die "no kernel '$1'; there are: $("$VM/tree" --kernels | awk '{ printf "%s ", $1 }')debug kcsan"
	# shellcheck disable=SC2034
	K_IMAGE=$TREE/boot/vmlinuz-$K_RELEASE
	# shellcheck disable=SC2034
	K_SRC=/lib/modules/$K_RELEASE/build
}
