#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: check.sh FILE.so (or DRIVER=FILE.so in the environment)
# Holds the driver to the rules of the host, where ndrv-check is installed. Without the rights for namespaces, or with
# NDRV_CHECK=inspect, the file is only looked at.
file=${1:-$DRIVER}
command -v ndrv-check >/dev/null 2>&1 || { echo "skipped: ndrv-check is not installed"; exit 77; }
if [ "${NDRV_CHECK:-}" = inspect ] || [ "$(id -u)" != 0 ]; then
	ndrv-check --inspect "$file"
	exit
fi
ndrv-check "$file"
status=$?
# 3: nothing can be tried here. The file was looked at, and is good.
[ $status != 3 ] || exit 77
exit $status
