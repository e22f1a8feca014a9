#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What lint says of the rooms of hmm_p2p and of device pages' PFNs: nothing of this tree, and something where a rule is
# broken.
set -u

cd "$(dirname "$0")/../.." || exit
house=$PWD/qemu/build/house
copy=$(mktemp -d) || exit
trap 'rm -rf "$copy"' EXIT
status=0
nr=0

# result NAME: of the command before.
result() {
	outcome=$?
	nr=$((nr + 1))
	if [ "$outcome" = 0 ]; then
		echo "ok $nr - $1"
	else
		echo "not ok $nr - $1"
		sed 's/^/# /' "$copy/log"
		status=1
	fi
}

# finds PATTERN: the linter fails on the copy, and says so.
finds() {
	! "$house" "$copy" >"$copy/log" 2>&1 && grep -q "$1" "$copy/log"
}

# again: a copy as the tree is.
again() {
	rm -rf "$copy/hmm_p2p"
	cp -r hmm_p2p "$copy/hmm_p2p"
}

echo 1..5
again
"$house" "$copy" >"$copy/log" 2>&1
result "nothing is found in the tree"

echo '#include "../move/batch.h"' >>"$copy/hmm_p2p/core/mirror.c"
finds 'core/mirror.c:.*core includes a header of move'
result "core must not include what is above it"

again
echo '#include "../uapi/query.h"' >>"$copy/hmm_p2p/svm/svm.c"
finds 'svm/svm.c:.*svm includes a header of uapi'
result "nor svm"

again
echo 'dst[0] = migrate_pfn(page_to_pfn(to)) | MIGRATE_PFN_COMPOUND;' >>"$copy/hmm_p2p/move/batch.c"
finds 'move/batch.c:.*the PFN of a page'
result "a PFN of a device page is found"

again
sed -i '/pfn_to_page/d' "$copy/hmm_p2p/core/device.c"
finds 'house.pfns: hmm_p2p/core/device.c has no'
result "so is what is allowed, and not there any more"
exit "$status"
