/* SPDX-License-Identifier: Apache-2.0 */
/* For vendors: looks at a driver file without running it, then tries it against the rules, in namespaces of its own. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/version.h>

#include "host/cmd/check_file.h"

static const char usage[] = "usage: ndrv-check [OPTION]... FILE...\n"
			    "  -i, --inspect        look at the files only; nothing of them runs, and no root is needed\n"
			    "  -t, --type TYPE      try this of its network types (default: all)\n"
			    "  -o, --option K=V     an option for every network that is made\n"
			    "  -r, --rule ID[,ID]   try these rules only\n"
			    "  -l, --list           print the rules\n"
			    "  -j, --json           one JSON document\n"
			    "  -v, --verbose        show the log of the host and the driver\n"
			    "exit status: 0 good, 1 refused or a rule failed, 2 wrong usage, 3 could not be tried (not root, or "
			    "the kernel lacks what it needs)\n";

static void list_rules(void)
{
	const struct rule *rule;

	for (uint32_t i = 0; (rule = rule_at(i)); i++)
		(void)printf("%-4s %s\n", rule->id, rule->text);
}

static void complain(const char *what, const char *value)
{
	(void)fprintf(stderr, "ndrv-check: %s%s%s\n%s", what, *value ? ": " : "", value, usage);
	exit(CHECK_USAGE);
}

static void add_option(struct checking *checking, char *text)
{
	char *value = strchr(text, '=');

	if (!value || value == text)
		complain("--option takes KEY=VALUE", text);
	*value++ = '\0';
	if (ndrv_map_set(&checking->arena.ndrv, &checking->options, text, ndrv_string(value), NULL))
		complain("out of memory", "");
}

static void check_rule_names(const char *only)
{
	char *copy = strdup(only), *state = NULL;

	for (char *id = copy ? strtok_r(copy, ",", &state) : NULL; id; id = strtok_r(NULL, ",", &state)) {
		const struct rule *rule;
		uint32_t i = 0;
		while ((rule = rule_at(i)) && strcmp(rule->id, id) != 0)
			i++;
		if (!rule)
			complain("no such rule (--list shows them)", id);
	}
	free(copy);
}

static void parse(struct checking *checking, int argc, char **argv)
{
	static const struct option options[] = {
		{"inspect", no_argument, NULL, 'i'},
		{"type", required_argument, NULL, 't'},
		{"option", required_argument, NULL, 'o'},
		{"rule", required_argument, NULL, 'r'},
		{"jobs", required_argument, NULL, 'J'},
		{"list", no_argument, NULL, 'l'},
		{"json", no_argument, NULL, 'j'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "it:o:r:J:ljvh", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			checking->inspect_only = true;
			break;
		case 't':
			checking->type = optarg;
			break;
		case 'o':
			add_option(checking, optarg);
			break;
		case 'r':
			check_rule_names(optarg);
			checking->only = optarg;
			break;
		case 'J':
			checking->jobs = (uint32_t)strtoul(optarg, NULL, 10);
			if (checking->jobs < 1 || checking->jobs > 16)
				complain("--jobs takes a number from 1 to 16", optarg);
			break;
		case 'l':
			list_rules();
			exit(0);
		case 'j':
			checking->json = true;
			break;
		case 'v':
			checking->verbose = true;
			break;
		case 'V':
			(void)printf("ndrv-check %s, ABI %u.%u\n", NDRV_VERSION, NDRV_ABI_MAJOR, NDRV_ABI_MINOR);
			exit(0);
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			(void)fputs(usage, stderr);
			exit(CHECK_USAGE);
		}
	}
	if (optind == argc)
		complain("name a driver file", "");
}

int main(int argc, char **argv)
{
	struct checking checking = {.jobs = 4};
	int status = 0;

	arena_init(&checking.arena, 64u << 20);
	parse(&checking, argc, argv);
	check_begin(&checking);
	for (int i = optind; i < argc; i++) {
		int each = check_file(&checking, argv[i]);
		status = each == CHECK_BAD || !status ? each : status;
	}
	if (check_end(&checking))
		status = CHECK_BAD;
	arena_reset(&checking.arena);
	return status;
}
