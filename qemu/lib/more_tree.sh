# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Debian trees with more packages: copies of the first one, which stays as small as run and check want it. The packages of
# the tree NAME are those of qemu/packages.NAME.

more_tree_path() { printf '%s\n' "$plain-$1-$(hash_of "$lab/packages.$1" "$lab/lib/more_tree.sh")"; }

more_packages() { sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$lab/packages.$1"; }

# Services are not to start when they are installed, and nothing is kept of what was downloaded.
more_tree_packages() (
	set -e
	tree_network
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	enter -- apt-get update
	# shellcheck disable=SC2046 # one word per package
	enter -- apt-get install -y --no-install-recommends $(more_packages "$1")
	enter -- apt-get clean
	rm "$tree/usr/sbin/policy-rc.d"
)

more_tree_copy() { cp -a --reflink=auto "$1" "$tree"; }

# more_tree_ready NAME GIB: after tree_ready, make the tree NAME unless it is there, and set $tree to it, $plain to the
# first.
more_tree_ready() {
	plain=$tree
	tree=$(more_tree_path "$1")
	[ ! -d "$tree" ] || return 0
	need_space "$2" "the Debian tree for $1"
	tree=$tree.new
	rm -rf "$tree"
	must "copying the Debian tree" "$logs/$1-copy.log" more_tree_copy "$plain"
	must "adding what $1 needs" "$logs/$1-packages.log" more_tree_packages "$1"
	mv "$tree" "${tree%.new}"
	tree=${tree%.new}
}
