#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: abidiff.sh [--update]
# The ABI of today's headers against sdk/abi/1.abi, by debug information: members may be appended to structs that v1_0_members.h says
# GROWS of, and nothing else may change. Then the judge is judged: copies of the headers with a change of each kind. With --update,
# sdk/abi/1.abi is written anew if what has changed is of the kind that passes.
#
# abidiff's report is read here, line by line. Its suppressions are no help: one that lets members be appended to a struct (as of 2.2)
# also passes over whatever else happens to that struct.
set -u
srcdir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
abi=$srcdir/sdk/abi/1.abi
for tool in abidw abidiff gcc; do
	command -v $tool >/dev/null 2>&1 || { echo "$tool is not installed (Debian: abigail-tools)"; exit 77; }
done
case $(gcc -dumpmachine) in
x86_64-*) ;;
*) echo "sdk/abi/1.abi is that of x86-64, and this is $(gcc -dumpmachine)"; exit 77 ;;
esac
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0

bad() {
	echo "FAIL: $*"
	failed=1
}

# anchor INCLUDE: builds $scratch/anchor.so with the headers in there.
anchor() {
	(cd "$srcdir" && gcc -std=gnu11 -g -fPIC -shared -fvisibility=hidden -I"$1" -o "$scratch/anchor.so" sdk/abi/anchor.c) || exit 99
}

# Every line that abidiff has to say about an append is known; any other is a break.
only_appends() {
	awk '
	FNR == NR { if (sub(/^GROWS\(/, "") && sub(/\).*/, "")) grows["ndrv_" $0] = 1; next }
	/^$/ || /^(Leaf changes|Changed leaf types|Removed\/Changed\/Added (functions|variables)) summary: / { next }
	/^.struct ndrv_[a-z0-9_]*. changed:$/ {
		name = $2
		sub(/[^a-z0-9_]$/, "", name)
		end = 0
		if (name in grows)
			next
	}
	/^  type size changed from [0-9]+ to [0-9]+ \(in bits\)$/ && $7 > $5 { end = $5; next }
	/^  [0-9]+ data member insertions?:$/ { next }
	/^    .*, at offset [0-9]+ \(in bits\)$/ && end && $(NF - 2) >= end { next }
	{ print "a break: " $0; failed = 1 }
	END { exit failed }' "$srcdir/tests/abi/v1_0_members.h" "$1"
}

compare() {
	abidiff --leaf-changes-only --no-show-locs "$abi" "$scratch/anchor.so" >"$scratch/report" 2>&1
	# 1 and 2: it could not do its work.
	[ $(($? & 3)) = 0 ] || { cat "$scratch/report"; exit 99; }
	only_appends "$scratch/report" >"$scratch/log"
}

anchor "$srcdir/sdk/include"
if [ "${1:-}" = --update ]; then
	if [ -e "$abi" ]; then
		compare || { cat "$scratch/log"; echo "not written: this breaks drivers that exist. docs/abi.md has the rules."; exit 1; }
	fi
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed "$scratch/anchor.so" >"$abi" && echo "wrote $abi"
	exit
fi

compare || { cat "$scratch/log"; bad "the ABI has changed: where that is an append that was agreed, run ./dev abi; else it breaks drivers"; }

# try pass|fail WHAT FILE SED-SCRIPT: of a copy of the headers.
try() {
	rm -rf "$scratch/include"
	cp -R "$srcdir/sdk/include" "$scratch/include"
	chmod -R u+w "$scratch/include"
	sed -i "$4" "$scratch/include/ndrv/$3"
	if cmp -s "$srcdir/sdk/include/ndrv/$3" "$scratch/include/ndrv/$3"; then
		bad "$2: the header is no longer what this test changes"
		return
	fi
	anchor "$scratch/include"
	if compare; then got=pass; else got=fail; fi
	[ $got = "$1" ] || { cat "$scratch/log"; bad "$2: it is to $1 and did $got"; }
}

try pass 'a comment' driver.h 's|^struct ndrv_ops {|/* more */\n&|'
try pass 'a member appended to ops' driver.h 's|^\tint (\*options)(.*|&\n\tint (*later)(void *self);|'
try pass 'a member appended to the host' host.h 's|^\tconst struct ndrv_timers_ops \*timers;|&\n\tconst void *later;|'
try fail 'a member in the middle of ops' driver.h 's|^\tint (\*network_free)(.*|&\n\tint (*between)(void *self);|'
try fail 'a member before the last of ops' driver.h 's|^\tint (\*options)(|\tint (*between)(void *self);\n&|'
try fail 'a member of ops gone' driver.h '/^\tint (\*options)(/d'
try fail 'an argument of another type' driver.h 's|uint32_t which, struct ndrv_option_list|uint64_t which, struct ndrv_option_list|'
try fail 'a member appended and another changed' driver.h 's|^\tint (\*options)(.*|&\n\tint (*later)(void *self);|; s|^\tvoid (\*abort)(|\tint (*abort)(|'
try fail 'another pointer' network.h 's|^\tconst char \*id;|\tconst void *id;|'
try fail 'another result' driver.h 's|^\tvoid (\*destroy)(void \*self);|\tint (*destroy)(void *self);|'
try fail 'another size of a text' driver.h 's|^\tchar vendor\[64\];|\tchar vendor[65];|'
try fail 'a member appended to what is frozen' types.h 's|^\tstruct ndrv_addr next_hop;.*|&\n\tuint32_t metric;|'
exit $failed
