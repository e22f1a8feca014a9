# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The project's own Debian packages, in a tree that has what builds them.

# Sets $deb_tree.
deb_tree_ready() {
	more_tree_ready deb 4
	deb_tree=$tree tree=$plain
}

# Before a check, which has every kernel that there is.
deb_test_ready() {
	next_ready || true
	deb_tree_ready
}

# In the tree itself.
deb_build() (
	tree=$deb_tree
	build_enter /src/qemu/build/deb /build/pristine /build/debs
)

# In a throw-away copy of the tree, with the kernels that there are now.
deb_test() (
	tree=$deb_tree:$tree
	build_enter /src/qemu/build/packages
)

# The packages are to stay, and named.
deb() {
	lock_cache
	tree_ready
	deb_tree_ready
	build_folder
	must "copying the sources" "$logs/sources.log" copy_sources
	rm -rf "$build/debs"
	must "building the packages" "$logs/deb.log" deb_build
	unlock_cache
	echo "$build/debs:"
	(cd "$build/debs" && ls ./*.deb)
}
