#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, without a warning, as C99, C11 and C++11, with every compiler here; and the ABI's layout locks
# hold on machines with other sizes and alignments, where a compiler for them is at hand.
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
status=0
cxx=no

compiles() {
	# shellcheck disable=SC2086
	"$@" -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror -fsyntax-only -Isdk/include "$scratch/alone.$extension" ||
		{ echo "$header does not compile alone: $*"; status=1; }
}

for header in sdk/include/ndrv/*.h; do
	name=ndrv/${header##*/}
	# Twice: the guard works.
	printf '#include <%s>\n#include <%s>\nextern int nothing;\n' "$name" "$name" | tee "$scratch/alone.c" >"$scratch/alone.cc"
	for compiler in gcc clang; do
		command -v $compiler >/dev/null 2>&1 || continue
		extension=c
		compiles $compiler -std=c99
		compiles $compiler -std=c11
	done
	for compiler in g++ clang++; do
		command -v $compiler >/dev/null 2>&1 || continue
		extension=cc cxx=yes
		compiles $compiler -std=c++11
		compiles $compiler -std=c++17
	done
done

if command -v clang >/dev/null 2>&1; then
	printf '#include "tests/abi/layout.h"\nextern int nothing;\n' >"$scratch/layout.c"
	for machine in i386-linux-gnu arm-linux-gnueabihf mips-linux-gnu aarch64-linux-gnu riscv64-linux-gnu s390x-linux-gnu; do
		clang --target=$machine -std=gnu11 -ffreestanding -fsyntax-only -I. -Isdk/include "$scratch/layout.c" ||
			{ echo "the ABI has another layout on $machine"; status=1; }
	done
fi
[ $cxx = yes ] || [ $status != 0 ] || { echo "no C++ compiler is installed"; exit 77; }
exit $status
