# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Functions that the checks share. Sourced, never run; $CHECK is this folder.

CHECK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../vm/lib.sh
. "$CHECK/../vm/lib.sh"
PROG=tests/check/$(basename "$0")

# files PATTERN...: print the checkout's files that match, tracked or new, except
# generated ones. The shell leaves these out, since git 2.39 finds nothing at all with
# one pattern in a deep folder and an exclusion in another.
files()
{
	git -C "$TOP" ls-files --cached --others --exclude-standard \
		--deduplicate -- "$@" |
		while IFS= read -r file; do
			case $file in
			*netlink-gen.[ch] | kunit/vectors.h | \
				include/uapi/linux/ipcp_rekey_netlink.h) continue ;;
			esac
			[ ! -f "$TOP/$file" ] || echo "$file"
		done
}

kernel_c()
{
	files 'ipcp_rekey/*.[ch]' 'include/*.h' 'kunit/*.[ch]' 'samples/*.c'
}

# Remember that a check passed on an input, so that it need not run again. KEY is a
# checksum of all that the verdict depends on.
#   has_passed KEY	true if pass was called with KEY
#   pass KEY...		remember KEYs, 30 days after the last use
#   is_still KEY COMMAND...
#			true if COMMAND prints KEY again: files that changed during a
#			check may not be those that passed
has_passed()
{
	[ -e "$CACHE/passed/$1" ] && touch "$CACHE/passed/$1"
}

pass()
{
	mkdir -p "$CACHE/passed"
	[ $# = 0 ] || (cd "$CACHE/passed" && touch "$@")
	find "$CACHE/passed" -type f -mtime +30 -delete
}

is_still()
{
	[ "$("${@:2}")" = "$1" ] || {
		say "files changed during the check: the verdict is not kept"
		return 1
	}
}

# in_checkout COMMAND...: run COMMAND in the tree, in the checkout, which is read-only
# there; the source of 6.12 is at /build/linux.
in_checkout()
{
	in_tree "$("$VM/tree")" "$TOP:/build/ipcp-rekey" \
		"$("$VM/tree" --source):/build/linux" -- \
		sh -c 'mount -o remount,bind,ro /build/ipcp-rekey &&
			cd /build/ipcp-rekey && exec "$@"' sh "$@"
}

# The two functions below are called where "set -e" is off, so they return explicitly
# if a command fails: a copy that they build must be complete.

# build_tools TARGET...: build from scratch, in a copy. Sets BUILD to the copy's
# folder.
build_tools()
{
	need_host git=git rsync=rsync
	BUILD=$CACHE/work-check-tools
	locked work-check-tools
	mkdir -p "$BUILD" || return
	rsync -r --links --perms --times --delete --delete-excluded --exclude='*.o' \
		--exclude='*.a' --exclude='.*' "$TOP"/{include,tools} "$BUILD/" || return
	in_tree "$("$VM/tree")" "$BUILD:/build/ipcp-rekey" -- \
		make --no-print-directory -s -j "$(nproc)" \
		-C /build/ipcp-rekey/tools/userspace "$@"
}

# build_module KERNEL ARGUMENTS...: build from scratch, in a copy, with all output of
# make on stdout. Sets BUILD to the copy's folder.
build_module()
{
	local kernel=$1

	shift
	kernel_of "$kernel" || return
	need_host git=git rsync=rsync
	BUILD=$CACHE/work-check-$kernel
	locked "work-check-$kernel"
	mkdir -p "$BUILD" || return
	rsync -r --links --perms --times --delete --delete-excluded \
		--exclude='*.o' --exclude='.*' --exclude='*.ko' --exclude='*.mod*' \
		"$TOP"/{Kbuild,Makefile,ipcp_rekey,include,kunit,samples} \
		"$BUILD/" || return
	in_tree "$TREE" "$BUILD:/build/ipcp-rekey" "${K_BINDS[@]}" -- \
		make --no-print-directory -s -j "$(nproc)" -C /build/ipcp-rekey \
		module KERNEL_SRC="$K_SRC" KERNEL_RELEASE="$K_RELEASE" "$@" 2>&1
}
