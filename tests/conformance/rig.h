/* SPDX-License-Identifier: Apache-2.0 */
/* A dispatcher with everything around it and the recording driver in it, for tests. */
#ifndef TESTS_CONFORMANCE_RIG_H
#define TESTS_CONFORMANCE_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/base/log.h"
#include "host/config/config.h"
#include "host/dispatch/dispatch.h"
#include "host/dispatch/services.h"
#include "host/plugin/registry.h"
#include "host/state/ipam.h"
#include "host/state/store.h"
#include "tests/conformance/recorder.h"

/* clang-format off */
#include "tests/lib/test.h"
/* clang-format on */

struct rig;

#define RIG_LOG (1u << 20)

/* What the driver does when an op is called; set by tests. Runs on the worker's thread, after the call was written down. */
typedef int (*rig_act)(struct rig *rig, struct recorded *recorded);

struct rig {
	struct recorder recorder; /* first */
	struct registry *registry;
	struct records *records;
	struct ipam *ipam;
	struct store *store;
	struct dispatch *dispatch;
	struct services *services;
	struct hostns *hostns; /* set by tests with RIG_KERNEL */
	struct config config;
	struct config_deny deny[2];
	uint32_t flags; /* RIG_... */
	char dir[64];	/* temporary; "" none */
	rig_act act;	/* NULL: succeed */
	void *act_data;
	/* Every call as "op nid eid flags", separated by "; ". Off in stress tests. */
	bool silent;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	size_t log_bytes;
	char log[4096];
	bool blocked; /* rig_block(): the driver waits here */
	bool released;
	_Atomic uint32_t inside; /* calls in rig_block() */
	struct arena arena;	 /* of requests and replies; emptied by rig_forget() */
};

enum {
	RIG_STORE = 1u << 0,
	RIG_QUIET = 1u << 1,
	RIG_KERNEL = 1u << 2, /* drivers and sandboxes get netlink of the present namespace */
	RIG_NAT = 1u << 3,    /* drivers get the host's NAT, in the present namespace */
};

/* `drivers`: NULL-terminated names of files, rec*.so or one of the drivers proper. */
void rig_open(struct rig *rig, uint32_t flags, const char *const *drivers);
void rig_close(struct rig *rig);
/* The host dies and another starts on the same files: everything but the directory is made new. Nothing is recovered yet. */
void rig_restart(struct rig *rig, const char *const *drivers);
/* Its two halves. */
void rig_stop(struct rig *rig);
void rig_start(struct rig *rig, const char *const *drivers);

/* What was called since the last time; valid until the next. */
const char *rig_calls(struct rig *rig);
#define assert_calls(rig, text) assert_string_equal(rig_calls(rig), (text))

/* A request of an administrator with 5 s to go. */
struct request rig_request(struct rig *rig, enum request_op op);
/* Runs it. */
struct reply rig_run(struct rig *rig, struct request *request);
/* The usual ones; `rc` checks are the caller's. */
struct reply rig_network(struct rig *rig, const char *type, const char *nid);
struct reply rig_endpoint(struct rig *rig, const char *nid, const char *eid);
struct reply rig_op(struct rig *rig, enum request_op op, const char *nid, const char *eid);
struct reply rig_join(struct rig *rig, const char *nid, const char *eid, const char *key);

#define assert_reply_ok(got)                                                                       \
	do {                                                                                       \
		struct reply got_ = (got);                                                         \
		if (got_.error.code)                                                               \
			fail_msg("%s: error %d: %s", #got, (int)got_.error.code, got_.error.text); \
	} while (0)
#define assert_reply_fails(got, code_, part)                                  \
	do {                                                                  \
		struct reply got_ = (got);                                    \
		assert_fails(-got_.error.code, &got_.error, (code_), (part)); \
	} while (0)

/* For acts: stays inside the driver until rig_release(). */
void rig_block(struct rig *rig);
void rig_release(struct rig *rig);
/* Waits until `count` calls are inside rig_block(). */
void rig_wait_inside(struct rig *rig, uint32_t count);

#endif
