# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Test 14: what ndrv-newdriver writes, in each build system: DEB and RPM are built from the SDK as the packages have it and nothing
# else, install into a machine, and the driver carries packets; a new version is swapped in under them.

kit_systems=(make autotools meson cmake)

# The SDK that was unpacked, seen as if it were installed in /usr: only headers, archives and programs are where they are.
kit_environment() {
	local sdk=$cache/sdk multiarch pc package
	multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
	for package in ndrv-tools dh-ndrv; do
		dpkg-deb -x "$(echo "$cache/repo/${package}_$upstream-$deb_revision"_*.deb)" "$sdk"
	done
	for pc in "$sdk/usr/lib/$multiarch/pkgconfig"/*.pc; do
		sed -i -e "s|^includedir=.*|includedir=$sdk/usr/include|" -e "s|-L\${libdir}|-L$sdk/usr/lib/$multiarch|" "$pc"
	done
	rm -rf "$cache/fileattrs"
	cp -R /usr/lib/rpm/fileattrs "$cache/fileattrs"
	sed "s|%{_libexecdir}/ndrv|$top/packaging|" "$top/packaging/rpm/ndrv.attr" >"$cache/fileattrs/ndrv.attr"
	kit_variables=(
		"PATH=$sdk/usr/bin:$PATH"
		"PKG_CONFIG_PATH=$sdk/usr/lib/$multiarch/pkgconfig"
		"CMAKE_PREFIX_PATH=$sdk/usr/lib/$multiarch/cmake:$sdk/usr"
		"ACLOCAL_PATH=$sdk/usr/share/aclocal"
		"PERL5LIB=$sdk/usr/share/perl5"
		"DEB_BUILD_OPTIONS=parallel=2"
		"NDRV_CHECK=inspect"
	)
}

kit() {
	env "${kit_variables[@]}" "$@"
}

# kit_packages DIRECTORY: both of them, into the repository.
kit_packages() {
	local dir=$1
	rm -rf "$dir/packages"
	# What it is built with is unpacked, not installed.
	kit make -s -C "$dir" deb 'DPKG_BUILDPACKAGE=dpkg-buildpackage -us -uc -b -d' || return
	kit make -s -C "$dir" rpm "RPMBUILD=rpmbuild --nodeps --define '_fileattrsdir $cache/fileattrs' --load $cache/fileattrs/ndrv.attr" ||
		return
	cp "$dir"/packages/*.deb "$dir"/packages/*.rpm "$cache/repo/"
}

kit_configure() {
	[[ $1 != autotools ]] || (cd "$2" && kit autoreconf -fi && kit ./configure -q)
}

# kit_make SYSTEM: a project, its packages, a new version and the packages of that.
kit_make() {
	local dir=$work/kit-$1
	kit ndrv-newdriver --build "$1" --vendor 'Kit Networks' --maintainer 'Kit <kit@kit.invalid>' "kit-$1" "$dir" &&
		kit_configure "$1" "$dir" &&
		kit_packages "$dir" &&
		(cd "$dir" && ./release 1.1.0 'New') &&
		kit_configure "$1" "$dir" &&
		kit_packages "$dir"
}

make_kit() {
	local system
	kit_environment
	for system in "${kit_systems[@]}"; do
		echo "# building what ndrv-newdriver --build $system writes"
		make_quietly "$cache/kit-$system.log" kit_make "$system" || echo "# it cannot be built: $cache/kit-$system.log"
	done
}

kit_file() {
	if [[ $kind == deb ]]; then
		echo "$cache/repo/ndrv-driver-kit-$1_1.0.0-1_$(dpkg --print-architecture).deb"
	else
		echo "$cache/repo/ndrv-driver-kit-$1-1.0.0-1.$(rpm_arch).rpm"
	fi
}

# What a package says of itself.
kit_package() {
	local system=$1 file
	file=$(kit_file "$system")
	if [[ $kind == deb ]]; then
		expect_equal "$system: it needs the ABI" "$(dpkg-deb -f "$file" Depends | grep -o 'ndrv-abi-1 (>= 1.0)')" 'ndrv-abi-1 (>= 1.0)'
		expect_equal "$system: it says what it needs to those who would take it away" "$(dpkg-deb -f "$file" Provides)" ndrv-needs-abi-1
		expect_equal "$system: it has a trigger and no script" \
			"$(dpkg-deb --ctrl-tarfile "$file" | tar -t | grep -vE '^\./($|control$|md5sums$)')" ./triggers
	else
		expect_equal "$system: it needs the ABI" "$(rpm -qp --requires "$file" | grep ndrv)" 'ndrv(abi:1) >= 1.0'
		expect "$system: it says which driver it is" grep -xF "ndrv-driver(kit-$system) = 1.0.0" <<<"$(rpm -qp --provides "$file")"
		expect_equal "$system: it has no scriptlet" "$(rpm -qp --scripts --triggers --filetriggers "$file")" ''
	fi
}

kit_version() {
	ctl --json driver inspect "kit-$1" 2>/dev/null | sed -n 's/^ *"version": "\(.*\)",*$/\1/p' | head -n 1
}

kit_talks() {
	in_box ip -n a -o addr | grep -qF 10.78.0.2/24 && in_box ip -n b -o addr | grep -qF 10.78.0.3/24
}

kit_drivers() {
	local system end
	must 'the host installs' install_host
	for system in "${kit_systems[@]}"; do
		kit_package "$system"
		expect "$system: it installs" package_install "ndrv-driver-kit-$system=1.0.0-1"
		expect_equal "$system: it is loaded" "$(kit_version "$system")" 1.0.0
		expect "$system: it connects two namespaces" plug_in "kit-$system"
		expect "$system: they have their addresses" kit_talks
		expect "$system: a new version installs" package_install "ndrv-driver-kit-$system=1.1.0-1"
		expect_equal "$system: it is swapped in" "$(kit_version "$system")" 1.1.0
		expect "$system: the namespaces are as they were" kit_talks
		expect "$system: they go" unplug
		for end in a b; do
			in_box ip netns del "$end"
		done
		expect "$system: it is removed" package_remove "ndrv-driver-kit-$system"
		expect_equal "$system: it is unloaded" "$(kit_version "$system")" ''
	done
}
