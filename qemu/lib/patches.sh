# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The patches to the kernel: that they can be mailed, and that each builds with those before it.

check_patches() {
	lock_cache
	tree_ready
	build_folder
	if ! next_ready; then
		echo "ok - patches # SKIP $next_missing"
		return
	fi
	must "copying the sources" "$logs/sources.log" copy_sources
	step "patches" "$logs/patches.log" build_enter /src/qemu/build/patches "$(next_value series)" "$(next_value version)" || true
	grep -E '^(not )?ok |^# ' "$logs/patches.log" | tee "$logs/patches.tap"
	unlock_cache
	totals "$logs/patches.tap"
}
