/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a whole, between its configuration and its fronts: opens the state, loads the drivers, makes the records live again,
 * and serves the requests that need more than the dispatcher (loading, unloading, reload). */
#ifndef HOST_LIFECYCLE_HOST_H
#define HOST_LIFECYCLE_HOST_H

#include "host/config/config.h"
#include "host/dispatch/dispatch.h"

struct host;

struct host_options {
	const char *config_path;		  /* NULL: the default file */
	const struct config_overrides *overrides; /* NULL: none; must live as long as the host, for reloads */
	const char *probe_program;		  /* ndrvd, to try new driver files with; NULL: they are not tried first */
	const int *claim; /* the former program's (claim.h), or -1; NULL: this host claims nothing (tests) */
};

/* Config, state, drivers, recovery, in this order; nothing listens yet. A driver that is refused is logged and shown by status, and
 * the host goes on without it unless its descriptor says `critical`. On failure nothing is left behind. */
int host_open(const struct host_options *options, struct host **ret, struct ndrv_error *err);
/* Stops the dispatcher (running calls get until their deadline, `grace_ns` at most, a second at least), ends the drivers, closes
 * the state. Where a call does not come back everything is left to the end of the process, which has to follow. Networks and
 * endpoints stay as they are in the kernel and on disk. */
void host_close(struct host *host, uint64_t grace_ns);

/* What config_load() cannot judge: names of operations in `deny:`. CONFIG with the place. */
int host_check_config(const struct config *config, struct ndrv_error *err);

/* NDRV_FEATURE_... that drivers may need of this host. */
uint64_t host_features(void);

/* In force at the time of the call; good until host_close(). */
const struct config *host_config(const struct host *host);
struct dispatch *host_dispatch(struct host *host);

/* Reads the configuration again: loads drivers that are new, hands changed sections to configure, unloads what is masked or gone
 * and not in use, sets the log level. A bad configuration is refused whole and the running one stays. `ret`: map {drivers: {NAME:
 * what happened}, changed: [NAME], refused: [NAME], restart: [keys that take effect only at a restart]} in the arena. RETRY if
 * another reload or swap lasts until the deadline. */
int host_reload(struct host *host, uint64_t deadline_ns, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
/* Tells the service manager how the host is (STATUS=); later changes are told by themselves. */
void host_tell(struct host *host);

#endif
