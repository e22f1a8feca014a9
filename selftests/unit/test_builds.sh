#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The lab's folders of builds: each checkout has its own, and those whose checkout is gone go when another begins a build.
set -u

lib=$(cd "$(dirname "$0")/../../qemu/lib" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cache=$tmp/cache
number=0
failed=0
# shellcheck source=qemu/lib/prepare.sh
. "$lib/prepare.sh"

# checkout NAME: begins a build in it; $build is its folder.
checkout() {
	repo="$tmp/$1"
	mkdir -p "$repo/qemu" "$cache"
	: >"$repo/qemu/lab"
	build_folder
}

# unnamed NAME WHEN: a folder of an older lab, last built in at that time.
unnamed() {
	mkdir -p "$cache/build-$1/user"
	touch -d "$2" "$cache/build-$1/user" "$cache/build-$1"
}

# is NAME TEST...
is() {
	name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		find "$cache" | sed 's/^/# /'
	fi
}

echo "1..7"
checkout "one checkout"
one=$build
checkout two
two=$build
is "two checkouts have two folders" [ "$one" != "$two" ]
is "a live one's stays" [ -d "$one" ]
rm -r "$tmp/one checkout"
unnamed old "32 days ago"
unnamed new "3 days ago"
unnamed busy "32 days ago"
: >"$cache/build-busy/user/log"
checkout two
is "one's whose checkout is gone goes" [ ! -e "$one" ]
is "its own stays" [ -d "$two" ]
is "one that names no checkout goes when it is old" [ ! -e "$cache/build-old" ]
is "and stays when it is not" [ -d "$cache/build-new" ]
is "or when something in it is not" [ -d "$cache/build-busy" ]
[ $failed -eq 0 ]
