/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until links of the host's namespace carry packets. The kernel enables a bridge port after it answered: without this wait
 * up to half of first packets are lost for a second. */
#ifndef HOST_SANDBOX_READY_H
#define HOST_SANDBOX_READY_H

#include <stdbool.h>

#include <ndrv/link.h>

#define READY_MAX 4 /* join's limit */

/* The link can send and receive now: up, with a queue, and forwarding if it is a bridge's port. */
bool ready_link(const struct ndrv_link *link);

/* Waits for all of them, 30 us as a rule, at most `cap_ns` and the deadline of the handle's call. `*ret_ready` false: it took
 * longer (a bridge of the user's with spanning tree is busy for half a minute), which is no reason to fail: the link comes up by
 * itself. A link that is gone meanwhile is NO_LINK. */
int ready_wait(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, uint64_t cap_ns, bool *ret_ready,
	       struct ndrv_error *err);

/* Waits until neighbours can find an IPv6 address just set on an interface of the sandbox: the kernel joins the group they ask in
 * from a work queue, also where duplicates are not looked for. */
int ready_address6(struct ndrv_nl *nl, uint32_t index, const struct ndrv_addr *addr, uint64_t cap_ns, bool *ret_ready,
		   struct ndrv_error *err);

#endif
