#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every driver that was built exports exactly its entry, wants nothing of the host by name, is bound at load, and carries the note.
# Runs in the build tree.
set -u
status=0
count=0

bad() {
	echo "$driver: $*"
	status=1
}

for driver in drivers/.libs/*.so tests/abi/.libs/*.so; do
	[ -e "$driver" ] || continue
	count=$((count + 1))
	exports=$(nm -D --defined-only "$driver" | awk '{ printf "%s%s", sep, $3; sep = " " }')
	[ "$exports" = ndrv_driver_v1 ] || bad "exports \"$exports\", not ndrv_driver_v1 alone"
	wants=$(nm -D --undefined-only "$driver" | awk '$NF ~ /^ndrv_/ { print $NF }')
	[ -z "$wants" ] || bad "wants $wants of whoever loads it"
	readelf -Wd "$driver" | grep -q BIND_NOW || bad "is bound lazily"
	readelf -Wd "$driver" | grep -Eq 'RPATH|RUNPATH' && bad "has a run path"
	readelf -Wn "$driver" | grep -q '^ *NDRV  *0x' || bad "has no note"
done
[ $count -gt 0 ] || { echo "no driver was built: run this in the build tree, after make"; exit 1; }
exit $status
