#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The note of a driver is the same bytes, and readable, whatever compiler, linker and options made the file, and after it was stripped.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
archive=$(pwd)/sdk/libndrv.a
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0
tried=0

# The driver itself needs one of the SDK's functions; nothing else of the build's options matters here.
check() {
	file=$1 made_by=$2
	tried=$((tried + 1))
	readelf -Wn "$file" 2>/dev/null | grep -q '^ *NDRV  *0x000001a0' || { echo "FAIL: $made_by: readelf sees no note"; failed=1; return; }
	objcopy -O binary --only-section=.note.ndrv "$file" "$scratch/note" || { echo "FAIL: $made_by: no section"; failed=1; return; }
	[ -e "$scratch/first" ] || cp "$scratch/note" "$scratch/first"
	cmp -s "$scratch/note" "$scratch/first" || { echo "FAIL: $made_by: the note has other bytes"; failed=1; }
	shown=$(nm -D --defined-only "$file" | awk '{ printf "%s ", $3 }')
	[ "$shown" = "ndrv_driver_v1 " ] || { echo "FAIL: $made_by: exports $shown"; failed=1; }
}

for compiler in gcc clang; do
	command -v $compiler >/dev/null 2>&1 || continue
	for linker in bfd gold lld; do
		for options in -O0 -O2 '-O2 -flto' '-Os -ffunction-sections -fdata-sections -Wl,--gc-sections' '-O2 -Wl,-z,separate-code'; do
			echo 'int main(void){return 0;}' >"$scratch/probe.c"
			# shellcheck disable=SC2086
			$compiler $options -fuse-ld=$linker -o "$scratch/probe" "$scratch/probe.c" 2>/dev/null || continue
			# shellcheck disable=SC2086
			$compiler -std=gnu11 -fPIC -shared -fvisibility=hidden $options -fuse-ld=$linker -I"$srcdir" \
				-I"$srcdir/sdk/include" -Wl,--version-script="$srcdir/sdk/template/driver.map" -o "$scratch/x.so" "$srcdir/tests/abi/short.c" "$archive" \
				2>"$scratch/log" || { cat "$scratch/log"; echo "FAIL: $compiler $options $linker: does not link"; failed=1; continue; }
			how="$compiler $options, $linker"
			check "$scratch/x.so" "$how"
			for strip in --strip-debug --strip-unneeded --strip-all; do
				strip $strip -o "$scratch/stripped.so" "$scratch/x.so" && check "$scratch/stripped.so" "$how, strip $strip"
			done
		done
	done
done
echo "$tried files looked at"
[ "$tried" -gt 0 ] || exit 77
exit $failed
