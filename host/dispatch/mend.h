/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be finished because the machine was short of something (memory, disk space, a driver's attention) is tried again
 * by the host itself, on a thread that sleeps while there is nothing: after 50 ms, then less and less often, at least twice a
 * minute, until it is done. What a crash interrupts instead, the next start finds. */
#ifndef HOST_DISPATCH_MEND_H
#define HOST_DISPATCH_MEND_H

#include "host/dispatch/core.h"

struct mender;

int mender_start(struct dispatch *dispatch, struct mender **ret, struct ndrv_error *err);
/* Nothing is mended from here on; it may still be asked. */
void mender_halt(struct mender *mender);
void mender_free(struct mender *mender);

/* Networks that a driver was too busy to recover. */
void mend_networks(struct dispatch *dispatch);
/* The row of this network (`eid` NULL) or endpoint is not what the record is: to be written, or removed where there is no record.
 */
void mend_row(struct dispatch *dispatch, const char *nid, const char *eid);
/* Where an interface is that could not be taken out of its sandbox. */
struct mend_plug {
	char path[256];
	char ifname[NDRV_IFNAME_MAX];
	char src[NDRV_IFNAME_MAX]; /* its name at home */
	uint64_t dev, ino;
};
/* What the driver made for this network or endpoint may still be there although its record goes. `plug` may be NULL. */
void mend_kernel(struct dispatch *dispatch, const char *nid, const char *eid, const struct mend_plug *plug);
/* The kernel as a whole could not be compared with the records. */
void mend_all(struct dispatch *dispatch);
/* The row is being written anew under the turn: nobody removes it from here on. */
void mend_supersede(struct dispatch *dispatch, const char *nid, const char *eid);

/* There is something new for owed.h or sandboxes.h, whose work the same thread does. */
void mend_poke(struct dispatch *dispatch);

/* {rows, kernel_objects, networks: counts; tries; error} for status. */
void mend_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *map);

#endif
