/* SPDX-License-Identifier: Apache-2.0 */
/* The bare path to a driver: what every dispatch pays, and nothing else. */
#include <string.h>

#include "host/dispatch/core.h"

static int never_cancelled(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

/* With its turn, which the caller passes. NULL after an error. Where the endpoint will be looked for is fetched meanwhile. */
static struct network *take(struct dispatch *dispatch, const char *nid, uint64_t endpoint_hash, struct ndrv_error *err)
{
	epoch_enter();
	struct network *network = records_find(dispatch->parts.records, nid);
	if (network)
		idmap_prefetch(&network->endpoints, endpoint_hash);
	bool mine = network && turn_try(&network->turn);
	bool stuck = network && !mine && atomic_load(&network->stuck);
	if (network && !mine)
		network_ref(network);
	epoch_leave();
	if (mine)
		return network;
	if (!network) {
		(void)ndrv_fail_object(err, NDRV_E_NO_NETWORK, nid);
		return NULL;
	}
	mine = !stuck && turn_wait(&network->turn, clock_ns() + CALL_DEFAULT_NS);
	if (!mine)
		(void)ndrv_fail_object(err, NDRV_E_NETWORK_BUSY, nid);
	/* Who has the turn needs no reference. */
	network_unref(network);
	return mine ? network : NULL;
}

static int call_info(struct network *network, struct endpoint *endpoint, struct ndrv_value *ret, struct arena *arena,
		     struct ndrv_error *err)
{
	struct instance *instance = network->instance;
	struct ndrv_call call = {
		.size = sizeof(call),
		.err = err,
		.arena = &arena->ndrv,
		.cancelled = never_cancelled,
		.requester = "host",
		.request_id = "",
	};

	frame_enter(instance, network, NULL, OPS_SLOT(endpoint_info));
	int rc = instance->ops.endpoint_info(instance->self, &call, &network->view, &endpoint->view, ret);
	frame_leave();
	return rc;
}

int dispatch_endpoint_info(struct dispatch *dispatch, const char *nid, const char *eid, struct ndrv_value *ret, struct arena *arena,
			   struct ndrv_error *err)
{
	/* Before the turn: nothing the processor has not begun by then can overlap with it. */
	size_t length = strlen(eid);
	uint64_t hash = idmap_hash(eid, length);
	struct network *network = take(dispatch, nid, hash, err);
	int rc;

	if (__builtin_expect(!network, 0))
		return -err->code;
	struct idmap_node *node = idmap_find_hashed(&network->endpoints, eid, length, hash);
	if (__builtin_expect(atomic_load_explicit(&network->gone, memory_order_relaxed), 0))
		rc = ndrv_fail_object(err, NDRV_E_NO_NETWORK, nid);
	else if (__builtin_expect(!node, 0))
		rc = ndrv_fail_object(err, NDRV_E_NO_ENDPOINT, eid);
	else if (__builtin_expect(!network->instance, 0))
		rc = ndrv_fail_object(err, NDRV_E_NO_DRIVER, network->type);
	else
		rc = call_info(network, endpoint_of(node), ret, arena, err);
	turn_pass(&network->turn);
	return rc;
}
