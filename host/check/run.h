/* SPDX-License-Identifier: Apache-2.0 */
/* The suite: every rule in a process of its own. */
#ifndef HOST_CHECK_RUN_H
#define HOST_CHECK_RUN_H

#include <sys/types.h>

#include "host/check/rules.h"

struct finding {
	const struct rule *rule;
	enum verdict verdict;
	char text[512];
	uint64_t ns;
	pid_t beside; /* runs while the rule is tried; 0: nothing */
	bool untried; /* what it needs beside it was not to be had */
};

struct suite {
	struct target target;
	const char *only; /* ids between commas; NULL: all */
	uint32_t jobs;	  /* rules tried at the same time */
	bool verbose;	  /* the host's log goes to standard error */
	void (*each)(const struct finding *finding, void *data);
	void *data;
};

/* Calls `each` after every rule, in order. The number of rules that failed, or a negative code when they could not be tried; that
 * is NOT_IMPLEMENTED, with the driver's own words, where this machine's kernel lacks what its networks need, and NO_SERVICE when
 * the command beside the driver does not get ready. */
int suite_run(const struct suite *suite, struct ndrv_error *err);

#endif
