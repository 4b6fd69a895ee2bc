#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The table of upstream's tests in docs/conformance.md: every test it names is in the sources under that name and is run, every
# result is one of those it explains and has its reason, and the numbers it gives are right.
cd "${srcdir:-$(dirname "$0")/../..}" || exit 99

awk '
function complain(what) {
	printf "docs/conformance.md:%d: %s\n", NR, what
	failed = 1
}
# The text of tests/PROGRAM.c, or of a script; "" when there is none.
function text_of(program,    file, line, text) {
	if (program in texts)
		return texts[program]
	file = "tests/" program (program ~ /\.sh$/ ? "" : ".c")
	text = ""
	while ((getline line < file) > 0)
		text = text line "\n"
	close(file)
	return texts[program] = text
}
# "program: test", where the test is a function, or a row of a table in quotes, or a rule of ndrv-check.
function check(name,    colon, program, test, text) {
	colon = index(name, ": ")
	if (!colon)
		return complain("`" name "` is not \"program: test\"")
	program = substr(name, 1, colon - 1)
	test = substr(name, colon + 2)
	if (program == "ndrv-check") {
		if (!(test in rules))
			complain("there is no rule " test)
		return
	}
	text = text_of(program)
	if (text == "")
		complain("there is no tests/" program)
	else if (test ~ /^"/) {
		if (!index(text, "= " test))
			complain("tests/" program " has no row " test)
	} else if (!index(text, "static void " test "(void **state)") || !(index(text, "(" test ")") || index(text, "(" test ",")))
		complain("tests/" program " has no test " test)
}
/^\| [A-Z][0-9]+ \|/ { rules[$2] = 1 }
/^## / { in_table = /^## Upstream/ }
!in_table { next }
/^[0-9]+ cases: / { given = $0 }
/^\| `/ {
	columns = split($0, cell, " [|] *")
	if (columns != 4 || cell[4] != "") {
		complain("a row has three cells")
		next
	}
	rows++
	result = cell[3]
	reason = result
	sub(/^[a-z ]*:? ?/, "", reason)
	sub(/:.*/, "", result)
	if (result !~ /^(same|better|differs|not here|skipped)$/)
		complain("the result \"" result "\" is not one of those that are explained")
	if (result != "same" && reason == "")
		complain("the result \"" result "\" has no reason")
	results[result]++
	count = split(cell[2], names, "`")
	for (i = 2; i <= count; i += 2)
		check(names[i])
	if (count < 3 && result != "not here")
		complain("no test of ours is named")
}
END {
	wanted = sprintf("%d cases: %d same, %d better, %d differ, %d skipped, %d not here.", rows, results["same"], results["better"],
			 results["differs"], results["skipped"], results["not here"])
	print wanted
	if (given != wanted) {
		print "docs/conformance.md says \"" given "\""
		failed = 1
	}
	exit failed || rows < 200
}' docs/conformance.md
