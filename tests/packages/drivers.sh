# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Tests of drivers that need the packages in a running machine.

driver_dir() {
	# shellcheck disable=SC2016 # for the shell in the box
	in_box sh -c 'dirname "$(find /usr/lib* -path "*/ndrv/drivers*/bridge.so" | head -n 1)"'
}

# Test 9: whoever writes into the installed file harms nobody.
overwriting() {
	local so
	set_up
	so=$(driver_dir)/acme.so
	step 'the installed file is written over' 0 cp /repo/acme-1.1.so "$so"
	expect_equal 'the old code serves on' "$(acme_version) $(acme_code)" '1.0 1.0'
	step 'the installed file is cut short' 0 truncate -s 100 "$so"
	expect_equal 'the old code still serves' "$(acme_version) $(acme_code)" '1.0 1.0'
	step 'a reload of what is cut short' any ndrvctl reload
	says 'the refusal says why' 'acme.*truncated'
	expect_equal 'the old code serves after the refusal' "$(acme_version) $(acme_code)" '1.0 1.0'
	step 'the file is whole again' 0 cp /repo/acme-1.1.so "$so"
	step 'a reload takes the new file' 0 ndrvctl reload
	expect_equal 'the new code serves' "$(acme_version) $(acme_code)" '1.1 1.1'
}

# Test 10: dlopen() of a path that is open already gives the old image.
one_path() {
	local pid
	set_up
	pid=$(host_pid)
	expect_equal 'at first the first code runs' "$(acme_code)" 1.0
	expect 'the second version installs' package_install ndrv-driver-acme=1.1-1
	expect_equal 'the second code runs' "$(acme_version) $(acme_code)" '1.1 1.1'
	installing ndrv-driver-acme=1.3-1
	step 'a third version on the same path' 0 "${command[@]}"
	expect_equal 'the third code runs' "$(acme_version) $(acme_code)" '1.3 1.3'
	expect_equal 'all in one process' "$(host_pid)" "$pid"
	expect_not 'no image is that of the installed path' in_box grep -F /ndrv/drivers "/proc/$pid/maps"
}

# What the driver was configured with last, by what it wrote to the log.
acme_settings() {
	in_box journalctl --sync
	in_box journalctl -u ndrvd -o cat | sed -n 's/.*acme is configured with color=\([a-z]*\).*/\1/p' | tail -n 1
}

# Test 15: what an administrator said holds over the vendor's upgrades; what the vendor says takes effect.
masks() {
	local mask=/etc/ndrv/drivers.d/acme.yaml
	set_up
	expect_equal 'the vendor sets no color' "$(acme_settings)" none
	installing ndrv-driver-acme=1.3.1-1
	step 'an upgrade that changes the settings too' 0 "${command[@]}"
	expect_equal 'the driver is configured with them' "$(acme_version) $(acme_settings)" '1.3.1 blue'
	installing ndrv-driver-acme=1.3.1-2
	step 'an upgrade that changes the settings only' 0 "${command[@]}"
	expect_equal 'the driver is configured anew' "$(acme_version) $(acme_settings)" '1.3.1 green'
	expect 'the endpoints go' unplug
	in_box sh -c "printf 'enabled: no\n' >$mask"
	expect 'a reload takes the mask' ctl reload
	expect_equal 'a masked driver is not there' "$(acme_version)" ''
	expect 'the vendor upgrades' package_install ndrv-driver-acme=1.1-1
	expect_equal 'it is still not there' "$(acme_version)" ''
	expect_equal 'the mask is as it was' "$(in_box cat "$mask")" 'enabled: no'
	expect 'the service restarts' in_box systemctl restart ndrvd.service
	expect_equal 'it is not there after a restart' "$(acme_version)" ''
	expect 'the mask goes' in_box rm "$mask"
	expect 'a reload brings the driver' ctl reload
	expect_equal 'the upgraded version serves' "$(acme_version)" 1.1
}

# A service that maps a file which is replaced then: needrestart must list it, or its silence about ours says nothing.
stale_service() {
	in_box cp /bin/sleep /usr/local/bin/stale
	in_box systemd-run -q --unit=stale --service-type=exec /usr/local/bin/stale 1000
	in_box cp /bin/sleep /usr/local/bin/stale.new
	in_box mv /usr/local/bin/stale.new /usr/local/bin/stale
}

# Test 16.
needrestart_says() {
	set_up
	stale_service
	expect 'a new version installs' package_install ndrv-driver-acme=1.1-1
	expect_equal 'it serves' "$(acme_version)" 1.1
	expect 'needrestart runs' in_box needrestart -b -r l
	transcript=$said
	says 'needrestart lists a service that maps a file which is gone' 'NEEDRESTART-SVC: stale'
	expect_not 'needrestart does not list ours' grep ndrvd <<<"$transcript"
}

# Test 17.
noexec_var() {
	local pid
	in_box mkdir -p /var/lib/ndrv
	in_box mount -t tmpfs -o noexec,mode=700 ndrv-noexec /var/lib/ndrv
	set_up
	in_box cp /bin/true /var/lib/ndrv/true
	expect_not 'the directory lets nothing run' in_box /var/lib/ndrv/true
	in_box rm /var/lib/ndrv/true
	pid=$(host_pid)
	expect 'the image is one in memory' in_box grep -E 'r-xp.*/memfd:.*acme' "/proc/$pid/maps"
	installing ndrv-driver-acme=1.1-1
	step 'driver 1.0 to 1.1, state on noexec' 0 "${command[@]}"
	expect_equal 'the new version serves' "$(acme_version) $(acme_code)" '1.1 1.1'
	step 'restart, state on noexec' 0 --restarts systemctl restart ndrvd.service
	expect_equal 'it serves after a restart' "$(acme_version) $(acme_code)" '1.1 1.1'
}
