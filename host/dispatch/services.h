/* SPDX-License-Identifier: Apache-2.0 */
/* The host services that need records and the dispatcher: the drivers' key/value store, timers and watches, and the registry's
 * hooks. Made before the registry, since its template of services comes from here; attached once the dispatcher exists. */
#ifndef HOST_DISPATCH_SERVICES_H
#define HOST_DISPATCH_SERVICES_H

#include "host/dispatch/dispatch.h"
#include "host/plugin/registry.h"

struct services;
struct rows;

/* NDRV_FEATURE_... of a host that keeps a store: what `ndrvd --check` judges files by. */
#define SERVICES_FEATURES (NDRV_FEATURE_STORE | NDRV_FEATURE_TABLES | NDRV_FEATURE_NAT | NDRV_FEATURE_TIMERS | NDRV_FEATURE_SWAP)

/* `store` NULL: drivers get no store. */
int services_new(struct store *store, struct services **ret, struct ndrv_error *err);
/* NAT and published ports in the calling thread's network namespace, by a table of that instance's name. Before services_offer(). A
 * kernel without nf_tables, and a host without the rights to it, have no NAT: that is logged. */
int services_open_nat(struct services *services, const char *instance, uint32_t link_group, struct ndrv_error *err);
/* Sets features, store, NAT and timers of the template for registry_new(). */
void services_offer(struct services *services, struct ndrv_host *ret);
/* in_use, drain, changed; `configure` stays the registry's. */
void services_hooks(struct services *services, struct registry_hooks *ret);
/* From now on timers fire and networks are counted. Call before the first driver is loaded, or timers set by its entry wait. */
void services_attach(struct services *services, struct dispatch *dispatch);
/* Nothing fires any more: before dispatch_stop(). */
void services_stop(struct services *services);
/* After the registry was freed. */
void services_free(struct services *services);

/* This host's name among others (NULL or "": the machine's) and address (NULL or "": none that is new). Before services_attach().
 */
int services_name_node(struct services *services, const char *node, const char *address, struct ndrv_error *err);

/* --- for host/dispatch and lifecycle --- */
struct rows *services_rows(struct services *services);
/* NULL: there is no NAT here. */
struct nat_service *services_nat(const struct services *services);
/* The network is gone: its timers and watches are. Under its turn. */
void services_drop_network(struct services *services, const struct ndrv_network *network);
/* The generation is to end or stands by: its timers and watches go, and what it wrote before it was published. */
void services_drop_generation(struct services *services, const struct generation *generation);
/* Timers and watches of a generation do not fire, or do again. */
void services_hold(struct services *services, struct generation *generation, bool held);
/* Those of a held generation that are under way are over. TIMEOUT. */
int services_quiet(struct services *services, const struct generation *generation, uint64_t deadline_ns, struct ndrv_error *err);
/* The generation has released its networks: their timers and watches go. */
void services_drop_networks(struct services *services, const struct generation *generation);
/* The generation serves: what it wrote while it was pending is written to disk. The hook `changed` does it. */
int services_commit(struct services *services, const struct generation *generation, struct ndrv_error *err);

#endif
