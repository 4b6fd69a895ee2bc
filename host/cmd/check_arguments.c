/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/check_arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/version.h>

#define CONFIG_MAX 65536

static const char usage[] = "usage: ndrv-check [OPTION]... FILE...\n"
			    "  -i, --inspect        look at the files only; nothing of them runs, and no root is needed\n"
			    "  -t, --type TYPE      try this of its network types (default: all)\n"
			    "  -o, --option K=V     an option for every network that is made\n"
			    "  -r, --rule ID[,ID]   try these rules only\n"
			    "  -J, --jobs N         try so many at the same time (default: 4)\n"
			    "  -c, --config FILE    the driver's own configuration; @DIR@ in it is the directory of the rule\n"
			    "  -b, --beside COMMAND run this in the rule's namespaces; it makes $NDRV_CHECK_DIR/ready when it is\n"
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

static const char *read_config(struct checking *checking, const char *path)
{
	char *text = arena_alloc(&checking->arena, CONFIG_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t bytes;

	if (!file || !text)
		complain(strerrordesc_np(errno), path);
	bytes = fread(text, 1, CONFIG_MAX + 1, file);
	if (ferror(file) || bytes > CONFIG_MAX)
		complain("not a file of at most 64 KiB", path);
	(void)fclose(file);
	text[bytes] = '\0';
	return text;
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

void check_arguments_parse(struct checking *checking, int argc, char **argv)
{
	static const struct option options[] = {
		{"inspect", no_argument, NULL, 'i'},
		{"type", required_argument, NULL, 't'},
		{"option", required_argument, NULL, 'o'},
		{"rule", required_argument, NULL, 'r'},
		{"config", required_argument, NULL, 'c'},
		{"beside", required_argument, NULL, 'b'},
		{"jobs", required_argument, NULL, 'J'},
		{"list", no_argument, NULL, 'l'},
		{"json", no_argument, NULL, 'j'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "it:o:r:c:b:J:ljvh", options, NULL)) != -1) {
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
		case 'c':
			checking->config = read_config(checking, optarg);
			break;
		case 'b':
			checking->beside = optarg;
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
