/* SPDX-License-Identifier: Apache-2.0 */
/* connect = endpoint_create, join, plug, program_external, wait; disconnect = the same backwards. */
#include <string.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/plugging.h"

/* The sandbox turned out to have no IPv6: the driver drops its side, the address goes back. */
static int drop_ipv6(struct job *job, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	int rc = 0;

	if (!endpoint->view.address6.addr.family)
		return 0;
	if (INSTANCE_HAS(instance, ipv6_release)) {
		rc = CALL_BEGIN(&call, job, instance, ipv6_release, network, 0, err);
		if (!rc)
			rc = call_end(&call,
				      instance->ops.ipv6_release(instance->self, &call.ndrv, &network->view, &endpoint->view), err);
	}
	if (rc)
		return rc;
	bool lease4 = endpoint->lease4;
	endpoint->lease4 = false;
	endpoint_release(job->dispatch, endpoint);
	endpoint->lease4 = lease4;
	endpoint->view.address6 = (struct ndrv_prefix){0};
	endpoint->join.gateway6 = (struct ndrv_addr){0};
	return 0;
}

static bool has_way_out(const struct endpoint *endpoint)
{
	const struct join_record *join = &endpoint->join;

	return join->gateway4.family || join->gateway6.family || (join->flags & (JOIN_FORCE_GATEWAY4 | JOIN_FORCE_GATEWAY6));
}

/* From joined to usable. On failure the endpoint is deleted, which leaves first. */
static int finish_join(struct job *job, struct plugging *plugging, struct endpoint *endpoint, const struct join_result *result,
		       struct ndrv_error *err)
{
	const struct ndrv_value *options = &job->request.sandbox_options;
	bool ipv6_off = false;
	int rc = plugging_plug(plugging, endpoint, result, &ipv6_off, err);

	if (!rc && ipv6_off)
		rc = drop_ipv6(job, endpoint, err);
	if (!rc)
		rc = job_check(job, err);
	bool internal = endpoint->network->view.flags & NDRV_NETWORK_INTERNAL;
	if (!rc && ((has_way_out(endpoint) && !internal) || wants_ports(options)))
		rc = step_program(job, endpoint, options, err);
	if (!rc)
		rc = plugging_wait(job, result, err);
	return rc;
}

static int connect_joined(struct job *job, struct plugging *plugging, struct endpoint *endpoint, struct ndrv_error *err)
{
	struct join_result *result = arena_alloc(&job->arena, sizeof(*result));

	if (!result)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = step_join(job, endpoint, plugging->path, result, err);
	if (rc)
		return rc;
	rc = finish_join(job, plugging, endpoint, result, err);
	return rc ? rc : step_joined(job, endpoint, result, err);
}

/* The id is taken: the same connect again gets the same answer. */
static int same_endpoint(struct job *job, const struct endpoint *endpoint, struct ndrv_error *err)
{
	uint8_t digest[sizeof(endpoint->digest)];

	digest_endpoint(&job->request, digest);
	if (memcmp(digest, endpoint->digest, sizeof(digest)) != 0 || endpoint->join.state != JOIN_JOINED)
		return ndrv_fail_object(err, NDRV_E_ENDPOINT_EXISTS, endpoint->view.id);
	return reply_join(job, endpoint, err);
}

int run_connect(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network = job->network;
	struct endpoint *endpoint = NULL;
	char id[ID_DIGITS + 1];
	const char *eid = job->request.endpoint;
	struct plugging plugging;
	int rc = 0;

	if (eid && eid[0])
		endpoint = network_endpoint(network, eid);
	else
		rc = id_generate(id, err);
	if (rc)
		return rc;
	if (endpoint)
		return same_endpoint(job, endpoint, err);
	if (!eid || !eid[0])
		eid = id;
	job_name_ids(job, NULL, NULL, eid);
	rc = plugging_open(job, &plugging, err);
	if (rc)
		return rc;
	struct birth birth = plugging_birth(&plugging);
	birth.joins = true;
	rc = step_endpoint_create(job, network, eid, &birth, &endpoint, err);
	if (!rc) {
		rc = connect_joined(job, &plugging, endpoint, err);
		if (!rc)
			rc = reply_join(job, endpoint, err);
		if (rc)
			(void)step_endpoint_delete(job, endpoint, NDRV_CALL_UNDO, NULL);
	}
	plugging_close(&plugging);
	return rc;
}

int run_disconnect(struct job *job)
{
	uint32_t flags = job->request.force ? NDRV_CALL_FORCE : 0;

	return step_endpoint_delete(job, job->endpoint, flags, &job->reply.error);
}
