# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A row: one guest, or two that talk to each other, from its boot to its TAP. Alone with a progress line of its own, or
# several side by side, each reported when it has ended.

# row_folder TOPOLOGY KERNEL: the row's name, and the folder of what it leaves.
row_folder() {
	row=$1/$2${boot_with:+/$boot_with}
	out=$logs/$(printf '%s' "$row" | tr / -)
	mkdir -p "$out"
	: >"$out/tap"
}

# run_row TOPOLOGY KERNEL MODE SECONDS: prints its TAP; fails when something in it did. A program need not print any.
run_row() {
	row_status=0
	boot_hosts "$@" >"$out/boot.log" 2>&1 || row_status=$?
	planned="load $boot_tests unload"
	[ "$2" != debug ] || planned="$planned kmemleak"
	report_guest "$row" "$row_status"
	[ ! -d "$out/$second" ] ||
		(out=$out/$second && report_guest "$row/$second" "$(cat "$out/ended")")
	[ "$3" = check ] || return "$row_status"
	! grep '^not ok' "$out/tap" | grep -qv '# TODO'
}

# report_guest PREFIX STATUS: what the guest whose folder is $out has left.
report_guest() {
	awk -v prefix="$1" -v ending="$(verdict "$2")" -v planned="$planned" -v logs="$out" \
		-f "$lab/lib/results.awk" "$lab/splats" "$out/console.log" "$out/results"
}

# current_test FOLDER: what runs there now.
current_test() { sed -n 's/^@begin \([^ ]*\).*/\1/p' "$1/results" 2>/dev/null | tail -n 1; }

row_detail() { printf 'in %s' "$(current_test "$out")"; }

# boot_and_report TOPOLOGY KERNEL MODE SECONDS: one row, waited for.
boot_and_report() {
	row_folder "$1" "$2"
	step_detail=row_detail
	step "guest $row" "$out/tap" run_row "$@" || :
	step_detail=
	report_row
}

# The row whose folder is $out has ended.
report_row() {
	# the lab's own process was killed
	[ -s "$out/tap" ] || echo "not ok - $row: the lab ended without a report of it" >"$out/tap"
	tee -a "$logs/results.tap" <"$out/tap"
}

# A guest has two CPUs, keeps one or two of the host's busy, and wants 2 to 4 GiB.
default_jobs() {
	awk -v cpus="$(nproc)" '
		/^MemAvailable:/ { most = int($2 / 1048576 / 4) }
		END { most = most < cpus ? most : cpus; print most < 1 ? 1 : most }' /proc/meminfo
}

# The rows under way, a word each: process, time of the start, name with commas for slashes.
rows_running=

# start_row TOPOLOGY KERNEL SECONDS
start_row() {
	row_folder "$1" "$2"
	run_row "$1" "$2" check "$3" >"$out/tap" 2>"$out/row.log" </dev/null 8>&- 9>&- &
	rows_running="$rows_running $!:$(now):$(printf '%s' "$row" | tr / ,)"
}

# rows_below N: wait until fewer than N are under way.
rows_below() {
	rows_said=$(now)
	while :; do
		rows_still=
		for row_word in $rows_running; do
			if kill -0 "${row_word%%:*}" 2>/dev/null; then
				rows_still="$rows_still $row_word"
			else
				end_row "$row_word"
			fi
		done
		rows_running=$rows_still
		# shellcheck disable=SC2086 # a word per row
		set -- "$1" $rows_running
		[ $# -gt "$1" ] || return 0
		rows_tick
	done
}

# row_take WORD: $row, $out and the seconds it has run.
row_take() {
	row=$(printf '%s' "${1##*:}" | tr , /)
	out=$logs/$(printf '%s' "$row" | tr / -)
	row_start=${1#*:}
	row_seconds=$(($(now) - ${row_start%%:*}))
}

end_row() {
	row_take "$1"
	row_word="done"
	wait "${1%%:*}" || row_word=FAILED
	progress "guest $row ... $row_word ($row_seconds s)"
	end_line
	report_row
}

rows_tick() {
	sleep 1
	if [ -t 2 ]; then
		# a line of it
		progress "$(rows_state | tr '\n' ' ' | cut -c 1-79)"
	elif [ $(($(now) - rows_said)) -ge 15 ]; then
		rows_said=$(now)
		rows_state >&2
	fi
}

rows_state() {
	for row_word in $rows_running; do
		row_take "$row_word"
		printf '%s: %s s so far, %s \n' "$row" "$row_seconds" "$(current_test "$out")"
	done
}
