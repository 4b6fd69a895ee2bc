#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vendor's day: the SDK is installed (staged, as a package is built), ndrv.pc says where things are, ndrv-newdriver writes a project
# that builds against it with nothing of the source tree in sight, passes its own tests, and installs nowhere but where it is told.
# Of the build systems one is tried; with NDRV_SOAK=1 all that are installed.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
build=$(pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

bad() {
	echo "FAIL: $*"
	failed=1
}

die() {
	echo "FAIL: $*"
	exit 1
}

equal() {
	[ "$2" = "$3" ] || bad "$1 is \"$2\", not \"$3\""
}

# As this build was configured: the archive may have been made for a sanitizer.
made() {
	sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}
case $(made CC)$(made CFLAGS) in
*clang*-fsanitize*) echo "clang links no driver with a sanitizer and -z defs"; exit 77 ;;
esac
command -v pkg-config >/dev/null 2>&1 || { echo "pkg-config is not installed"; exit 77; }
stage=$scratch/stage
make -C "$build" -s DESTDIR="$stage" install-sdk >"$scratch/log" 2>&1 || { cat "$scratch/log"; die "the SDK does not install"; }
pc=$(find "$stage" -name ndrv.pc)
[ -n "$pc" ] || die "no ndrv.pc was installed"

# As installed: the paths a packager sees are those of configure.
installed() {
	PKG_CONFIG_PATH=$(dirname "$pc") pkg-config "$@" ndrv
}
libdir=$(installed --variable=libdir)
prefix=$(installed --variable=prefix)
abi=$(sed -n 's/^#define NDRV_ABI_M[AJINO]*R \([0-9]*\)u$/\1/p' "$srcdir/sdk/include/ndrv/version.h" | tr '\n' ' ')
equal "ndrv.pc's prefix" "$prefix" "$(made prefix)"
equal "ndrv.pc's driverdir" "$(installed --variable=driverdir)" "$libdir/ndrv/drivers-${abi%% *}"
equal "ndrv.pc's driverconfdir" "$(installed --variable=driverconfdir)" "$prefix/share/ndrv/drivers.d"
equal "ndrv.pc's ABI" "$(installed --variable=abi_major) $(installed --variable=abi_minor) " "$abi"
equal "ndrv.pc's version" "$(installed --modversion)" "$(made PACKAGE_VERSION)"
case $(installed --libs) in
*jansson*) bad "every driver is made to link libjansson: $(installed --libs)" ;;
esac
case $(installed --libs --static) in
*jansson*) ;;
*) bad "--static does not tell of libjansson: $(installed --libs --static)" ;;
esac
[ -f "$stage$libdir/libndrv.a" ] || bad "no libndrv.a in $libdir"
shown=$(nm -A --defined-only "$stage$libdir/libndrv.a" 2>/dev/null | grep -c ' [TDBR] ndrv_')
[ "$shown" -gt 50 ] || bad "libndrv.a has only $shown symbols"
open=$(readelf -Ws "$stage$libdir/libndrv.a" 2>/dev/null | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" { print $8 }')
[ -z "$open" ] || bad "libndrv.a shows in whatever it is linked into: $open"
for header in "$srcdir"/sdk/include/ndrv/*.h; do
	[ -f "$stage$(installed --variable=includedir)/ndrv/$(basename "$header")" ] || bad "$(basename "$header") is not installed"
done

# As used: the same files, for a copy of the tree that lives in the stage.
mkdir "$scratch/pc" || exit 99
for each in "$(dirname "$pc")"/*.pc; do
	sed -E "s#^(prefix|exec_prefix|libdir|includedir|driverdir|driverconfdir)=/#\1=$stage/#" "$each" >"$scratch/pc/$(basename "$each")"
done
find "$stage" | sort >"$scratch/before"
export PKG_CONFIG_PATH="$scratch/pc" CMAKE_PREFIX_PATH="$stage$prefix" ACLOCAL_PATH="$stage$prefix/share/aclocal"
newdriver=$stage$(made bindir | sed "s#.{exec_prefix}#$prefix#; s#.{prefix}#$prefix#")/ndrv-newdriver
[ -x "$newdriver" ] || die "ndrv-newdriver was not installed"
# The tests look at files only: what runs them may be no root, and the rules have tests of their own.
PATH=$build:$PATH NDRV_CHECK=inspect CC=$(made CC) CFLAGS=$(made CFLAGS)
export PATH NDRV_CHECK CC CFLAGS

# What any build has to come to. Its staged install is in $vendor.
good_driver() {
	so=$vendor/usr/lib/here/ndrv/drivers-1/acme-net.so
	[ -f "$so" ] || { bad "$1: the driver was not installed into driverdir: $(find "$vendor" -type f)"; return; }
	[ -f "$vendor/usr/share/ndrv/drivers.d/acme-net.yaml" ] || bad "$1: no descriptor in driverconfdir"
	equal "$1: the number of files a vendor installs" "$(find "$vendor" -type f | wc -l)" 2
	equal "$1: what the driver exports" "$(nm -D --defined-only "$so" | awk '{ print $3 }')" ndrv_driver_v1
	equal "$1: what it wants of the host by name" "$(nm -D --undefined-only "$so" | awk '{ print $NF }' | grep '^ndrv_')" ""
	readelf -Wn "$so" | grep -q '^ *NDRV  *0x000001a0' || bad "$1: the note is not there: $(readelf -Wn "$so" | grep NDRV)"
	readelf -Wd "$so" | grep -q 'BIND_NOW' || bad "$1: the driver is bound lazily"
	readelf -Wl "$so" | grep -q 'GNU_RELRO' || bad "$1: the driver is without RELRO"
	readelf -Wl "$so" | grep 'GNU_STACK' | grep -q 'RWE' && bad "$1: the driver wants an executable stack"
	readelf -Wd "$so" | grep -Eq 'RPATH|RUNPATH|TEXTREL' && bad "$1: the driver has a run path or text relocations"
	readelf -Wd "$so" | grep -q 'jansson' && bad "$1: the driver needs libjansson"
	said=$("$build/ndrv-check" --inspect "$so") || bad "$1: ndrv-check refuses it: $said"
	case $said in
	*"acme-net 1.0.0 by Acme, Inc."*) ;;
	*) bad "$1: the note says something else: $said" ;;
	esac
}

try() {
	project=$scratch/$1 vendor=$scratch/vendor-$1
	"$newdriver" --build "$1" --vendor 'Acme, Inc.' --maintainer 'A <a@acme.invalid>' acme-net "$project" >"$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; bad "$1: no project was written"; return; }
	grep -rniE 'example|@[A-Z_]+@' "$project" && bad "$1: something of the template is left"
	if [ "$1" = autotools ]; then
		(cd "$project" && autoreconf -fi && ./configure -q --prefix=/usr --libdir=/usr/lib/here) >"$scratch/log" 2>&1 ||
			{ cat "$scratch/log"; bad "$1: not configured"; return; }
	fi
	for goal in all check install; do
		make -C "$project" $goal WARNINGS="-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Werror" \
			prefix=/usr libdir=/usr/lib/here DESTDIR="$vendor" >"$scratch/log" 2>&1 ||
			{ cat "$scratch/log"; bad "$1: make $goal failed"; return; }
	done
	good_driver "$1"
	if [ "$1" = autotools ]; then
		(cd "$project" && make distcheck) >"$scratch/log" 2>&1 || { cat "$scratch/log"; bad "$1: make distcheck failed"; }
	fi
	find "$stage" | sort | cmp -s - "$scratch/before" || bad "$1: something was written into the SDK"
}

systems="make"
[ -z "${NDRV_SOAK:-}" ] || systems='make autotools meson cmake'
for system in $systems; do
	case $system in
	make) ;;
	autotools) command -v autoreconf >/dev/null || continue ;;
	*) command -v "$system" >/dev/null || continue ;;
	esac
	try "$system"
done

exit $failed
