# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# ./dev demo: two network namespaces talk through a driver loaded from a .so. It leaves nothing behind.

demo_name=ndrv-demo-$$
demo_dir=
demo_pid=

# A step of the demo: shows the command, then runs it.
step() {
	printf '\n$ %s\n' "$*"
	"$@"
}

# Ends what the demo started, however it ends.
demo_clean() {
	local namespace
	if [[ $demo_pid ]]; then
		kill "$demo_pid" 2>/dev/null || true
		wait "$demo_pid" 2>/dev/null || true
		demo_pid=
	fi
	for namespace in "$demo_name-a" "$demo_name-b" "$demo_name-host"; do
		[[ ! -e /run/netns/$namespace ]] || ip netns del "$namespace"
	done
	[[ ! $demo_dir ]] || rm -rf "$demo_dir"
}

demo_failed() {
	local status=$?
	((status == 0)) || [[ ! -s $demo_dir/ndrvd.log ]] || {
		printf '\nThe demo failed (status %d). The end of ndrvd'\''s log:\n' "$status"
		tail -n 30 "$demo_dir/ndrvd.log"
	} >&2
	demo_clean
	exit "$status"
}

# What the demo must leave as it was: the machine's links and routes, its own namespaces, processes, folders and mounts (none).
# demo_snapshot DIR: of the demo that used that folder.
demo_snapshot() {
	echo "links: $(ip -o link | cut -d: -f2 | cut -d@ -f1 | xargs)"
	echo "routes: $(ip -4 route | wc -l) $(ip -6 route | wc -l)"
	echo "namespaces: $(ip netns list | awk '/^ndrv-demo-'$$'/ { print $1 }' | sort | xargs)"
	echo "processes: $(pgrep -f -- "--state-dir $1/" | xargs)"
	echo "files: $(for d in /run/ndrv /var/lib/ndrv "$1"/*; do [[ ! -e $d ]] || echo "$d"; done | xargs)"
	echo "mounts: $(grep -o -e "[^ ]*${demo_name}[^ ]*" -e "${1}[^ ]*" /proc/self/mounts | xargs)"
}

ndrvctl() {
	"$out/main/ndrvctl" --socket "$demo_dir/run/control.sock" "$@"
}

demo_start() {
	local i
	printf '\n$ ndrvd --config conf/ndrvd.yaml ... &     (in a "host" namespace of its own)\n'
	nsenter --net="/run/netns/$demo_name-host" "$out/main/ndrvd" --config "$demo_dir/ndrvd.yaml" --state-dir "$demo_dir/state" \
		--runtime-dir "$demo_dir/run" --driver-dir "$demo_dir/drivers" --drivers-d "$demo_dir/drivers.d" \
		>"$demo_dir/ndrvd.log" 2>&1 &
	demo_pid=$!
	for ((i = 0; i < 100; i++)); do
		ndrvctl status >/dev/null 2>&1 && return 0
		kill -0 "$demo_pid" 2>/dev/null || break
		sleep 0.1
	done
	die "ndrvd does not answer"
}

# The address that the namespace got, of family -4 or -6.
demo_address() {
	ip -n "$1" "$2" -o addr show scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}

demo_ping() {
	local to
	to=$(demo_address "$demo_name-b" "$1")
	[[ $to ]] || die "namespace $demo_name-b has no address of family $1"
	step nsenter --net="/run/netns/$demo_name-a" ping "$1" -c 3 -i 0.2 -W 2 "$to"
}

demo_talk() {
	step ndrvctl network create demo -d bridge --subnet 10.77.0.0/24 --subnet fd77::/64 --ipv6
	step ip netns add "$demo_name-a"
	step ip netns add "$demo_name-b"
	step ndrvctl network connect demo --netns "/run/netns/$demo_name-a" --endpoint a
	step ndrvctl network connect demo --netns "/run/netns/$demo_name-b" --endpoint b
	demo_ping -4
	demo_ping -6
	step ndrvctl status
	step ndrvctl network inspect demo
	step ndrvctl endpoint ls
	step ndrvctl network disconnect demo --endpoint a
	step ndrvctl network disconnect demo --endpoint b
	step ndrvctl network rm demo
}

# After the network is gone: nothing but lo in any of the three namespaces.
demo_links_left() {
	local namespace
	for namespace in "$demo_name-host" "$demo_name-a" "$demo_name-b"; do
		ip -n "$namespace" -o link | awk -F': ' -v n="$namespace" '$2 != "lo" { print n ": " $2 }'
	done
}

demo() {
	local before after left held arguments dir
	[[ $EUID == 0 ]] || die "the demo makes network namespaces: run it as root"
	need "${build_packages[@]}" "${run_packages[@]}"
	arguments=(--enable-werror)
	[[ -e /usr/include/cmocka.h ]] || arguments+=(--disable-tests)
	configure main "${arguments[@]}"
	make -s -C "$out/main" -j"$jobs"
	trap demo_failed EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	demo_dir=$(mktemp -d)
	dir=$demo_dir
	before=$(demo_snapshot "$dir")
	# As an installation would: drivers and what describes them are only taken from files and directories that nobody but root can
	# write to, and a clone may be a user's.
	install -D -m 0755 -t "$demo_dir/drivers" "$out"/main/drivers/.libs/*.so
	install -D -m 0644 -t "$demo_dir/drivers.d" "$top"/conf/drivers.d/*.yaml
	install -D -m 0644 -t "$demo_dir" "$top/conf/ndrvd.yaml"
	ip netns add "$demo_name-host"
	ip -n "$demo_name-host" link set lo up
	demo_start
	demo_talk
	left=$(demo_links_left)
	[[ ! $left ]] || die "links are left: $left"
	held=$(stat -Lc %i "/run/netns/$demo_name-"*)
	printf '\n$ kill %d     (ndrvd)\n' "$demo_pid"
	kill "$demo_pid"
	wait "$demo_pid" || die "ndrvd ended with status $?"
	demo_pid=
	demo_clean
	demo_dir=
	after=$(demo_snapshot "$dir")
	[[ ! -e $dir ]] || die "$dir is left"
	[[ $before == "$after" ]] || die "something is left. Before: $before. After: $after"
	! lsns -n -t net -o NS | grep -Fx "$held" || die "a process still holds a namespace of the demo"
	trap - EXIT
	printf '\nNothing is left: no link, namespace, file or process. As before the demo:\n%s\n' "$after"
}
