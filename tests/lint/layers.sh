#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes obey the layers (docs/architecture.md): every include is rooted, a folder sees only what lies below it, each library is
# used by one layer, and what is a library itself does not log.
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

# shellcheck disable=SC2016
sources | xargs awk '
BEGIN {
	# What a layer of host/ may include besides itself and <ndrv/*>.
	below["base"] = ""
	below["config"] = "base"
	below["plugin"] = below["state"] = below["sandbox"] = below["nat"] = below["table"] = "base config"
	below["dispatch"] = "base config plugin state sandbox nat table"
	below["lifecycle"] = below["dispatch"] " dispatch"
	below["front"] = "base config dispatch lifecycle"
	below["check"] = "base config dispatch lifecycle"
	below["cmd"] = below["lifecycle"] " lifecycle front check"
	# Which layers may use which library.
	users["yaml.h"] = "config"
	users["sqlite3.h"] = "state"
	users["microhttpd.h"] = "front cmd"
	users["jansson.h"] = "state front cmd"
	users["ltdl.h"] = users["dlfcn.h"] = users["elf.h"] = "plugin"
	users["nettle"] = "plugin dispatch front"
	split("base config state sandbox nat table", quiet_list)
	for (i in quiet_list)
		quiet[quiet_list[i]] = 1
	# What the SDK and drivers may use: the C library, the kernel and libnl.
	n = split("assert ctype dirent endian errno fcntl ifaddrs inttypes limits netdb poll pthread sched setjmp signal stdalign stdarg " \
		  "stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings time unistd wchar", libc)
	for (i = 1; i <= n; i++)
		plain[libc[i] ".h"] = 1
	n = split("ndrv netlink linux sys net netinet arpa asm bits", dirs)
	for (i = 1; i <= n; i++)
		plain[dirs[i]] = 1
	# The files that need more; only who calls them links them.
	plain["sdk/lib/ipam_json.c jansson.h"] = plain["sdk/wire/shape.h jansson.h"] = 1
	# The fake host for drivers'"'"' tests, and the tests in the template.
	plain["sdk/test/fake.h ndrv-test/fakehost.h"] = plain["sdk/test/fakehost.c dlfcn.h"] = 1
	plain["sdk/template/tests/test_driver.c ndrv-test/fakehost.h"] = plain["sdk/template/tests/test_driver.c cmocka.h"] = 1
	# The codec of Docker'"'"'s protocol is one for both its ends.
	codec["drivers/remote"] = codec["host/front"] = 1
}
function bad(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; failed = 1 }
function has(list, word) { return index(" " list " ", " " word " ") }

/^[ \t]*#[ \t]*include/ {
	if (!match($0, /[<"][^>"]+[>"]/))
		next
	quoted = substr($0, RSTART, 1) == "\""
	target = substr($0, RSTART + 1, RLENGTH - 2)
	split(FILENAME, at, "/")
	parts = split(target, to, "/")
	if (quoted && (parts < 2 || to[1] !~ /^(sdk|drivers|host|tests)$/)) {
		bad("\"" target "\" is not rooted: write \"host/plugin/loader.h\"")
		next
	}
	if (!quoted && to[1] ~ /^(drivers|host|tests)$/) {
		bad("<" target ">: ours is included with quotes")
		next
	}
	if (at[1] == "tests") {
		if (target == "cmocka.h" && FILENAME != "tests/lib/test.h")
			bad("include \"tests/lib/test.h\" instead of <cmocka.h>")
		next
	}
	if ((FILENAME " " target) in plain)
		next
	if (target == "cmocka.h" || to[1] == "tests")
		bad("only tests may include " target)
	if (quoted && target == "sdk/wire/docker.h" && (at[1] "/" at[2]) in codec)
		next
	if (at[1] == "sdk" || at[1] == "drivers") {
		if (quoted && (at[1] == "sdk" ? to[1] != "sdk" : to[1] != "drivers" || to[2] != at[2]))
			bad((at[1] == "sdk" ? "the SDK" : "drivers") " may not include " target)
		if (!quoted && !((parts > 1 ? to[1] : target) in plain) && !((FILENAME " " target) in plain))
			bad((at[1] == "sdk" ? "the SDK" : "drivers") " may include only <ndrv/*>, the C library and libnl, not <" target ">")
		next
	}
	layer = at[2]
	if (!(layer in below))
		bad("host/" layer " is no layer: name it in tests/lint/layers.sh and docs/architecture.md")
	if (!quoted) {
		lib = to[1]
		if ((lib in users) && !has(users[lib], layer))
			bad("host/" layer " may not use <" target ">: that belongs to " users[lib])
		next
	}
	if (to[1] != "host")
		bad("host/ may not include " target)
	else if (to[2] != layer && !has(below[layer], to[2]))
		bad("host/" layer " may not include " target (has(below[to[2]], layer) ? ": it lies above" : ""))
	if (target == "host/base/log.h" && quiet[layer] && FILENAME !~ /^host\/base\/log\.c$/)
		bad("host/" layer " is a library and does not log: return an error")
}
END { exit failed }'
