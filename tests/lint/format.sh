#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every C file is as clang-format leaves it. Only one major version is asked, since they differ among themselves.
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

want=14
tool=clang-format-$want
command -v "$tool" >/dev/null 2>&1 || tool=clang-format
if ! command -v "$tool" >/dev/null 2>&1; then
	echo "clang-format is not installed"
	exit 77
fi
have=$("$tool" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "$have" != "$want" ]; then
	echo "clang-format $want is wanted, this is $have"
	exit 77
fi
if ! sources | xargs "$tool" --dry-run -Werror; then
	echo "run ./dev format"
	exit 1
fi
