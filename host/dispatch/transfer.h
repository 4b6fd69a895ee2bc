/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a swap that moves records from one generation of a driver to another.
 *
 *	transfer_begin    GATE_STATE; the old one's own state is exported, the new one prepares
 *	transfer_adopt    network by network under its turn, a little at a time, while the old one serves: every record gets a twin
 *			  (record.h) by the new one's adopt. Calls meanwhile go to the old one and make what they touch stale.
 *	transfer_close    GATE_ALL, then the turn of every network: nobody is inside the old one. Stale and new records are adopted.
 *	transfer_commit   publishes, exchanges priv and twin of every record, commit; passes the turns, opens the gate
 *	transfer_finish   the old one releases its priv of every record
 *
 * Up to transfer_commit() nothing the old generation has is touched: transfer_abort() passes the turns, opens the gate and has the
 * new one release what it adopted. One transfer at a time; never from inside a driver. */
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

/* `drain_ns`: how long running calls may keep the gate from closing. On failure the gate is open and nothing is left. */
int transfer_begin(struct dispatch *dispatch, struct generation *from, struct generation *to, uint64_t drain_ns,
		   struct transfer **ret, struct ndrv_error *err);
int transfer_adopt(struct transfer *transfer, struct ndrv_error *err);
int transfer_close(struct transfer *transfer, struct ndrv_error *err);
/* Fails only where registry_publish() does, with nothing changed. */
int transfer_commit(struct transfer *transfer, struct ndrv_error *err);
/* After a commit. Frees. */
void transfer_finish(struct transfer *transfer, struct transfer_report *ret);
/* After any failure but that of transfer_begin(). Frees. */
void transfer_abort(struct transfer *transfer);

/* Has the generation, which does not serve, release the twins it still has, waiting no longer than that for networks that are busy.
 * False: some are left. It must not be destroyed before there are none. */
bool transfer_sweep(struct dispatch *dispatch, const struct generation *generation, uint64_t patience_ns);

/* TIMEOUT naming the call that is in the way: on the network, or (NULL) of the type. */
int transfer_blocked(struct dispatch *dispatch, const struct network *network, const struct driver_type *type,
		     struct ndrv_error *err);

#endif
