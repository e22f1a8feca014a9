#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The list of tests in selftests/README.md is that of the files.
set -u

cd "$(dirname "$0")/.." || exit
echo 1..1
if changes=$(./index | diff - README.md | sed -n 's/^< /# missing: /p') && [ -z "$changes" ] &&
	[ "$(grep -c '^- \[test_' README.md)" = "$(./index | grep -c '^- \[test_')" ]; then
	echo "ok 1 - every test is in the list, as its file begins"
else
	printf '%s\n' "$changes"
	echo "not ok 1 - every test is in the list, as its file begins"
	echo "# run selftests/index, and put what it prints at the end of selftests/README.md"
	exit 1
fi
