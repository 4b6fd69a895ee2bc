/* SPDX-License-Identifier: Apache-2.0 */
/* The way out: program_external with its undoing, and what of it is kept, shown, and told again. */
#include <ndrv/ports.h>

#include "host/dispatch/steps.h"

/* A list of ports stands at the top, or among the generic labels. */
static const struct ndrv_value *find_list(const struct ndrv_value *options, const char *key)
{
	const struct ndrv_value *list = ndrv_map_get(options, key);

	if (!list || list->type != NDRV_LIST)
		list = ndrv_map_path(options, NDRV_OPT_GENERIC, key, NULL);
	return list && list->type == NDRV_LIST && list->count ? list : NULL;
}

bool wants_ports(const struct ndrv_value *options)
{
	return find_list(options, NDRV_OPT_PORTMAP) != NULL;
}

/* --- calls --- */

static int call_program(struct driver_call *call, struct instance *instance, struct endpoint *endpoint,
			const struct ndrv_value *options, struct ndrv_error *err)
{
	const struct join_record *join = &endpoint->join;
	bool out4 = join->gateway4.family || (join->flags & JOIN_FORCE_GATEWAY4);
	bool out6 = join->gateway6.family || (join->flags & JOIN_FORCE_GATEWAY6);
	const struct ndrv_gateway_state gateways = {
		.size = sizeof(gateways),
		.gateway4 = out4 ? endpoint->view.id : "",
		.gateway6 = out6 ? endpoint->view.id : "",
	};
	const struct ndrv_value none = {.type = NDRV_MAP};

	int rc = instance->ops.program_external(instance->self, &call->ndrv, &endpoint->network->view, &endpoint->view, &gateways,
						options->type == NDRV_MAP ? options : &none);
	return call_end(call, rc, err);
}

bool program_is_due(const struct endpoint *endpoint, const struct instance *heir)
{
	return endpoint->join.programmed && INSTANCE_HAS(heir, program_external);
}

int program_again(struct driver_call *call, struct instance *heir, struct endpoint *endpoint, struct ndrv_error *err)
{
	return call_program(call, heir, endpoint, &endpoint->join.external, err);
}

/* --- the record --- */

static int keep_list(struct endpoint *endpoint, struct ndrv_value *map, const char *key, const struct ndrv_value *list,
		     struct ndrv_error *err)
{
	struct ndrv_value copy = ndrv_null();
	int rc = list ? ndrv_value_copy(&endpoint->external_arena.ndrv, list, &copy, err) : 0;

	return rc || !list ? rc : ndrv_map_set(&endpoint->external_arena.ndrv, map, key, copy, err);
}

/* Which ports came of it only the driver knows; one that does not say is taken to have done what it was asked for. */
static const struct ndrv_value *ask_for_ports(struct job *job, struct endpoint *endpoint, const struct ndrv_value *asked,
					      struct ndrv_value *info)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct ndrv_error ignored = {0};
	struct driver_call call;

	if (!asked || !INSTANCE_HAS(instance, endpoint_info))
		return asked;
	if (CALL_BEGIN(&call, job, instance, endpoint_info, network, 0, &ignored))
		return asked;
	int rc = instance->ops.endpoint_info(instance->self, &call.ndrv, &network->view, &endpoint->view, info);
	if (call_end(&call, rc, &ignored))
		return asked;
	const struct ndrv_value *said = find_list(info, NDRV_OPT_PORTMAP);
	return said ? said : asked;
}

static int keep(struct job *job, struct endpoint *endpoint, const struct ndrv_value *options, struct ndrv_error *err)
{
	struct ndrv_value info = ndrv_null(), map = ndrv_null();
	const struct ndrv_value *ports = ask_for_ports(job, endpoint, find_list(options, NDRV_OPT_PORTMAP), &info);

	endpoint->join.external = ndrv_null();
	arena_reset(&endpoint->external_arena);
	int rc = keep_list(endpoint, &map, NDRV_OPT_PORTMAP, ports, err);
	if (!rc)
		rc = keep_list(endpoint, &map, NDRV_OPT_EXPOSED_PORTS, find_list(options, NDRV_OPT_EXPOSED_PORTS), err);
	if (!rc)
		endpoint->join.external = map;
	return rc;
}

void describe_ports(struct tree *tree, struct ndrv_value *map, const struct endpoint *endpoint)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	struct ndrv_port_binding *bindings = NULL;
	uint32_t count = 0;

	/* A driver may have said anything. */
	if (!tree->rc && endpoint->join.programmed)
		(void)ndrv_portmap_read(&endpoint->join.external, &tree->arena->ndrv, &bindings, &count, NULL);
	for (uint32_t i = 0; i < count && !tree->rc; i++) {
		struct ndrv_value port = {.type = NDRV_MAP};
		tree_text(tree, &port, "proto", ndrv_proto_name(bindings[i].protocol));
		tree_addr(tree, &port, "address", &bindings[i].address);
		tree_int(tree, &port, "port", bindings[i].port);
		tree_addr(tree, &port, "host_address", &bindings[i].host_address);
		tree_int(tree, &port, "host_port", bindings[i].host_port);
		tree_add(tree, &list, port);
	}
	tree_set(tree, map, "ports", list);
}

/* --- steps --- */

void step_revoke(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	tear_external(job, endpoint, flags);
	endpoint->join.programmed = false;
	endpoint->join.external = ndrv_null();
	arena_reset(&endpoint->external_arena);
}

/* Replacing failed. The driver may have kept the former ports, or lost them, or some. */
static void put_back(struct job *job, struct endpoint *endpoint)
{
	struct instance *instance = instance_of(endpoint->network);
	struct ndrv_error ignored = {0};
	struct driver_call call;
	int rc = -1;

	if (endpoint->join.programmed)
		rc = CALL_BEGIN(&call, job, instance, program_external, endpoint->network, NDRV_CALL_RESTORE, &ignored);
	if (!rc)
		rc = program_again(&call, instance, endpoint, &ignored);
	if (rc)
		step_revoke(job, endpoint, NDRV_CALL_UNDO);
}

int step_program(struct job *job, struct endpoint *endpoint, const struct ndrv_value *options, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;

	if (!INSTANCE_HAS(instance, program_external)) {
		if (!wants_ports(options))
			return 0;
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "The API is not implemented yet: driver \"%s\" cannot publish ports",
				 network->type);
	}
	int rc = CALL_BEGIN(&call, job, instance, program_external, network, 0, err);
	if (rc)
		return rc;
	rc = call_program(&call, instance, endpoint, options, err);
	if (rc) {
		put_back(job, endpoint);
		return rc;
	}
	endpoint->join.programmed = true;
	rc = keep(job, endpoint, options, err);
	if (rc)
		step_revoke(job, endpoint, NDRV_CALL_UNDO);
	return rc;
}
