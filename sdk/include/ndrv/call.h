/* SPDX-License-Identifier: Apache-2.0 */
/* What every op is given about the call it serves. Valid until the op returns, on the thread the op was called on. */
#ifndef NDRV_CALL_H
#define NDRV_CALL_H

#include <ndrv/value.h>

NDRV_BEGIN_DECLS

struct ndrv_nl;

/* Which door the request came through. Unknown numbers are legal. */
enum { NDRV_FRONT_HOST = 0, NDRV_FRONT_CONTROL = 1, NDRV_FRONT_DOCKER = 2, NDRV_FRONT_CNI = 3 };

enum {
	NDRV_CALL_RESTORE = 1u << 0, /* the host replays what already exists: adopt it, change nothing that is right */
	NDRV_CALL_UNDO = 1u << 1,    /* the host undoes a failed or late operation: the object may be half there or absent */
	NDRV_CALL_FORCE = 1u << 2,   /* do not veto; clean up what can be cleaned up */
	NDRV_CALL_RETIRE = 1u << 3,  /* nobody waits for the end of what is deleted: ndrv_link_delete_many() returns once the links
					are  out of service and their names free, and the host sees them off */
};

struct ndrv_call {
	uint32_t size;
	uint32_t flags;		  /* NDRV_CALL_... */
	uint64_t deadline_ns;	  /* CLOCK_MONOTONIC; 0: none. The SDK's netlink helpers honour it. */
	struct ndrv_error *err;	  /* where the op puts its error: ndrv_fail(call->err, ...) */
	struct ndrv_arena *arena; /* freed after the call */
	/* 1 once the caller gave up or the deadline passed. An op that works for long asks now and then and returns TIMEOUT. */
	int (*cancelled)(const struct ndrv_call *call);
	const char *requester;	 /* who asked, for messages: "uid 1000 pid 4711"; never NULL */
	uint32_t front;		 /* NDRV_FRONT_... */
	uint32_t uid;		 /* of the asking process, (uint32_t)-1 if unknown */
	const char *request_id;	 /* the front's id of the request, also in the host's log; never NULL */
	struct ndrv_nl *host_nl; /* rtnetlink of the host's network namespace: <ndrv/netlink.h>; NULL in ops that may not touch the
				    kernel */
	struct ndrv_nl *sandbox_nl; /* rtnetlink of the sandbox where the host holds one (control, CNI); else NULL. Closed after the
				       call. */
};

NDRV_END_DECLS

#endif
