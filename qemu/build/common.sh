# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For the scripts of this folder, which run in the Debian tree: /src is the repository (read-only), /build this
# checkout's build folder, /kernel the debug kernel's folder.

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
