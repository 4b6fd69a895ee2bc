# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Tests 5 to 8: the host's own packages.

unit_says() {
	in_box systemctl show -P "$1" ndrvd.service
}

runs_installed_program() {
	equal "$(in_box stat -L -c %d:%i "/proc/$(host_pid)/exe")" "$(in_box stat -c %d:%i /usr/sbin/ndrvd)"
}

host_version() {
	ctl --json status | sed -n 's/^  "version": "\(.*\)",*$/\1/p'
}

# Test 5.
host_upgrade() {
	local since before
	set_up
	since=$(unit_says ActiveEnterTimestampMonotonic)
	before=$(links)
	installing "ndrv=$host_2" "ndrv-drivers=$host_2"
	step "host $host_1 to $host_2" 0 "${command[@]}"
	expect_equal 'upgrade: the new program answers' "$(host_version)" "${host_2%-*}"
	expect 'upgrade: the program that runs is the one installed' runs_installed_program
	installing "ndrv=$host_1" "ndrv-drivers=$host_1"
	step "host $host_2 back to $host_1" 0 "${command[@]}"
	expect_equal 'downgrade: the old program answers' "$(host_version)" "${host_1%-*}"
	expect_equal 'systemd saw nothing' "$(unit_says NRestarts) $(unit_says ActiveEnterTimestampMonotonic)" "0 $since"
	step 'systemctl restart, twice' 0 --restarts sh -c 'systemctl restart ndrvd && sleep 0.3 && systemctl restart ndrvd'
	# shellcheck disable=SC2016 # for the shell in the box
	step 'kill -9' 0 --restarts --cuts sh -c 'kill -9 "$(systemctl show -P MainPID ndrvd.service)" && sleep 1'
	expect_equal 'systemd started it again once' "$(unit_says NRestarts)" 1
	expect_equal 'links, addresses and routes are what they were' "$(links)" "$before"
	expect 'an endpoint is known' ctl endpoint inspect a
	expect 'endpoints go as always' unplug
}

# Test 6: a host that speaks only a newer ABI.
foreign_abi() {
	local pid
	set_up
	pid=$(host_pid)
	if [[ $kind == deb ]]; then
		load_type=acme step 'dpkg -i of a host without our ABI' fails dpkg -i "/other/ndrv_${host_abi2}_$(dpkg --print-architecture).deb"
		says 'the refusal names the driver' acme
	else
		load_type=acme step 'rpm -U of a host without our ABI' fails rpm --nodeps -U "/other/ndrv-$host_abi2.$(rpm_arch).rpm"
		says 'the refusal names the driver' acme
	fi
	expect_equal 'the old package is there' "$(installed ndrv)" "$host_1"
	expect_equal 'the old host answers' "$(host_version) $(host_pid)" "${host_1%-*} $pid"
	in_box cp /other/ndrvd /usr/sbin/ndrvd.new
	in_box mv /usr/sbin/ndrvd.new /usr/sbin/ndrvd
	step 're-exec into a program without our ABI' fails ndrvctl reexec
	expect_equal 'the old program answers' "$(host_version) $(host_pid)" "${host_1%-*} $pid"
	expect_equal 'the driver serves' "$(acme_version) $(acme_code)" '1.0 1.0'
}

# Test 7: host and driver in one transaction.
one_transaction() {
	set_up
	installing "ndrv=$host_2" "ndrv-drivers=$host_2" ndrv-driver-acme=1.1-1
	step 'host and driver in one transaction' 0 "${command[@]}"
	expect_equal 'both are new' "$(host_version) $(acme_version) $(acme_code)" "${host_2%-*} 1.1 1.1"
	if [[ $kind == deb ]]; then
		both_orders "$(dpkg --print-architecture)"
		late_file "$(dpkg --print-architecture)"
		fresh_together
	else
		installing ndrv-driver-acme=1.0-1 "ndrv=$host_1" "ndrv-drivers=$host_1"
		step 'driver and host in one transaction' 0 "${command[@]}"
		expect_equal 'both are old' "$(host_version) $(acme_version) $(acme_code)" "${host_1%-*} 1.0 1.0"
		expect 'a descriptor and its file install in one transaction' package_install ndrv-driver-late=1.0-1 late-file=1.0-1
		expect 'the driver is there' ctl driver inspect late
	fi
}

both_orders() {
	local arch=$1 host=("/repo/ndrv_${host_1}_$1.deb" "/repo/ndrv-drivers_${host_1}_$1.deb")
	step 'dpkg -i of host, then driver' 0 dpkg -i "${host[@]}" "/repo/ndrv-driver-acme_1.3-1_$arch.deb"
	expect_equal 'both are there' "$(host_version) $(acme_version) $(acme_code)" "${host_1%-*} 1.3 1.3"
	host=("${host[@]//$host_1/$host_2}")
	step 'dpkg -i of driver, then host' 0 dpkg -i "/repo/ndrv-driver-acme_1.0-1_$arch.deb" "${host[@]}"
	expect_equal 'both are there too' "$(host_version) $(acme_version) $(acme_code)" "${host_2%-*} 1.0 1.0"
}

# The driver's file is not there when its descriptor is unpacked: that fails softly, and is tried again.
late_file() {
	local arch=$1
	step 'a descriptor is unpacked without its file' 0 dpkg --unpack "/repo/ndrv-driver-late_1.0-1_$arch.deb"
	says 'the package manager shows what is missing' 'late.*late\.so'
	expect_not 'it is not there' ctl driver inspect late
	step 'the file comes, and all is configured' 0 sh -c "dpkg -i /repo/late-file_1.0-1_$arch.deb && dpkg --configure -a"
	expect 'the driver is there' ctl driver inspect late
	expect 'both go' in_box apt-get -q -y purge ndrv-driver-late late-file
	expect_not 'it is gone' ctl driver inspect late
	step 'descriptor and file in one run, in this order' 0 dpkg -i "/repo/ndrv-driver-late_1.0-1_$arch.deb" \
		"/repo/late-file_1.0-1_$arch.deb"
	expect 'it is there again' ctl driver inspect late
	shared_library "$arch"
}

# Drivers link what is theirs into their file; a host has to say so and no more.
shared_library() {
	step 'a driver with a shared library of its own' 0 dpkg -i "/repo/ndrv-driver-shared_1.0-1_$1.deb"
	says 'the package manager shows which, and what to do' 'liblate\.so\.1.*statically'
	expect_not 'it is not there' ctl driver inspect shared
	skip 'a library that drivers share: the host takes none but those it has itself, so that none comes later'
}

# On a machine that has neither.
fresh_together() {
	expect 'the network goes' unplug
	expect 'all is purged' in_box apt-get -q -y purge ndrv-driver-shared ndrv-driver-late late-file ndrv-driver-acme ndrv-drivers ndrv
	expect 'all installs in one run' package_install ndrv-driver-acme=1.1-1 "ndrv=$host_1" "ndrv-drivers=$host_1"
	expect_equal 'the driver is there after it' "$(acme_version)" 1.1
}

is_down() {
	fails in_box systemctl is-active ndrvd.service && fails in_box pidof ndrvd
}

# What packages do to a machine whose administrator does not want the service to run.
driver_comes_and_goes() {
	local what=$1
	expect "$what: a driver installs" package_install ndrv-driver-acme=1.0-1
	expect "$what: it is upgraded" package_install ndrv-driver-acme=1.1-1
	expect "$what: the host is upgraded" package_install "ndrv=$host_2" "ndrv-drivers=$host_2"
	expect "$what: the driver is removed" package_remove ndrv-driver-acme
	expect "$what: nothing was started" is_down
	expect "$what: the host is as before" package_install "ndrv=$host_1" "ndrv-drivers=$host_1"
	expect "$what: nothing was started by that either" is_down
}

# Test 8.
not_started() {
	expect 'the host installs' install_host
	in_box systemctl stop ndrvd.service
	expect 'the socket waits' in_box systemctl is-active ndrvd.socket
	driver_comes_and_goes 'stopped, its socket active'
	in_box systemctl stop ndrvd.socket ndrvd.service
	driver_comes_and_goes stopped
	in_box systemctl disable ndrvd.socket ndrvd.service
	driver_comes_and_goes disabled
	in_box systemctl mask ndrvd.socket ndrvd.service
	driver_comes_and_goes masked
	in_box systemctl unmask ndrvd.socket ndrvd.service
	if [[ $kind == deb ]]; then
		expect 'all is purged' in_box apt-get -q -y purge ndrv ndrv-drivers
		in_box sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d'
		expect 'policy-rc.d: the host installs' package_install "ndrv=$host_1" "ndrv-drivers=$host_1"
		driver_comes_and_goes policy-rc.d
		expect 'policy-rc.d: the host is removed' package_remove ndrv ndrv-drivers
	fi
}

# Test 8, of a root that is not booted: an image that is being built.
in_chroot() {
	chroot "$box" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

image_build() {
	local command
	cp "$cache"/repo/*.* "$cache/repo/Packages" "$box/repo"
	[[ $kind == rpm ]] || in_chroot apt-get -q update >/dev/null
	for version in "$host_1" "$host_2"; do
		installing "ndrv=$version" "ndrv-drivers=$version"
		expect "image: host $version installs" in_chroot "${command[@]}"
	done
	for version in 1.0-1 1.1-1; do
		installing "ndrv-driver-acme=$version"
		expect "image: driver $version installs" in_chroot "${command[@]}"
	done
	removing ndrv-driver-acme
	expect 'image: the driver is removed' in_chroot "${command[@]}"
	removing ndrv-drivers ndrv
	expect 'image: the host is removed' in_chroot "${command[@]}"
	expect_not 'image: nothing of it runs' grep -qs . <(find /proc -maxdepth 2 -name root -lname "$box*" 2>/dev/null)
}
