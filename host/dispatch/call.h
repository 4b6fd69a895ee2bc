/* SPDX-License-Identifier: Apache-2.0 */
/* One call of one driver op: frame, driver-wide turn, deadline, and what the answer means. Use:
 *
 *	struct driver_call call;
 *	int rc = CALL_BEGIN(&call, job, instance, network_delete, network, NDRV_CALL_UNDO, err);
 *	if (!rc)
 *		rc = call_end(&call, instance->ops.network_delete(instance->self, &call.ndrv, &network->view), err);
 */
#ifndef HOST_DISPATCH_CALL_H
#define HOST_DISPATCH_CALL_H

#include "host/dispatch/core.h"
#include "host/sandbox/hostns.h"

struct driver_call {
	struct ndrv_call ndrv; /* first */
	struct job *job;       /* NULL: the host itself calls (recovery, timers) */
	struct instance *instance;
	uint32_t slot;
	bool undoes;	      /* runs although the job is late, and its success counts */
	uint64_t deadline_ns; /* as ndrv.deadline_ns, which the driver could change */
	struct ndrv_error error;
	struct hostns *hostns; /* where ndrv.host_nl goes back to; NULL: there is none */
};

/* Who calls when there is no job. */
struct host_call {
	struct hostns *hostns;
	struct arena *arena;
	uint64_t deadline_ns;
	uint32_t flags; /* NDRV_CALL_... */
};

#define CALL_BEGIN(call, job, instance, op, network, flags, err) \
	call_begin((call), (job), (instance), OPS_SLOT(op), (network), (flags), (err))

/* Makes the call ready and enters the frame. With NDRV_CALL_UNDO or NDRV_CALL_FORCE, or for an op that deletes, it goes on although
 * the job is late. Fails without entering: TIMEOUT, CANCELLED. The calling thread keeps `instance` (a network's turn, or
 * frame_enter_type()). */
int call_begin(struct driver_call *call, struct job *job, struct instance *instance, uint32_t slot, struct network *network,
	       uint32_t flags, struct ndrv_error *err);
int call_begin_host(struct driver_call *call, const struct host_call *host, struct instance *instance, uint32_t slot,
		    struct network *network, struct ndrv_error *err);
/* Leaves the frame and judges the result: 0, or a negative code with `err` filled whatever the driver left there. A success that
 * comes after the caller was told otherwise is TIMEOUT, so that the caller of this undoes it. A maskable error is success. */
int call_end(struct driver_call *call, int rc, struct ndrv_error *err);

#endif
