# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The soak's Debian tree: a copy of the other one, with more packages. What run and check use stays as small as it is.

soak_tree_path() { printf '%s\n' "$tree-soak-$(hash_of "$lab/packages.soak" "$lab/lib/soak_tree.sh")"; }

soak_packages() { sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$lab/packages.soak"; }

# Services are not to start when they are installed, and nothing is kept of what was downloaded.
soak_tree_packages() (
	set -e
	tree_network
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	enter -- apt-get update
	# shellcheck disable=SC2046 # one word per package
	enter -- apt-get install -y --no-install-recommends $(soak_packages)
	enter -- apt-get clean
	rm "$tree/usr/sbin/policy-rc.d"
)

soak_tree_copy() { cp -a --reflink=auto "$1" "$tree"; }

# After tree_ready: make the copy unless it is there, and set $tree.
soak_tree_ready() {
	plain=$tree
	tree=$(soak_tree_path)
	[ ! -d "$tree" ] || return 0
	need_space 4 "the soak's Debian tree"
	tree=$tree.new
	rm -rf "$tree"
	must "copying the Debian tree" "$logs/soak-copy.log" soak_tree_copy "$plain"
	must "adding the soak's programs" "$logs/soak-packages.log" soak_tree_packages
	mv "$tree" "${tree%.new}"
	tree=${tree%.new}
}
