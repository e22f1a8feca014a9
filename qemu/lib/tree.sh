# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# The Debian tree: compiler, kernel, headers and QEMU of trixie and its backports, whatever the host runs.

suite=trixie

# The kernel series that the project is made for. Debian's newest of it is "stock", whatever came after it is "next".
target=7.2

tree_path() { printf '%s\n' "$cache/tree-$(hash_of "$lab/packages" "$lab/lib/tree.sh" "$lab/build/kernel")"; }

# enter BIND... -- COMMAND...: run COMMAND in the tree (see lib/enter for BIND). Needs $tree.
enter() {
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private \
		"$lab/lib/enter" "$tree" "$@"
}

# packages [backports]: the packages that come from the suite itself, or from its backports.
packages() {
	sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$lab/packages" |
		if [ "${1:-}" = backports ]; then sed -n 's,/backports$,,p'; else grep -v /; fi
}

host_has_mmdebstrap() {
	command -v mmdebstrap >/dev/null || { apt-get update && apt-get install -y --no-install-recommends mmdebstrap; }
}

# The host's way to the archive, where it is not the direct one.
proxy_option() {
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[ -z "${proxy:-}" ] || printf '%s\n' "--aptopt=Acquire::http::Proxy \"$proxy\""
}

tree_bootstrap() {
	rm -rf "$tree"
	set -- --variant=apt --include="$(packages | paste -sd,)" "$suite" "$tree" ${HMM_P2P_MIRROR:+"$HMM_P2P_MIRROR"}
	proxy=$(proxy_option)
	mmdebstrap ${proxy:+"$proxy"} "$@"
}

# The host's name resolution is the tree's.
tree_network() {
	for file in /etc/resolv.conf /etc/hosts; do
		[ ! -e "$file" ] || cp -L --remove-destination "$file" "$tree$file"
	done
}

tree_backports() (
	set -e
	tree_network
	sed -n "s/^deb \(.*\) $suite main.*/deb \1 $suite-backports main/p" "$tree/etc/apt/sources.list" \
		>"$tree/etc/apt/sources.list.d/backports.list"
	# what an interrupted one may have left
	enter -- dpkg --configure -a
	enter -- apt-get update
	# shellcheck disable=SC2046 # one word per package
	enter -- apt-get install -y --no-install-recommends -t "$suite-backports" $(packages backports)
)

# The stock kernel is not installed, but unpacked, like any that comes after it.
tree_kernel() { enter "$repo:/src:ro" -- /src/qemu/build/kernel stock "$target"; }

# tree_step NAME WHAT COMMAND: once for this tree, whatever fails or is interrupted after it.
tree_step() {
	[ ! -e "$tree/etc/hmm_p2p-done-$1" ] || return 0
	must "$2" "$logs/tree-$1.log" "$3"
	: >"$tree/etc/hmm_p2p-done-$1"
}

# Make the tree unless it is there, and set $tree, $release, $version and $series.
tree_ready() {
	tree=$(tree_path)
	if [ ! -d "$tree" ]; then
		need_space 5 "the Debian tree"
		tree=$tree.new
		must "installing mmdebstrap on the host" "$logs/host.log" host_has_mmdebstrap
		tree_step bootstrap "making the Debian tree" tree_bootstrap
		tree_step backports "adding QEMU" tree_backports
		tree_step kernel "adding the kernel, its headers and source" tree_kernel
		mv "$tree" "${tree%.new}"
		tree=${tree%.new}
	fi
	# shellcheck source=/dev/null
	. "$tree/etc/hmm_p2p-kernel-stock"
}
