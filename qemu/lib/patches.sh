# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The patches to the kernel: that they can be mailed.

check_patches() {
	lock_cache
	tree_ready
	build_folder
	if ! next_ready; then
		echo "ok - patches # SKIP $next_missing"
		return
	fi
	must "copying the sources" "$logs/sources.log" copy_sources
	set -- "$(sed -n 's/^series=//p' "$next_conf")" "$(sed -n 's/^version=//p' "$next_conf")"
	step "patches" "$logs/patches.log" build_enter /src/qemu/build/patches "$@" || true
	unlock_cache
	grep -E '^(not )?ok |^# ' "$logs/patches.log" | tee "$logs/patches.tap"
	totals "$logs/patches.tap"
}
