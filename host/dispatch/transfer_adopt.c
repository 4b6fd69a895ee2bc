/* SPDX-License-Identifier: Apache-2.0 */
/* Twins by the new generation's adopt, out of the record and what the old one exports. */
#include "host/dispatch/steps.h"
#include "host/dispatch/transfer_parts.h"

#define BLOB_MAX 65536u

int transfer_export(struct transfer *transfer, struct instance *old, struct network *network, struct endpoint *endpoint,
		    struct ndrv_blob *ret, struct ndrv_error *err)
{
	const struct ndrv_note *had = &transfer->from->module->note, *wants = &transfer->to->module->note;
	uint32_t version = had->state_version < wants->state_version ? had->state_version : wants->state_version;
	struct driver_call call;

	*ret = (struct ndrv_blob){.schema_version = version};
	if (!had->state_schema[0] || !INSTANCE_HAS(old, export_state))
		return 0;
	int rc = transfer_call(transfer, &call, old, OPS_SLOT(export_state), network, endpoint, err);
	if (rc)
		return rc;
	rc = transfer_call_end(transfer, &call,
			       old->ops.export_state(old->self, &call.ndrv, network ? &network->view : NULL,
						     endpoint ? &endpoint->view : NULL, version, ret),
			       err);
	if (!rc && ret->bytes > BLOB_MAX)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "its state has %u bytes, at most %u are handed on", ret->bytes, BLOB_MAX);
	return ndrv_wrap(err, rc, "export_state of the old driver");
}

static int call_adopt(struct transfer *transfer, struct instance *heir, struct network *network, struct endpoint *endpoint,
		      const struct ndrv_blob *blob, struct ndrv_error *err)
{
	struct driver_call call;

	if (!INSTANCE_HAS(heir, adopt))
		return 0;
	twin_exchange(network, endpoint);
	int rc = transfer_call(transfer, &call, heir, OPS_SLOT(adopt), network, endpoint, err);
	if (!rc)
		rc = transfer_call_end(
			transfer, &call,
			heir->ops.adopt(heir->self, &call.ndrv, &network->view, endpoint ? &endpoint->view : NULL, blob), err);
	twin_exchange(network, endpoint);
	/* What a generation that is given up made meanwhile is its own to lose. */
	if (rc && endpoint && atomic_load(&transfer->to->lost))
		endpoint->twin = (struct twin){0};
	else if (rc && atomic_load(&transfer->to->lost))
		network->twin = (struct twin){0};
	return rc;
}

/* What the endpoint has published already, said once more to the one that is to serve it. */
static int call_program(struct transfer *transfer, struct instance *heir, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct driver_call call;

	if (!program_is_due(endpoint, heir))
		return 0;
	twin_exchange(network, endpoint);
	int rc = transfer_call(transfer, &call, heir, OPS_SLOT(program_external), network, endpoint, err);
	if (!rc)
		rc = transfer_call_over(transfer, program_again(&call, heir, endpoint, err), err);
	twin_exchange(network, endpoint);
	if (rc && atomic_load(&transfer->to->lost))
		endpoint->twin = (struct twin){0};
	return rc;
}

static int adopt_network(struct transfer *transfer, struct network *network, struct instance *heir, struct ndrv_error *err)
{
	struct ndrv_blob blob;

	network->twin = (struct twin){.changes = network->changes};
	int rc = transfer_export(transfer, network->instance, network, NULL, &blob, err);
	if (!rc)
		rc = call_adopt(transfer, heir, network, NULL, &blob, err);
	if (!rc)
		network->twin.instance = heir;
	transfer->report.late += transfer->closed;
	arena_reset(&transfer->arena);
	return ndrv_wrap(err, rc, "network %.64s", network->view.id);
}

struct adopting {
	struct transfer *transfer;
	struct ndrv_error *err;
};

/* An endpoint whose kernel objects somebody took away does not keep its driver from being swapped: it was lost before. */
static int adopt_endpoint(struct transfer *transfer, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *heir = network->twin.instance;
	struct ndrv_error why = {0};
	struct ndrv_blob blob;

	twin_drop_endpoint(endpoint);
	endpoint->twin.changes = endpoint->changes;
	int rc = transfer_export(transfer, network->instance, network, endpoint, &blob, &why);
	if (!rc)
		rc = call_adopt(transfer, heir, network, endpoint, &blob, &why);
	if (!rc)
		rc = call_program(transfer, heir, endpoint, &why);
	arena_reset(&transfer->arena);
	transfer->report.late += transfer->closed;
	if (rc && why.kind == NDRV_KIND_NOT_FOUND) {
		transfer->report.lost++;
		log_warning("swap", "network %s, endpoint %s: %s", network->view.id, endpoint->view.id, why.text);
		rc = 0;
	}
	if (!rc)
		endpoint->twin.instance = heir;
	else if (err)
		*err = why;
	return ndrv_wrap(err, rc, "endpoint %.64s", endpoint->view.id);
}

static int visit_endpoint(struct endpoint *endpoint, void *data)
{
	struct adopting *adopting = data;
	struct transfer *transfer = adopting->transfer;

	if (endpoint->twin.instance == endpoint->network->twin.instance && endpoint->twin.changes == endpoint->changes)
		return 0;
	int rc = adopt_endpoint(transfer, endpoint, adopting->err);
	if (rc)
		return rc;
	return transfer->slice_ends_ns != UINT64_MAX && clock_ns() >= transfer->slice_ends_ns;
}

int transfer_adopt_network(struct transfer *transfer, struct network *network, struct ndrv_error *err)
{
	struct adopting adopting = {.transfer = transfer, .err = err};
	struct instance *heir = NULL;
	const struct twin *twin = &network->twin;

	int rc = transfer_check_network(transfer->to, network, &heir, err);
	if (rc)
		return rc;
	if (twin->instance != heir || twin->changes != network->changes) {
		twin_drop_network(network);
		rc = adopt_network(transfer, network, heir, err);
	}
	return rc ? rc : network_each_endpoint(network, visit_endpoint, &adopting);
}
