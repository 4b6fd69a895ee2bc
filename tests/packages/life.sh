# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Tests 3 and 4: a vendor's driver comes, changes and goes, with two endpoints on it that talk all the time. Its packages have no
# maintainer scripts and no scriptlets.

no_scripts() {
	local file found=''
	for file in "$cache"/repo/ndrv-driver-acme[-_]1.*."$kind"; do
		if [[ $kind == deb ]]; then
			found+=$(dpkg-deb --ctrl-tarfile "$file" | tar -t | grep -E '(pre|post)(inst|rm)|config') || true
		else
			found+=$(rpm -qp --scripts --triggers --filetriggers "$file" 2>/dev/null)
		fi
	done
	equal "$found" ''
}

life() {
	local before before_endpoints
	expect 'the vendor brings no scripts' no_scripts
	set_up
	before=$(links)
	before_endpoints=$(endpoints)
	life_changes
	life_broken
	expect_equal 'links, addresses and routes are what they were' "$(links)" "$before"
	expect_equal 'endpoints are what they were' "$(endpoints)" "$before_endpoints"
	life_removal
	life_host_removal
	[[ $kind == rpm ]] || life_purge
}

life_changes() {
	installing ndrv-driver-acme=1.1-1
	step 'driver 1.0 to 1.1' 0 "${command[@]}"
	expect_equal 'upgrade: the new version serves' "$(acme_version) $(acme_code)" '1.1 1.1'
	step 'driver 1.1 installed again' 0 "${command[@]}"
	expect_equal 'reinstall: the same serves' "$(acme_version) $(acme_code)" '1.1 1.1'
	expect_equal 'reinstall: nothing was swapped' "$(swaps)" 1
}

# How often the driver was replaced, by the log.
swaps() {
	in_box journalctl --sync
	in_box journalctl -u ndrvd -o cat | grep -cE 'driver acme: generation [0-9]+ serves in place of' || true
}

life_broken() {
	installing ndrv-driver-acme=1.2-1
	step 'driver 1.1 to a broken 1.2' 0 "${command[@]}"
	says 'broken upgrade: the package manager shows why' 'acme 1.2 is broken and knows it'
	expect_equal 'broken upgrade: the package is installed' "$(installed ndrv-driver-acme)" '1.2-1'
	expect_equal 'broken upgrade: the old version serves' "$(acme_version) $(acme_code)" '1.1 1.1'
	step 'restart with the broken one installed' 0 --restarts systemctl restart ndrvd.service
	expect_equal 'restart: the old version comes back from the store' "$(acme_version) $(acme_code)" '1.1 1.1'
	installing ndrv-driver-acme=1.3-1
	step 'driver 1.2 to a good 1.3' 0 "${command[@]}"
	expect_equal 'upgrade after a broken one: the new version serves' "$(acme_version) $(acme_code)" '1.3 1.3'
	installing ndrv-driver-acme=1.0-1
	# The clients' own networks are of the driver that is replaced.
	load_type=acme step 'driver 1.3 back to 1.0, clients on it' 0 "${command[@]}"
	expect_equal 'downgrade: the older version serves' "$(acme_version) $(acme_code)" '1.0 1.0'
}

# With endpoints it serves on, from the host's own copy, until they are gone.
life_removal() {
	removing ndrv-driver-acme
	step 'driver removed with endpoints' 0 "${command[@]}"
	expect_equal 'removal: it serves on' "$(acme_version)" 1.0
	expect 'removal: status lists it as an orphan' orphaned acme
	step 'restart without its file' 0 --restarts systemctl restart ndrvd.service
	expect_equal 'restart: the orphan serves on' "$(acme_version)" 1.0
	expect 'the last endpoints go' unplug
	expect 'removal: it is unloaded with its last network' eventually fails ctl driver inspect acme
	in_box ip netns del a
	in_box ip netns del b
}

orphaned() {
	ctl --json status | tr -d '\n ' | grep -E "\"orphan_drivers\":\[[^]]*\"$1\""
}

# The host goes and comes back: networks and endpoints are there.
life_host_removal() {
	local before
	expect 'a network of a driver of our own carries two endpoints' plug_in bridge
	before=$(links)
	expect 'the host is removed with endpoints' package_remove ndrv-drivers ndrv
	expect_not 'removal: nothing runs' in_box pidof ndrvd
	expect 'removal: the state is kept' in_box test -s /var/lib/ndrv/state.db
	expect_equal 'removal: links stay' "$(links)" "$before"
	expect 'the host installs again' install_host
	expect_equal 'reinstall: links are what they were' "$(links)" "$before"
	expect 'reinstall: an endpoint is known' ctl endpoint inspect a
	step 'after the reinstall' 0 ndrvctl status
	expect 'reinstall: endpoints go as always' unplug
}

life_purge() {
	expect 'the host is purged' in_box apt-get -q -y purge ndrv-drivers ndrv
	expect_equal 'purge: nothing is left' "$(in_box sh -c 'ls -d /var/lib/ndrv /run/ndrv /etc/ndrv 2>/dev/null')" ''
	expect_equal 'purge: no unit is left' \
		"$(in_box find /etc/systemd /lib/systemd /run/systemd -name '*ndrvd*' -not -path '*/invocation:*')" ''
}
