# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Tests 1, 2, 11, 12 and 13: of the packages themselves, of files that are no drivers, of dependencies and of the gate of the ABI.

# same_bytes DIRECTORY OTHER SUFFIX: the same packages are in both.
same_bytes() {
	local file count=0
	for file in "$1"/*."$3"; do
		cmp "$file" "$2/$(basename "$file")" || return 1
		count=$((count + 1))
	done
	equal "$(find "$2" -maxdepth 1 -name "*.$3" | wc -l)" "$count"
}

# Test 1. The first builds are those that all others use.
builds_repeat() {
	local other=$work/another/place/to/build
	if [[ $kind == deb ]]; then
		expect 'the same DEBs again, elsewhere and otherwise' env -C / TZ=Pacific/Chatham "HOME=$work/nobody" LC_ALL=C \
			DEB_BUILD_OPTIONS='nocheck parallel=1' bash -c 'umask 077; exec "$@"' - \
			"$top/packaging/build-deb" "$cache/tarballs/ndrv-$upstream.tar.xz" "$other" -us -uc -b
		expect 'all DEBs are the same to the byte' same_bytes "$cache/deb-$upstream" "$other" deb
	else
		# The same directory: symbols for debugging name it.
		rm -rf "$cache/rpm-first"
		mv "$cache/rpm-$upstream" "$cache/rpm-first"
		expect 'the same RPMs again, at another hour' env -C / TZ=Pacific/Chatham LC_ALL=C bash -c 'umask 077; exec "$@"' - \
			"$top/packaging/build-rpm" "$cache/ndrv-$upstream.spec" "$cache/tarballs/ndrv-$upstream.tar.xz" "$cache/rpm-$upstream"
		expect 'all RPMs are the same to the byte' same_bytes "$cache/rpm-first" "$cache/rpm-$upstream" rpm
		rm -rf "$cache/rpm-first"
	fi
}

# Test 2.
lints() {
	if [[ $kind == deb ]]; then
		expect 'lintian finds no error and no warning' lintian --allow-root --fail-on error,warning \
			"$cache/deb-$upstream"/*.changes
		if command -v piuparts >/dev/null; then
			piuparts_passes
		else
			skip 'piuparts is not installed'
		fi
	else
		expect 'rpmlint finds no error' rpmlint -c "$top/packaging/rpm/rpmlint.toml" "$cache/rpm-$upstream"/*.rpm
	fi
}

# In a root that it makes itself.
piuparts_passes() {
	local packages=()
	mapfile -t packages < <(find "$cache/deb-$upstream" -name 'ndrv_*.deb' -o -name 'ndrv-drivers_*.deb')
	expect 'piuparts: installed, removed and purged, nothing is left' piuparts -d bookworm --no-upgrade-test --no-eatmydata \
		--mirror 'http://deb.debian.org/debian main' --warn-on-leftovers-after-purge "${packages[@]}"
}

written_outside() {
	find /usr /etc /var /opt -xdev -newer "$1" \( -path '*ndrv*' -o -name '*ndrv*' \) -not -path "$top/*" -not -path '/var/lib/ndrv*' \
		2>/dev/null | head -n 5
}

dist_check() {
	touch "$work/stamp"
	expect 'make distcheck passes' env DISTCHECK_CONFIGURE_FLAGS=--disable-tests make -s -C "$build" -j"$(nproc)" distcheck
	expect_equal 'it writes nowhere else' "$(written_outside "$work/stamp")" ''
	skip 'make distcheck with its tests, which ./dev distcheck runs'
}

# What stands for a driver in the five packages of test 11; the trace is a file that a constructor makes.
make_fakes() {
	local good=$work/fake.so version
	version=1.0
	acme_base fake "$version"
	acme_file "$version" "$good" '-DACME_TRACE="/run/ndrv/trace"'
	vendor_deb fake-good 1.0-1 "$good"
	acme_file "$version" "$work/major.so" '-DACME_TRACE="/run/ndrv/trace"' -DACME_MAJOR=2u
	vendor_deb fake-major 1.0-1 "$work/major.so"
	acme_file "$version" "$work/minor.so" '-DACME_TRACE="/run/ndrv/trace"' -DACME_MINOR=99u
	vendor_deb fake-minor 1.0-1 "$work/minor.so"
	objcopy --remove-section .note.ndrv "$good" "$work/noteless.so"
	vendor_deb fake-noteless 1.0-1 "$work/noteless.so"
	head -c 6000 "$good" >"$work/cut.so"
	vendor_deb fake-cut 1.0-1 "$work/cut.so"
	make_garbage "$good" "$work/garbage.so"
	vendor_deb fake-garbage 1.0-1 "$work/garbage.so"
}

# The note's head stays, what it says is noise.
make_garbage() {
	local at size
	cp "$1" "$2"
	read -r at size < <(readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\]//' | awk '$1 == ".note.ndrv" { print "0x" $4, "0x" $5 }')
	head -c $((size - 20)) < <(yes 'no note at all ') | dd of="$2" bs=1 seek=$((at + 20)) conv=notrunc status=none
}

# Test 11.
no_drivers() {
	local what arch
	arch=$(dpkg --print-architecture)
	must 'the host installs' install_host
	for what in noteless major minor cut garbage; do
		transcript=$(in_box dpkg -i "/repo/ndrv-driver-fake-${what}_1.0-1_$arch.deb" 2>&1) || true
		says "$what: the package manager shows the refusal" "fake-$what: .*(refused|note|truncated)"
		expect_equal "$what: the package is installed" "$(installed "ndrv-driver-fake-$what")" 1.0-1
		expect_not "$what: there is no such driver" ctl driver inspect fake
		expect_not "$what: none of its code has run" in_box test -e /run/ndrv/trace
	done
	expect 'the whole one installs' in_box dpkg -i "/repo/ndrv-driver-fake-good_1.0-1_$arch.deb"
	expect 'its code has run' in_box test -e /run/ndrv/trace
	expect 'it is there' ctl driver inspect fake
}
