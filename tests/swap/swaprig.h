/* SPDX-License-Identifier: Apache-2.0 */
/* A whole host in the test's process, with a version of swapdrv (or another driver) in it. */
#ifndef TESTS_SWAP_SWAPRIG_H
#define TESTS_SWAP_SWAPRIG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/lifecycle/host.h"

/* clang-format off */
#include "tests/lib/test.h"
/* clang-format on */

struct swaprig {
	struct host *host;
	struct dispatch *dispatch;
	char dir[64], config[96], driver[96], plan[96], state[96], run[96];
	char yaml[512];
	struct config_overrides overrides;
	struct host_options options;
	struct arena arena; /* of requests and replies: emptied by swaprig_forget() */
};

/* The host serves `dir`/swap.so, a copy of version "v1" (a name of local.mk) under the driver name "swap". `yaml`: more lines. */
void swaprig_open(struct swaprig *rig, const char *version, const char *yaml);
void swaprig_close(struct swaprig *rig);
/* Ends the host and starts it again on the same directories. */
void swaprig_restart(struct swaprig *rig);
/* Puts a version at `dir`/swap.so: by rename as packages do, or written over in place. */
void swaprig_install(struct swaprig *rig, const char *version, bool in_place);
/* "SWAP_DRIVERS_DIR/swNAME.so" in a static buffer per thread. */
const char *swaprig_file(const char *version);
void swaprig_write(const char *path, const char *text);

/* The caller's arena: threads have their own. */
struct request swaprig_request(struct arena *arena, enum request_op op);
struct reply swaprig_run(struct swaprig *rig, struct request *request);
struct reply swaprig_ask(struct swaprig *rig, struct arena *arena, enum request_op op, const char *nid, const char *eid);
struct reply swaprig_network(struct swaprig *rig, struct arena *arena, const char *type, const char *nid);
struct reply swaprig_join(struct swaprig *rig, struct arena *arena, const char *nid, const char *eid, const char *key);
struct reply swaprig_discover(struct swaprig *rig, struct arena *arena);
/* By version's name, or a path. */
struct reply swaprig_swap(struct swaprig *rig, const char *version);
struct reply swaprig_swap_other(struct swaprig *rig, const char *type, const char *file);
struct reply swaprig_load(struct swaprig *rig, const char *file);
struct reply swaprig_force_delete(struct swaprig *rig, const char *nid);
struct reply swaprig_dry(struct swaprig *rig, const char *version);
struct reply swaprig_driver(struct swaprig *rig, enum request_op op);
/* A number of endpoint_info's answer. */
int64_t swaprig_info(struct swaprig *rig, const char *nid, const char *eid, const char *key);
/* The sentence about driver "swap" of a reload. */
const char *swaprig_reload(struct swaprig *rig);
/* The text of status as one string, for searching. */
struct ndrv_value swaprig_status(struct swaprig *rig);

#define assert_answer(got)                                                                         \
	do {                                                                                       \
		struct reply got_ = (got);                                                         \
		if (got_.error.code)                                                               \
			fail_msg("%s: error %d: %s", #got, (int)got_.error.code, got_.error.text); \
	} while (0)
#define assert_refused(got, code_, part)                                      \
	do {                                                                  \
		struct reply got_ = (got);                                    \
		assert_fails(-got_.error.code, &got_.error, (code_), (part)); \
	} while (0)

#endif
