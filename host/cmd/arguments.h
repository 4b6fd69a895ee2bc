/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvd's command line. */
#ifndef HOST_CMD_ARGUMENTS_H
#define HOST_CMD_ARGUMENTS_H

#include "host/config/config.h"

#define ARGUMENTS_DIRS_MAX 16

struct arguments {
	const char *config_path; /* NULL: the default file */
	struct config_overrides overrides;
	const char *dirs[ARGUMENTS_DIRS_MAX]; /* what overrides.driver_config_dirs points to */
	bool check;
	const char *probe, *probe_sha256; /* a file to try; NULL: not that */
	bool check_state;		  /* asked by a running ndrvd that this program is to replace */
	bool trial;			  /* likewise: starts on a copy of its state, and ends */
};

/* Ends the program itself for --help and --version (status 0) and for a command line it cannot use (status 2). */
void arguments_parse(struct arguments *arguments, int argc, char **argv);

#endif
