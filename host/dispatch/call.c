/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/call.h"

#include <stdlib.h>
#include <string.h>

#include "host/dispatch/transfer.h"

static int call_cancelled(const struct ndrv_call *ndrv)
{
	const struct driver_call *call = (const struct driver_call *)(const void *)ndrv;

	if (call->job && !call->undoes && job_late(call->job))
		return 1;
	return call->deadline_ns && clock_ns() >= call->deadline_ns;
}

/* How often who waits for a driver's turn looks whether it is worth it. */
#define SLICE_NS (50 * NSEC_PER_MSEC)

/* Ops that only look at what they are given get no way to the kernel. */
static bool slot_is_pure(uint32_t slot)
{
	return slot == OPS_SLOT(gw_alloc_check) || slot == OPS_SLOT(decode_table_entry) || slot == OPS_SLOT(export_state);
}

static bool is_serial(const struct driver_call *call)
{
	const struct generation *generation = call->instance->generation;

	return generation && generation->threading == NDRV_THREADS_DRIVER;
}

struct blocker {
	const struct generation *generation;
	bool late;
	char nid[NDRV_ID_MAX + 1];
};

/* Under the executor's lock. */
static void find_late(struct job *job, void *data)
{
	struct blocker *blocker = data;

	if (blocker->late || !job_late(job) || atomic_load(&job->call_generation) != blocker->generation)
		return;
	blocker->late = true;
	(void)pthread_mutex_lock(&job->lock);
	memcpy(blocker->nid, job->nid, sizeof(blocker->nid));
	(void)pthread_mutex_unlock(&job->lock);
}

/* Likewise, of a swap that was called off. */
static void find_hang(const struct transfer_hang *hang, void *data)
{
	struct blocker *blocker = data;

	if (blocker->late || hang->generation != blocker->generation)
		return;
	blocker->late = true;
	memcpy(blocker->nid, hang->nid, sizeof(blocker->nid));
}

/* A driver that takes one call at a time and does not come back from one is out of service as a whole: the others must not each
 * wait for their deadline, on a worker. */
static int take_driver_turn(struct driver_call *call, struct ndrv_error *err)
{
	struct generation *generation = call->instance->generation;
	struct blocker blocker = {.generation = generation};

	while (is_serial(call)) {
		uint64_t until = clock_ns() + SLICE_NS;
		bool last = call->deadline_ns && until >= call->deadline_ns;
		if (turn_wait(&generation->turn, last ? call->deadline_ns : until))
			break;
		if (last)
			return ndrv_fail(err, NDRV_E_TIMEOUT,
					 "%s: driver \"%s\" takes one call at a time and was busy until the deadline",
					 slot_name(call->slot), generation->name);
		if (call->job && !call->undoes) {
			executor_each(call->job->dispatch->executor, find_late, &blocker);
			transfer_each_hang(call->job->dispatch, find_hang, &blocker);
		}
		if (blocker.late)
			return ndrv_fail(err, NDRV_E_NETWORK_BUSY,
					 "driver \"%s\" takes one call at a time and is busy with one on network %s that passed "
					 "its deadline, try again",
					 generation->name, blocker.nid);
	}
	if (call->job && is_serial(call))
		atomic_store(&call->job->call_generation, generation);
	return 0;
}

static void pass_driver_turn(struct driver_call *call)
{
	if (!is_serial(call))
		return;
	if (call->job)
		atomic_store(&call->job->call_generation, NULL);
	turn_pass(&call->instance->generation->turn);
}

static int enter(struct driver_call *call, struct hostns *hostns, struct network *network, struct ndrv_error *err)
{
	call->ndrv.size = sizeof(call->ndrv);
	call->ndrv.err = &call->error;
	call->ndrv.deadline_ns = call->deadline_ns;
	call->ndrv.cancelled = call_cancelled;
	int rc = take_driver_turn(call, err);
	if (rc)
		return rc;
	if (hostns && !slot_is_pure(call->slot)) {
		rc = hostns_nl_take(hostns, &call->ndrv, &call->ndrv.host_nl, err);
		if (rc) {
			pass_driver_turn(call);
			return rc;
		}
		call->hostns = hostns;
	}
	frame_enter(call->instance, network, call->job, call->slot);
	return 0;
}

static bool slot_deletes(uint32_t slot)
{
	return slot == OPS_SLOT(network_free) || slot == OPS_SLOT(network_delete) || slot == OPS_SLOT(endpoint_delete) ||
	       slot == OPS_SLOT(leave) || slot == OPS_SLOT(revoke_external) || slot == OPS_SLOT(release);
}

/* Says where the job is before it looks whether it is late: the watchdog does it the other way round, so one of them notices. */
static int announce(struct driver_call *call, struct ndrv_error *err)
{
	struct job *job = call->job;

	atomic_store(&job->call_tid, atomic_load(&frames_mine()->tid));
	atomic_store(&job->call_since, clock_ns());
	atomic_store(&job->call_slot, call->slot + 1);
	int rc = call->undoes ? 0 : job_check(job, err);
	if (rc)
		atomic_store(&job->call_slot, 0);
	return rc;
}

int call_begin(struct driver_call *call, struct job *job, struct instance *instance, uint32_t slot, struct network *network,
	       uint32_t flags, struct ndrv_error *err)
{
	job_calls(job, slot);
	*call = (struct driver_call){
		.ndrv = {.flags = flags,
			 .arena = &job->arena.ndrv,
			 .requester = job->requester,
			 .front = job->request.caller.front,
			 .uid = job->request.caller.uid,
			 .request_id = job->request.id},
		.job = job,
		.instance = instance,
		.slot = slot,
		/* What restores counts too when it comes late: it changes nothing that would have to be undone. */
		.undoes = (flags & (NDRV_CALL_UNDO | NDRV_CALL_FORCE | NDRV_CALL_RESTORE)) || slot_deletes(slot),
		.deadline_ns = job->deadline_ns,
	};
	if (call->undoes) {
		/* What cleans up gets time of its own when the job's is nearly over. */
		uint64_t until = clock_ns() + UNDO_NS;
		call->deadline_ns = until > job->deadline_ns ? until : job->deadline_ns;
	}
	int rc = announce(call, err);
	if (rc)
		return rc;
	rc = enter(call, job->dispatch->parts.hostns, network, err);
	if (rc)
		atomic_store(&job->call_slot, 0);
	return rc;
}

int call_begin_host(struct driver_call *call, const struct host_call *host, struct instance *instance, uint32_t slot,
		    struct network *network, struct ndrv_error *err)
{
	*call = (struct driver_call){
		.ndrv = {.flags = host->flags,
			 .arena = &host->arena->ndrv,
			 .requester = "host",
			 .front = NDRV_FRONT_HOST,
			 .request_id = ""},
		.instance = instance,
		.slot = slot,
		.undoes = true,
		.deadline_ns = host->deadline_ns,
	};
	return enter(call, host->hostns, network, err);
}

static void leave(struct driver_call *call)
{
	frame_leave();
	if (call->hostns)
		hostns_nl_give(call->hostns, call->ndrv.host_nl);
	pass_driver_turn(call);
	if (call->job)
		atomic_store(&call->job->call_slot, 0);
}

/* Makes a whole error of what a driver left: the return value decides, the rest is mended. */
static int mend(const struct driver_call *call, int rc, struct ndrv_error *err)
{
	const char *type = call->instance->type ? call->instance->type->name : "?";
	struct ndrv_error told = call->error;
	int code = rc < 0 ? -rc : rc;

	told.text[sizeof(told.text) - 1] = '\0';
	if (rc > 0 || rc < -0xffff)
		return ndrv_fail(err, NDRV_E_INTERNAL, "driver \"%s\": %s returned %d, which is no result", type,
				 slot_name(call->slot), rc);
	if (!told.text[0] || told.code == 0)
		return ndrv_fail(err, code, "driver \"%s\": %s failed without a reason (%s)", type, slot_name(call->slot),
				 ndrv_error_name(code));
	if (ndrv_error_kind(code) == NDRV_KIND_INTERNAL && code != NDRV_E_STATE)
		code = NDRV_E_INTERNAL; /* a number of a newer driver */
	told.code = code;
	told.kind = ndrv_error_kind(code);
	told.flags &= NDRV_ERROR_MASKABLE;
	if (err)
		*err = told;
	return -code;
}

int call_end(struct driver_call *call, int rc, struct ndrv_error *err)
{
	leave(call);
	if (rc == 0)
		return call->job && !call->undoes ? job_check(call->job, err) : 0;
	if (rc < 0 && (call->error.flags & NDRV_ERROR_MASKABLE))
		return 0;
	struct generation *generation = call->instance->generation;
	rc = mend(call, rc, err);
	if (generation && ndrv_error_kind(rc) == NDRV_KIND_INTERNAL)
		(void)atomic_fetch_add(&generation->faults, 1);
	return rc;
}
