/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the way of a transfer: ops that are missing, and calls that do not end. */
#include <string.h>

#include "host/dispatch/transfer_parts.h"

/* --- ops --- */

#define BIT(op) (UINT64_C(1) << OPS_SLOT(op))
#define OF_NETWORK (BIT(network_create) | BIT(network_delete) | BIT(event_notify) | BIT(decode_table_entry))
#define OF_ENDPOINT (BIT(endpoint_create) | BIT(endpoint_delete) | BIT(endpoint_info) | BIT(join) | BIT(leave) | BIT(ipv6_release))
#define OF_EXTERNAL (BIT(program_external) | BIT(revoke_external))

struct instance *transfer_heir(const struct generation *to, const struct driver_type *type)
{
	for (struct instance *each = to->instances; each; each = each->next)
		if (!each->gone && each->type == type)
			return each;
	return NULL;
}

static int lacks(uint64_t missing, const struct network *network, const struct endpoint *endpoint, struct ndrv_error *err)
{
	uint32_t slot = (uint32_t)__builtin_ctzll(missing);

	return ndrv_fail(err, NDRV_E_FORBIDDEN, "the new driver has no %s, which %s %s of type %s needs", ops_name(slot),
			 endpoint ? "endpoint" : "network", endpoint ? endpoint->view.id : network->view.id, network->type);
}

struct needing {
	uint64_t missing; /* what the old one has and the new one lacks */
	struct ndrv_error *err;
};

static int endpoint_needs(struct endpoint *endpoint, void *data)
{
	const struct needing *needing = data;
	uint64_t used = OF_ENDPOINT | (endpoint->join.programmed ? OF_EXTERNAL : 0);

	return used & needing->missing ? lacks(used & needing->missing, endpoint->network, endpoint, needing->err) : 0;
}

int transfer_check_network(const struct generation *to, struct network *network, struct instance **ret, struct ndrv_error *err)
{
	const struct instance *old = network->instance;
	struct instance *heir = transfer_heir(to, network->driver);

	if (!heir)
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "the new driver does not serve type %s, which has networks (%s)",
				 network->type, network->view.id);
	*ret = heir;
	struct needing needing = {.missing = old->has & ~heir->has, .err = err};
	if (!needing.missing)
		return 0;
	if (needing.missing & OF_NETWORK)
		return lacks(needing.missing & OF_NETWORK, network, NULL, err);
	return network_each_endpoint(network, endpoint_needs, &needing);
}

/* --- who is in the way --- */

struct blocker {
	const struct network *network;
	const struct driver_type *type;
	bool found;
	uint32_t slot;
	int32_t tid;
	double seconds;
	char op[32], nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1], by[48];
};

static void copy_text(char *into, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(into, text, length);
	into[length] = '\0';
}

/* Under the executor's lock. Who is inside a driver tells more than who is not. */
static void look_at_job(struct job *job, void *data)
{
	struct blocker *blocker = data;
	uint32_t slot = atomic_load(&job->call_slot);

	(void)pthread_mutex_lock(&job->lock);
	bool ours = blocker->network ? job->has_turn && job->network == blocker->network
				     : slot && job->type && !strcmp(job->type, blocker->type->name) && !atomic_load(&job->at_gate);
	if (ours && (!blocker->found || slot)) {
		blocker->found = true;
		blocker->slot = slot;
		blocker->tid = atomic_load(&job->call_tid);
		blocker->seconds = (double)(clock_ns() - (slot ? atomic_load(&job->call_since) : job->started_ns)) / 1e9;
		copy_text(blocker->op, sizeof(blocker->op), job->op->name);
		copy_text(blocker->nid, sizeof(blocker->nid), job->nid);
		copy_text(blocker->eid, sizeof(blocker->eid), job->eid);
		copy_text(blocker->by, sizeof(blocker->by), job->requester);
	}
	(void)pthread_mutex_unlock(&job->lock);
}

static void look_at_hang(const struct transfer_hang *hang, void *data)
{
	struct blocker *blocker = data;
	bool ours = blocker->network ? strcmp(hang->nid, blocker->network->view.id) == 0 : !strcmp(hang->type, blocker->type->name);

	if (blocker->found || !ours)
		return;
	blocker->found = true;
	blocker->slot = hang->slot + 1;
	blocker->tid = hang->tid;
	blocker->seconds = (double)(clock_ns() - hang->since_ns) / 1e9;
	copy_text(blocker->op, sizeof(blocker->op), "driver_swap (called off)");
	copy_text(blocker->nid, sizeof(blocker->nid), hang->nid);
	copy_text(blocker->eid, sizeof(blocker->eid), hang->eid);
	copy_text(blocker->by, sizeof(blocker->by), "host");
}

int transfer_blocked(struct dispatch *dispatch, const struct network *network, const struct driver_type *type,
		     struct ndrv_error *err)
{
	struct blocker blocker = {.network = network, .type = type};

	executor_each(dispatch->executor, look_at_job, &blocker);
	transfer_each_hang(dispatch, look_at_hang, &blocker);
	if (!blocker.found)
		return ndrv_fail(err, NDRV_E_TIMEOUT, "calls on %s%s did not end in time", network ? "network " : "type ",
				 network ? network->view.id : type->name);
	return ndrv_fail(err, NDRV_E_TIMEOUT,
			 "%s of network %.64s%s%.64s (asked for by %s) has been in %s%s for %.1f s, on thread %d", blocker.op,
			 blocker.nid[0] ? blocker.nid : "-", blocker.eid[0] ? ", endpoint " : "", blocker.eid, blocker.by,
			 blocker.slot ? "the driver's " : "work", blocker.slot ? slot_name(blocker.slot - 1) : "", blocker.seconds,
			 (int)blocker.tid);
}
