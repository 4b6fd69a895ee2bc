#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No file over 500 lines, no function over 70. An exception is a line of sizes.allow with its reason; one that is no longer needed
# fails too.
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

# shellcheck disable=SC2016
shipped | grep -E '\.([chly]|sh|mk|am|ac|py)$|^dev$' | xargs awk '
BEGIN {
	while ((getline line < "tests/lint/sizes.allow") > 0) {
		if (line ~ /^(#|$)/)
			continue
		if (split(line, f, /[ \t]+/) < 3) {
			print "tests/lint/sizes.allow: \"" line "\" gives no reason"
			failed = 1
		}
		allowed[f[1]] = f[2]
	}
}
function over(what, lines, limit, where) {
	if (what in allowed && lines <= allowed[what]) {
		used[what] = 1
		return
	}
	printf "%s: %s has %d lines, the limit is %d: split it\n", where, what, lines, (what in allowed) ? allowed[what] : limit
	failed = 1
}
function file_done() {
	if (last > 500)
		over(file, last, 500, file)
}
FNR == 1 { file_done(); file = FILENAME; body = 0; name = "" }
{ last = FNR }
FILENAME !~ /\.[chly]$/ { next }
/^[A-Za-z_].*\(/ && !body {
	name = $0
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
}
/^\{$/ { body = FNR }
/^\}/ && body {
	if (FNR - body + 1 > 70)
		over(FILENAME ":" name, FNR - body + 1, 70, FILENAME ":" body)
	body = 0
}
END {
	file_done()
	for (a in allowed)
		if (!(a in used)) {
			print "tests/lint/sizes.allow: " a " needs no exception any more"
			failed = 1
		}
	exit failed
}'
