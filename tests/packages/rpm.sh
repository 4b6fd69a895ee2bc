# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The RPMs: the host's from the same two tarballs, the vendor's with no scriptlet, and what dnf makes of them. See make.sh.

make_host_rpms() {
	local version
	for version in "$upstream" "$upstream.1"; do
		echo "# building the RPMs of $version"
		# In the changelog it may stay: its date is that of the build.
		sed "/^\*/!s/${upstream//./\\.}/$version/g" "$build/packaging/ndrv.spec" >"$cache/ndrv-$version.spec"
		make_quietly "$cache/rpm-$version.log" "$top/packaging/build-rpm" "$cache/ndrv-$version.spec" \
			"$cache/tarballs/ndrv-$version.tar.xz" "$cache/rpm-$version"
		cp "$cache/rpm-$version"/*.rpm "$cache/repo/"
	done
}

# build_rpm SPEC DIRECTORY: of files that are there; the notes of drivers are read by our generator.
build_rpm() {
	local spec=$1 to=$2 dir=$work/rpm
	rm -rf "$dir"
	mkdir -p "$dir/attrs"
	cp "$(rpm --eval '%{_fileattrsdir}')"/*.attr "$top/packaging/rpm/ndrv.attr" "$dir/attrs"
	make_quietly "$cache/vendor-rpm.log" rpmbuild -bb --nodeps --define "_topdir $dir" --define "_fileattrsdir $dir/attrs" \
		--define "__ndrv_requires $top/packaging/driver-note --rpm-requires" \
		--define "__ndrv_provides $top/packaging/driver-note --rpm-provides" \
		--define '__ndrv_path /ndrv/drivers-[0-9]+/[^./][^/]*[.]so$' --define '__ndrv_flags magic_and_path' \
		--define '__ndrv_magic ^(setuid,? )?(setgid,? )?(sticky )?ELF (32|64)-bit.*$' "$spec"
	find "$dir/RPMS" -name '*.rpm' -exec cp '{}' "$to" ';'
}

# rpm_of NAME VERSION-RELEASE DIRECTORY [LINE OF THE SPEC]...: all that is in the directory.
rpm_of() {
	local name=$1 version=${2%-*} release=${2##*-} dir=$3
	shift 3
	{
		printf 'Name: %s\nVersion: %s\nRelease: %s\nSummary: trial\nLicense: Apache-2.0\n' "$name" "$version" "$release"
		printf '%s\n' '%global debug_package %{nil}' '%global __os_install_post %{nil}' "$@"
		printf '%%description\ntrial\n%%install\nmkdir -p %%{buildroot}\ncp -a %s/. %%{buildroot}\n%%files\n' "$dir"
		(cd "$dir" && find . -type f | sed 's/^\.//')
	} >"$work/trial.spec"
	build_rpm "$work/trial.spec" "$cache/repo"
}

# vendor_rpm NAME VERSION-RELEASE FILE [SETTINGS [DEPENDENCY]]: of a driver file.
vendor_rpm() {
	local name=$1 version=$2 file=$3 settings=${4-} dir=$work/vendor-rpm
	rm -rf "$dir"
	mkdir -p "$dir/usr/share/ndrv/drivers.d"
	printf 'file: %s.so\n%s' "$name" "$settings" >"$dir/usr/share/ndrv/drivers.d/$name.yaml"
	[[ ! $file ]] || command install -D -m 755 "$file" "$dir$(rpm_driver_dir)/$name.so"
	rpm_of "ndrv-driver-$name" "$version" "$dir" ${5:+"Requires: $5"}
}

rpm_driver_dir() {
	echo "$(rpm --eval '%{_libdir}')/ndrv/drivers-1"
}

# The host of another ABI: its program, and the scriptlet of ours that asks before an upgrade.
make_abi2_rpm() {
	local dir=$work/abi2-rpm ask
	mkdir -p "$dir/usr/sbin"
	cp "$cache/other/ndrvd" "$dir/usr/sbin"
	ask=$(rpm -qp --qf '%{PREIN}' "$cache/repo/ndrv-$upstream-1.$(rpm_arch).rpm" | sed 's/can-upgrade 1/can-upgrade 2/')
	grep -q 'can-upgrade 2' <<<"$ask"
	rpm_of ndrv 9.0-1 "$dir" 'Provides: ndrv(abi:2) = 2.0' '%pre' "$ask"
	mv "$cache/repo/ndrv-9.0-1.$(rpm_arch).rpm" "$cache/other/"
}

make_acme_rpms() {
	local version dir=$work/late-rpm
	for version in 1.0 1.1 1.2 1.3; do
		vendor_rpm acme "$version-1" "$cache/repo/acme-$version.so"
	done
	vendor_rpm late 1.0-1 '' '' late-file
	mkdir -p "$dir"
	command install -D -m 755 "$work/late.so" "$dir$(rpm_driver_dir)/late.so"
	rpm_of late-file 1.0-1 "$dir"
}

# What ours need of a distribution, as one package that provides all of it.
make_base_rpm() {
	local dir=$work/base file
	mkdir -p "$dir/usr/share/base"
	: >"$dir/usr/share/base/empty"
	for file in "$1"/*.rpm; do
		rpm -qp --requires "$file" 2>/dev/null
	done | grep -vE '^(rpmlib|ndrv)|^late-file' | sort -u | sed 's/^/Provides: /' >"$work/provides"
	mapfile -t lines <"$work/provides"
	rpm_of base 1-1 "$dir" "${lines[@]}"
	mv "$cache/repo/base-1-1.$(rpm_arch).rpm" "$1/"
}

in_dnf() {
	dnf -q -y --installroot="$work/dnf" --releasever=1 --repofrompath="trial,file://$1" --repo=trial --nogpgcheck \
		--setopt=tsflags=noscripts --setopt=cachedir="$work/dnf-cache" --setopt=keepcache=0 --setopt=reposdir="$work/none" \
		--setopt=logdir="$work" --setopt=persistdir="$work/dnf-state" "${@:2}"
}

dnf_version() {
	rpm --root "$work/dnf" -q --qf '%{VERSION}' "$1" 2>/dev/null
}

# Test 4, of the solver alone: nothing is run in the root it fills.
dnf_solves() {
	local repo=$work/dnf-repo
	mkdir -p "$repo" "$work/dnf"
	cp "$cache"/repo/ndrv{,-drivers}-"$upstream"-1.*.rpm "$cache"/repo/ndrv-driver-acme-1.0-1.*.rpm "$repo"
	make_base_rpm "$repo"
	must 'a repository is made' createrepo_c -q "$repo"
	must 'dnf installs the driver, and a host for it' in_dnf "$repo" install ndrv-driver-acme
	expect_equal 'both are there' "$(dnf_version ndrv-driver-acme) $(dnf_version ndrv)" "1.0 $upstream"
	cp "$cache"/other/ndrv-9.0-1.*.rpm "$repo"
	must 'a host without the ABI comes out' createrepo_c -q "$repo"
	expect 'dnf upgrade ends well' in_dnf "$repo" --refresh upgrade
	expect_equal 'dnf holds the host back' "$(dnf_version ndrv)" "$upstream"
	expect_not 'dnf does not take the new host beside the driver' in_dnf "$repo" install ndrv-9.0
	cp "$cache"/repo/ndrv{,-drivers}-"$upstream.1"-1.*.rpm "$repo"
	must 'a host with the ABI comes out' createrepo_c -q "$repo"
	expect 'dnf upgrade ends well too' in_dnf "$repo" --refresh upgrade
	expect_equal 'dnf takes the best host that the driver can live with' "$(dnf_version ndrv)" "$upstream.1"
}
