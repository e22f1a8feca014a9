#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Documents that say what is in the code: the list of tests in selftests/README.md is that of the files, and each
# function that hmm_p2p/README.md names is there.
set -u

cd "$(dirname "$0")/.." || exit
echo 1..2
status=0
if changes=$(./index | diff - README.md | sed -n 's/^< /# missing: /p') && [ -z "$changes" ] &&
	[ "$(grep -c '^- \[test_' README.md)" = "$(./index | grep -c '^- \[test_')" ]; then
	echo "ok 1 - every test is in the list, as its file begins"
else
	printf '%s\n' "$changes"
	echo "not ok 1 - every test is in the list, as its file begins"
	echo "# run selftests/index, and put what it prints at the end of selftests/README.md"
	status=1
fi

# What begins with an underscore is short for another.
functions=$(grep -oE '`[a-z][a-z0-9_]*\(\)' ../hmm_p2p/README.md | tr -d '`()' | sort -u)
gone=
for function in $functions; do
	grep -rqw --include='*.[ch]' "$function" ../hmm_p2p ../include || gone="$gone $function"
done
if [ -n "$functions" ] && [ -z "$gone" ]; then
	echo "ok 2 - the functions that the map of the house names are there"
else
	echo "not ok 2 - the functions that the map of the house names are there"
	echo "# not in hmm_p2p/:$gone"
	status=1
fi
exit "$status"
