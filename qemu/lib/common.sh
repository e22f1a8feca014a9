# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Messages, logs, progress, and the checks that come before any work.

nl='
'

say() { printf '%s\n' "$*" >&2; }

die() {
	end_line
	say "lab: $*"
	exit 1
}

now() { date +%s; }

hash_of() { cat "$@" | cksum | tr ' ' '-'; }

# A progress line that is rewritten on a terminal; plain lines, far apart, elsewhere.
line_open=
end_line() {
	[ -z "$line_open" ] || printf '\n' >&2
	line_open=
}

progress() {
	if [ -t 2 ]; then
		printf '\r\033[K%s' "$1" >&2
		line_open=1
	else
		say "$1"
	fi
}

# step WHAT LOG COMMAND...: run COMMAND, its output in LOG, and say how long it takes. Returns COMMAND's status.
# $step_detail, where set, is a command that prints what is going on inside.
step_pid=
step_detail=
step() {
	step_what=$1 step_log=$2
	shift 2
	step_start=$(now) step_said=$(now)
	[ ! -t 2 ] || progress "$step_what ..."
	"$@" >"$step_log" 2>&1 </dev/null 8>&- 9>&- &
	step_pid=$!
	while kill -0 "$step_pid" 2>/dev/null; do
		step_tick
	done
	step_status=0
	wait "$step_pid" || step_status=$?
	step_pid=
	step_word="done"
	[ "$step_status" = 0 ] || step_word=FAILED
	progress "$step_what ... $step_word ($(($(now) - step_start)) s)"
	end_line
	return "$step_status"
}

step_tick() {
	step_now=$(now)
	if [ $((step_now - step_start)) -lt 3 ]; then sleep 0.2; else sleep 1; fi
	if [ -t 2 ] || [ $((step_now - step_said)) -ge 15 ]; then
		step_said=$step_now
		progress "$step_what ... ($((step_now - step_start)) s so far)${step_detail:+ $($step_detail)}"
	fi
}

# must WHAT LOG COMMAND...: a step without which nothing goes on.
must() {
	step "$@" || fail_with_log "$1" "$2"
}

fail_with_log() {
	say "---- the end of its log:"
	tail -n 15 "$2" >&2
	say "----"
	explain "$2"
	die "$1 failed; the log is $2"
}

# Say what to do about the failures that are not the project's.
explain() {
	if grep -q 'No space left on device' "$1"; then
		say "The disk is full: free some space below $cache, or set HMM_P2P_CACHE to a folder on another disk."
	elif grep -qE 'Could not (resolve|connect)|Temporary failure resolving|Unable to (connect|fetch)|Failed to fetch|Network is unreachable' "$1"; then
		say "The Debian archive cannot be reached: check the network (or the proxy in apt's configuration)," \
			"or name a mirror in HMM_P2P_MIRROR, for example http://HOST/debian."
	elif grep -qE 'unshare.*Operation not permitted|cannot mount' "$1"; then
		say "Mount namespaces are not allowed here: run the lab as root on a machine, or in a privileged container."
	fi
}

need_root() {
	[ "$(id -u)" = 0 ] || die "the lab sets up a Debian tree: run it as root (su, or sudo $0 ...)"
}

# need_space GIB WHAT
need_space() {
	space_kib=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
	[ "$space_kib" -ge $(($1 * 1024 * 1024)) ] ||
		die "$2 needs $1 GiB free in $cache, and there are $((space_kib / 1024 / 1024)):" \
			"free some space, or set HMM_P2P_CACHE to a folder on another disk"
}

# One at a time builds in the cache; the lock goes with the process.
lock_cache() {
	exec 9>"$cache/lock"
	flock -n 9 && return
	say "waiting for another lab to finish its build ($cache/lock)"
	flock 9
}

unlock_cache() { exec 9>&-; }

# Who uses the cache holds this lock too, shared and to the end: nobody cleans what a guest has as its root.
use_cache() {
	exec 8>"$cache/in-use"
	flock -n "$1" 8 || die "another lab is ${2:-at work} in $cache: wait for it, or set HMM_P2P_CACHE"
}

# Every invocation has a folder of logs; the newest twenty are kept, and those of labs that are still at work.
open_logs() {
	logs=$cache/logs/$(date +%Y%m%d-%H%M%S)-$1-$$
	mkdir -p "$logs"
	find "$cache/logs" -mindepth 1 -maxdepth 1 -type d | sort -r | tail -n +21 |
		while IFS= read -r old; do [ -d "/proc/${old##*-}" ] || rm -rf "$old"; done
}

# The lab's processes are subshells around one "unshare", which takes all below it along.
kill_tree() {
	for child in $(grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d/ -f3); do
		kill_tree "$child"
	done
	kill "$1" 2>/dev/null
}

stop_step() {
	for row_word in $step_pid $rows_running; do
		kill_tree "${row_word%%:*}"
	done
	end_line
	say "lab: interrupted"
	exit 130
}
