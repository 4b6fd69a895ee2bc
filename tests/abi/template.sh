#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vendor's day: the SDK is installed (staged, as a package is built), ndrv.pc says where things are, the template builds against it
# with nothing of the source tree in sight, and its own staged install writes nowhere else.
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
make -C "$build" -s DESTDIR="$stage" install-ndrvincludeHEADERS install-libLIBRARIES install-pkgconfigDATA install-dist_templateDATA \
	>"$scratch/log" 2>&1 || { cat "$scratch/log"; die "the SDK does not install"; }
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

# As used: the same file, for a copy of the tree that lives in the stage.
mkdir "$scratch/pc" "$scratch/vendor" "$scratch/build" || exit 99
sed -E "s#^(prefix|exec_prefix|libdir|includedir|driverdir|driverconfdir)=/#\1=$stage/#" "$pc" >"$scratch/pc/ndrv.pc"
template=$(find "$stage" -path '*template/driver.c')
[ -n "$template" ] || die "the template was not installed"
cp "$(dirname "$template")"/* "$scratch/build/" || exit 99
find "$stage" | sort >"$scratch/before"
export PKG_CONFIG_PATH="$scratch/pc"
run_make() {
	make -C "$scratch/build" -s CC="$(made CC)" CFLAGS="$(made CFLAGS)" \
		WARNINGS="-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Werror" "$@"
}
run_make all || die "the template does not build"
run_make install DESTDIR="$scratch/vendor" || die "the template does not install"

find "$stage" | sort | cmp -s - "$scratch/before" || bad "a staged install of the template wrote outside of its DESTDIR"
so=$scratch/vendor$(pkg-config --variable=driverdir ndrv)/example.so
[ -f "$so" ] || die "the driver was not installed into driverdir"
[ -f "$scratch/vendor$(pkg-config --variable=driverconfdir ndrv)/example.yaml" ] || bad "no descriptor in driverconfdir"
equal "the number of files a vendor installs" "$(find "$scratch/vendor" -type f | wc -l)" 2

equal "what the driver exports" "$(nm -D --defined-only "$so" | awk '{ print $3 }')" ndrv_driver_v1
equal "what it wants of the host by name" "$(nm -D --undefined-only "$so" | awk '{ print $NF }' | grep '^ndrv_')" ""
readelf -Wn "$so" | grep -q '^ *NDRV  *0x000001a0' || bad "the note is not there: $(readelf -Wn "$so" | grep NDRV)"
readelf -Wd "$so" | grep -q 'BIND_NOW' || bad "the driver is bound lazily"
readelf -Wl "$so" | grep -q 'GNU_RELRO' || bad "the driver is without RELRO"
readelf -Wl "$so" | grep 'GNU_STACK' | grep -q 'RWE' && bad "the driver wants an executable stack"
readelf -Wd "$so" | grep -Eq 'RPATH|RUNPATH|TEXTREL' && bad "the driver has a run path or text relocations"
readelf -Wd "$so" | grep -q 'jansson' && bad "the driver needs libjansson"

exit $failed
