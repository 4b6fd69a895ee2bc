/* SPDX-License-Identifier: Apache-2.0 */
/* Whether anything runs, for a host that is about to be replaced by another program. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/dispatch/core.h"

#define LOOK_NS (200 * 1000)

struct running {
	enum request_op but_for;
	bool any;
	char what[512];
};

/* Under the executor's lock, so that the job's strings hold. */
static void note_running(struct job *job, void *data)
{
	struct running *running = data;
	uint32_t slot = atomic_load(&job->call_slot);
	uint64_t since = slot ? atomic_load(&job->call_since) : job->started_ns, now = clock_ns();

	if (running->any || (!job->own_done && job->request.op == running->but_for))
		return;
	bool own_timer = job->own_done && !strcmp(job->op->name, "timer");
	running->any = true;
	(void)pthread_mutex_lock(&job->lock);
	(void)snprintf(running->what, sizeof(running->what), "%s%s%s%s%s by %s has been running for %llu ms (%s%s%sthread %d)",
		       own_timer ? "a driver's timer" : job->op->name, *job->nid ? " on network " : "", job->nid,
		       *job->eid ? ", endpoint " : "", job->eid, *job->requester ? job->requester : "the host",
		       (unsigned long long)(now > since ? (now - since) / NSEC_PER_MSEC : 0), slot ? "in " : "",
		       slot ? slot_name(slot - 1) : "", slot ? " of its driver, " : "", (int)atomic_load(&job->call_tid));
	(void)pthread_mutex_unlock(&job->lock);
}

int dispatch_wait_idle(struct dispatch *dispatch, enum request_op but_for, uint64_t deadline_ns, struct ndrv_error *err)
{
	const struct timespec nap = {.tv_nsec = LOOK_NS};

	for (;;) {
		struct running running = {.but_for = but_for};
		executor_each(dispatch->executor, note_running, &running);
		if (!running.any)
			return 0;
		if (clock_ns() >= deadline_ns)
			return ndrv_fail(err, NDRV_E_RETRY, "%s", running.what);
		(void)nanosleep(&nap, NULL);
	}
}
