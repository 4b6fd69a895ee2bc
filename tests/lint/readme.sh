#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The C blocks of the documents that begin with an #include compile without a warning against the SDK's headers.
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

compiler=${CC:-cc}
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
status=0
for page in README.md docs/*.md; do
	awk -v to="$scratch/$(basename "$page" .md)" '
		/^```c$/ { inside = 1; block = ""; next }
		/^```$/ && inside { if (block ~ /^#include/) printf "%s", block > (to "-" ++n ".c"); inside = 0; next }
		inside { block = block $0 "\n" }' "$page"
done
for block in "$scratch"/*.c; do
	[ -e "$block" ] || { echo "no document has a C block: has their form changed?"; exit 1; }
	$compiler -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only -Isdk/include "$block" || status=1
done
exit $status
