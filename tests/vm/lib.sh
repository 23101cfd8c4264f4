# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts of tests/vm share. Sourced, never run.

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

# die [-STATUS] MESSAGE: 2 is bad input or a machine that lacks something.
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

# usage: the script's header comment, from "Usage:" on.
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

# need_host PROGRAM=PACKAGE...: installs what the host lacks.
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
		apt-get update -qq &&
		apt-get install -y -qq --no-install-recommends "${missing[@]}"
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

# hash_of FILE...: a short hash of their contents.
hash_of()
{
	cat -- "$@" | sha256sum | cut -c1-16
}

# The clock in milliseconds.
now_ms()
{
	local t=${EPOCHREALTIME/./}

	echo "${t%???}"
}

# sweep PATTERN: removes cached things of that name unused for two weeks.
sweep()
{
	find "$CACHE" -mindepth 1 -maxdepth 1 -name "$1" -mtime +14 \
		-exec rm -rf --one-file-system {} + 2>/dev/null || :
}

# in_tree ROOT [SOURCE:TARGET]... -- COMMAND...: runs COMMAND in the tree (which
# is read-only there), without network, with each SOURCE at TARGET. TARGET is
# one of the tree's empty folders: /build/{ipcp-rekey,linux,out,dest}.
in_tree()
{
	need_root "work in the Debian tree"
	unshare --mount --pid --net --ipc --fork --kill-child \
		--propagation private -- bash "$VM/enter" "$@"
}

# kernel_of NAME: sets what the others need to know of a kernel:
#   K_RELEASE  its release         K_SRC    its build folder, as the tree sees it
#   K_IMAGE    its image           K_BINDS  what in_tree must have mounted
kernel_of()
{
	local dir

	# shellcheck disable=SC2034
	TREE=$("$VM/tree")
	# shellcheck disable=SC2034
	K_BINDS=()
	if [ "$1" = debug ]; then
		dir=$("$VM/debug-kernel")
		K_RELEASE=$(cat "$dir/release")
		K_IMAGE=$dir/bzImage
		K_SRC=/build/out
		# shellcheck disable=SC2034
		K_BINDS=("$("$VM/tree" --source):/build/linux" "$dir/build:/build/out")
		return
	fi
	K_RELEASE=$("$VM/tree" --kernels | awk -v n="$1" '$1 == n { print $2 }')
	[ -n "$K_RELEASE" ] ||
		die "no kernel '$1'; there are: $("$VM/tree" --kernels | awk '{ printf "%s ", $1 }')debug"
	# shellcheck disable=SC2034
	K_IMAGE=$TREE/boot/vmlinuz-$K_RELEASE
	# shellcheck disable=SC2034
	K_SRC=/lib/modules/$K_RELEASE/build
}
