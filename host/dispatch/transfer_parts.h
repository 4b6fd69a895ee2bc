/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a transfer, for transfer*.c alone. */
#ifndef HOST_DISPATCH_TRANSFER_PARTS_H
#define HOST_DISPATCH_TRANSFER_PARTS_H

#include "host/dispatch/steps.h"
#include "host/dispatch/transfer.h"
#include "host/dispatch/twin.h"

struct transfer {
	struct dispatch *dispatch;
	struct generation *from, *to;
	struct arena arena; /* of one call at a time */
	uint64_t drain_ns;
	uint64_t deadline_ns;	/* of the calls of the present step */
	uint64_t slice_ends_ns; /* when to pass the turn of a network on; UINT64_MAX: its calls wait anyway */
	uint64_t closed_ns;
	bool prepared;
	struct network **held; /* with a reference, and their turn while `closed` */
	uint32_t held_count, held_room;
	bool closed;
	struct transfer_report report;
};

/* The instance of `to` for the type, or NULL. */
struct instance *transfer_heir(const struct generation *to, const struct driver_type *type);
/* Under the turn: who will serve the network, or FORBIDDEN naming what it lacks. */
int transfer_check_network(const struct generation *to, struct network *network, struct instance **ret, struct ndrv_error *err);

/* transfer_adopt.c: twins for the network and its endpoints where they are missing or stale. 0: all are there. 1: the slice is
 * over, go on later. */
int transfer_adopt_network(struct transfer *transfer, struct network *network, struct ndrv_error *err);
/* State of `from` in the form `to` reads; no data where there is none. In transfer->arena. */
int transfer_export(struct transfer *transfer, struct instance *old, struct network *network, struct endpoint *endpoint,
		    struct ndrv_blob *ret, struct ndrv_error *err);
/* Enters `instance` with the step's deadline. */
int transfer_call(struct transfer *transfer, struct driver_call *call, struct instance *instance, uint32_t slot,
		  struct network *network, struct ndrv_error *err);

#endif
