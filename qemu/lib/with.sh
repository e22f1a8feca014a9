# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Somebody else's modules and tests (--with, and rows of the matrix with "with=FOLDER"): built with what "make install"
# gives, in the tree, for the kernels of the lab, and run in its guests. FOLDER is below the repository, or absolute.

# with_matrix: the rows for what was asked for, as the matrix has them.
with_matrix() {
	kernels=$want_kernel
	[ "$kernels" != all ] || kernels="stock debug next native"
	for kernel in $kernels; do
		printf '%s %s 1200 600 with=%s\n' "$want_topology" "$kernel" "$want_with"
	done
}

# with_of PATTERNS: the name under which its build and its results are; nothing for a row of the project's own.
with_of() {
	case $1 in
	with=*) basename "$1" | tr -c 'A-Za-z0-9_.\n-' _ ;;
	esac
}

with_path() {
	case $1 in
	/*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "$repo/$1" ;;
	esac
}

# with_folders KERNEL: those of the rows that were asked for, with a test that was asked for.
with_folders() {
	matrix | while read -r _ kernel _ _ patterns; do
		[ "$kernel" = "$1" ] || continue
		case $patterns in
		with=*) ! with_wanted "${patterns#with=}" || printf '%s\n' "${patterns#with=}" ;;
		esac
	done
}

# with_wanted FOLDER: is one of its tests asked for, as far as its sources say?
with_wanted() {
	[ -n "$want_test" ] || return 0
	for file in "$(with_path "$1")"/test_*; do
		name=${file##*/}
		! matches "${name%.*}" "$want_test" || return 0
	done
	return 1
}

# build_withs KERNEL: what is built with the modules that have just been built.
build_withs() {
	! is_missing "$1" || return 0
	with_folders "$1" | sort -u >"$logs/with-$1"
	while IFS= read -r folder <&5; do
		with_name=$(with_of "with=$folder")
		must "building $with_name for $1" "$logs/with-$with_name-$1.log" build_with "$folder" "$with_name" "$1"
	done 5<"$logs/with-$1"
}

# build_with FOLDER NAME KERNEL
build_with() {
	with_folder=$(with_path "$1")
	source_files "$with_folder" | enter "$repo:/src:ro" "$build:/build" "$with_folder:/with:ro" -- \
		/src/qemu/build/sources /with "/build/with/$2/pristine" || return
	set -- "$2" "$3" "$(kernel_release "$3")"
	[ "$2" != next ] || set -- "$@" CC=gcc KCFLAGS=-Wno-attributes
	enter "$repo:/src:ro" "$build:/build" "$(kernel_dir "$2"):/kernel" -- /src/qemu/build/with "$@"
}

# with_tests FOLDER KERNEL: the names of its tests that were asked for, one line.
with_tests() {
	for path in "$stage/with/$(with_of "with=$1")/$2"/test_*; do
		[ -f "$path" ] && [ -x "$path" ] || continue
		! matches "${path##*/}" "${want_test:-*}" || printf '%s ' "${path##*/}"
	done
}

# Modules without a test are loaded and removed.
with_anyway() { [ -n "$want_with" ] && [ -z "$want_test" ]; }

# with_modules KERNEL: what is loaded for it, a line each: its file "modules", or all that there is.
with_modules() {
	[ -n "${boot_with:-}" ] || return 0
	if [ -e "$stage/with/$boot_with/$1/modules" ]; then
		sed 's/#.*//; /^[[:space:]]*$/d' "$stage/with/$boot_with/$1/modules"
	else
		for path in "$stage/with/$boot_with/modules-$1"/*.ko; do
			[ ! -e "$path" ] || basename "$path" .ko
		done
	fi
}
