/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the ndrvctl that was just built. */
#ifndef TESTS_FRONT_RUN_H
#define TESTS_FRONT_RUN_H

#include <jansson.h>

struct run {
	int status; /* 1000 and the signal's number, if one ended it */
	char out[65536], err[4096];
};

/* Words are split at spaces. */
void run(struct run *run, const char *line);
/* The only JSON document there is on standard output; the test fails if there is none, or more. The caller's. */
json_t *document(const struct run *run, const char *line);

#endif
