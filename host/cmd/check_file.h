/* SPDX-License-Identifier: Apache-2.0 */
/* What ndrv-check does with one file, and how it says so. */
#ifndef HOST_CMD_CHECK_FILE_H
#define HOST_CMD_CHECK_FILE_H

#include "host/check/run.h"

enum { CHECK_GOOD = 0, CHECK_BAD = 1, CHECK_USAGE = 2, CHECK_UNTRIED = 3 };

struct checking {
	struct arena arena;
	struct ndrv_value options; /* for networks: a map or null */
	const char *type;	   /* NULL: each of the note's */
	const char *only;	   /* rules; NULL: all */
	const char *config;	   /* the driver's own section of its configuration, in YAML; NULL: none */
	const char *beside;	   /* a command that runs beside the driver; NULL: none */
	uint32_t jobs;
	bool inspect_only, json, verbose;
	struct ndrv_value files; /* what --json prints, one map for each file */
	/* Of the file at hand. */
	struct ndrv_value rules;
	uint32_t passed, failed, skipped;
};

void check_begin(struct checking *checking);
/* Inspects, then tries. CHECK_GOOD, CHECK_BAD or CHECK_UNTRIED. */
int check_file(struct checking *checking, const char *path);
/* Prints the document, where one was asked for. Non-zero when it could not be written. */
int check_end(struct checking *checking);

#endif
