# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# From sources to what a guest needs: kernels, modules, userspace, and a copy of them for one run.

kernel_dir() {
	case $1 in
	stock) printf '%s\n' "$tree/usr/lib/modules/$release" ;;
	next) printf '%s\n' "$tree/usr/lib/modules/$(kernel_release next)" ;;
	debug) printf '%s\n' "$cache/kernel-$version-$(hash_of "$lab/kernel/debug.config")" ;;
	native)
		# shellcheck disable=SC2046 # a word per file
		printf '%s\n' "$cache/kernel-$(next_value version)-$(hash_of "$lab/kernel/debug.config" "$lab/kernel/native.config" $(patch_files))"
		;;
	esac
}

# Without the letters that go with them.
patch_files() { find "$lab/kernel/patches" -name '*.patch' ! -name '0000-*' | sort; }

# next_value NAME: of the next kernel; nothing when there is none.
next_value() { sed -n "s/^$1=//p" "$tree/etc/hmm_p2p-kernel-next" 2>/dev/null; }

kernel_release() {
	case $1 in
	stock) printf '%s\n' "$release" ;;
	next) next_value release ;;
	debug | native) cat "$(kernel_dir "$1")/release" ;;
	esac
}

# What the modules need and a kernel may lack; the debug kernel's configuration is checked when it is made.
check_stock_kernel() {
	missing=
	for option in DEVICE_PRIVATE HMM_MIRROR PCI_P2PDMA TRANSPARENT_HUGEPAGE; do
		grep -qx "CONFIG_$option=y" "$tree/usr/lib/modules/$release/config" || missing="$missing CONFIG_$option"
	done
	[ -z "$missing" ] || die "the kernel $release is built without$missing, which hmm_p2p needs: use Debian's 7.2 or later"
}

# source_files DIR: what git knows or would know there; without git, all.
source_files() {
	git -c safe.directory='*' -C "$1" ls-files -co --exclude-standard 2>/dev/null ||
		(cd "$1" && find . -type f)
}

# Every checkout has its own, which names it.
build_folder() {
	build=$cache/build-$(printf '%s' "$repo" | cksum | tr ' ' '-')
	mkdir -p "$build"
	printf '%s\n' "$repo" >"$build/checkout"
	for old in "$cache"/build-*; do
		! is_orphan "$old" || rm -rf "$old"
	done
}

# is_orphan BUILD: is its checkout gone? One that names none was made by an older lab: it is given a month.
is_orphan() {
	if [ -s "$1/checkout" ]; then
		[ ! -e "$(cat "$1/checkout")/qemu/lab" ]
	else
		[ -z "$(find "$1" -maxdepth 2 -mtime -30 -print -quit)" ]
	fi
}

# build_enter COMMAND...: in the tree, with the build folder writable.
build_enter() { enter "$repo:/src:ro" "$build:/build" -- "$@"; }

copy_sources() { source_files "$repo" | build_enter /src/qemu/build/sources /src /build/pristine; }

# build_lab_kernel NAME SERIES: one of the lab's own kernels.
build_lab_kernel() {
	[ -e "$(kernel_dir "$1")/vmlinuz" ] || need_space 6 "the $1 kernel"
	mkdir -p "$(kernel_dir "$1")"
	must "building the $1 kernel and its modules" "$logs/kernel-$1.log" \
		enter "$repo:/src:ro" "$build:/build" "$(kernel_dir "$1"):/kernel" -- /src/qemu/build/lab-kernel "$1" "$2"
}

# build_modules KERNEL RELEASE SERIES [MAKE-ARGUMENT]...: out of the tree, with the kernel's own suite beside them.
build_modules() {
	build_name=$1 build_release=$2 build_series=$3
	shift 3
	must "building the modules for $build_release" "$logs/modules-$build_name.log" \
		build_enter /src/qemu/build/modules "$build_name" "$build_release" "$@"
	must "building the suite of $build_release" "$logs/upstream-$build_name.log" \
		build_enter /src/qemu/build/upstream "$build_name" "/lib/modules/$build_release/build" "$build_series"
}

# Debian need not have a kernel after the target, and need not be reached: $next_missing says why there is none.
next_missing=
next_ready() {
	next_conf=$tree/etc/hmm_p2p-kernel-next
	if [ ! -e "$next_conf" ]; then
		tree_network
		step "adding the next kernel" "$logs/tree-next.log" \
			enter "$repo:/src:ro" -- /src/qemu/build/kernel next "$series" || true
	fi
	[ ! -e "$next_conf" ] || return 0
	next_missing="no kernel after $series: $(tail -n 1 "$logs/tree-next.log")"
	return 1
}

# is_missing KERNEL: is it, or its source, nowhere to be had?
is_missing() {
	case $1 in
	next | native) [ -n "$next_missing" ] ;;
	*) false ;;
	esac
}

# Its compiler need not be the tree's, which does not know all of the newer ones' attributes.
build_next() {
	next_release=$(kernel_release next)
	build_modules next "$next_release" "$(next_value series)" CC=gcc KCFLAGS=-Wno-attributes
}

# with_next COMMAND...: what needs the next kernel, or its source. A check goes on without.
with_next() {
	if next_ready; then
		"$@"
	else
		[ "$verb" = check ] || die "$next_missing"
	fi
}

# The patches are on the source of the next kernel.
build_native() { build_lab_kernel native "$(next_value series)"; }

# wanted_trees: the names of those that the guests of this run have.
wanted_trees() {
	if [ "$verb" != check ]; then
		topology_value "${want_topology:-demo}" tree
		return
	fi
	matrix | while read -r topology kernel _ _ patterns; do
		name=$(topology_value "$topology" tree)
		[ -z "$name" ] || [ -z "$(stage=$build && select_tests "$patterns" "$kernel")" ] || echo "$name"
	done | sort -u
}

# After the library was built: make them, and what is built there, which is selftests/NAME.
wanted_trees_ready() {
	for more_name in $(wanted_trees); do
		more_tree_ready "$more_name" 4
		must "building the tests with $more_name" "$logs/user-$more_name.log" \
			build_enter make -C "/build/user/selftests/$more_name"
		tree=$plain
	done
}

# prepare KERNEL...: everything that the kernels' guests need, built from the sources as they are now.
prepare() {
	lock_cache
	tree_ready
	[ "$verb" != soak ] || more_tree_ready soak 4
	build_folder
	must "copying the sources" "$logs/sources.log" copy_sources
	must "building the library and the tests" "$logs/user.log" build_enter /src/qemu/build/user
	wanted_trees_ready
	for kernel in "$@"; do
		case $kernel in
		stock)
			check_stock_kernel
			build_modules stock "$release" "$series"
			;;
		next | native) with_next "build_$kernel" ;;
		debug) build_lab_kernel debug "$series" ;;
		esac
		[ "$verb" != check ] || build_withs "$kernel"
	done
	[ $# = 0 ] || accel_ready "$1"
	[ "$verb" != check ] || ! host_wanted packages || deb_test_ready
	stage_build
	unlock_cache
}

# What a run uses does not change under it when the next build starts.
stage_build() {
	for old in "$cache"/stage-*; do
		[ -d "/proc/${old##*-}" ] || rm -rf "$old"
	done
	stage=$cache/stage-$$
	mkdir -p "$stage" "$build/modules" "$build/with"
	cp -a "$build/user" "$build/modules" "$build/with" "$stage/"
}

drop_stage() { [ -z "${stage:-}" ] || rm -rf "$stage"; }
