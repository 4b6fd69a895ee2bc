#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is shipped names no path of the machine it was written on and leaves nothing for later. (The patterns are in pieces so that
# this file passes itself.)
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

paths='(^|[^A-Za-z0-9_.])/(wo''rk/|tmp/w''t|tmp/b''/|ro''ot(/|[^A-Za-z0-9_]|$)|ho''me/[a-z])'
later='(^|[^A-Za-z])(TO''DO|FIX''ME|HA''CK)([^A-Za-z]|$)'
found=0
if shipped | tr '\n' '\0' | xargs -0 grep -nIE "$paths" /dev/null; then
	echo "a path of somebody's machine: make it relative or an option"
	found=1
fi
if shipped | tr '\n' '\0' | xargs -0 grep -nIE "$later" /dev/null; then
	echo "a note for later: do it now, or file an issue"
	found=1
fi
exit $found
