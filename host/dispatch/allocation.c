/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/allocation.h"

#include "host/base/log.h"

bool allocation_is_due(const struct job *job, const struct network *network)
{
	const struct instance *instance = instance_of(network);

	return instance && instance->capability.data_scope == NDRV_SCOPE_GLOBAL && INSTANCE_HAS(instance, network_allocate) &&
	       job->request.caller.front == NDRV_FRONT_CONTROL && !job->request.raw_options;
}

/* The network's options with what was handed out among the user's: a new tree, since the old one may be in a driver's hands. */
static int merge(struct network *network, const struct ndrv_value *given, struct ndrv_error *err)
{
	struct ndrv_arena *arena = &network->arena.ndrv;
	struct ndrv_value *options = arena_alloc(&network->arena, sizeof(*options)), generic, value;
	int rc;

	if (!options)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	rc = ndrv_value_copy(arena, network->view.options, options, err);
	const struct ndrv_value *asked = rc ? NULL : ndrv_map_get(options, NDRV_OPT_GENERIC);
	generic = asked ? *asked : (struct ndrv_value){.type = NDRV_MAP};
	for (uint32_t i = 0; !rc && given->type == NDRV_MAP && i < given->count; i++) {
		rc = ndrv_value_copy(arena, &given->u.pairs[i].value, &value, err);
		rc = rc ? rc : ndrv_map_set(arena, &generic, given->u.pairs[i].key, value, err);
	}
	rc = rc ? rc : ndrv_map_set(arena, options, NDRV_OPT_GENERIC, generic, err);
	if (rc)
		return rc;
	network->view.options = options;
	network->labels = generic;
	return 0;
}

int allocation_take(struct job *job, struct network *network, struct ndrv_error *err)
{
	struct instance *instance = instance_of(network);
	const struct ndrv_value *generic = ndrv_map_get(network->view.options, NDRV_OPT_GENERIC);
	struct ndrv_value none = {.type = NDRV_MAP}, given = {.type = NDRV_MAP};
	struct driver_call call;

	if (!network->allocated)
		return 0;
	int rc = CALL_BEGIN(&call, job, instance, network_allocate, NULL, 0, err);
	if (!rc) {
		rc = instance->ops.network_allocate(instance->self, &call.ndrv, network->view.id, generic ? generic : &none,
						    &network->view.ipv4, &network->view.ipv6, &given);
		rc = rc ? rc : merge(network, &given, call.ndrv.err);
		rc = call_end(&call, rc, err);
	}
	return rc;
}

void allocation_give(struct job *job, struct network *network)
{
	struct instance *instance = instance_of(network);
	struct ndrv_error error = {0};
	struct driver_call call;

	if (!network->allocated || !instance || !INSTANCE_HAS(instance, network_free))
		return;
	int rc = CALL_BEGIN(&call, job, instance, network_free, NULL, 0, &error);
	if (!rc)
		rc = call_end(&call, instance->ops.network_free(instance->self, &call.ndrv, network->view.id), &error);
	if (rc && error.kind != NDRV_KIND_NOT_FOUND)
		log_warning("dispatch", "network %s: what was allocated for it is not given back: %s", network->view.id,
			    error.text);
	network->allocated = false;
}
