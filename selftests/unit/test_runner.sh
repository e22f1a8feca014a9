#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# run-tests itself: it must be able to fail.
set -u

here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
number=0
failed=0

program() {
	printf '#!/bin/sh\n%s\n' "$1" >"$tmp/program.sh"
	chmod +x "$tmp/program.sh"
}

# runner_says STATUS WORDS NAME PROGRAM...
runner_says() {
	expected=$1 words=$2 name=$3
	shift 3
	number=$((number + 1))
	"$here/run-tests" "$tmp" "$@" >"$tmp/log" 2>&1
	status=$?
	if [ $status -eq "$expected" ] && grep -q "^$words" "$tmp/log"; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		sed 's/^/# /' "$tmp/log"
	fi
}

one() {
	program "$4"
	runner_says "$1" "$2" "$3" "$tmp/program.sh"
}

echo "1..10"
one 0 "ok 1 - program" "all is well" 'echo 1..2; echo ok 1; echo ok 2'
one 1 "not ok 1 - program" "a test failed" 'echo 1..2; echo ok 1; echo not ok 2; exit 1'
one 1 "# 1 of 2 failed" "a test failed, exit 0" 'echo 1..2; echo ok 1; echo not ok 2'
one 1 "# 1 of 2 ran" "a test did not run" 'echo 1..2; echo ok 1'
one 1 "# it exited with 7" "the program failed at the end" 'echo 1..1; echo ok 1; exit 7'
one 1 "# it has 0 plans" "no plan" 'echo ok 1'
one 1 "# it has 0 plans" "silence" 'exit 0'
one 1 "# it bailed out" "bail out" 'echo 1..1; echo ok 1; echo "Bail out! no"'
one 1 "not ok 1 - program" "killed" 'echo 1..1; kill -9 $$'
runner_says 1 "not ok 1 - missing" "missing program" "$tmp/missing"
[ $failed -eq 0 ]
