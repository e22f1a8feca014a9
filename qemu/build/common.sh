# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For the scripts of this folder, which run in the Debian tree: /src is the repository (read-only), /build this
# checkout's build folder, /kernel the kernel's folder.

jobs=$(nproc)

# mirror FROM TO: make TO's sources those of FROM. A file's time changes only with its content, so that make builds
# again what changed and nothing else; when a source is gone, TO starts from nothing.
mirror() (
	mkdir -p "$2"
	(cd "$1" && find . -type f | sort) >"$2.sources.new"
	if [ -e "$2.sources" ] && [ -n "$(comm -23 "$2.sources" "$2.sources.new")" ]; then
		rm -rf "$2"
		mkdir -p "$2"
	fi
	rsync -rlpc "$1/" "$2/"
	mv "$2.sources.new" "$2.sources"
)

# collect_modules FROM TO: the modules below FROM, side by side in TO.
collect_modules() {
	rm -rf "$2"
	mkdir -p "$2"
	find "$1" -name '*.ko' -exec cp {} "$2" \;
}

# kernel_scripts VERSION SERIES: the kernel's own scripts in $scripts, unpacked once for each version.
kernel_scripts() {
	scripts=/build/kernel-scripts-$1
	[ ! -d "$scripts" ] || return 0
	mkdir -p "$scripts.new/include"
	tar -xf "/usr/src/linux-source-$2.tar.xz" -C "$scripts.new" --strip-components=1 --wildcards \
		'linux-source-*/scripts/*' 'linux-source-*/tools/docs/*' 'linux-source-*/tools/lib/python/*' \
		'linux-source-*/Documentation/dev-tools/checkpatch.rst'
	mv "$scripts.new" "$scripts"
}

# patches: those of the series, in the order in which they apply.
patches() {
	for patch_series in fixes native speed; do
		[ ! -d "/src/qemu/kernel/patches/$patch_series" ] ||
			find "/src/qemu/kernel/patches/$patch_series" -name '*.patch' ! -name '0000-*' | sort
	done
}

# apply PATCH TREE
apply() {
	applied=$(cd "$2" && busybox patch -p1 <"$1") || {
		echo "$applied"
		echo "$1 does not apply"
		return 1
	}
}

# kernel_options NAME: the options of a kernel of the lab's own, with those on standard input. A line of a later file takes
# the place of an earlier one's.
kernel_options() {
	set -- "$1" /src/qemu/kernel/debug.config -
	[ "$1" != native ] || set -- "$@" /src/qemu/kernel/native.config
	shift
	cat "$@" | awk '
		{ sub(/^# CONFIG_/, "CONFIG_") }
		/^CONFIG_/ {
			split($0, word, /[= ]/)
			line[word[1]] = $0
		}
		END {
			for (option in line)
				if (line[option] ~ /=/)
					print line[option]
		}'
}

# configure TREE OPTIONS: nothing but what the file has; fails, and says it, when one of these did not take effect.
configure() {
	make -s -C "$1" KCONFIG_ALLCONFIG="$2" allnoconfig
	grep -vxF -f "$1/.config" "$2" >"$2.missing" || return 0
	echo "these options did not take effect:"
	cat "$2.missing"
	return 1
}
