/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that go to a driver as they come. */
#include "host/dispatch/handlers.h"
#include "host/dispatch/steps.h"

/* For ops without a network: enters whoever serves the type now. `ret` NULL and 0 where the driver lacks an optional op. Who serves
 * it may be another than when the table was asked. */
static int enter_type(struct job *job, uint32_t slot, struct instance **ret, struct ndrv_error *err)
{
	struct driver_type *type = registry_type(job->dispatch->parts.registry, job->request.type);
	struct instance *instance = type ? frame_enter_type(type, job, slot) : NULL;

	*ret = NULL;
	if (!instance)
		return ndrv_fail_object(err, NDRV_E_NO_DRIVER, job->request.type);
	if (!((instance->has >> slot) & 1u)) {
		frame_leave();
		return job->op->flags & OP_OPTIONAL ? 0 : ndrv_fail_object(err, NDRV_E_NOT_IMPLEMENTED, NULL);
	}
	*ret = instance;
	return 0;
}

int run_network_allocate(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	const struct request *request = &job->request;
	struct ndrv_ipam_data data[POOLS_MAX];
	struct ndrv_value options = {.type = NDRV_MAP};
	struct driver_call call;
	struct instance *instance;
	uint32_t v4 = 0, count = 0;

	if (!request->new_id || request->pool_count > POOLS_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "network_allocate needs a network's id and at most %u pools", POOLS_MAX);
	int rc = ndrv_id_check("network id", request->new_id, err);
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (uint32_t i = 0; i < request->pool_count; i++)
			if (request->pools[i].pool.addr.family == family)
				data[count++] = (struct ndrv_ipam_data){
					.address_space = request->pools[i].address_space ? request->pools[i].address_space : "",
					.pool = request->pools[i].pool,
					.gateway = request->pools[i].gateway,
					.aux_count = request->pools[i].aux_count,
					.aux_set = request->pools[i].aux != NULL,
					.aux = request->pools[i].aux,
				};
		if (family == 4)
			v4 = count;
	}
	struct ndrv_ipam_list ipv4 = {.count = v4, .element_size = sizeof(data[0]), .items = data};
	struct ndrv_ipam_list ipv6 = {.count = count - v4, .element_size = sizeof(data[0]), .items = data + v4};
	if (!rc)
		rc = enter_type(job, OPS_SLOT(network_allocate), &instance, err);
	if (rc || !instance)
		return rc;
	rc = CALL_BEGIN(&call, job, instance, network_allocate, NULL, 0, err);
	if (!rc)
		rc = call_end(&call,
			      instance->ops.network_allocate(instance->self, &call.ndrv, request->new_id, &request->options, &ipv4,
							     &ipv6, &options),
			      err);
	if (!rc)
		rc = ndrv_value_copy(&job->arena.ndrv, &options, &job->reply.value, err);
	frame_leave();
	return rc;
}

int run_network_free(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	const char *nid = job->request.new_id ? job->request.new_id : job->request.network;
	struct driver_call call;
	struct instance *instance;
	int rc = nid ? ndrv_id_check("network id", nid, err)
		     : ndrv_fail(err, NDRV_E_BAD_REQUEST, "network_free needs a network's id");

	if (!rc)
		rc = enter_type(job, OPS_SLOT(network_free), &instance, err);
	if (rc || !instance)
		return rc;
	rc = CALL_BEGIN(&call, job, instance, network_free, NULL, 0, err);
	if (!rc)
		rc = call_end(&call, instance->ops.network_free(instance->self, &call.ndrv, nid), err);
	frame_leave();
	return rc;
}

int run_gw_alloc_check(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct driver_call call;
	struct instance *instance;
	int rc = enter_type(job, OPS_SLOT(gw_alloc_check), &instance, err);

	if (rc || !instance)
		return rc;
	rc = CALL_BEGIN(&call, job, instance, gw_alloc_check, NULL, 0, err);
	if (!rc)
		rc = call_end(
			&call,
			instance->ops.gw_alloc_check(instance->self, &call.ndrv, &job->request.options, &job->reply.skip_gateways),
			err);
	frame_leave();
	return rc;
}

static int discover(struct job *job, uint32_t slot)
{
	struct ndrv_error *err = &job->reply.error;
	struct driver_call call;
	struct instance *instance;

	if (!job->request.discovery)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s needs what was discovered", job->op->name);
	int rc = enter_type(job, slot, &instance, err);
	if (rc || !instance)
		return rc;
	rc = call_begin(&call, job, instance, slot, NULL, 0, err);
	if (!rc) {
		rc = slot == OPS_SLOT(discover_new)
			     ? instance->ops.discover_new(instance->self, &call.ndrv, job->request.discovery)
			     : instance->ops.discover_delete(instance->self, &call.ndrv, job->request.discovery);
		rc = call_end(&call, rc, err);
	}
	frame_leave();
	return rc;
}

int run_discover_new(struct job *job)
{
	return discover(job, OPS_SLOT(discover_new));
}

int run_discover_delete(struct job *job)
{
	return discover(job, OPS_SLOT(discover_delete));
}

int run_health(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct driver_call call;
	struct instance *instance;
	int rc = enter_type(job, OPS_SLOT(health), &instance, err);

	if (rc || !instance)
		return rc;
	rc = CALL_BEGIN(&call, job, instance, health, NULL, 0, err);
	if (!rc)
		rc = call_end(&call, instance->ops.health(instance->self, &call.ndrv), err);
	frame_leave();
	return rc;
}

int run_event_notify(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network = job->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;

	if (!job->request.batch || !job->request.batch->table)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "event_notify needs a table and its rows");
	if (!INSTANCE_HAS(instance, event_notify))
		return 0;
	int rc = CALL_BEGIN(&call, job, instance, event_notify, network, 0, err);
	if (!rc)
		rc = call_end(&call, instance->ops.event_notify(instance->self, &call.ndrv, &network->view, job->request.batch),
			      err);
	return rc;
}

int run_decode_table_entry(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	const struct request *request = &job->request;
	struct instance *instance = instance_of(job->network);
	struct driver_call call;
	const char *object = NULL;
	struct ndrv_value info = {.type = NDRV_MAP};
	struct tree tree = {.arena = &job->arena, .err = err};

	if (!request->table || !request->key)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "decode_table_entry needs a table and a key");
	int rc = CALL_BEGIN(&call, job, instance, decode_table_entry, job->network, 0, err);
	if (!rc)
		rc = call_end(&call,
			      instance->ops.decode_table_entry(instance->self, &call.ndrv, request->table, request->key,
							       request->row, request->row_bytes, &object, &info),
			      err);
	if (rc)
		return rc;
	tree_text(&tree, &job->reply.value, "object", object);
	tree_copy(&tree, &job->reply.value, "info", &info);
	return tree.rc;
}

int run_ipv6_release(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct endpoint *endpoint = job->endpoint;
	struct network *network = job->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	int rc = CALL_BEGIN(&call, job, instance, ipv6_release, network, 0, err);

	if (!rc)
		rc = call_end(&call, instance->ops.ipv6_release(instance->self, &call.ndrv, &network->view, &endpoint->view), err);
	return rc;
}
