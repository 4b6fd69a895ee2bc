# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Roots of Debian releases, made once and kept; and boxes: one of them booted as a machine of its own, of which nothing remains.
# Wants $cache (what is kept) and $work (what is not).

# What the packages need and what the tests look with; our own come from /repo, for the machine in the box has no network.
root_packages() {
	local t64=
	[[ $1 == bookworm ]] || t64=t64
	echo "systemd,systemd-sysv,iproute2,procps,rpm,needrestart,libcmocka0,libltdl7,libyaml-0-2,libsqlite3-0,libjansson4" \
		"libnl-3-200,libnl-route-3-200,libnettle8$t64,libmicrohttpd12$t64" | tr ' ' ,
}

# root_make RELEASE: $cache/root-RELEASE, 15 to 60 seconds the first time.
root_make() {
	local root=$cache/root-$1 list
	list=$(root_packages "$1")
	[[ $(cat "$root.list" 2>/dev/null) == "$list" ]] && return 0
	echo "# making a root of $1"
	rm -rf "$root" "$root.list"
	mmdebstrap --quiet --variant=minbase --include="$list" "$1" "$root" >"$root.log" 2>&1 || {
		tail -n 20 "$root.log" >&2
		rm -rf "$root"
		return 1
	}
	rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
	echo 'deb [trusted=yes] file:/repo ./' >"$root/etc/apt/sources.list.d/repo.list"
	echo 'APT::Sandbox::User "root";' >"$root/etc/apt/apt.conf.d/90repo"
	echo "$list" >"$root.list"
}

box=        # where its root is mounted
box_spawn=  # the pid of its systemd-nspawn
box_init=   # the pid of its systemd
box_group=  # its control group, when it could have one

# A throw-away copy of a root: an overlay whose upper side is in memory.
box_mount() {
	box=$work/box-$BASHPID
	mkdir -p "$box" "$box.rw"
	mount -t tmpfs ndrv-box "$box.rw"
	mkdir "$box.rw/upper" "$box.rw/work"
	mount -t overlay -o "lowerdir=$cache/root-$1,upperdir=$box.rw/upper,workdir=$box.rw/work" ndrv-box "$box"
	cp "$load" "$box/usr/local/bin/load"
	mkdir -p "$box/repo"
}

# Two booted boxes must not share a control group; nspawn takes the one it is started in.
box_apart() {
	local at=/sys/fs/cgroup/systemd
	[[ -d $at ]] || at=/sys/fs/cgroup
	box_group=$at/ndrv-$(basename "$box")
	mkdir "$box_group" 2>/dev/null || box_group=
}

# box_boot RELEASE: sets box, box_spawn and box_init.
box_boot() {
	local i
	box_mount "$1"
	box_apart
	(
		[[ ! $box_group ]] || echo "$BASHPID" >"$box_group/cgroup.procs"
		exec setsid systemd-nspawn -q -D "$box" --boot --machine="ndrv-$BASHPID" --private-network --register=no --keep-unit \
			--console=pipe --bind-ro="$cache/repo:/repo" --bind-ro="$cache/other:/other"
	) </dev/null >"$box.log" 2>&1 &
	box_spawn=$!
	for ((i = 0; i < 300; i++)); do
		box_init=$(pgrep -P "$box_spawn" | head -n 1) || true
		[[ ! $box_init ]] || case $(in_box systemctl is-system-running 2>/dev/null) in
		running | degraded) return 0 ;;
		esac
		kill -0 "$box_spawn" 2>/dev/null || break
		sleep 0.1
	done
	echo "# the box did not come up: $(tail -n 3 "$box.log")"
	return 1
}

# in_box COMMAND...: as root, with an environment of its own.
in_box() {
	nsenter -t "$box_init" -a env -C / -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

# Asks it to power off, and does not take no for an answer. Safe to call twice, and with half a box.
box_end() {
	local i
	if [[ $box_spawn ]]; then
		[[ ! $box_init ]] || in_box systemctl poweroff >/dev/null 2>&1 || true
		for ((i = 0; i < 100; i++)); do
			kill -0 "$box_spawn" 2>/dev/null || break
			sleep 0.1
		done
		[[ ! $box_init ]] || ((i < 100)) || kill -9 "$box_init" 2>/dev/null || true
		((i < 100)) || kill -9 "$box_spawn" 2>/dev/null || true
		wait "$box_spawn" 2>/dev/null || true
	fi
	box_spawn='' box_init=''
	if [[ $box ]]; then
		! mountpoint -q "$box" || umount "$box" || umount -l "$box"
		! mountpoint -q "$box.rw" || umount "$box.rw" || umount -l "$box.rw"
		rm -rf "$box" "$box.rw"
	fi
	box=
	[[ ! $box_group ]] || find "$box_group" -depth -type d -exec rmdir {} + 2>/dev/null || true
	box_group=
}
