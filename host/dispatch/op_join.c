/* SPDX-License-Identifier: Apache-2.0 */
/* join, leave, program_external, revoke_external. */
#include <string.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/mend.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/plugging.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"

/* --- join --- */

static int bad_answer(const struct endpoint *endpoint, const char *what, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "driver \"%s\" answered join of endpoint %s with %s", endpoint->network->type,
			 endpoint->view.id, what);
}

/* The setters checked each value; here is what only the whole can tell. */
static int check_result(const struct endpoint *endpoint, const struct join_result *result, struct ndrv_error *err)
{
	const struct instance *instance = endpoint->network->instance;

	if (instance->capability.flags & (NDRV_CAPABILITY_NO_LINK | NDRV_CAPABILITY_HOST_SANDBOX))
		return 0;
	if (result->src_name[0] && !result->prefix[0] && !result->exact[0])
		return bad_answer(endpoint, "an interface but neither a prefix nor a name for it", err);
	for (uint32_t i = 0; i < result->route_count; i++)
		if (result->routes[i].destination.addr.family == 6 && !endpoint->view.address6.addr.family &&
		    endpoint->view.address.addr.family)
			return bad_answer(endpoint, "an IPv6 route for an endpoint without IPv6", err);
	return 0;
}

static int keep_result(struct endpoint *endpoint, const struct join_result *result, struct ndrv_error *err)
{
	struct join_record *join = &endpoint->join;

	memcpy(join->src_name, result->src_name, sizeof(join->src_name));
	memcpy(join->prefix, result->prefix, sizeof(join->prefix));
	memcpy(join->ifname, result->exact, sizeof(join->ifname));
	join->gateway4 = result->gateway4;
	join->gateway6 = result->gateway6;
	join->flags = result->flags;
	join->route_count = 0;
	if (result->route_count) {
		join->routes = arena_alloc(&endpoint->join_arena, result->route_count * sizeof(*join->routes));
		if (!join->routes)
			return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
		memcpy(join->routes, result->routes, result->route_count * sizeof(*join->routes));
		join->route_count = result->route_count;
	}
	return 0;
}

static int call_join(struct job *job, struct endpoint *endpoint, const char *sandbox_key, struct join_result *result,
		     struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct ndrv_value none = {.type = NDRV_MAP};
	const struct ndrv_value *options = job->request.sandbox_options.type == NDRV_MAP ? &job->request.sandbox_options : &none;
	struct handle *handle = handle_new_join(job, result);
	struct driver_call call;

	if (!handle)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = CALL_BEGIN(&call, job, instance, join, network, 0, err);
	if (rc) {
		handle_done(job, handle);
		return rc;
	}
	rc = instance->ops.join(instance->self, &call.ndrv, &network->view, &endpoint->view, sandbox_key, handle_join(handle),
				endpoint->view.options, options);
	handle_done(job, handle);
	rc = call_end(&call, rc, err);
	if (!rc)
		rc = check_result(endpoint, result, err);
	if (!rc)
		rc = keep_result(endpoint, result, err);
	return rc;
}

/* An endpoint that is being deleted is known to leave as well. */
static bool leaving_is_known(const struct endpoint *endpoint)
{
	return endpoint->state == RECORD_DELETING;
}

static void end_join(struct job *job, struct endpoint *endpoint)
{
	struct ndrv_error ignored = {0};

	endpoint->view.sandbox_key = "";
	join_clear(endpoint);
	if (!leaving_is_known(endpoint) && keep_endpoint(job->dispatch, endpoint, &ignored))
		log_error("dispatch", "endpoint %s has left its sandbox, but the store could not be told: %s", endpoint->view.id,
			  ignored.text);
}

int step_join(struct job *job, struct endpoint *endpoint, const char *sandbox_key, struct join_result *result,
	      struct ndrv_error *err)
{
	struct join_record *join = &endpoint->join;

	if (join->state != JOIN_NONE)
		return ndrv_fail_object(err, NDRV_E_ENDPOINT_JOINED, endpoint->view.id);
	join->sandbox_key = arena_strdup(&endpoint->join_arena, sandbox_key);
	if (!join->sandbox_key) {
		join_clear(endpoint);
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	}
	join->state = JOIN_JOINING;
	endpoint->view.sandbox_key = join->sandbox_key;
	*result = (struct join_result){.arena = &job->arena};
	int rc = keep_endpoint(job->dispatch, endpoint, err);
	if (rc) {
		endpoint->view.sandbox_key = "";
		join_clear(endpoint);
		return rc;
	}
	rc = call_join(job, endpoint, sandbox_key, result, err);
	if (rc) {
		tear_join(job, endpoint, NDRV_CALL_UNDO);
		end_join(job, endpoint);
	}
	return rc;
}

int step_joined(struct job *job, struct endpoint *endpoint, const struct join_result *result, struct ndrv_error *err)
{
	uint32_t was = endpoint->state;

	/* Before the record says so: a crash in between withdraws them again. */
	int rc = rows_publish(job->dispatch, endpoint, result, err);
	endpoint->state = RECORD_LIVE;
	endpoint->join.state = JOIN_JOINED;
	rc = rc ? rc : keep_endpoint(job->dispatch, endpoint, err);
	if (rc) {
		endpoint->state = was;
		step_leave(job, endpoint, NDRV_CALL_UNDO);
	}
	if (!rc)
		event_network(job->dispatch, "join", endpoint->network, endpoint);
	return rc;
}

int reply_join(struct job *job, const struct endpoint *endpoint, struct ndrv_error *err)
{
	const struct join_record *join = &endpoint->join;
	struct join_reply *reply = &job->reply.join;
	struct tree tree = {.arena = &job->arena, .err = err};
	struct ndrv_route *routes = arena_alloc(&job->arena, join->route_count * sizeof(*routes) + 1);

	reply->src_name = arena_strdup(&job->arena, join->src_name);
	reply->prefix = arena_strdup(&job->arena, join->prefix);
	reply->ifname = arena_strdup(&job->arena, join->ifname);
	if (!routes || !reply->src_name || !reply->prefix || !reply->ifname)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	if (join->route_count)
		memcpy(routes, join->routes, join->route_count * sizeof(*routes));
	reply->routes = routes;
	reply->route_count = join->route_count;
	reply->gateway4 = join->gateway4;
	reply->gateway6 = join->gateway6;
	reply->disable_gateway_service = join->flags & JOIN_NO_GATEWAY_SERVICE;
	tree_text(&tree, &job->reply.value, "sandbox", join->sandbox_key);
	tree_text(&tree, &job->reply.value, "interface", join->ifname);
	tree_addr(&tree, &job->reply.value, "gateway", &join->gateway4);
	tree_addr(&tree, &job->reply.value, "gateway6", &join->gateway6);
	describe_ports(&tree, &job->reply.value, endpoint);
	return tree.rc ? tree.rc : reply_endpoint(job, endpoint, err);
}

int run_join(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct endpoint *endpoint = job->endpoint;
	const char *key = job->request.sandbox_key;

	if (!key || !key[0])
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "join needs a sandbox key");
	/* The same join again gets the same answer. */
	if (endpoint->join.state == JOIN_JOINED && endpoint->join.sandbox_key && !strcmp(endpoint->join.sandbox_key, key))
		return reply_join(job, endpoint, err);
	struct join_result *result = arena_alloc(&job->arena, sizeof(*result));
	if (!result)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	/* It was to leave what it was in, which failed. */
	if (endpoint->join.state == JOIN_JOINED && owed_is(job->dispatch, endpoint->network->view.id, endpoint->view.id, NULL))
		step_leave(job, endpoint, 0);
	owed_forgive(job->dispatch, endpoint->network->view.id, endpoint->view.id);
	int rc = step_join(job, endpoint, key, result, err);
	if (!rc && job->request.by_docker)
		endpoint->join.flags |= JOIN_BY_DOCKER;
	if (!rc)
		rc = step_joined(job, endpoint, result, err);
	if (!rc && job->request.by_docker && !atomic_exchange(&job->dispatch->watches_sandboxes, true))
		mend_poke(job->dispatch);
	return rc ? rc : reply_join(job, endpoint, err);
}

/* --- leave --- */

void step_unplug(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	rows_withdraw(job->dispatch, endpoint);
	if (endpoint->join.programmed)
		step_revoke(job, endpoint, flags);
	tear_join(job, endpoint, flags);
	plug_remove(job, endpoint, flags);
	event_network(job->dispatch, "leave", endpoint->network, endpoint);
}

void step_leave(struct job *job, struct endpoint *endpoint, uint32_t flags)
{
	struct ndrv_error ignored = {0};

	endpoint->join.state = JOIN_LEAVING;
	if (!leaving_is_known(endpoint) && keep_endpoint(job->dispatch, endpoint, &ignored))
		log_error("dispatch", "endpoint %s leaves its sandbox, but the store could not be told: %s", endpoint->view.id,
			  ignored.text);
	step_unplug(job, endpoint, flags);
	end_join(job, endpoint);
}

/* A repeated leave is as good as the first. */
int run_leave(struct job *job)
{
	if (still_wanted(job) && job->endpoint->join.state != JOIN_NONE)
		step_leave(job, job->endpoint, job->request.force ? NDRV_CALL_FORCE : 0);
	return 0;
}

/* --- the way out --- */

/* Docker sends Leave itself when this fails right after Join, and nothing when it fails later because another network left: then
 * the endpoint must stay as it is. So only this step is undone here. */
int run_program_external(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct endpoint *endpoint = job->endpoint;

	if (endpoint->join.state != JOIN_JOINED)
		return ndrv_fail_object(err, NDRV_E_NOT_JOINED, endpoint->view.id);
	int rc = step_program(job, endpoint, &job->request.sandbox_options, err);
	struct ndrv_error ignored = {0};
	if (keep_endpoint(job->dispatch, endpoint, rc ? &ignored : err) && !rc) {
		step_revoke(job, endpoint, NDRV_CALL_UNDO);
		rc = -err->code;
	}
	struct tree tree = {.arena = &job->arena, .err = err};
	if (!rc)
		describe_ports(&tree, &job->reply.value, endpoint);
	return rc ? rc : tree.rc;
}

int run_revoke_external(struct job *job)
{
	struct endpoint *endpoint = job->endpoint;

	if (!endpoint->join.programmed || !still_wanted(job))
		return 0;
	step_revoke(job, endpoint, 0);
	return keep_endpoint(job->dispatch, endpoint, &job->reply.error);
}
