#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a packager and an application author meet: make install, the exported
# symbols, the man pages and their examples, and programs in C and C++ that are
# built from the installed tree with what pkg-config says.
set -u

here=$(cd "$(dirname "$0")" && pwd)
lib=$here/../../lib
: "${CC:=cc}" "${CXX:=c++}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"

# What this test is run with must not decide what it builds, or what it cleans.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES BUILD CFLAGS CPPFLAGS LDFLAGS DESTDIR PREFIX

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
root=$tmp/root

number=0
failed=0

# test NAME COMMAND...: TAP, with the command's output as comment when it fails.
test_that() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		sed 's/^/# /' "$tmp/log"
	fi
}

# ------------------------------------------------------------------- install

copy_checkout() {
	mkdir -p "$tmp/elsewhere/include" &&
	cp -r "$lib" "$tmp/elsewhere/lib" &&
	rm -rf "$tmp/elsewhere/lib/build" &&
	cp -r "$lib/../include/linux" "$lib/../include/uapi" "$tmp/elsewhere/include"
}

install_tree() {
	"$MAKE" -C "$tmp/elsewhere/lib" install DESTDIR="$root" PREFIX=/usr \
		CFLAGS="-O1 -g -D_FORTIFY_SOURCE=2"
}

installed_files() {
	for file in bin/hmmp2p include/hmm_p2p.h include/linux/hmm_p2p.h \
		lib/libhmm_p2p.a lib/libhmm_p2p.so lib/libhmm_p2p.so.1 \
		lib/pkgconfig/libhmm_p2p.pc share/man/man1/hmmp2p.1 \
		share/man/man3/hmm_p2p_open.3 share/man/man7/hmm_p2p_reasons.7 \
		share/bash-completion/completions/hmmp2p \
		lib/udev/rules.d/60-hmm_p2p.rules lib/sysusers.d/hmm_p2p.conf; do
		[ -e "$root/usr/$file" ] || { echo "no $file"; return 1; }
	done
}

install_elsewhere() {
	"$MAKE" -C "$tmp/elsewhere/lib" install DESTDIR="$tmp/other" \
		PREFIX=/opt/x LIBDIR=/opt/x/lib/arch INCLUDEDIR=/opt/x/inc \
		MANDIR=/opt/x/man &&
	[ -e "$tmp/other/opt/x/lib/arch/libhmm_p2p.so.1" ] &&
	[ -e "$tmp/other/opt/x/inc/linux/hmm_p2p.h" ] &&
	[ -e "$tmp/other/opt/x/man/man3/hmm_p2p_read.3" ] &&
	grep -x 'libdir=/opt/x/lib/arch' "$tmp/other/opt/x/lib/arch/pkgconfig/libhmm_p2p.pc"
}

# What a driver of somebody else is built with; the symbols are there where modules were built.
kit_is_installed() {
	"$MAKE" -C "$here/../.." install-kit DESTDIR="$tmp/kit" KITDIR=/kit || return 1
	for file in linux/hmm_p2p.h linux/hmm_p2p_svm.h uapi/linux/hmm_p2p.h; do
		[ -s "$tmp/kit/kit/include/$file" ] || { echo "no $file"; return 1; }
	done
}

clean_leaves_nothing() {
	"$MAKE" -C "$tmp/elsewhere/lib" clean &&
	diff -r --exclude=build "$lib" "$tmp/elsewhere/lib" &&
	[ ! -e "$tmp/elsewhere/lib/build" ]
}

# ------------------------------------------------------------------- symbols

map_symbols() {
	sed -n 's/^\t\(hmm_p2p_[a-z0-9_]*\);$/\1/p' "$lib/libhmm_p2p.map" | sort
}

exported_symbols() {
	nm -D --defined-only "$root/usr/lib/libhmm_p2p.so" |
		awk '$2 != "A" { print $3 }' | sort
}

exports_are_the_map() {
	map_symbols | sed 's/$/@@HMM_P2P_1.0/' >"$tmp/map"
	exported_symbols >"$tmp/exported"
	[ -s "$tmp/map" ] && diff "$tmp/map" "$tmp/exported"
}

# Every function of the header is in the map, and the other way round.
header_is_the_map() {
	map_symbols >"$tmp/map"
	grep -v '^ \*' "$lib/hmm_p2p.h" |
		grep -o '\bhmm_p2p_[a-z0-9_]*(' | tr -d '(' | sort -u >"$tmp/header"
	diff "$tmp/map" "$tmp/header"
}

soname_is_set() {
	readelf -d "$root/usr/lib/libhmm_p2p.so" | grep 'SONAME.*libhmm_p2p\.so\.1\]'
}

# No name that is not the library's own gets into a static program.
archive_is_clean() {
	foreign=$(nm --defined-only "$root/usr/lib/libhmm_p2p.a" |
		awk '$2 ~ /[TDBRC]/ && $3 !~ /^hmm_p2p_/ { print $3 }')
	echo "$foreign"
	[ -z "$foreign" ]
}

every_function_is_tested() {
	for symbol in $(map_symbols); do
		grep -q "\\b$symbol(" "$here"/test_*.c ||
			grep -q "\\b$symbol," "$here"/test_names.c ||
			{ echo "no test calls $symbol"; return 1; }
	done
}

# ----------------------------------------------------------------- man pages

every_function_has_a_page() {
	for symbol in $(map_symbols); do
		page=$root/usr/share/man/man3/$symbol.3
		[ -s "$page" ] || { echo "no page for $symbol"; return 1; }
	done
}

aliases_lead_somewhere() {
	for page in "$root"/usr/share/man/man3/*.3; do
		target=$(sed -n 's/^\.so //p' "$page")
		[ -z "$target" ] || [ -s "$root/usr/share/man/$target" ] ||
			{ echo "$page leads to $target"; return 1; }
	done
}

# The text between .EX and .EE under EXAMPLES is a whole program.
example_of() {
	sed -n '/^\.SH EXAMPLES/,$p' "$1" | sed -n '/^\.EX/,/^\.EE/p' |
		sed -e '/^\.E[XE]/d' -e 's/\\e/\\/g' -e 's/\\-/-/g' -e 's/\\&//g'
}

examples_compile() {
	found=0
	for page in "$root"/usr/share/man/man3/*.3; do
		example_of "$page" >"$tmp/example.c"
		[ -s "$tmp/example.c" ] || continue
		found=$((found + 1))
		echo "$page"
		# shellcheck disable=SC2046
		"$CC" -std=gnu11 -Wall -Wextra -Werror -o "$tmp/example" \
			"$tmp/example.c" $(flags) || return 1
	done
	echo "$found examples"
	[ $found -ge 4 ]
}

# Every option of every verb stands in hmmp2p(1), and every JSON schema.
tool_page_is_complete() {
	page=$root/usr/share/man/man1/hmmp2p.1
	sed 's/\\-/-/g' "$page" >"$tmp/page"
	for verb in list topo map migrate stat owner drain doctor; do
		for option in $("$root/usr/bin/hmmp2p" $verb --help |
				grep -o -e '--[a-z][a-z]*'); do
			grep -q -e "$option" "$tmp/page" ||
				{ echo "no $option"; return 1; }
		done
	done
	for schema in $(grep -ho '"hmmp2p\.[a-z]*\.[0-9]*"' "$lib"/tool/*.c |
			tr -d '"'); do
		grep -q "$schema" "$tmp/page" || { echo "no $schema"; return 1; }
	done
}

# Each reason has its entry in hmm_p2p_reasons(7), and there is none for another.
every_reason_is_explained() {
	page=$root/usr/share/man/man7/hmm_p2p_reasons.7
	sed -n '/^\.SS/,/^\.SH LIMITS/p' "$page" | grep -A1 '^\.TP' |
		sed -n 's/^\.B //p' | sort >"$tmp/explained"
	sed -n '/^} reasons\[/,/^};/p' "$lib"/names.c |
		grep -A1 'HMM_P2P_REASON_' | sed -n 's/^\t\t"\(.*\)",$/\1/p' |
		sort >"$tmp/reasons"
	[ -s "$tmp/reasons" ] && diff "$tmp/reasons" "$tmp/explained"
}

# ----------------------------------------------------------------- consumers

flags() {
	PKG_CONFIG_SYSROOT_DIR=$root \
	PKG_CONFIG_LIBDIR=$root/usr/lib/pkgconfig \
	PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
		"$PKG_CONFIG" --cflags --libs libhmm_p2p
}

# consumer COMPILER STANDARD SOURCE [FLAG...]
consumer() {
	compiler=$1 standard=$2 source=$3
	shift 3
	# shellcheck disable=SC2046
	"$compiler" "-std=$standard" -Wall -Wextra -Wshadow -Wpedantic \
		-Wno-variadic-macros -Wno-long-long -Werror \
		-o "$tmp/consumer" "$here/$source" "$@" $(flags) || return 1
	# No driver here: it must say so and exit with 3, as consumer.c tells.
	HMM_P2P_DEVICE=$tmp/none LD_LIBRARY_PATH=$root/usr/lib "$tmp/consumer"
	[ $? -eq 3 ]
}

shared_consumer() {
	consumer "$@" && readelf -d "$tmp/consumer" | grep 'NEEDED.*libhmm_p2p\.so\.1'
}

# As a language does that has the symbols, and no header to take inline functions from.
inlines_are_functions() {
	cat >"$tmp/foreign.c" <<-'END'
		unsigned int hmm_p2p_outcome_of(unsigned char byte);
		unsigned int hmm_p2p_reason_of(unsigned char byte);

		int main(void)
		{
			unsigned int byte;

			for (byte = 0; byte < 256; byte++)
				if (hmm_p2p_outcome_of(byte) != byte % 16 ||
				    hmm_p2p_reason_of(byte) != byte / 16)
					return 1;
			return 0;
		}
	END
	# shellcheck disable=SC2046
	"$CC" -Wl,--as-needed -o "$tmp/foreign" "$tmp/foreign.c" $(flags) &&
	LD_LIBRARY_PATH=$root/usr/lib "$tmp/foreign"
}

static_consumer() {
	consumer "$@" -static && ! readelf -d "$tmp/consumer" | grep NEEDED
}

# completed WORD...: what bash offers for the last one, in one line.
completed() {
	bash -c '. "$0" || exit
		hmmp2p() { printf "    \"name\": \"%s\",\n" vram0 vram1 edu0; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_hmmp2p && echo "${COMPREPLY[*]}"' \
		"$root/usr/share/bash-completion/completions/hmmp2p" "$@"
}

# offers EXPECTED WORD...
offers() {
	expected=$1
	shift
	found=$(completed "$@")
	[ "$found" = "$expected" ] || { echo "$*: '$found' instead of '$expected'"; return 1; }
}

completion_offers() {
	offers "map migrate" hmmp2p m &&
	offers "drain doctor" hmmp2p --json d &&
	offers "--report" hmmp2p doctor --r &&
	offers "vram0 vram1" hmmp2p drain v &&
	offers "vram0 vram1 edu0 ram" hmmp2p migrate 42 all --to "" &&
	offers "vram0 vram1 edu0" hmmp2p owner vram0 --join "" &&
	offers "all" hmmp2p migrate 42 a &&
	offers "stat" hmmp2p help s &&
	offers "" hmmp2p list ""
}

# Every verb, and every option of each.
completion_is_complete() {
	tool=$root/usr/bin/hmmp2p
	for verb in $("$tool" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort -u); do
		completed hmmp2p "$verb" | grep -qw "$verb" || { echo "no $verb"; return 1; }
		[ "$verb" != help ] || continue
		"$tool" "$verb" --help | grep -o -e '--[a-z][a-z-]*' | sort -u >"$tmp/options"
		completed hmmp2p "$verb" -- | tr ' ' '\n' | sort -u >"$tmp/offered"
		diff "$tmp/options" "$tmp/offered" || { echo "options of $verb"; return 1; }
	done
}

tool_runs() {
	HMM_P2P_DEVICE=$tmp/none "$root/usr/bin/hmmp2p" list
	[ $? -eq 1 ]
}

echo "1..27"
test_that "checkout copied" copy_checkout
test_that "builds and installs elsewhere, fortified" install_tree
test_that "installed files are there" installed_files
test_that "folders can be chosen" install_elsewhere
test_that "what drivers are built with is installed" kit_is_installed
test_that "exported symbols are those of the map" exports_are_the_map
test_that "functions of the header are those of the map" header_is_the_map
test_that "soname is set" soname_is_set
test_that "archive defines no foreign names" archive_is_clean
test_that "every function is tested" every_function_is_tested
test_that "every function has a man page" every_function_has_a_page
test_that "man page aliases lead somewhere" aliases_lead_somewhere
test_that "man page examples compile" examples_compile
test_that "hmmp2p(1) names every option and schema" tool_page_is_complete
test_that "hmm_p2p_reasons(7) has every reason" every_reason_is_explained
test_that "C consumer, shared" shared_consumer "$CC" gnu11 consumer.c
test_that "C consumer, C99, shared" shared_consumer "$CC" c99 consumer.c
test_that "inline functions without the header" inlines_are_functions
test_that "C consumer, static" static_consumer "$CC" gnu11 consumer.c
test_that "C++ consumer, shared" shared_consumer "$CXX" c++17 consumer.cc
test_that "C++ consumer, C++98, shared" shared_consumer "$CXX" gnu++98 consumer.cc -Wno-pedantic
test_that "C++ consumer, C++23, shared" shared_consumer "$CXX" c++23 consumer.cc
test_that "C++ consumer, static" static_consumer "$CXX" c++17 consumer.cc
test_that "installed tool runs" tool_runs
test_that "completion offers what fits" completion_offers
test_that "completion knows every verb and option" completion_is_complete
test_that "clean leaves nothing" clean_leaves_nothing
[ $failed -eq 0 ]
