/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/ready.h"

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <string.h>
#include <time.h>

#include "host/base/clock.h"

#define FIRST_PAUSE_NS 10000
#define LAST_PAUSE_NS (2 * NSEC_PER_MSEC)

bool ready_link(const struct ndrv_link *link)
{
	if (!(link->flags & IFF_UP) || !strcmp(link->qdisc, "noop"))
		return false;
	if (link->operstate != IF_OPER_UP && link->operstate != IF_OPER_UNKNOWN)
		return false;
	return link->port_state < 0 || link->port_state == BR_STATE_FORWARDING;
}

int ready_wait(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, uint64_t cap_ns, bool *ret_ready,
	       struct ndrv_error *err)
{
	uint64_t end = clock_ns() + cap_ns;
	struct timespec pause = {.tv_nsec = FIRST_PAUSE_NS};
	struct ndrv_link links[READY_MAX];

	if (count > READY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%u links to wait for are more than %d", count, READY_MAX);
	for (;;) {
		uint32_t ready = 0;
		int rc = ndrv_link_get_many(nl, indexes, count, links, err);

		if (rc)
			return ndrv_wrap(err, rc, "wait for the links");
		for (uint32_t i = 0; i < count; i++) {
			if (!links[i].index)
				return ndrv_fail(err, NDRV_E_NO_LINK, "interface number %u went away before it was ready",
						 indexes[i]);
			ready += ready_link(&links[i]);
		}
		*ret_ready = ready == count;
		if (*ret_ready || clock_ns() >= end)
			return 0;
		(void)nanosleep(&pause, NULL);
		if (pause.tv_nsec * 2 <= (long)LAST_PAUSE_NS)
			pause.tv_nsec *= 2;
	}
}
