# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by the lints: goes to the top of the sources and defines `shipped`, which lists the project's own files, one a line.
# In a clone those are the tracked ones; in a tarball everything that no tool has generated.
cd "${srcdir:-$(dirname "$0")/../..}" || exit 99

shipped() {
	if [ -e .git ] && git ls-files >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard | while IFS= read -r f; do [ -f "$f" ] && echo "$f"; done
	else
		find . \( -name .git -o -path './build*' -o -name _build -o -name _inst -o -name autom4te.cache -o -path ./m4 \
			-o -name .libs -o -name .deps \) -prune -o -type f ! -name configure ! -name 'configure~' ! -name Makefile \
			! -name Makefile.in ! -name aclocal.m4 ! -name 'config.*' ! -name libtool ! -name '*.o' ! -name '*.lo' \
			! -name '*.la' ! -name '*.a' ! -name '*.log' ! -name '*.trs' ! -name .dirstamp ! -name ndrv.pc -print |
			sed 's|^\./||'
	fi
}

# The C sources and headers among them.
sources() {
	shipped | grep -E '^(sdk|drivers|host|tests)/.*\.[ch]$'
}
