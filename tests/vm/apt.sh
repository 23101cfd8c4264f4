# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# A private apt, which sees Debian 13 and none of this machine's packages. Sourced
# after lib.sh, never run. Call private_apt before the other functions.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suites="trixie trixie-updates trixie-backports"

# Print the mirror that this machine's own apt uses for its Debian release. Repositories
# of others may have the same codename.
mirror()
{
	local codename uri

	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016
	uri=$(apt-get indextargets --format '$(RELEASE) $(ORIGIN) $(REPO_URI)' \
		"Created-By: Packages" |
		awk -v r="$codename" '$1 == r && $2 == "Debian" { print $3; exit }')
	[ -n "$uri" ] ||
		die "no Debian mirror in this machine's apt sources (looked for '$codename')"
	echo "$uri"
}

# Write the configuration to $CACHE/apt. Each file is replaced as a whole, since
# another process may be reading it.
private_apt()
{
	local apt=$CACHE/apt suite uri tmp

	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
	touch "$apt/status"
	uri=$(mirror)
	tmp=$(mktemp -d "$apt/tmp.XXXXXX")
	for suite in $suites; do
		echo "deb [arch=amd64 signed-by=$keyring] $uri $suite main"
	done >"$tmp/sources.list"
	{
		# this machine's proxies, retries and checks of dates
		apt-config dump | grep -E \
			'^Acquire::((http|https|ftp)::|Retries|Check-|ForceIPv)' || :
		cat <<-EOF
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "root";
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/parts";
		Dir::Etc::preferences "$apt/none";
		Dir::Etc::preferencesparts "$apt/parts";
		Dir::Etc::trusted "$keyring";
		Acquire::Languages "none";
		Acquire::Retries "3";
		EOF
	} >"$tmp/apt.conf"
	mv "$tmp"/* "$apt"
	rmdir "$tmp"
}

# apt does not wait for its lock of the lists.
apt_get()
{
	APT_CONFIG=$CACHE/apt/apt.conf flock "$CACHE/apt/lock" \
		apt-get -o APT::Update::Error-Mode=any "$@"
}

apt_cache()
{
	APT_CONFIG=$CACHE/apt/apt.conf apt-cache "$@"
}

# fetch PACKAGE[=VERSION]...: download .deb files into the current folder.
fetch()
{
	apt_get download -qq "$@" >&2 || die -1 "could not download $*"
}

