/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ndrv/version.h>

static const char usage[] =
	"usage: ndrvd [--config FILE] [--state-dir DIR] [--runtime-dir DIR] [--driver-dir DIR] [--drivers-d DIR]...\n"
	"       ndrvd --check [FILE]\n"
	"       ndrvd [options of the running one] --check-state | --trial\n"
	"       ndrvd --version | --help\n";

/* Paths in force are absolute: the host does not depend on where it was started. What this makes lives as long as the program. */
static const char *absolute(const char *path)
{
	char *cwd, *made;

	if (path[0] == '/')
		return path;
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&made, "%s/%s", cwd, path) < 0) {
		(void)fprintf(stderr, "ndrvd: %s: the present directory cannot be told\n", path);
		exit(1);
	}
	free(cwd);
	return made;
}

static void add_dir(struct arguments *arguments, const char *dir)
{
	if (arguments->overrides.driver_config_dirs.count == ARGUMENTS_DIRS_MAX) {
		(void)fprintf(stderr, "ndrvd: more than %d --drivers-d\n", ARGUMENTS_DIRS_MAX);
		exit(2);
	}
	arguments->dirs[arguments->overrides.driver_config_dirs.count++] = dir;
}

void arguments_parse(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"state-dir", required_argument, NULL, 's'},
		{"runtime-dir", required_argument, NULL, 'r'},
		{"driver-dir", required_argument, NULL, 'd'},
		{"drivers-d", required_argument, NULL, 'D'},
		{"check", no_argument, NULL, 'k'},
		{"probe", required_argument, NULL, 'p'},
		{"check-state", no_argument, NULL, 'S'},
		{"trial", no_argument, NULL, 'T'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->config_path = optarg;
			break;
		case 's':
			arguments->overrides.state_dir = absolute(optarg);
			break;
		case 'r':
			arguments->overrides.runtime_dir = absolute(optarg);
			break;
		case 'd':
			arguments->overrides.driver_dir = absolute(optarg);
			break;
		case 'D':
			add_dir(arguments, absolute(optarg));
			break;
		case 'k':
			arguments->check = true;
			break;
		case 'p':
			arguments->probe = optarg;
			break;
		case 'S':
			arguments->check_state = true;
			break;
		case 'T':
			arguments->trial = true;
			break;
		case 'V':
			(void)printf("ndrvd %s, driver ABI %u.%u\n", NDRV_VERSION, NDRV_ABI_MAJOR, NDRV_ABI_MINOR);
			exit(0);
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			(void)fputs(usage, stderr);
			exit(2);
		}
	}
	if (arguments->check && optind == argc - 1 && !arguments->config_path)
		arguments->config_path = argv[optind++];
	if (arguments->probe && optind == argc - 1)
		arguments->probe_sha256 = argv[optind++];
	if (optind != argc) {
		(void)fprintf(stderr, "ndrvd: unexpected argument \"%s\"\n%s", argv[optind], usage);
		exit(2);
	}
	arguments->overrides.driver_config_dirs.items = arguments->dirs;
}
