# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scenarios are written with. Every check is a line of TAP; figures are kept for the table. Wants $tap, $figures, $work;
# a scenario has $number (of packaging's seventeen tests), $release and $kind (deb or rpm).

scenario_name() {
	echo "$number $release $kind"
}

tap_line() {
	local state=$1 text=$2 count
	count=$(grep -cE '^(not )?ok ' "$tap") || true
	case $state in
	ok) echo "ok $((count + 1)) - $text" ;;
	failed) echo "not ok $((count + 1)) - $text" ;;
	skipped) echo "not ok $((count + 1)) # SKIP $text" ;;
	esac | tee -a "$tap"
}

# skip REASON
skip() {
	tap_line skipped "$(scenario_name): $1"
}

# expect SENTENCE COMMAND...: one check. What the command says is in $said, and shown when it fails.
expect() {
	try "$@" || true
}

# The same, for what the rest of the scenario cannot do without.
must() {
	try "$@" || exit 1
}

try() {
	local sentence=$1 status=0
	shift
	said=$("$@" 2>&1) || status=$?
	if ((status == 0)); then
		tap_line ok "$(scenario_name): $sentence"
		return 0
	fi
	tap_line failed "$(scenario_name): $sentence (status $status)"
	printf '%s\n' "$said" | tail -n 25 | sed 's/^/#   /'
	return 1
}

# expect_not SENTENCE COMMAND...: the command fails.
expect_not() {
	local sentence=$1
	shift
	expect "$sentence" fails "$@"
}

fails() {
	! "$@"
}

# says SENTENCE PATTERN: of what the last step's command said.
says() {
	expect "$1" grep -E -- "$2" <<<"$transcript"
}

# What the host does by itself, a second later or so.
eventually() {
	local i
	for ((i = 0; i < 150; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	return 1
}

equal() {
	[[ $1 == "$2" ]] || {
		echo "\"$1\" is not \"$2\""
		return 1
	}
}

# expect_equal SENTENCE GOT WANTED
expect_equal() {
	expect "$1" equal "$2" "$3"
}

ctl() {
	in_box ndrvctl "$@"
}

# installing NAME=VERSION...: sets `command`.
installing() {
	local word
	if [[ $kind == deb ]]; then
		command=(apt-get -q -y -o Dpkg::Use-Pty=0 --allow-downgrades --reinstall install "$@")
		return
	fi
	command=(rpm --nodeps --oldpackage --replacepkgs -U)
	for word in "$@"; do
		command+=("/repo/${word%%=*}-${word#*=}.$(rpm_arch).rpm")
	done
}

# removing NAME...: sets `command`.
removing() {
	if [[ $kind == deb ]]; then
		command=(apt-get -q -y -o Dpkg::Use-Pty=0 remove "$@")
	else
		command=(rpm --nodeps -e "$@")
	fi
}

package_install() {
	installing "$@"
	in_box "${command[@]}"
}

package_remove() {
	removing "$@"
	in_box "${command[@]}"
}

rpm_arch() {
	rpm --eval '%{_arch}'
}

# Name and version of what is installed; nothing when it is not.
installed() {
	if [[ $kind == deb ]]; then
		# shellcheck disable=SC2016 # dpkg-query's own
		in_box dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null | sed -n 's/^ii *//p'
	else
		in_box rpm -q --qf '%{VERSION}-%{RELEASE}' "$1" | sed '/not installed/d'
	fi
}

install_host() {
	[[ $kind == rpm ]] || in_box apt-get -q update >/dev/null
	package_install "ndrv=${1:-$host_1}" "ndrv-drivers=${1:-$host_1}" || return
	[[ $kind == deb ]] || in_box systemctl enable --now ndrvd.socket ndrvd.service
}

# A host, the vendor's driver, and two endpoints on a network of it.
set_up() {
	must 'the host installs' install_host
	must 'the service runs' in_box systemctl is-active ndrvd.service ndrvd.socket
	must 'the driver installs' package_install ndrv-driver-acme=1.0-1
	must 'the driver is loaded' equal "$(acme_version)" 1.0
	must 'a network of the vendor carries two endpoints' plug_in
}

host_pid() {
	in_box systemctl show -P MainPID ndrvd.service
}

# The version that serves type acme: that of the note of what is loaded.
acme_version() {
	ctl --json driver inspect acme 2>/dev/null | sed -n 's/^ *"version": "\(.*\)",*$/\1/p' | head -n 1
}

# The version whose code last made a network, by what it wrote to the log: not what its note says.
acme_code() {
	local name=probe-$RANDOM
	ctl network create "$name" -d acme >/dev/null && ctl network rm "$name" >/dev/null
	in_box journalctl --sync
	in_box journalctl -u ndrvd -o cat | sed -n 's/.*code of acme \([0-9.]*\).*/\1/p' | tail -n 1
}

# Two namespaces on a network of type acme, and what the host and the kernel know of them.
plug_in() {
	local end
	ctl network create web -d "${1:-acme}" --subnet 10.78.0.0/24
	for end in a b; do
		in_box ip netns add "$end"
		ctl network connect web --netns "/run/netns/$end" --endpoint "$end" --ip "10.78.0.$([[ $end == a ]] && echo 2 || echo 3)"
	done
}

unplug() {
	local end
	for end in a b; do
		ctl network disconnect web --endpoint "$end"
	done
	ctl network rm web
}

links() {
	in_box ip -o link | cut -d' ' -f1-2
	in_box ip -n a -o addr
	in_box ip -n b -o addr
}

endpoints() {
	ctl --json endpoint ls web | sort
}

figure() {
	sed -nE "s/.*(^| )$1=([0-9]+).*/\2/p" <<<"$row"
}

# The longest wait and the gap are for the table: tests do not fail on time.
judge_row() {
	local what=$1 cuts=$2
	expect "$what: clients asked all the time" test "$(figure requests)" -gt 20
	expect_equal "$what: no connect failed, no answer was wrong" "$(figure unconnected) $(figure wrong)" '0 0'
	[[ $cuts == cuts ]] || expect_equal "$what: no request was cut off" "$(figure cut)" 0
	expect "$what: datagrams were sent all the time" test "$(figure datagrams)" -gt 100
	expect_equal "$what: no datagram was lost or out of order" "$(figure lost) $(figure disordered)" '0 0'
	expect_equal "$what: no byte of the stream is missing or damaged" "$(figure missing) $(figure damaged)" '0 0'
}

# step NAME STATUS [--cuts] [--restarts] COMMAND...: under load, with its figures. The command ends with STATUS (fails: any but 0; any:
# that one too). --cuts: requests may be cut off. --restarts: the process is another one afterwards.
step() {
	local what=$1 wanted=$2 load_type=${load_type-bridge} cuts='' restarts='' before after status=0
	shift 2
	while [[ $1 == --* ]]; do
		[[ $1 != --cuts ]] || cuts=cuts
		[[ $1 != --restarts ]] || restarts=restarts
		shift
	done
	before=$(host_pid)
	transcript=$(in_box load /run/figures "$load_type" /run/netns/a /run/netns/b 10.78.0.3 -- "$@" 2>&1) || status=$?
	after=$(host_pid)
	row=$(in_box tail -n 1 /run/figures)
	in_box rm -f /run/figures
	echo "$number|$release|$kind|$what|$([[ $before == "$after" ]] && echo same || echo other)|$row" >>"$figures"
	case $wanted in
	any) ;;
	fails) expect "$what: fails" test "$status" -ne 0 ;;
	*) expect_equal "$what: ends with status $wanted" "$status" "$wanted" ;;
	esac
	[[ $status == "$wanted" || $wanted == any || ($wanted == fails && $status != 0) ]] || printf '%s\n' "$transcript" | tail -n 25 | sed 's/^/#   /'
	grep 'first wrong answer' <<<"$transcript" | sed 's/^/#   /' || true
	[[ $restarts ]] || expect_equal "$what: the process is the same" "$after" "$before"
	judge_row "$what" "$cuts"
}

# figures_table: all rows, as Markdown.
figures_table() {
	local number release kind what same row
	echo '| test | release | step | pid | requests | failed connects | cut | wrong | longest wait | datagrams | lost | TCP missing |'
	echo '|---|---|---|---|---|---|---|---|---|---|---|---|'
	while IFS='|' read -r number release kind what same row; do
		echo "| $number | $release, $kind | $what | $same | $(figure requests) | $(figure unconnected) | $(figure cut) |" \
			"$(figure wrong) | $(figure longest_ms) ms | $(figure datagrams) | $(figure lost) | $(figure missing) B |"
	done <"$figures"
}

# results_table: how many checks of each test passed, failed and were skipped, by release and kind, as Markdown.
results_table() {
	echo '| test | where | passed | failed | skipped |'
	echo '|---|---|---|---|---|'
	sed -nE -e 's/^ok [0-9]+ - ([0-9]+) ([a-z]+) ([a-z]+): .*/\1 \2 \3 passed/p' \
		-e 's/^not ok [0-9]+ # SKIP ([0-9]+) ([a-z]+) ([a-z]+): .*/\1 \2 \3 skipped/p' \
		-e 's/^not ok [0-9]+ - ([0-9]+) ([a-z]+) ([a-z]+): .*/\1 \2 \3 failed/p' "$tap" |
		awk '{ key = $1 " | " $2 ", " $3; if (!(key in seen)) { seen[key]; order[++count] = key } sum[key, $4]++ }
			END { for (i = 1; i <= count; i++) { key = order[i]
				printf "| %s | %d | %d | %d |\n", key, sum[key, "passed"], sum[key, "failed"], sum[key, "skipped"] } }' |
		sort -t '|' -k 2,2n -s
}
