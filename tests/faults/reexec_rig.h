/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of re-exec share: a host with drivers of three types, and two namespaces to be connected. */
#ifndef TESTS_FAULTS_REEXEC_RIG_H
#define TESTS_FAULTS_REEXEC_RIG_H

#include <stdbool.h>

#include "tests/lib/daemon.h"
#include "tests/lib/flow.h"
#include "tests/lib/hammer.h"

#define PATIENCE_MS 30000

struct fixture {
	struct daemon daemon;
	struct netns ends[2];
	char reply[65536];
};

bool rig_soak(void);
void rig_sleep_ms(long ms);
int rig_set_up(void **state);
int rig_tear_down(void **state);
void rig_connect_both(struct fixture *fixture);
char *rig_ask(struct fixture *fixture, const char *noun, const char *verb, const char *what);
void rig_reexec(struct fixture *fixture, const char *binary);
void rig_assert_flow_whole(const struct flow *flow, const char *what);
void rig_assert_nothing_wrong(const struct hammer *hammer);
void rig_write_program(const char *path, const char *text);

#endif
