/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing a driver while its networks run. What is promised, and the diagram of states: docs/swap.md.
 *
 * All with host->lock, except where said. A driver is named by a network type it serves or by its own name. */
#ifndef HOST_LIFECYCLE_SWAP_H
#define HOST_LIFECYCLE_SWAP_H

#include "host/lifecycle/host_parts.h"

struct swap_wish {
	struct generation *from;		/* live */
	const struct config_driver *descriptor; /* name, path, pin, config, origin of the new one */
	bool by_hand;				/* bytes that were refused before are tried again */
	bool dry_run;
};

/* Loads the file and hands everything over to it. On any failure the old generation serves as before. `ret`: map {driver, result,
 * from, to: {name, version, generation, sha256}, networks, endpoints, adopted_late, lost, pause_us} in the arena. */
int swap_file(struct host *host, const struct swap_wish *wish, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
/* Back to the generation that stands by, else to the copy of the one that served before. The bytes that are left are remembered as
 * refused, for `reason`. */
int swap_back(struct host *host, struct generation *live, const char *reason, struct arena *arena, struct ndrv_value *ret,
	      struct ndrv_error *err);
/* The generation that stands by for the driver, or NULL. */
struct generation *swap_standby(struct host *host, const char *name);
/* Destroys a generation that does not serve, once no network is busy that it must release something of. */
void swap_retire(struct host *host, struct generation *standby);

/* FORBIDDEN: the calling thread is inside a driver, or the request came from this very process. */
int swap_check_caller(const struct caller *caller, struct ndrv_error *err);

/* swap_rules.c: may this note take over from that generation? FORBIDDEN saying why not. Before any code of it is loaded. */
int swap_check_note(struct host *host, const struct generation *from, const struct ndrv_note *to, struct ndrv_error *err);

#endif
