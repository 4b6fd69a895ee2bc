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
	struct transfer_limits limits;
	uint64_t deadline_ns;	/* of the calls of the present step */
	uint64_t slice_ends_ns; /* when to pass the turn of a network on; UINT64_MAX: its calls wait anyway */
	uint64_t closed_ns;
	bool prepared;
	struct network **held; /* with a reference, and their turn while `closed` */
	uint32_t held_count, held_room;
	bool closed;
	struct transfer_report report;

	/* What the thread that works and the one that watches share, under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t over_now;
	struct transfer_hang call; /* good while `inside` */
	struct network *call_network;
	uint64_t call_until_ns;
	bool inside;
	bool committed; /* it can only go forward */
	bool overdue;	/* a commit: the networks are marked stuck */
	bool called_off;
	bool over;
	int rc;
	struct ndrv_error error;
	struct network *stuck; /* of the call that did not come back: with a reference, and its turn if `stuck_turn` */
	bool stuck_turn;
	struct transfer *next_hang;
};

/* transfer.c: all steps, on the working thread. */
int transfer_steps(struct transfer *transfer, struct ndrv_error *err);
/* Once it was called off: what can be put right while a call is still inside a driver. */
void transfer_give_up(struct transfer *transfer);

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
/* transfer_watch.c: enters `instance` with the step's deadline, watched from now on. */
int transfer_call(struct transfer *transfer, struct driver_call *call, struct instance *instance, uint32_t slot,
		  struct network *network, const struct endpoint *endpoint, struct ndrv_error *err);
/* call_end(); TIMEOUT if the transfer was called off meanwhile: then touch nothing but the record the call was about. */
int transfer_call_over(struct transfer *transfer, int rc, struct ndrv_error *err); /* after call_end() */
int transfer_call_end(struct transfer *transfer, struct driver_call *call, int rc, struct ndrv_error *err);

#endif
