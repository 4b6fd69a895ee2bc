#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The hook of packages, with commands that only write down what they were asked: when it speaks to the host, when it leaves it alone,
# and what it tells the package manager.
set -u
hook=$(pwd)/conf/package-hook
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
failed=0
mkdir "$scratch/bin" "$scratch/rpm" || exit 99

# fake DIRECTORY NAME LINE...: a command that writes down how it was called.
fake() {
	{
		echo '#!/bin/sh'
		# shellcheck disable=SC2016
		echo 'echo "${0##*/} $*" >>"$CALLS"'
		printf '%s\n' "$3"
	} >"$1/$2" && chmod +x "$1/$2"
}
for dir in "$scratch/bin" "$scratch/rpm"; do
	# shellcheck disable=SC2016
	fake "$dir" systemctl '[ "$1" != is-active ] || { echo "$STATE"; [ "$STATE" = active ]; }'
	# shellcheck disable=SC2016
	fake "$dir" systemd-detect-virt '[ "$CHROOT" = yes ]'
	# shellcheck disable=SC2016
	fake "$dir" ndrvctl 'exit "$ANSWER"'
done
# shellcheck disable=SC2016
fake "$scratch/bin" invoke-rc.d 'exit "$POLICY"'

# Sets the world as it is on a machine that runs the host.
usual() {
	STATE=active CHROOT=no ANSWER=0 POLICY=104 DPKG_ROOT='' commands=bin
	export STATE CHROOT ANSWER POLICY DPKG_ROOT
}

# run ARGUMENT...: the hook; its status, and what it asked.
run() {
	CALLS=$scratch/calls
	export CALLS
	: >"$CALLS"
	# Nothing of this machine but what the shell needs.
	PATH=$scratch/$commands:$scratch/tools "$hook" "$@" </dev/null >"$scratch/out" 2>&1
	status=$?
}
mkdir "$scratch/tools"
for tool in sh cat timeout; do
	ln -s "$(command -v $tool)" "$scratch/tools/$tool"
done

# expect SENTENCE STATUS [CALL...]: these calls of ndrvctl and no others.
expect() {
	sentence=$1
	wanted=$2
	shift 2
	printf '%s\n' "$@" | sed '/^$/d' >"$scratch/wanted"
	grep '^ndrvctl ' "$scratch/calls" >"$scratch/asked"
	if [ "$status" = "$wanted" ] && cmp -s "$scratch/wanted" "$scratch/asked"; then
		echo "ok: $sentence"
	else
		failed=1
		echo "FAIL: $sentence: status $status, wanted $wanted; it asked:"
		cat "$scratch/calls" "$scratch/out"
	fi
}

usual
run reload
expect "a running host is told of changed drivers" 0 "ndrvctl reload --from-package"
run upgrade
expect "a running host is replaced in place" 0 "ndrvctl reexec"
grep -q '^systemctl daemon-reload' "$scratch/calls" || { failed=1; echo "FAIL: units are read again before"; }
! grep -Eq '^systemctl (re)?start|^systemctl (try-|reload-or-)' "$scratch/calls" || { failed=1; echo "FAIL: it restarts"; }
run can-upgrade 1.0 2.3
expect "a running host is asked about the ABIs of the next" 0 "ndrvctl check-abi 1.0 2.3"

for state in inactive failed deactivating masked '' unknown; do
	usual
	STATE=$state
	for action in reload upgrade "can-upgrade 1"; do
		# shellcheck disable=SC2086
		run $action
		expect "a service that is \"$state\" is left alone by $action" 0
	done
done

usual
STATE=reloading
run reload
expect "a host in the middle of a reload reloads again" 0 "ndrvctl reload --from-package"

usual
POLICY=101
run reload
expect "a policy that denies is obeyed by reload" 0
run upgrade
expect "a policy that denies is obeyed by upgrade" 0
run can-upgrade 1
expect "asking needs no policy" 0 "ndrvctl check-abi 1"
usual
POLICY=105
run reload
expect "a policy without opinion allows" 0 "ndrvctl reload --from-package"

usual
DPKG_ROOT=/elsewhere
for action in reload upgrade "can-upgrade 1"; do
	# shellcheck disable=SC2086
	run $action
	expect "with DPKG_ROOT $action does nothing" 0
done

usual
CHROOT=yes
for action in reload upgrade "can-upgrade 1"; do
	# shellcheck disable=SC2086
	run $action
	expect "in a chroot $action does nothing" 0
done

usual
ANSWER=11
run reload
expect "a refused driver does not fail the package manager" 0 "ndrvctl reload --from-package"
grep -q 'status --check' "$scratch/out" || { failed=1; echo "FAIL: it is said where to look"; }
ANSWER=4
run reload
expect "a reload that fails does not fail the package manager" 0 "ndrvctl reload --from-package"
grep -q 'was not told' "$scratch/out" || { failed=1; echo "FAIL: it is said that nothing was reloaded"; }
run upgrade
expect "a refused program does not fail the package manager" 0 "ndrvctl reexec"
grep -q 'goes on with the former program' "$scratch/out" || { failed=1; echo "FAIL: it is said what became of it"; }
run can-upgrade 2
expect "a driver in use that the next host cannot run keeps it away" 1 "ndrvctl check-abi 2"
for answer in 1 2 7 10; do
	ANSWER=$answer
	run can-upgrade 2
	expect "a host that cannot say (status $answer) keeps nobody away" 0 "ndrvctl check-abi 2"
done

usual
commands=rpm
run reload
expect "where there is no invoke-rc.d the service alone counts" 0 "ndrvctl reload --from-package"

usual
run frobnicate
expect "an action that there is not is a mistake" 2
yes /usr/lib/ndrv/drivers-1/a.so | head -n 100000 >"$scratch/list"
PATH=$scratch/bin:$scratch/tools "$hook" reload <"$scratch/list" >/dev/null 2>&1
status=$?
: >"$scratch/calls"
expect "a list of files on standard input is read to its end" 0

exit $failed
