/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/nsdump.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

/* A file of /proc/thread-self/net, each line up to its first `words` words: behind them stand counters. 0: whole. */
static size_t add_file(const char *name, int words, char *into, size_t room)
{
	char path[64], line[512];
	size_t used = 0;

	(void)snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		char *end = line;
		for (int i = 0; words && i < words && *end; i++) {
			end += strspn(end, " \t");
			end += strcspn(end, " \t\n");
		}
		if (words)
			*end = '\0';
		used += (size_t)snprintf(into + used, room - used, "%s\n", line);
		assert_true(used < room);
	}
	if (file)
		(void)fclose(file);
	return used;
}

static void take(void *data)
{
	struct nsdump *dump = data;
	size_t used = add_file("dev", 1, dump->text, sizeof(dump->text));

	used += add_file("if_inet6", 4, dump->text + used, sizeof(dump->text) - used);
	used += add_file("fib_trie", 0, dump->text + used, sizeof(dump->text) - used);
	used += add_file("ipv6_route", 5, dump->text + used, sizeof(dump->text) - used);
}

void nsdump_take(struct nsdump *dump, const struct netns *ns)
{
	memset(dump, 0, sizeof(*dump));
	if (ns)
		netns_run(ns, take, dump);
	else
		take(dump);
}

void nsdump_assert_same(const struct nsdump *before, const struct netns *ns, const char *what)
{
	static struct nsdump now;
	size_t at = 0;

	nsdump_take(&now, ns);
	if (!strcmp(before->text, now.text))
		return;
	while (before->text[at] == now.text[at])
		at++;
	while (at && before->text[at - 1] != '\n')
		at--;
	fail_msg("%s: the %s had\n%.200s\nand now has\n%.200s", what, ns ? "sandbox" : "host's namespace", before->text + at,
		 now.text + at);
}
