#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2015
# ndrv-newdriver refuses what would go wrong later, says why, and leaves nothing of a project that it did not finish.
set -u
srcdir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
export NDRV_TEMPLATE="$srcdir/sdk/template" DEBFULLNAME=A DEBEMAIL=a@a.invalid
failed=0

bad() {
	echo "FAIL: $*"
	failed=1
}

new() {
	"$srcdir/sdk/kit/ndrv-newdriver" "$@" >log 2>&1
}

# refused STATUS TEXT ARGUMENT...
refused() {
	status=$1 text=$2
	shift 2
	new "$@"
	got=$?
	[ $got = "$status" ] || bad "$*: status $got, not $status: $(cat log)"
	grep -qF -- "$text" log || bad "$*: it did not say \"$text\" but: $(cat log)"
	[ "$(find . -mindepth 1 ! -name log | wc -l)" = 0 ] || bad "$*: it left $(ls)"
}

long=abcdefghijklmnopqrstuvwxyzabcdef
refused 2 'which name'
refused 1 'does not begin with a lower-case letter' Acme
refused 1 'does not begin with a lower-case letter' 1acme
refused 1 'has other characters' ac_me
refused 1 'has other characters' 'ac me'
refused 1 'does not begin' '../x'
refused 1 'has other characters' 'x/../y'
refused 1 'ends with -' acme-
refused 1 'fewer than 2' a
refused 1 'has 32 characters' $long
refused 1 "a driver of ndrv's own" bridge
refused 2 'unknown build system "scons"' --build scons acme
refused 2 '--build needs a value' acme --build
refused 2 'unknown option --colour' --colour acme
refused 2 'too many arguments' acme here there
refused 1 'network type "Acme"' --type Acme acme
refused 1 'network type "a b"' --type 'a b' acme
refused 1 'has an empty one' --type acme, acme
refused 1 'the vendor' --vendor 'A "quote"' acme
refused 1 'the vendor' --vendor "two
lines" acme
# shellcheck disable=SC2016
refused 1 'the vendor' --vendor 'A $HOME' acme
refused 1 'room for 63' --vendor "$long$long" acme
refused 1 'not of the form' --maintainer me acme
NDRV_TEMPLATE=/nowhere refused 1 'template is not installed' acme

mkdir there && echo mine >there/file
new acme there && bad "it wrote into a folder with files"
[ "$(cat there/file)" = mine ] && [ "$(ls -A there)" = file ] || bad "a folder that was there has changed"
rm -r there

# A name with every legal sort of character, types, an empty folder, each build system.
for build in make autotools meson cmake; do
	mkdir here
	SOURCE_DATE_EPOCH=86400 new --build=$build --vendor="O'Brien (Networks), Inc." -t one,2nd -m 'O. Brien <o@brien.invalid>' a-1b here ||
		bad "$build: $(cat log)"
	grep -rniE 'example|@[A-Z_]+@' here && bad "$build: something of the template is left"
	grep -qF '.types = "one\0" "2nd", .name = "a-1b"' here/driver.c || bad "$build: $(grep types here/driver.c)"
	grep -qF "O'Brien (Networks), Inc." here/driver.c || bad "$build: the vendor is not in the note"
	grep -q '^struct a_1b_network {' here/driver.c || bad "$build: $(grep '^struct' here/driver.c)"
	[ -x here/debian/rules ] && [ -x here/release ] && [ -f here/a-1b.spec ] && [ -f here/a-1b.yaml ] || bad "$build: $(find here)"
	grep -q '^ -- O. Brien <o@brien.invalid>  Fri, 02 Jan 1970 00:00:00 +0000$' here/debian/changelog || bad "$build: $(cat here/debian/changelog)"
	(cd here && ./release 1.1.0~rc1 'Half & half, 50% each') || bad "$build: ./release failed"
	[ "$(cat here/VERSION)" = 1.1.0~rc1 ] && grep -q '^Version: *1.1.0~rc1$' here/a-1b.spec &&
		head -n 1 here/debian/changelog | grep -qF 'ndrv-driver-a-1b (1.1.0~rc1-1)' && grep -qF 'Half & half, 50%% each' here/a-1b.spec ||
		bad "$build: ./release left $(head -n 3 here/debian/changelog; grep -A 6 Version here/a-1b.spec)"
	(cd here && ./release one 'x') 2>/dev/null && bad "$build: a version without a digit was taken"
	rm -r here
done
exit $failed
