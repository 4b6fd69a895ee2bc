/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of UDP outlive what decided about them: while packets keep coming, the kernel does with them what it did with the first. So
 * when a port is published or not any more, flows that were tracked before are forgotten. TCP connections are left to end. */
#ifndef HOST_NAT_CONNTRACK_H
#define HOST_NAT_CONNTRACK_H

#include <ndrv/types.h>

#include "host/nat/book.h"

struct stale;

struct conntrack {
	struct stale *list;
	size_t count, room;
};

/* Flows to this mapping, which is gone, or around it, which is new. Those that cannot be noted for want of memory stay. */
void conntrack_note(struct conntrack *conntrack, const struct nat_mapping *mapping, bool gone);
/* Forgets the flows that were noted, of what `conntrack` has now; it is empty then. One dump for all; on a socket of its own, so
 * without the service's lock if the caller has taken the list out. What the kernel refuses is left. */
void conntrack_flush(struct conntrack *conntrack);
void conntrack_done(struct conntrack *conntrack);

#endif
