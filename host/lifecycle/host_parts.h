/* SPDX-License-Identifier: Apache-2.0 */
/* The host's inside, for the files of host/lifecycle alone. */
#ifndef HOST_LIFECYCLE_HOST_PARTS_H
#define HOST_LIFECYCLE_HOST_PARTS_H

#include "host/lifecycle/drivers.h"
#include "host/lifecycle/host.h"
#include "host/lifecycle/images.h"
#include "host/lifecycle/keeper.h"
#include "host/lifecycle/reexec.h"

/* A configuration that a reload replaced. */
struct former {
	struct former *next;
	const struct config *config;
};

struct host {
	pthread_mutex_t lock;	     /* loading, unloading, swap and reload, one at a time: host_take() */
	_Atomic(const char *) doing; /* what it is held for */
	_Atomic(uint64_t) doing_since;
	char *config_path;
	const struct config_overrides *overrides;
	_Atomic(const struct config *) config; /* written with the lock, read by anybody: load it once for what belongs together */
	struct former *former;
	struct records *records;
	struct store *store;
	struct ipam *ipam;
	struct hostns *hostns;
	struct services *services;
	struct drivers drivers;
	bool has_drivers;
	struct arena recovery_arena;
	struct ndrv_value recovery; /* what the start found and did, for status */
	struct dispatch *dispatch;
	struct images images;
	struct keeper keeper;
	const char *probe_program; /* NULL: new driver files are not tried in a process of their own first */
	struct reexec *reexec;
	char told[256]; /* the service manager's line about us; with the lock */
	int claim_fd;	/* -1: none */
};

/* host->lock, for `what`. Whoever has it may be inside a driver that does not come back: RETRY, saying what it is held for, once
 * the deadline passes. */
int host_take(struct host *host, const char *what, uint64_t deadline_ns, struct ndrv_error *err);
void host_give(struct host *host);

/* Of a driver that serves: remembers its image and `config` (NULL: as before), takes up the networks that waited for it, ends its
 * being an orphan. */
void host_driver_serves(struct host *host, const char *name, const struct ndrv_value *config);

#endif
