/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the control socket that ask without a pause and check every answer: half of them on one connection each for as long as
 * it lives, half on a new one for every request. Networks are of the
 * type given, whose driver must let them come and go. */
#ifndef TESTS_LIB_HAMMER_H
#define TESTS_LIB_HAMMER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HAMMER_CLIENTS 4

struct hammer_counts {
	uint64_t requests, unconnected, cut, wrong, longest_ns;
	uint64_t ended; /* connections that were to be kept, ended by the other side between two requests */
	char first_wrong[256];
};

struct hammer;

struct hammer_client {
	struct hammer *hammer;
	int number, fd;
	bool keep;
	pthread_t thread;
	struct hammer_counts counts;
};

struct hammer {
	const char *socket, *type;
	_Atomic bool stop;
	struct hammer_client clients[HAMMER_CLIENTS];
	struct hammer_counts total; /* good after hammer_stop() */
};

void hammer_start(struct hammer *hammer, const char *socket, const char *type);
void hammer_stop(struct hammer *hammer);
/* One line of a table. */
void hammer_print(const struct hammer *hammer, const char *what);

#endif
