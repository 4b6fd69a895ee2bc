#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What packages are told about drivers: driver-note reads the same from a note as ndrv-check does, for any byte order, and refuses the
# notes that say nothing a package could use; and rpm's generator makes of it exactly what the note says.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
srcdir=$(cd "$srcdir" && pwd)
build=$(pwd)
note=$srcdir/packaging/driver-note
bad=$build/tests/badmods
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

equal() {
	[ "$2" = "$3" ] || {
		echo "FAIL: $1: \"$2\", not \"$3\""
		failed=1
	}
}

command -v readelf >/dev/null 2>&1 || { echo "readelf is not installed"; exit 77; }

# --- the reader ---

compared=0
for file in "$bad"/*.so; do
	found=$("$note" "$file" 2>"$scratch/err")
	status=$?
	said=$("$build/ndrv-check" --inspect "$file" 2>/dev/null | sed -n -e 's/^  driver     \(.*\) by .*/\1/p' \
		-e 's/^  ABI        \([0-9.]*\), oldest host \([0-9.]*\),.*/\1 \2/p' | tr '\n' ' ')
	case $said in
	"") continue ;;
	esac
	[ $status -eq 0 ] || [ "$(basename "$file")" = two_notes.so ] || {
		echo "FAIL: $file: ndrv-check reads \"$said\", driver-note says $(cat "$scratch/err")"
		failed=1
		continue
	}
	[ $status -eq 0 ] || continue
	equal "$(basename "$file")" "$(printf '%s\n' "$found" | awk -F= '{ v[$1] = $2 }
		END { printf "%s %s %d.%d %d.%d ", v["name"], v["version"], v["abi_major"], v["abi_minor"], v["abi_major"], v["abi_minor_min"] }')" "$said"
	compared=$((compared + 1))
done
[ "$compared" -ge 20 ] || { echo "FAIL: only $compared notes were compared"; failed=1; }

for refused in no_note two_notes note_size note_name note_type wrong_major program; do
	! "$note" --rpm-requires "$bad/$refused.so" >"$scratch/out" 2>"$scratch/err" || { echo "FAIL: $refused.so is taken"; failed=1; }
	equal "$refused.so: what is emitted all the same" "$(cat "$scratch/out")" ""
	grep -q "$refused" "$scratch/err" || { echo "FAIL: $refused.so: $(cat "$scratch/err")"; failed=1; }
done

# A file of the other byte order and of 32 bits, as far as a compiler for it is needed: readelf's text of it.
hex() {
	od -An -v -tx1 "$1" | tr -d '\n' | sed 's/^ *//'
}
objcopy -O binary --only-section=.note.ndrv "$bad/minor_too_new.so" "$scratch/note" 2>/dev/null && {
	tail -c +21 "$scratch/note" >"$scratch/little"
	# Numbers, 24 of them, then text.
	head -c 64 "$scratch/little" | od -An -v -tx1 -w4 | awk '{ printf "%s %s %s %s ", $4, $3, $2, $1 }' >"$scratch/hex"
	tail -c +65 "$scratch/little" >"$scratch/rest"
	hex "$scratch/rest" >>"$scratch/hex"
	cat >"$scratch/readelf" <<-END
		#!/bin/sh
		cat <<X
		  Class:                             ELF32
		  Data:                              2's complement, big endian
		  NDRV                 0x000001a0	Unknown note type: (0x00000001)	   description data: $(cat "$scratch/hex")
		X
	END
	chmod +x "$scratch/readelf"
	equal "big endian" "$(READELF=$scratch/readelf "$note" foreign.so | tail -n 5 | tr '\n' ' ')" \
		"abi_major=1 abi_minor=0 abi_minor_min=7 bits=32 order=big "
}

# --- what is made of it ---

equal "built with 1.7, any host" "$("$note" --rpm-requires "$bad/newer.so")" "ndrv(abi:1) >= 1.0"
equal "needs 1.7" "$("$note" --rpm-requires "$bad/minor_too_new.so")" "ndrv(abi:1) >= 1.7"
equal "several files" "$(printf '%s\n' "$bad/good.so" "$bad/newer.so" | "$note" --rpm-provides | tr '\n' ' ')" \
	"$("$note" --rpm-provides "$bad/good.so") $("$note" --rpm-provides "$bad/newer.so") "

command -v rpmbuild >/dev/null 2>&1 || { echo "rpmbuild is not installed"; [ $failed -ne 0 ] || exit 77; exit 1; }

# made_of FILE...: what a package with these drivers requires and provides of ours, and what else its files provide.
made_of() {
	rm -rf "$scratch/top"
	mkdir -p "$scratch/attrs" "$scratch/files"
	rm -f "$scratch"/files/*
	cp "$@" "$scratch/files"
	cp "$(rpm --eval '%{_fileattrsdir}')"/*.attr "$srcdir/packaging/rpm/ndrv.attr" "$scratch/attrs"
	cat >"$scratch/trial.spec" <<-'END'
		%ndrv_private
		Name: ndrv-driver-trial
		Version: 1
		Release: 1
		Summary: Trial
		License: Apache-2.0
		%description
		Trial.
		%install
		mkdir -p %{buildroot}%{ndrv_driverdir} %{buildroot}%{_libdir}/elsewhere
		cp %{drivers}/* %{buildroot}%{ndrv_driverdir}
		cp %{drivers}/* %{buildroot}%{_libdir}/elsewhere
		%files
		%{ndrv_driverdir}/*
		%{_libdir}/elsewhere
	END
	# What the package ndrv-rpm-macros installs, where it is not.
	HOME=$scratch rpmbuild -bb --nodeps --define "_topdir $scratch/top" --define "drivers $scratch/files" \
		--define "_fileattrsdir $scratch/attrs" --define "_libexecdir $scratch/libexec" \
		--load "$scratch/attrs/ndrv.attr" --load "$build/packaging/rpm/macros.ndrv" "$scratch/trial.spec" >"$scratch/log" 2>&1 || { tail -n 20 "$scratch/log" >&2; return 1; }
	rpm -qp --requires --provides "$scratch"/top/RPMS/*/*.rpm 2>/dev/null | grep -vE '^(rpmlib|rtld|libc[.]|ndrv-driver-trial)' | tr '\n' ' '
}
mkdir -p "$scratch/libexec/ndrv"
cp "$note" "$scratch/libexec/ndrv"
equal "rpm: a driver for any host of major 1" "$(made_of "$bad/newer.so")" "ndrv(abi:1) >= 1.0 $("$note" --rpm-provides "$bad/newer.so") "
equal "rpm: a driver for hosts from 1.7 on" "$(made_of "$bad/minor_too_new.so")" \
	"ndrv(abi:1) >= 1.7 $("$note" --rpm-provides "$bad/minor_too_new.so") "
equal "rpm: both" "$(made_of "$bad/good.so" "$bad/minor_too_new.so" | grep -o 'ndrv(abi:1) >= 1[.][0-9]*' | tr '\n' ' ')" \
	"ndrv(abi:1) >= 1.0 ndrv(abi:1) >= 1.7 "
# A library with a name of its own, beside the drivers' directory too: neither is offered to others.
equal "rpm: our bridge, which has a SONAME" "$(made_of "$build/drivers/.libs/bridge.so" | sed 's/libnl[^ ]* //g')" \
	"ndrv(abi:1) >= 1.0 ndrv-driver(bridge) = $("$note" "$build/drivers/.libs/bridge.so" | sed -n 's/^version=//p') "
made_of "$bad/no_note.so" >/dev/null
grep -q 'no_note.so: it has no note' "$scratch/log" || { echo "FAIL: rpm: a file without a note is packed without a word"; failed=1; }
exit $failed
