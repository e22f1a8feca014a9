# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The test matrix: what runs where, and what came of it.

# matrix: the rows of the matrix that were asked for: topology, kernel, seconds, limit, patterns. The native kernel, which
# takes longer to build than to test, is asked for by its name.
matrix() {
	[ -z "$want_with" ] || { with_matrix; return; }
	sed 's/#.*//; /^[[:space:]]*$/d' "$lab/matrix" |
		awk -v topology="$want_topology" -v kernel="$want_kernel" '
			(topology == "" || $1 == topology) && (kernel == "all" ? $2 != "native" : $2 == kernel)'
}

# cases_of PROGRAM: the names of its cases, as its source has them: in TEST(), TEST_BOTH() or a macro of the program's own.
# Those of ALL() are named otherwise.
cases_of() {
	sed -n -e 's/^[[:space:]]*TEST_BOTH(\([a-z0-9_]*\)),.*/\1_small\n\1_huge/p; t' -e '/^[[:space:]]*ALL(/d' \
		-e 's/^[[:space:]]*[A-Z_]*TEST(\([a-z0-9_]*\)),.*/\1/p; t' \
		-e 's/^[[:space:]]*[A-Z_]*(\(test_[a-z0-9_]*\)),.*/\1/p' "$stage/user/selftests/guest/$1.c" 2>/dev/null
}

# wanted NAME FOLDER: was the program asked for, by its name, or by that of a case, or with all of its folder ("upstream")?
wanted() {
	matches "$1" "${want_test:-*}" || matches "${2##*/}" "$want_test" && return
	for case in $(cases_of "$1"); do
		! matches "$case" "$want_test" || return 0
	done
	return 1
}

# runnable_tests: the project's own guest test programs, a line each: its name and its folder.
runnable_tests() {
	for path in "$stage"/user/selftests/guest/build/test_* "$stage"/user/selftests/guest/test_* \
		"$stage"/user/selftests/upstream/upstream_*; do
		[ ! -f "$path" ] || [ ! -x "$path" ] || printf '%s %s\n' "${path##*/}" "${path%/*}"
	done
}

# select_tests PATTERNS KERNEL: of the guest's test programs, one line, those that match one of PATTERNS (separated by
# commas), in the order of these, and what was asked for.
select_tests() {
	case $1 in
	with=*) with_tests "${1#with=}" "$2" && return ;;
	esac
	printf '%s\n' "$1" | tr ',' '\n' | while read -r pattern; do
		runnable_tests | while read -r name folder; do
			# shellcheck disable=SC2254 # it is a pattern
			case $name in
			$pattern) printf '%s %s\n' "$name" "$folder" ;;
			esac
		done
	done | awk '!seen[$1]++' | while read -r name folder; do
		! wanted "$name" "$folder" || printf '%s ' "$name"
	done
}

# matches NAME PATTERNS
matches() (
	set -f
	IFS=,
	for pattern in $2; do
		# shellcheck disable=SC2254 # it is a pattern
		case $1 in
		$pattern) return 0 ;;
		esac
	done
	return 1
)

# report_host NAME LOG STATUS: what a program outside any guest said, as TAP of the same kind.
report_host() {
	host_out=$logs/host-$1
	mkdir -p "$host_out"
	printf 'hmm_p2p_lab: begin %s\nhmm_p2p_lab: end %s\n' "$1" "$1" >"$host_out/console.log"
	{
		echo "@begin $1"
		sed 's/^@/ @/' "$2"
		printf '\n@end %s %s 0\n' "$1" "$3"
	} >"$host_out/results"
	awk -v prefix=host -v ending=finished -v planned="$1" -v logs="$2" \
		-f "$lab/lib/results.awk" "$lab/splats" "$host_out/console.log" "$host_out/results" |
		tee -a "$logs/results.tap"
}

# With a topology asked for, only guests were asked for.
host_wanted() { [ -z "$want_topology" ] && matches "$1" "${want_test:-*}"; }

# host_test NAME WHAT COMMAND...: a check that needs no guest, when it was asked for.
host_test() {
	host_wanted "$1" || return 0
	host_name=$1 host_what=$2 host_status=0
	shift 2
	step "$host_what" "$logs/$host_name.log" "$@" || host_status=$?
	report_host "$host_name" "$logs/$host_name.log" "$host_status"
}

host_tests() {
	host_test unit "unit tests on the host" build_enter /src/qemu/build/unit
	host_test packages "Debian packages, in a copy of a tree" deb_test
}

# check_row TOPOLOGY KERNEL SECONDS LIMIT PATTERNS: start it, as soon as there is room for it.
check_row() {
	boot_limit=$4
	boot_tests=$(select_tests "$5" "$2")
	boot_with=$(with_of "$5")
	[ -n "$boot_tests" ] || with_anyway || return 0
	if is_missing "$2"; then
		echo "ok - $1/$2 # SKIP $next_missing" | tee -a "$logs/results.tap"
		return 0
	fi
	rows_below "${want_jobs:-$(default_jobs)}"
	start_row "$1" "$2" "$3"
}

# totals FILE: the line that ends a check; false unless something ran and nothing failed. A known bug of somebody else's
# (TODO) is neither.
totals() {
	awk '
		/^not ok .*# *[Tt][Oo][Dd][Oo]/ { known++; next }
		/^ok .*# *[Ss][Kk][Ii][Pp]/ { skipped++; next }
		/^ok / { passed++ }
		/^not ok / { failed++ }
		END {
			if (known)
				printf "# %d known bugs of the kernel are still there\n", known
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed || !passed
		}' "$1"
}

# The rows' kernels; none when only tests outside any guest were asked for.
wanted_kernels() {
	! printf '%s\n' "$want_test" | tr , '\n' | grep -qvx -e unit -e packages ||
		matrix | awk '{ print $2 }' | sort -u
}

# Is there no such test, or is it in no such row?
nothing_ran() {
	want_rows=$(want_topology='' want_kernel=all && matrix | while read -r topology kernel _ _ patterns; do
		[ -z "$(select_tests "$patterns" "$kernel")" ] || printf '%s/%s ' "$topology" "$kernel"
	done)
	if [ -z "$want_rows" ]; then
		say "nothing ran: no test and no case is called like '$want_test'; selftests/README.md lists the tests"
	else
		say "nothing ran: '${want_test:-any test}' is not in topology '${want_topology:-any}' with kernel '$want_kernel'," \
			"but in $want_rows"
	fi
}

check() {
	# shellcheck disable=SC2046 # a word per kernel
	prepare $(wanted_kernels)
	: >"$logs/results.tap"
	host_tests
	matrix >"$logs/matrix"
	while read -r topology kernel seconds limit patterns <&4; do
		check_row "$topology" "$kernel" "$seconds" "$limit" "$patterns"
	done 4<"$logs/matrix"
	rows_below 1
	grep -q '^ok\|^not ok' "$logs/results.tap" || nothing_ran
	totals "$logs/results.tap" || {
		say "logs: $logs"
		return 1
	}
}

# run_program TOPOLOGY KERNEL SECONDS PROGRAM [ARGUMENTS]: a guest for one program; shows what the program said.
run_program() {
	prepare "$2"
	[ -x "$stage/user/$4" ] || die "there is no program $4 (see $logs/user.log)"
	boot_program=/build/user/$4 boot_limit=$3 boot_arguments=${5:-} boot_tests=
	boot_and_report "$1" "$2" program "$(($3 + 120))" >"$logs/tap"
	awk -v name="${4##*/}" '
		$1 == "@begin" { inside = $2 == name; next }
		$1 == "@end" { inside = 0 }
		inside' "$out/results"
	# the program's own output need not be TAP
	if grep '^not ok' "$logs/tap" | grep -vq "/${4##*/}: printed no TAP result"; then
		grep '^not ok' "$logs/tap" >&2
		say "logs: $out"
		return 1
	fi
}
