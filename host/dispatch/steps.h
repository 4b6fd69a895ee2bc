/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that operations are made of. Each leaves the record and the driver in step: it does all of its work or undoes it. All
 * under the network's turn. */
#ifndef HOST_DISPATCH_STEPS_H
#define HOST_DISPATCH_STEPS_H

#include "host/dispatch/call.h"
#include "host/dispatch/handles.h"
#include "host/dispatch/record_io.h"

static inline struct instance *instance_of(const struct network *network)
{
	return network->instance;
}

/* Calls a driver op that tears down: errors are logged, FORBIDDEN is returned unless `flags` forbid it. `gone` on success too. */
int tear_network(struct job *job, struct network *network, uint32_t flags, struct ndrv_error *err);
/* The same by force for a driver that deletes the endpoints' objects with the network's: any failure is returned, not logged. */
int tear_network_whole(struct job *job, struct network *network, struct ndrv_error *err);
int tear_endpoint(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err);
void tear_join(struct job *job, struct endpoint *endpoint, uint32_t flags);
void tear_external(struct job *job, struct endpoint *endpoint, uint32_t flags);

/* What connect knows before endpoint_create, so that the interface can be born in its sandbox. */
struct birth {
	const char *netns_path; /* "" not known */
	int netns_fd;		/* -1 */
	const char *ifname;	/* "" */
	bool joins;		/* a join follows: the record stays CREATING until step_joined() */
	struct ndrv_nl *sandbox_nl;
};
extern const struct birth birth_unknown;

/* endpoint_create with everything around it: lease, intent, driver, check of its answer, record. On failure nothing is left. */
int step_endpoint_create(struct job *job, struct network *network, const char *eid, const struct birth *birth,
			 struct endpoint **ret, struct ndrv_error *err);
/* Also revokes and leaves where that was not done. FORBIDDEN by the driver leaves the endpoint, not joined, unless forced. */
int step_endpoint_delete(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err);
/* Join up to the record in state JOINING with all the driver said in `result`; the caller completes it with step_joined(). */
int step_join(struct job *job, struct endpoint *endpoint, const char *sandbox_key, struct join_result *result,
	      struct ndrv_error *err);
/* The rows it published are seen, the record becomes JOINED; on failure it is undone as by step_leave(UNDO). */
int step_joined(struct job *job, struct endpoint *endpoint, const struct join_result *result, struct ndrv_error *err);
/* The driver and the sandbox's part of leave, without the record. */
void step_unplug(struct job *job, struct endpoint *endpoint, uint32_t flags);
/* Never fails. */
void step_leave(struct job *job, struct endpoint *endpoint, uint32_t flags);
/* --- external.c --- */

/* Ports and the way out: what was there before is replaced. The record then says what came of it. NOT_IMPLEMENTED where ports are
 * asked of a driver that has none. On failure what was there before is put back, or if that fails too, or there was nothing, all is
 * revoked.
 */
int step_program(struct job *job, struct endpoint *endpoint, const struct ndrv_value *options, struct ndrv_error *err);
/* Never fails. */
void step_revoke(struct job *job, struct endpoint *endpoint, uint32_t flags);
/* Tells a driver that has just adopted the endpoint what it was told before: program_external with NDRV_CALL_RESTORE, where it was
 * programmed. `call` has begun; it is ended. */
bool program_is_due(const struct endpoint *endpoint, const struct instance *heir);
int program_again(struct driver_call *call, struct instance *heir, struct endpoint *endpoint, struct ndrv_error *err);
bool wants_ports(const struct ndrv_value *options);
/* "ports" of a reply: published ones, one entry a family. None: an empty list. */
void describe_ports(struct tree *tree, struct ndrv_value *map, const struct endpoint *endpoint);

/* Under the turn: a deletion that the host does by itself (owed.h, sandboxes.h) may have lost its reason meanwhile. */
bool still_wanted(struct job *job);

/* A job of the host's own, not the executor's, for work that no request asked for. NULL: out of memory. */
struct job *job_new_own(struct dispatch *dispatch, const char *name);
void job_free_own(struct job *job);

/* Deletes the network whatever is left of it, and its endpoints first. The driver's veto (FORBIDDEN) is honoured unless `force`. */
int step_network_delete(struct job *job, struct network *network, bool force, struct ndrv_error *err);

/* The reply's part that is about an endpoint, copied. */
int reply_endpoint(struct job *job, const struct endpoint *endpoint, struct ndrv_error *err);
int reply_join(struct job *job, const struct endpoint *endpoint, struct ndrv_error *err);

#endif
