/* SPDX-License-Identifier: Apache-2.0 */
/* A control front on a temporary socket, in front of the fake dispatcher. */
#ifndef TESTS_FRONT_FIXTURE_H
#define TESTS_FRONT_FIXTURE_H

#include <sys/types.h>

#include "host/front/control.h"
#include "host/front/listen.h"
#include "tests/front/fake.h"
#include "tests/lib/http.h"

struct fixture {
	char directory[64];
	char socket[96];
	struct listener listener;
	struct dispatch *fake;
	struct control *control;
};

struct fixture_options {
	gid_t group;					   /* 0: none */
	uint32_t max_connections, max_connections_per_uid; /* 0: many */
	uint64_t request_timeout_ms;			   /* 0: long */
};

void fixture_start(struct fixture *fixture, const struct fixture_options *options);
void fixture_stop(struct fixture *fixture);
/* Waits up to ten seconds for it to become true. */
bool fixture_wait(bool (*is)(struct fixture *fixture), struct fixture *fixture);

#endif
