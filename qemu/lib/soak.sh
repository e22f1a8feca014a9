# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The soak: one guest, one program after another, and a table of what came of each.

# Below selftests/soak/programs; what follows the colon is an argument.
soak_programs="torture fuzz accel redis sqlite stress-ng python java:G1 java:Parallel java:Shenandoah"

soak_chosen() {
	for program in $soak_programs; do
		! matches "$program" "${want_test:-*}" || printf '%s ' "$program"
	done
}

# soak TOPOLOGY KERNEL
soak() {
	boot_tests=$(soak_chosen)
	[ -n "$boot_tests" ] || die "no program matches '$want_test': $soak_programs"
	# shellcheck disable=SC2086 # a word per program
	set -- "$1" "$2" $boot_tests
	boot_share=$((want_minutes * 60 / ($# - 2)))
	# To start and to end, which the debug kernel makes long.
	soak_more=300
	[ "$2" != debug ] || soak_more=900
	boot_limit=$((boot_share + soak_more))
	prepare "$2"
	boot_and_report "$1" "$2" soak "$(((boot_share + soak_more) * ($# - 2) + 600))" >"$logs/tap"
	awk -v programs="$boot_tests" -v prefix="$1/$2/" -f "$lab/lib/soak.awk" "$logs/tap" && return
	say "logs: $out"
	return 1
}
