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

# tutorial_block NUMBER: that block of commands of the page, without its fence; the first line is its kind.
tutorial_block() {
	awk -v wanted="$1" '
		/^```sh [a-z]+$/ { inside = ++count == wanted; if (inside) print $2; next }
		/^```/ { inside = 0 }
		inside' "$top/docs/writing-a-driver.md"
}

# The programs that build packages, for a machine where what they ask for is unpacked and not installed.
tutorial_wrappers() {
	mkdir -p "$work/wrap"
	printf '#!/bin/sh\nexec /usr/bin/dpkg-buildpackage -d "$@"\n' >"$work/wrap/dpkg-buildpackage"
	printf '#!/bin/sh\nexec /usr/bin/rpmbuild --nodeps --define "_fileattrsdir %s" --load %s/ndrv.attr "$@"\n' \
		"$cache/fileattrs" "$cache/fileattrs" >"$work/wrap/rpmbuild"
	chmod +x "$work/wrap"/*
}

tutorial_build() {
	(cd "$1" && kit env "PATH=$work/wrap:$cache/sdk/usr/bin:$PATH" sh -eux -c "$2")
}

# Our own packages are in the repository; others must be known to apt.
tutorial_packages_exist() {
	local package
	for package in ${1#apt-get install }; do
		compgen -G "$cache/repo/${package}_*.deb" >/dev/null || apt-cache show "$package" >/dev/null || return
	done
}

# docs/writing-a-driver.md from its first command to its last, but for those with a host that has no package (tests/abi/tutorial.sh).
kit_tutorial() {
	local number_of=1 block text dir=$work/tutorial
	in_box sh -c 'echo "APT::Get::Assume-Yes \"true\";" >/etc/apt/apt.conf.d/91yes; apt-get -q update' >/dev/null
	# The packages may be of an earlier run, and another release may have been here.
	kit_environment
	rm -rf "$dir"
	mkdir -p "$dir"
	tutorial_wrappers
	while block=$(tutorial_block "$number_of") && [[ $block ]]; do
		text=${block#*$'\n'}
		case ${block%%$'\n'*} in
		install) must "the page's packages exist" tutorial_packages_exist "$text" ;;
		build | package)
			must "$(head -n 1 <<<"$text")" tutorial_build "$dir" "$text"
			! [[ -d $dir/ndrv-driver-acme ]] || dir=$dir/ndrv-driver-acme
			! [[ -d $dir/packages ]] || cp "$dir"/packages/*.deb "$box/srv/"
			;;
		machine) must "$(head -n 1 <<<"$text")" in_box sh -eux -c "cd /srv; $text" ;;
		esac
		number_of=$((number_of + 1))
	done
	expect 'the page has its commands' test "$number_of" -gt 10
	expect_equal 'the new version serves' "$(acme_version)" 1.1.0
	expect 'the network carries its endpoints still' grep -F 10.80.0.2 <<<"$(in_box ip -n a -o addr)"
	expect 'an RPM was made too' test -e "$(echo "$dir"/packages/*.rpm)"
}
