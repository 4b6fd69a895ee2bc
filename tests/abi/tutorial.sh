#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands of docs/writing-a-driver.md that need no package, as they stand there, against an installed SDK (staged) and a host in
# namespaces of its own. Their order is the page's.
set -u
if [ "${1:-}" != inside ]; then
	srcdir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
	for tool in pkg-config patch ip ping unshare; do
		command -v $tool >/dev/null 2>&1 || { echo "$tool is not installed"; exit 77; }
	done
	unshare --mount --net true 2>/dev/null || { echo "no namespaces can be made here"; exit 77; }
	export srcdir
	exec unshare --mount --net sh "$0" inside
fi
build=$(pwd)
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR
scratch=$(mktemp -d) || exit 99
host=
trap '[ -z "$host" ] || { kill $host; wait $host; }; umount -l /run/netns; rm -rf "$scratch"' EXIT
# Names of namespaces are this process's own.
mkdir -p /run/netns && mount -t tmpfs ndrv-tutorial /run/netns || exit 99
ip link set lo up

made() {
	sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}
case $(made CFLAGS) in
*-fsanitize*) echo "the host and its drivers are not instrumented alike in a vendor's build"; exit 77 ;;
esac
stage=$scratch/stage
make -C "$build" -s DESTDIR="$stage" install-sdk >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
pc=$(find "$stage" -name ndrv.pc)
for pc in "$(dirname "$pc")"/*.pc; do
	sed -i -E "s#^(prefix|exec_prefix|libdir|includedir|driverdir|driverconfdir)=/#\1=$stage/#" "$pc"
done
PKG_CONFIG_PATH=$(dirname "$pc")
PATH=$(dirname "$(find "$stage" -name ndrv-newdriver)"):$build:$PATH
# The rules have tests of their own, and the whole of them takes its time.
[ -n "${NDRV_SOAK:-}" ] || export NDRV_CHECK=inspect
export PATH PKG_CONFIG_PATH NDRV_SOCKET="$scratch/run/control.sock"

mkdir "$scratch/run" "$scratch/state" "$scratch/drivers" "$scratch/drivers.d" "$scratch/vendor"
chmod 755 "$scratch" "$scratch/drivers" "$scratch/vendor"
"$build/ndrvd" --config "$srcdir/conf/ndrvd.yaml" --state-dir "$scratch/state" --runtime-dir "$scratch/run" \
	--driver-dir "$scratch/drivers" --drivers-d "$scratch/drivers.d" >"$scratch/ndrvd.log" 2>&1 &
host=$!
for _ in $(seq 100); do
	ndrvctl status >/dev/null 2>&1 && break
	sleep 0.1
done

awk '/^```sh (build|try)$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$srcdir/docs/writing-a-driver.md" >"$scratch/commands"
[ "$(grep -c . "$scratch/commands")" -gt 30 ] || { echo "the page has too few commands: has its form changed?"; exit 1; }
if ! (cd "$scratch/vendor" && sh -eux "$scratch/commands") >"$scratch/log" 2>&1; then
	cat "$scratch/log"
	echo "--- ndrvd"
	tail -n 20 "$scratch/ndrvd.log"
	echo "FAIL: a command of docs/writing-a-driver.md"
	exit 1
fi
# What the page promises of them.
[ "$(cat "$scratch/vendor/ndrv-driver-acme/VERSION")" = 1.1.0 ] || { echo "FAIL: no new version"; exit 1; }
grep -q 'acme: generation 2 serves in place of' "$scratch/ndrvd.log" || { cat "$scratch/ndrvd.log"; echo "FAIL: nothing was swapped"; exit 1; }
