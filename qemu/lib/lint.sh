# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The linters, each one result.

# lint_one NAME: build/lint-NAME in the tree; what it says on standard output is a finding.
lint_one() {
	lint_status=0
	step "lint: $1" "$logs/lint-$1.log" build_enter "/src/qemu/build/lint" "$1" "$release" "$series" || lint_status=$?
	if [ "$lint_status" = 0 ]; then
		echo "ok - lint/$1"
		return
	fi
	sed 's/^/#   /' "$logs/lint-$1.log"
	echo "not ok - lint/$1"
}

lint() {
	lock_cache
	tree_ready
	build_folder
	must "copying the sources" "$logs/sources.log" copy_sources
	for linter in house checkpatch sparse kernel-doc warnings options shellcheck; do
		lint_one "$linter"
	done | tee "$logs/lint.tap"
	unlock_cache
	totals "$logs/lint.tap"
}
