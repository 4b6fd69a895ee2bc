/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the new program. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"
#include "host/lifecycle/claim.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/reexec.h"

/* How long calls that run, and requests and replies under way, are waited for. */
#define DRAIN_NS (5 * NSEC_PER_SEC)
#define SETTLE_NS (2 * NSEC_PER_SEC)

static void release(const struct reexec_plan *plan, uint32_t count)
{
	while (count > 0) {
		const struct reexec_door *door = &plan->doors[--count];
		door->release(door->data);
	}
}

static int hold(const struct reexec_plan *plan, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < plan->door_count; i++) {
		int rc = plan->doors[i].hold(plan->doors[i].data, err);
		if (rc) {
			release(plan, i);
			return rc;
		}
	}
	return 0;
}

static uint32_t unsettled(const struct reexec_plan *plan, bool cut)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->door_count; i++)
		count += plan->doors[i].unsettled(plan->doors[i].data, cut);
	return count;
}

/* On success everything is held, no call runs, and no connection is in the middle of anything. */
static int come_to_rest(struct host *host, const struct reexec_plan *plan, struct ndrv_error *err)
{
	const struct timespec nap = {.tv_nsec = 300 * 1000};
	uint64_t start = clock_ns(), drained = 0;

	for (;;) {
		int rc = hold(plan, err);
		if (rc)
			return rc;
		rc = dispatch_wait_idle(host->dispatch, REQ_REEXEC, start + DRAIN_NS, err);
		if (rc) {
			release(plan, plan->door_count);
			return ndrv_wrap(err, rc, "reexec: it would cut off a call");
		}
		bool cut = drained && clock_ns() > drained + SETTLE_NS;
		if (unsettled(plan, cut) == 0)
			return 0;
		release(plan, plan->door_count);
		if (clock_ns() > start + DRAIN_NS + SETTLE_NS + SETTLE_NS)
			return ndrv_fail(err, NDRV_E_RETRY, "reexec: connections do not come to rest, try again");
		/* Only now that nothing stands in the way of it: streams end, which cannot be taken back. */
		for (uint32_t i = 0; !drained && i < plan->door_count; i++)
			plan->doors[i].end_streams(plan->doors[i].data);
		if (!drained)
			drained = clock_ns();
		(void)nanosleep(&nap, NULL);
	}
}

static int execute(const struct host *host, const struct reexec_plan *plan, const char *binary, struct ndrv_error *err)
{
	struct handover handover = {.reexecs = plan->reexecs};
	int fd = -1, rc = 0;

	for (uint32_t i = 0; !rc && i < plan->door_count; i++)
		rc = plan->doors[i].leave(plan->doors[i].data, &handover, err);
	const struct handover_socket claim = {.door = CLAIM_DOOR, .fd = host->claim_fd};
	if (!rc && host->claim_fd >= 0)
		rc = handover_add_socket(&handover, &claim, err);
	/* Whatever else is open, be it a driver's, goes with this program. */
	if (!rc && close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		log_warning("reexec", "close_range: %s", strerrordesc_np(errno));
	rc = rc ? rc : handover_leave(&handover, &fd, err);
	if (!rc) {
		(void)execv(binary, plan->argv);
		rc = ndrv_fail_errno(err, errno, "reexec: execute %s", binary);
		handover_stay(&handover, fd);
	}
	handover_clear(&handover, false);
	return rc;
}

/* The store is left as it is: no transaction is open, and its files and locks are closed by the exec. That leaves everything usable
 * should the exec fail. */
int reexec_replace(struct host *host, const struct reexec_plan *plan, const char *binary, struct ndrv_error *err)
{
	int rc = host_take(host, "reexec", clock_ns() + DRAIN_NS, err);
	if (rc)
		return rc;
	rc = come_to_rest(host, plan, err);
	if (!rc) {
		rc = reexec_trial(host, binary, plan->argv, err);
		rc = rc ? rc : execute(host, plan, binary, err);
		release(plan, plan->door_count);
	}
	host_give(host);
	return rc;
}
