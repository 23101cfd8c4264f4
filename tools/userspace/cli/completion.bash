# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Completion for ipcp-rekey(8) in bash. The program's own help names the commands,
# the options and the arguments.

# __ipcp_rekey_argument WORD PROGRAM CURRENT: complete an argument that the help
# calls WORD.
__ipcp_rekey_argument()
{
	case $1 in
	FILE|PATH|RECORDING|\[RECORDING\])
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$3") ;;
	DIR)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$3") ;;
	PROGRAM)
		mapfile -t COMPREPLY < <(compgen -c -- "$3" | sort -u) ;;
	DEVICE)
		mapfile -t COMPREPLY < <(cd /sys/class/net 2>/dev/null &&
			compgen -f -- "$3") ;;
	ID*)
		# empty without the right to see flows
		mapfile -t COMPREPLY < <(compgen -W "$("$2" flow list 2>/dev/null |
			awk '$1 ~ /^[0-9]+$/ { print $1 }')" -- "$3") ;;
	esac
}

# __ipcp_rekey_value HELP OPTION: print what the help calls the option's value;
# fail if the option takes none.
__ipcp_rekey_value()
{
	awk -v option="$2" '
	{ short = ""; i = 1 }
	$1 ~ /^-.,$/ { short = substr($1, 1, 2); i = 2 }
	(option == short || option == $i) && $i ~ /^--/ &&
	$(i + 1) ~ /^[A-Z]+$/ && index($0, $i " " $(i + 1)) {
		print $(i + 1)
		found = 1
	}
	END { exit !found }' <<<"$1"
}

_ipcp_rekey()
{
	local program=$1 current=$2 previous=${COMP_WORDS[COMP_CWORD - 1]}
	local help line value words=() names=() i at=0

	COMPREPLY=()
	help=$("$program" --help 2>/dev/null) || return 0
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${help%%$'\n'*} == *COMMAND* ]] || break
		[[ ${COMP_WORDS[i]} != -* ]] || return 0
		words+=("${COMP_WORDS[i]}")
		help=$("$program" "${words[@]}" --help 2>/dev/null) || return 0
	done
	line=${help%%$'\n'*}
	if [[ $line == *COMMAND* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(awk \
			'/^  [a-z]/ { print $1 }' <<<"$help")" -- "$current")
		return
	fi

	# bash makes --option=value three words
	if [ "$current" = "=" ]; then
		current=
	elif [ "$previous" = "=" ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if value=$(__ipcp_rekey_value "$help" "$previous"); then
		__ipcp_rekey_argument "$value" "$program" "$current"
		return
	fi
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(grep -o -E \
			'^  (-.,|   ) --[a-z-]+' <<<"$help" | tr -d ,)" -- "$current")
		return
	fi

	# the arguments that are there already
	for (( ; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} != -* ]]; then
			at=$((at + 1))
		elif __ipcp_rekey_value "$help" "${COMP_WORDS[i]}" >/dev/null; then
			[ "${COMP_WORDS[i + 1]}" != "=" ] || i=$((i + 1))
			i=$((i + 1))
		fi
	done
	read -r -a names <<<"${line#*"[OPTION]..."}"
	__ipcp_rekey_argument "${names[at]-}" "$program" "$current"
}

complete -F _ipcp_rekey ipcp-rekey
