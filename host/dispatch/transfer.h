/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a swap that moves records from one generation of a driver to another.
 *
 *	begin	GATE_STATE; the old one's own state is exported, the new one prepares
 *	adopt	network by network under its turn, a little at a time, while the old one serves: every record gets a twin (record.h)
 *		by the new one's adopt. Calls meanwhile go to the old one and make what they touch stale.
 *	close	GATE_ALL, then the turn of every network: nobody is inside the old one. Stale and new records are adopted.
 *	commit	publishes, exchanges priv and twin of every record, commit; passes the turns, opens the gate
 *	finish	the old one releases its priv of every record
 *
 * Up to commit nothing the old generation has is touched: what fails before passes the turns, opens the gate and has the new one
 * release what it adopted. One transfer at a time; never from inside a driver.
 *
 * A driver that does not come back from one of these calls cannot be stopped. So they are made on a thread of their own, and who
 * waits for it calls the swap off when a call is overdue: everything goes on but the network that the call is about (stuck, as by
 *any other call that does not come back), and a new generation that hangs is given up (generation->lost). Only commit is waited for
 * without an end, for then everything has been handed over. */
#ifndef HOST_DISPATCH_TRANSFER_H
#define HOST_DISPATCH_TRANSFER_H

#include "host/dispatch/dispatch.h"
#include "host/plugin/registry.h"
#include "host/state/record.h"

struct transfer;

struct transfer_report {
	uint32_t networks, endpoints;
	uint32_t late;	   /* records adopted (again) while the gate was closed */
	uint32_t lost;	   /* endpoints whose kernel objects are gone */
	uint64_t pause_ns; /* from closing the gate until the last turn was passed */
};

struct transfer_limits {
	uint64_t drain_ns; /* how long running calls may keep the gate from closing, and how long it stays closed before commit */
	uint64_t step_ns;  /* how long the driver may take over each call before that, and over commit */
};

/* All of it. On failure `from` serves as before. TIMEOUT naming the call: one did not end, be it a client's of the old generation
 * or one of the transfer itself. */
int transfer_run(struct dispatch *dispatch, struct generation *from, struct generation *to, const struct transfer_limits *limits,
		 struct transfer_report *ret, struct ndrv_error *err);

/* Calls of transfers that were called off and are still inside a driver. */
struct transfer_hang {
	const struct generation *generation;
	uint32_t slot;
	int32_t tid;
	uint64_t since_ns;
	char type[REGISTRY_TYPE_MAX], nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];
};
void transfer_each_hang(struct dispatch *dispatch, void (*each)(const struct transfer_hang *hang, void *data), void *data);
/* False: some are left. */
bool transfer_wait_hangs(struct dispatch *dispatch, uint64_t deadline_ns);

/* Has the generation, which does not serve, release the twins it still has, waiting no longer than that for networks that are busy.
 * False: some are left. It must not be destroyed before there are none. */
bool transfer_sweep(struct dispatch *dispatch, const struct generation *generation, uint64_t patience_ns);

/* TIMEOUT naming the call that is in the way: on the network, or (NULL) of the type. */
int transfer_blocked(struct dispatch *dispatch, const struct network *network, const struct driver_type *type,
		     struct ndrv_error *err);

#endif
