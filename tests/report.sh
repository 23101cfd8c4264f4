# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# shellcheck shell=bash
# Reports failures of tests and checks. Sourced, never run.
#
#   report_begin FILE
#   report_failure TITLE WHY NAME LOGS COMMAND
#			print the diagnosis now, and add three lines to the report;
#			WHY is the file that tests/ktap/count wrote
#   report_rounds RESULTS ROUNDS PART...
#			add a table of the rounds to the report
#   report_end LINE	print the report with LINE at its end

report_begin()
{
	REPORT=$1
	mkdir -p "$(dirname "$REPORT")"
	: >"$REPORT"
}

# reasons WHY NAME: print the diagnosis of the failure NAME
reasons()
{
	awk -v name="$2" '
		/^\t/	{ if (on) print substr($0, 2); next }
			{ on = $0 == name && !done; done = done || on }
	' "$1" 2>/dev/null
}

# Print the line of a diagnosis that tells most: the last that looks like an error,
# else the last that is not empty. Add what was found: cmocka says so in the line before
# "error: Failure!", KUnit in the line after "Expected ..., but".
reason()
{
	awk '
		/[^ ]/ { before = last; last = $0; sub(/^[ \t]*/, "", last) }
		expected && /[^ ]/ { best = best " " last; expected = 0; next }
		/Expected .*, but$/ { best = $0; expected = 1; next }
		/error: Failure!$/ && before != "" { best = before ", " last; next }
		/(Error|error|ERROR|[Ff]ailed|FAILED|[Ee]xpected|ended with|time limit|WARNING|BUG|KASAN|no such|not )/ {
			best = $0
		}
		END { sub(/^[ \t]*/, "", best)
			print substr(best != "" ? best : last, 1, 200) }'
}

report_failure()
{
	local text

	text=$(reasons "$2" "$3")
	printf -- '---- FAILED %s\n' "$1"
	[ -z "$text" ] || printf '%s\n' "$text" | sed 's/^/     | /'
	{
		printf 'FAILED  %s\n' "$1"
		printf '        %s\n' "$(printf '%s\n' "$text" | reason)"
		printf '        logs: %s  again: %s\n' "${4#"$TOP"/}" "$5"
	} >>"$REPORT"
}

# median FILE: print the median of numbers, one in a line
median()
{
	sort -n "$1" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}

report_rounds()
{
	local results=$1 rounds=$2 part i counts good times

	shift 2
	times=$(mktemp)
	{
		printf '%-14s %7s %7s %8s %8s %8s\n' part passed failed \
			shortest median longest
		for part; do
			good=0
			: >"$times"
			for ((i = 1; i <= rounds; i++)); do
				read -r -a counts <"$results/round-$i/$part/tally"
				[ "${counts[1]}" != 0 ] || good=$((good + 1))
				cat "$results/round-$i/$part/seconds" >>"$times"
			done
			printf '%-14s %7d %7d %6d s %6d s %6d s\n' "$part" $good \
				$((rounds - good)) "$(sort -n "$times" | head -n 1)" \
				"$(median "$times")" "$(sort -n "$times" | tail -n 1)"
		done
	} >>"$REPORT"
	rm -f "$times"
}

report_end()
{
	printf '%s\n' "$1" >>"$REPORT"
	cat "$REPORT"
}
