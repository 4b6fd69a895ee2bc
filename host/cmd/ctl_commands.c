/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and the way from argv to one of its rows. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/nearest.h"
#include "host/cmd/ctl.h"

#define OPTIONS_MAX 32
#define WORDS_MAX 64

static const struct ctl_option common_options[] = {
	{0, "socket", "PATH", "the control socket (default: NDRV_SOCKET, else " NDRV_RUNSTATEDIR "/ndrv/control.sock)"},
	{0, "json", NULL, "print one JSON document, errors too"},
	{'h', "help", NULL, "this text"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option create_options[] = {
	{'d', "driver", "TYPE", "the network type (required)"},
	{0, "subnet", "PREFIX", "an address pool, 10.0.0.0/24 or fd00::/64; may be repeated"},
	{0, "gateway", "ADDRESS", "the gateway in the subnet that holds it; may be repeated"},
	{0, "ip-range", "PREFIX", "take addresses from this part of the subnet; may be repeated"},
	{0, "aux-address", "KEY=ADDRESS", "an address in a subnet that is not given out; may be repeated"},
	{0, "ipv6", NULL, "the network has IPv6"},
	{0, "no-ipv4", NULL, "the network has no IPv4"},
	{0, "internal", NULL, "the network has no way out"},
	{'o', "opt", "KEY=VALUE", "an option of the driver; may be repeated"},
	{0, "id", "ID", "the network's id, instead of one the host makes"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option connect_options[] = {
	{0, "netns", "PATH", "the network namespace: a path, or a name as of ip netns"},
	{0, "pid", "PID", "the network namespace of a process"},
	{0, "endpoint", "NAME", "a name for the endpoint"},
	{0, "ip", "ADDRESS", "its IPv4 address, instead of the next free one"},
	{0, "ip6", "ADDRESS", "its IPv6 address"},
	{0, "mac", "ADDRESS", "its MAC address"},
	{0, "ifname", "NAME", "the interface's name inside, instead of eth0, eth1, ..."},
	{0, "gw-priority", "NUMBER", "the highest of its networks' has the default route; 0 by default"},
	{'o', "opt", "KEY=VALUE", "an option of the endpoint; may be repeated"},
	{'p', "publish", "[ADDR:]HOST:PORT[/PROTO]", "publish a port, or a range of them; may be repeated"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option disconnect_options[] = {
	{0, "endpoint", "NAME", "the endpoint, instead of the argument"},
	{0, "netns", "PATH", "the endpoint in this network namespace"},
	{0, "pid", "PID", "the endpoint in the network namespace of this process"},
	{'f', "force", NULL, "clean up what can be cleaned up, whatever the driver says"},
	{0, "gone", NULL, "the namespace is going away: do not wait for the kernel"},
	{0, "sync", NULL, "wait for the kernel although the namespace is gone"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option force_options[] = {
	{'f', "force", NULL, "with its endpoints, and whatever the driver says"},
	{0, "sync", NULL, "with --force: wait until the kernel has forgotten every interface"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option prune_options[] = {
	{0, "dry-run", NULL, "only say what would go"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option status_options[] = {
	{0, "check", NULL, "say only what is wrong; exit status 11 if anything is"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option reload_options[] = {
	{0, "from-package", NULL, "for package managers: a line for each driver that changed or was refused"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option reexec_options[] = {
	{0, "dry-run", NULL, "only ask the program whether it could"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option endpoint_options[] = {
	{0, "network", "NETWORK", "only of this network"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option quiet_options[] = {
	{'q', "quiet", NULL, "only ids"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option dry_options[] = {
	{0, "dry-run", NULL, "only say what would happen"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option unload_options[] = {
	{'f', "force", NULL, "delete its networks first, with their endpoints"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option pin_options[] = {
	{0, "remove", NULL, "take the pin out again"},
	{0, "dir", "DIR", "your directory of drop-ins, instead of " NDRV_SYSCONFDIR "/ndrv/drivers.d"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option owner_options[] = {
	{0, "owner", "NODE", "only the row of this node"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option put_options[] = {
	{0, "owner", "NODE", "the node whose row it is (required; not this host)"},
	{0, "base64", NULL, "the value is base64"},
	{0, "stdin", NULL, "many rows from standard input, a line of JSON each, as table watch --json prints them"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option rm_options[] = {
	{0, "owner", "NODE", "the node whose row it is (required; not this host)"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option table_options[] = {
	{0, "table", "NAME", "only of this table"},
	{0, "owner", "NODE", "only of this node"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option watch_options[] = {
	{0, "table", "NAME", "only of this table"},
	{0, "owner", "NODE", "only of this node"},
	{0, "since", "REVISION", "only what came after it, if that is still known"},
	{0, NULL, NULL, NULL},
};

static const struct ctl_option node_options[] = {
	{0, "address", "ADDRESS", "where it is reached (required)"},
	{0, "bind-address", "ADDRESS", "where it listens"},
	{0, NULL, NULL, NULL},
};

const struct ctl_command ctl_commands[] = {
	{"status", "", "how the host is", 0, 0, status_options, ctl_status},
	{"events", "", "print what changes, as it changes, until interrupted", 0, 0, NULL, ctl_events},
	{"reload", "", "read the configuration again", 0, 0, reload_options, ctl_reload},
	{"check-abi", "MAJOR[.MINOR]...", "would a host of these driver ABIs serve all drivers in use?", 1, WORDS_MAX, NULL,
	 ctl_check_abi},
	{"reexec", "[BINARY]", "let another ndrvd program take over in place (root only)", 0, 1, reexec_options, ctl_reexec},
	{"driver ls", "", "list network types and what serves them", 0, 0, NULL, ctl_driver_ls},
	{"driver inspect", "TYPE", "show all of a driver", 1, 1, NULL, ctl_driver_inspect},
	{"driver load", "FILE", "load a driver file (root only)", 1, 1, NULL, ctl_driver_load},
	{"driver swap", "TYPE FILE", "replace a driver while its networks run (root only)", 2, 2, dry_options, ctl_driver_swap},
	{"driver rollback", "TYPE", "put the driver that was replaced back (root only)", 1, 1, NULL, ctl_driver_rollback},
	{"driver pin", "TYPE", "accept no other content of a driver's file than what serves (root only)", 1, 1, pin_options,
	 ctl_driver_pin},
	{"driver unload", "TYPE", "unload a driver that has no networks (root only)", 1, 1, unload_options, ctl_driver_unload},
	{"network create", "NAME -d TYPE", "make a network", 1, 1, create_options, ctl_network_create},
	{"network ls", "", "list networks", 0, 0, quiet_options, ctl_network_ls},
	{"network inspect", "NETWORK", "show all of a network", 1, 1, NULL, ctl_network_inspect},
	{"network rm", "NETWORK...", "delete networks", 1, WORDS_MAX, force_options, ctl_network_rm},
	{"network prune", "", "delete what is stale: dead endpoints, empty networks, stray links", 0, 0, prune_options,
	 ctl_network_prune},
	{"network connect", "NETWORK (--netns PATH | --pid PID)", "plug a network namespace into a network", 1, 1, connect_options,
	 ctl_network_connect},
	{"network disconnect", "NETWORK (ENDPOINT | --netns PATH | --pid PID)", "unplug it again", 1, 2, disconnect_options,
	 ctl_network_disconnect},
	{"endpoint ls", "[NETWORK]", "list endpoints", 0, 1, endpoint_options, ctl_endpoint_ls},
	{"endpoint inspect", "ENDPOINT", "show all of an endpoint", 1, 1, endpoint_options, ctl_endpoint_inspect},
	{"table ls", "[NETWORK]", "list tables; with a network, its rows", 0, 1, table_options, ctl_table_ls},
	{"table get", "NETWORK TABLE KEY", "show a row", 3, 3, owner_options, ctl_table_get},
	{"table put", "NETWORK (TABLE KEY VALUE | --stdin) --owner NODE", "write a row of another node (root only)", 1, 4,
	 put_options, ctl_table_put},
	{"table rm", "NETWORK TABLE KEY --owner NODE", "take a row of another node away (root only)", 3, 3, rm_options,
	 ctl_table_rm},
	{"table watch", "[NETWORK]", "print rows and nodes, then what changes, until interrupted", 0, 1, watch_options,
	 ctl_table_watch},
	{"pool ls", "", "list the address pools that Docker holds", 0, 0, NULL, ctl_pool_ls},
	{"pool release", "POOL", "give one back that Docker has forgotten", 1, 1, NULL, ctl_pool_release},
	{"node ls", "", "list the hosts that share tables", 0, 0, NULL, ctl_node_ls},
	{"node add", "NODE --address ADDRESS", "tell drivers of a host (root only)", 1, 1, node_options, ctl_node_add},
	{"node rm", "NODE", "tell drivers that a host is gone, and its rows (root only)", 1, 1, NULL, ctl_node_rm},
};

const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);

/* --- what was given --- */

bool ctl_flag(const struct ctl *ctl, const char *name)
{
	for (unsigned i = 0; i < ctl->given_count; i++)
		if (strcmp(ctl->given[i].option->name, name) == 0)
			return true;
	return false;
}

const char *ctl_next(const struct ctl *ctl, const char *name, unsigned *at)
{
	while (*at < ctl->given_count) {
		unsigned i = (*at)++;
		if (strcmp(ctl->given[i].option->name, name) == 0)
			return ctl->given[i].value;
	}
	return NULL;
}

const char *ctl_value(const struct ctl *ctl, const char *name)
{
	const char *value = NULL, *next;

	for (unsigned at = 0; (next = ctl_next(ctl, name, &at));)
		value = next;
	return value;
}

/* --- help --- */

static void print_options(const struct ctl_option *options)
{
	for (; options && options->name; options++) {
		char left[64];
		int at = options->letter ? snprintf(left, sizeof(left), "  -%c, ", options->letter)
					 : snprintf(left, sizeof(left), "      ");
		(void)snprintf(left + at, sizeof(left) - (size_t)at, "--%s%s%s", options->name, options->argument ? " " : "",
			       options->argument ? options->argument : "");
		(void)printf("%-34s  %s\n", left, options->help);
	}
}

static int print_help(const struct ctl *ctl)
{
	const struct ctl_command *command = ctl->command;

	if (command) {
		(void)printf("usage: ndrvctl %s%s%s\n%s\n\n", command->name, *command->arguments ? " " : "", command->arguments,
			     command->help);
		print_options(command->options);
		print_options(common_options);
		return 0;
	}
	(void)printf("usage: ndrvctl [--socket PATH] [--json] COMMAND ...\n\n");
	for (size_t i = 0; i < ctl_command_count; i++)
		(void)printf("  %-20s %s\n", ctl_commands[i].name, ctl_commands[i].help);
	(void)printf(
		"\nHelp on one: ndrvctl COMMAND --help. Exit status: 0 well, 1 no answer, 2 wrong usage, 3 NotFound, 4 Forbidden,\n"
		"5 NotImplemented, 6 BadRequest, 7 NoService, 8 Timeout, 9 Retry, 10 Internal, 11 degraded.\n");
	return 0;
}

/* --- options --- */

struct parser {
	const struct ctl_option *rows[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 4];
	int count;
};

static void add_options(struct parser *parser, const struct ctl_option *options)
{
	for (; options && options->name && parser->count < OPTIONS_MAX; options++) {
		int has = options->argument ? required_argument : no_argument;
		parser->longs[parser->count] = (struct option){options->name, has, NULL, 256 + parser->count};
		parser->rows[parser->count++] = options;
		if (options->letter) {
			const char text[3] = {options->letter, options->argument ? ':' : '\0', '\0'};
			(void)strcat(parser->shorts, text);
		}
	}
}

static const struct ctl_option *row_of(const struct parser *parser, int value)
{
	if (value >= 256)
		return parser->rows[value - 256];
	for (int i = 0; i < parser->count; i++)
		if (parser->rows[i]->letter == value)
			return parser->rows[i];
	return NULL;
}

static int bad_option(const struct ctl *ctl, const struct parser *parser, int value, char **argv)
{
	const char *names[OPTIONS_MAX];
	char text[64];

	if (value == ':')
		return ctl_usage(ctl, "option %s needs a value", argv[optind - 1]);
	if (optopt >= 256)
		return ctl_usage(ctl, "option --%s takes no value", parser->rows[optopt - 256]->name);
	if (optopt)
		return ctl_usage(ctl, "unknown option -%c", optopt);
	(void)snprintf(text, sizeof(text), "%s", argv[optind - 1] + 2);
	text[strcspn(text, "=")] = '\0';
	for (int i = 0; i < parser->count; i++)
		names[i] = parser->rows[i]->name;
	const char *near = nearest(text, names, (size_t)parser->count);
	if (near)
		return ctl_usage(ctl, "unknown option --%s: did you mean --%s?", text, near);
	return ctl_usage(ctl, "unknown option --%s", text);
}

static int take_option(struct ctl *ctl, const struct ctl_option *option, const char *value)
{
	if (option == &common_options[0])
		ctl->socket = value;
	else if (option == &common_options[1])
		ctl->json = true;
	else if (option == &common_options[2])
		ctl->help = true;
	else if (ctl->given_count == CTL_GIVEN_MAX)
		return ctl_usage(ctl, "more than %d options", CTL_GIVEN_MAX);
	else {
		ctl->given[ctl->given_count].option = option;
		ctl->given[ctl->given_count++].value = value;
	}
	return 0;
}

/* Options in argv[1...]; `order` "+": up to the first word. argv is permuted, *ret_first is the first word. */
static int parse(struct ctl *ctl, const struct ctl_option *options, const char *order, int argc, char **argv, int *ret_first)
{
	struct parser parser = {0};
	int value, status = 0;

	(void)strcpy(parser.shorts, order);
	(void)strcat(parser.shorts, ":");
	add_options(&parser, options);
	add_options(&parser, common_options);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while (status == 0 && (value = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		const struct ctl_option *option = value == '?' || value == ':' ? NULL : row_of(&parser, value);
		status = option ? take_option(ctl, option, optarg) : bad_option(ctl, &parser, value, argv);
	}
	*ret_first = optind;
	return status;
}

/* --- commands --- */

static const struct ctl_command *command_find(const char *name)
{
	for (size_t i = 0; i < ctl_command_count; i++)
		if (strcmp(ctl_commands[i].name, name) == 0)
			return &ctl_commands[i];
	return NULL;
}

static bool is_group(const char *word)
{
	size_t length = strlen(word);
	for (size_t i = 0; i < ctl_command_count; i++)
		if (strncmp(ctl_commands[i].name, word, length) == 0 && ctl_commands[i].name[length] == ' ')
			return true;
	return false;
}

static int unknown_command(const struct ctl *ctl, const char *name)
{
	const char *names[WORDS_MAX];

	for (size_t i = 0; i < ctl_command_count; i++)
		names[i] = ctl_commands[i].name;
	const char *near = nearest(name, names, ctl_command_count);
	if (near)
		return ctl_usage(ctl, "unknown command \"%s\": did you mean \"%s\"?", name, near);
	return ctl_usage(ctl, "unknown command \"%s\"", name);
}

/* One word or two; *ret_words says how many. */
static int find_command(struct ctl *ctl, int argc, char **argv, int *ret_words)
{
	char name[128];

	*ret_words = 1;
	ctl->command = command_find(argv[0]);
	if (ctl->command)
		return 0;
	*ret_words = 2;
	if (is_group(argv[0]) && (argc < 2 || argv[1][0] == '-')) {
		if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
			ctl->help = true;
			return 0;
		}
		return ctl_usage(ctl, "\"%s\" needs another word", argv[0]);
	}
	(void)snprintf(name, sizeof(name), "%s%s%s", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
		       argc > 1 && argv[1][0] != '-' ? argv[1] : "");
	ctl->command = command_find(name);
	if (ctl->command)
		return 0;
	/* A single word that is misspelt stands alone, whatever follows it. */
	return unknown_command(ctl, argc > 1 && !is_group(argv[0]) && strlen(argv[0]) > 5 && argv[1][0] == '-' ? argv[0] : name);
}

int ctl_main(struct ctl *ctl, int argc, char **argv)
{
	const char *socket = getenv("NDRV_SOCKET");
	int first, words;

	ctl->socket = socket && *socket ? socket : NDRV_RUNSTATEDIR "/ndrv/control.sock";
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		ctl->json |= strcmp(argv[i], "--json") == 0; /* so that wrong usage is JSON, too */
	int status = parse(ctl, NULL, "+", argc, argv, &first);
	if (status)
		return status;
	if (first >= argc)
		return ctl->help ? print_help(ctl) : ctl_usage(ctl, "which command?");
	if (strcmp(argv[first], "help") == 0 && first + 1 >= argc)
		return print_help(ctl);
	status = find_command(ctl, argc - first, argv + first, &words);
	if (status)
		return status;
	if (!ctl->command)
		return print_help(ctl);
	argc -= first + words - 1;
	argv += first + words - 1; /* argv[0] is the command's last word now */
	status = parse(ctl, ctl->command->options, "", argc, argv, &first);
	if (status)
		return status;
	if (ctl->help)
		return print_help(ctl);
	if (argc - first < ctl->command->min || argc - first > ctl->command->max)
		return ctl_usage(ctl, argc - first < ctl->command->min ? "an argument is missing" : "too many arguments");
	return ctl->command->run(ctl, argv + first, argc - first);
}
