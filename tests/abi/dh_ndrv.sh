#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2015
# dh_ndrv on packages that hold drivers of several kinds: what each is made to need and provide, the trigger, and what fails a build.
set -u
srcdir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
build=$(pwd)
for tool in dh_testdir cc perl; do
	command -v $tool >/dev/null 2>&1 || { echo "$tool is not installed"; exit 77; }
done
unset MAKEFLAGS DEB_BUILD_OPTIONS DH_OPTIONS DEB_BUILD_PROFILES
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0
where=usr/lib/triplet/ndrv/drivers-1
export NDRV_CHECK_PROGRAM="$build/ndrv-check"

bad() {
	echo "FAIL: $*"
	failed=1
}

# driver FILE NAME MINOR: one whose oldest host is 1.MINOR.
driver() {
	mkdir -p "$(dirname "$1")"
	cat >"$scratch/x.c" <<-END
		#include <ndrv/driver.h>
		static const struct ndrv_ops ops = {.size = sizeof(ops)};
		NDRV_DRIVER(&ops, NULL, .abi_minor_min = $3, .types = "x", .name = "$2", .version = "1", .data_scope = NDRV_SCOPE_LOCAL);
	END
	cc -std=gnu11 -fPIC -shared -fvisibility=hidden -I"$srcdir/sdk/include" -Wl,-z,now,-z,defs \
		-Wl,--version-script="$srcdir/sdk/template/driver.map" -o "$1" "$scratch/x.c" "$build/sdk/libndrv.a" 2>"$scratch/log" ||
		{ cat "$scratch/log"; echo "no driver could be built here"; exit 77; }
}

# package NAME: an empty source package; what it installs goes to $root.
package() {
	rm -rf "$scratch/source"
	mkdir -p "$scratch/source/debian/$1/DEBIAN" "$scratch/source/debian/$1/usr/share/ndrv/drivers.d"
	root=$scratch/source/debian/$1
	touch "$root/usr/share/ndrv/drivers.d/x.yaml"
	printf 'Source: source\nMaintainer: X <x@x.invalid>\nBuild-Depends: debhelper-compat (= 13)\n\nPackage: %s\nArchitecture: any\n' "$1" \
		>"$scratch/source/debian/control"
	substvars=$scratch/source/debian/$1.substvars triggers=$scratch/source/debian/.debhelper/generated/$1/triggers
}

run() {
	(cd "$scratch/source" && perl "$srcdir/packaging/dh/dh_ndrv" "$@") >"$scratch/log" 2>&1
}

says() {
	grep -q -- "$2" "$scratch/log" || bad "$1: it did not say \"$2\": $(cat "$scratch/log")"
}

has() {
	grep -qxF -- "$3" "$2" 2>/dev/null || bad "$1: no line \"$3\" in $(basename "$2"): $(cat "$2" 2>&1)"
}

package ndrv-driver-acme
driver "$root/$where/acme.so" Acme_X 0
run || bad "a good driver: $(cat "$scratch/log")"
has "a good driver" "$substvars" "misc:Depends=ndrv-abi-1 (>= 1.0)"
has "a good driver" "$substvars" "ndrv:Provides=ndrv-driver-acme-x, ndrv-needs-abi-1"
grep -q '^activate-noawait ndrv-reload' "$triggers" || bad "no trigger: $(cat "$triggers" 2>&1)"

package several
driver "$root/$where/a.so" a 0
driver "$root/$where/b.so" b 7
# The host of this tree is older than that one wants.
run && bad "a driver that ndrvd would refuse did not fail the build"
says "one that needs a later host" "ndrvd would refuse $where/b.so"
run --no-check || bad "--no-check: $(cat "$scratch/log")"
has "the later of two needs" "$substvars" "misc:Depends=ndrv-abi-1 (>= 1.7)"
has "two drivers" "$substvars" "ndrv:Provides=ndrv-driver-a, ndrv-driver-b, ndrv-needs-abi-1"

package broken
mkdir -p "$root/$where"
echo 'int nothing;' >"$scratch/n.c"
cc -shared -fPIC -o "$root/$where/n.so" "$scratch/n.c"
run --no-check && bad "a library without a note did not fail the build"
says "a library without a note" "is no driver"

package elsewhere
driver "$root/usr/lib/ndrv/drivers-2/a.so" a 0
run && bad "a driver in the folder of another ABI did not fail the build"
says "the folder of another ABI" "in the folder of ABI 2"
rm -rf "$root/usr/lib/ndrv"
driver "$root/usr/lib/a.so" a 0
run || bad "a driver elsewhere: $(cat "$scratch/log")"
says "a driver elsewhere" "not where ndrvd looks"
[ ! -e "$triggers" ] || bad "a driver elsewhere activates the trigger"

package none
cp /bin/sh "$root/usr/share/none"
run || bad "a package without drivers: $(cat "$scratch/log")"
[ ! -e "$substvars" ] && [ ! -e "$triggers" ] || bad "a package without drivers was given something"

package unseen
driver "$root/$where/a.so" a 0
rm -r "${root:?}/usr/share"
run || bad "without a descriptor: $(cat "$scratch/log")"
says "without a descriptor" "no descriptor"
exit $failed
