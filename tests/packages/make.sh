# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The packages that the scenarios install, in $cache/repo: the host's in two versions and one without our ABI, and a vendor's driver in
# several. All are made once from one tarball, and again when a source has changed.

upstream=$(sed -n 's/^AC_INIT(\[ndrv\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
deb_revision=$(sed -n '1s/.*-\(.*\)).*/\1/p' "$top/packaging/debian/changelog")

# The versions of the host, as packages of $kind call them: what is built here; the same, but for its version; one that knows a later
# ABI only.
host_versions() {
	local revision=$deb_revision
	[[ $kind == deb ]] || revision=1
	host_1=$upstream-$revision
	host_2=$upstream.1-$revision
	host_abi2=9.0-$revision
}

make_quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log"
		return 1
	}
}

sources_key() {
	(cd "$top" && git ls-files -z 2>/dev/null | xargs -0 sha256sum -- 2>/dev/null | grep -v ' tests/' | sha256sum | cut -d' ' -f1)
}

# The tarball as `make dist` makes it, and the same with a later version.
make_tarballs() {
	local dir=$cache/tarballs later
	rm -rf "$dir"
	mkdir -p "$dir"
	make_quietly "$cache/dist.log" make -C "$build" dist
	cp "$build/ndrv-$upstream.tar.xz" "$dir"
	later=ndrv-$upstream.1
	tar -C "$dir" -xJf "$dir/ndrv-$upstream.tar.xz"
	mv "$dir/ndrv-$upstream" "$dir/$later"
	sed -i "s/^AC_INIT(\[ndrv\], .*/AC_INIT([ndrv], [$upstream.1])/" "$dir/$later/configure.ac"
	sed -i "1s/($upstream-/($upstream.1-/" "$dir/$later/packaging/debian/changelog"
	! [[ -e $dir/$later/packaging/ndrv.spec ]] || sed -i "s/^Version:.*/Version: $upstream.1/" "$dir/$later/packaging/ndrv.spec"
	# The build of the packages makes these anew anyway; now rather than by a rule of make, with who knows which date.
	(cd "$dir/$later" && autoreconf -fi) >"$cache/autoreconf.log" 2>&1
	tar -C "$dir" -cJf "$dir/$later.tar.xz" "$later"
	rm -rf "${dir:?}/$later"
}

make_host_debs() {
	local version
	local options
	options="nocheck parallel=$(nproc)"
	for version in "$upstream" "$upstream.1"; do
		echo "# building the DEBs of $version"
		make_quietly "$cache/deb-$version.log" env DEB_BUILD_OPTIONS="$options" "$top/packaging/build-deb" "$cache/tarballs/ndrv-$version.tar.xz" \
			"$cache/deb-$version" -us -uc -b
		cp "$cache/deb-$version"/*.deb "$cache/repo/"
	done
}

# A program that speaks another ABI major, and the package of the host with it.
make_abi2() {
	local dir=$work/abi2 deb kind=deb
	host_versions
	echo '# building a host of another ABI'
	rm -rf "$dir"
	mkdir -p "$dir/build" "$cache/other"
	tar -C "$dir" --strip-components=1 -xJf "$cache/tarballs/ndrv-$upstream.tar.xz"
	sed -i 's/^#define NDRV_ABI_MAJOR 1u$/#define NDRV_ABI_MAJOR 2u/' "$dir/sdk/include/ndrv/version.h"
	make_quietly "$cache/abi2.log" env -C "$dir/build" "$dir/configure" -q --disable-tests --prefix=/usr \
		--libdir="/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)" --sysconfdir=/etc --localstatedir=/var --runstatedir=/run
	make_quietly "$cache/abi2.log" make -s -C "$dir/build" -j"$(nproc)" ndrvd
	strip -o "$cache/other/ndrvd" "$dir/build/ndrvd"
	deb=$(echo "$cache/repo/ndrv_$upstream-$deb_revision"_*.deb)
	dpkg-deb -R "$deb" "$dir/deb"
	cp "$cache/other/ndrvd" "$dir/deb/usr/sbin/ndrvd"
	sed -i -e "s/^Version: .*/Version: $host_abi2/" -e 's/ndrv-abi-1 (= 1\.[0-9]*)/ndrv-abi-2 (= 2.0)/' "$dir/deb/DEBIAN/control"
	sed -i "s/^NEW_ABIS='1.*'/NEW_ABIS='2'/" "$dir/deb/DEBIAN/preinst"
	grep -q "^NEW_ABIS='2'" "$dir/deb/DEBIAN/preinst"
	dpkg-deb --root-owner-group -b "$dir/deb" "$cache/other/ndrv_${host_abi2}_$(dpkg --print-architecture).deb" >/dev/null
}

# acme_file VERSION FILE [CFLAGS...]: a vendor's driver, built against the installed SDK as the packages have it.
acme_file() {
	local version=$1 file=$2 sdk=$cache/sdk
	shift 2
	# shellcheck disable=SC2046
	gcc -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE -I"$sdk/usr/include" \
		$(pkg-config --cflags libnl-route-3.0) -I"$cache/acme" -DACME_BASE='"base.c"' -DACME_VERSION="\"$version\"" -DPACKAGE_VERSION="\"$version\"" "$@" -o "$file" \
		-Wl,--version-script="$sdk/usr/share/ndrv/template/driver.map" "$here/acme.c" \
		"$(echo "$sdk"/usr/lib/*/libndrv.a)" -Wl,-z,now -Wl,-z,defs -lnl-3 -lnl-route-3 "${late[@]}"
	strip "$file"
}
late=()

# The template, as a vendor named acme would change it.
acme_base() {
	local name=$1 version=$2
	sed -e "s/\"example\"/\"$name\"/g" -e 's/\.vendor = /.abi_minor_min = ACME_MINOR, &/' -e "s/\.version = \"[0-9.]*\"/.version = \"$version\"/" \
		"$cache/sdk/usr/share/ndrv/template/driver.c" >"$cache/acme/base.c"
}

unpack_sdk() {
	rm -rf "$cache/sdk" "$cache/acme"
	mkdir -p "$cache/sdk" "$cache/acme"
	dpkg-deb -x "$(echo "$cache/repo/ndrv-dev_$upstream-$deb_revision"_*.deb)" "$cache/sdk"
	dpkg-deb -x "$(echo "$cache/repo/ndrv-drivers_$upstream-$deb_revision"_*.deb)" "$cache/sdk"
	driver_dir=$(dirname "$(find "$cache/sdk" -name bridge.so -printf '/%P\n')")
}

# vendor_deb NAME VERSION-RELEASE FILE [SETTINGS [DEPENDENCY]]: of a driver file, as dh_ndrv makes it.
vendor_deb() {
	local name=$1 version=$2 file=$3 settings=${4-} dir=$work/vendor
	rm -rf "$dir"
	[[ ! $file ]] || install -D -m 644 "$file" "$dir$driver_dir/$name.so"
	mkdir -p "$dir/usr/share/ndrv/drivers.d" "$dir/DEBIAN"
	printf 'file: %s.so\n%s' "$name" "$settings" >"$dir/usr/share/ndrv/drivers.d/$name.yaml"
	cat >"$dir/DEBIAN/control" <<-END
		Package: ndrv-driver-$name
		Version: $version
		Architecture: $(dpkg --print-architecture)
		Maintainer: A vendor <vendor@example.org>
		Depends: ndrv-abi-1 (>= 1.0)${5:+, $5}
		Provides: ndrv-needs-abi-1
		Description: trial driver $name
	END
	echo 'activate-noawait ndrv-reload' >"$dir/DEBIAN/triggers"
	dpkg-deb --root-owner-group -b "$dir" "$cache/repo" >/dev/null
}

make_acme() {
	local version flags
	unpack_sdk
	for version in 1.0 1.1 1.2 1.3 1.3.1; do
		flags=()
		[[ $version != 1.2 ]] || flags=(-DACME_REFUSES)
		acme_base acme "$version"
		acme_file "$version" "$cache/repo/acme-$version.so" "${flags[@]}"
	done
	for version in 1.0 1.1 1.2 1.3; do
		vendor_deb acme "$version-1" "$cache/repo/acme-$version.so"
	done
	vendor_deb acme 1.3.1-1 "$cache/repo/acme-1.3.1.so" $'config:\n  color: blue\n'
	vendor_deb acme 1.3.1-2 "$cache/repo/acme-1.3.1.so" $'config:\n  color: green\n'
	make_late
	make_fakes
}

# A driver whose descriptor and file come in packages of their own; and one with a shared library, which hosts do not take.
make_late() {
	local dir=$work/late
	acme_base late 1.0
	acme_file 1.0 "$work/late.so"
	vendor_deb late 1.0-1 '' '' late-file
	rm -rf "$dir"
	install -D -m 644 "$work/late.so" "$dir$driver_dir/late.so"
	mkdir -p "$dir/DEBIAN"
	printf 'Package: late-file\nVersion: 1.0-1\nArchitecture: %s\nMaintainer: A vendor <vendor@example.org>\nDescription: trial\n' \
		"$(dpkg --print-architecture)" >"$dir/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$dir" "$cache/repo" >/dev/null
	echo 'int acme_late(void) { return 7; }' >"$cache/acme/late.c"
	gcc -shared -fPIC -Wl,-soname,liblate.so.1 -o "$cache/acme/liblate.so" "$cache/acme/late.c"
	acme_base shared 1.0
	late=(-L"$cache/acme" -llate)
	acme_file 1.0 "$work/shared.so" -DACME_LATE
	late=()
	vendor_deb shared 1.0-1 "$work/shared.so"
}

# The vendors' packages: again whenever these scripts have changed, too.
make_vendors() {
	local key
	key=$(cat "$cache/repo.key" "$here"/*.sh "$here/acme.c" | sha256sum)
	[[ $(cat "$cache/vendors.key" 2>/dev/null) != "$key" && (-z ${NDRV_KEEP_PACKAGES-} || ! -e $cache/vendors.key) ]] || return 0
	rm -f "$cache/vendors.key"
	make_acme
	[[ ${kinds[*]} != *rpm* ]] || make_acme_rpms
	make_kit
	echo "$key" >"$cache/vendors.key"
}

make_packages() {
	local key
	key=$(sources_key)
	mkdir -p "$cache/repo"
	[[ -z ${NDRV_KEEP_PACKAGES-} || ! -e $cache/repo.key ]] || key=$(cat "$cache/repo.key")
	if [[ $(cat "$cache/repo.key" 2>/dev/null) != "$key" ]]; then
		rm -rf "$cache/repo" "$cache/repo.key"
		mkdir -p "$cache/repo"
		make_tarballs
		make_host_debs
		make_abi2
		if [[ ${kinds[*]} == *rpm* ]]; then
			make_host_rpms
			make_abi2_rpm
		fi
		echo "$key" >"$cache/repo.key"
	fi
	make_vendors
	(cd "$cache/repo" && dpkg-scanpackages -m . 2>/dev/null >Packages)
}
