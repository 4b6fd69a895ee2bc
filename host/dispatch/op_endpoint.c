/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_create, endpoint_delete, endpoint_info. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/owed.h"
#include "host/dispatch/plugging.h"
#include "host/dispatch/sandboxes.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/twin.h"

const struct birth birth_unknown = {.netns_path = "", .netns_fd = -1, .ifname = ""};

/* --- create --- */

static int build(struct job *job, struct network *network, const char *eid, struct endpoint **ret, struct ndrv_error *err)
{
	const struct request *request = &job->request;
	const char *name = request->endpoint_name ? request->endpoint_name : "";
	struct ndrv_value *options;
	int rc = name[0] ? ndrv_id_check("endpoint name", name, err) : 0;

	if (rc)
		return rc;
	if (request->options.type != NDRV_NULL && request->options.type != NDRV_MAP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the options of an endpoint are a map");
	if (request->mac.set && ndrv_mac_check(&request->mac, err))
		return -NDRV_E_BAD_REQUEST;
	struct endpoint *endpoint = endpoint_new(network, eid, name);
	if (!endpoint)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	endpoint->view.size = sizeof(endpoint->view);
	endpoint->view.network = &network->view;
	endpoint->state = RECORD_CREATING;
	endpoint->created_at = (int64_t)time(NULL);
	endpoint->creator_uid = request->caller.uid;
	digest_endpoint(request, endpoint->digest);
	options = arena_alloc(&endpoint->arena, sizeof(*options));
	if (!options)
		rc = ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	else if (request->options.type == NDRV_MAP)
		rc = ndrv_value_copy(&endpoint->arena.ndrv, &request->options, options, err);
	else
		*options = (struct ndrv_value){.type = NDRV_MAP};
	endpoint->view.options = options;
	if (rc)
		endpoint_free(endpoint);
	else
		*ret = endpoint;
	return rc;
}

static int bad_answer(const struct network *network, const char *op, const char *what, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "driver \"%s\" answered %s for network %s with %s", network->type, op,
			 network->view.id, what);
}

/* An address the driver chose must be one of the network's, where the network has any of that family. */
static int check_address(const struct network *network, const struct ndrv_prefix *address, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT], what[160];
	bool any = false;

	for (uint32_t i = 0; i < network->pool_count; i++) {
		const struct ndrv_prefix *pool = &network->pools[i].pool;
		if (pool->addr.family != address->addr.family || pool->length == 0)
			continue;
		any = true;
		if (ndrv_prefix_contains(pool, &address->addr))
			return 0;
	}
	if (!any)
		return 0;
	(void)snprintf(what, sizeof(what), "address %s, which is in none of its pools", ndrv_prefix_format(address, text));
	return bad_answer(network, "endpoint_create", what, err);
}

static int check_ifinfo(const struct network *network, const struct ifinfo_state *state, struct ndrv_error *err)
{
	int rc = 0;

	if (state->address_set)
		rc = check_address(network, &state->address, err);
	if (!rc && state->address6_set)
		rc = check_address(network, &state->address6, err);
	return rc;
}

static int call_driver(struct job *job, struct endpoint *endpoint, const struct birth *birth, struct ifinfo_state *state,
		       struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct instance *instance = instance_of(network);
	struct handle *handle = handle_new_ifinfo(job, state);
	struct driver_call call;

	if (!handle)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	int rc = CALL_BEGIN(&call, job, instance, endpoint_create, network, 0, err);
	if (rc) {
		handle_done(job, handle);
		return rc;
	}
	call.ndrv.sandbox_nl = birth->sandbox_nl;
	rc = instance->ops.endpoint_create(instance->self, &call.ndrv, &network->view, &endpoint->view, handle_ifinfo(handle),
					   endpoint->view.options);
	handle_done(job, handle);
	rc = call_end(&call, rc, err);
	if (!rc)
		rc = check_ifinfo(network, state, err);
	if (rc)
		(void)tear_endpoint(job, endpoint, NDRV_CALL_UNDO, NULL);
	return rc;
}

/* The intent. Where the driver may make the interface in its sandbox, it says where that is: a crash before the next write leaves
 * nothing else that leads there. */
static int keep_intent(struct job *job, struct endpoint *endpoint, const struct birth *birth, struct ndrv_error *err)
{
	struct join_record *join = &endpoint->join;
	struct stat st;

	if (!birth->joins || birth->netns_fd < 0 || !birth->ifname[0] || fstat(birth->netns_fd, &st))
		return keep_endpoint(job->dispatch, endpoint, err);
	char *path = arena_strdup(&endpoint->join_arena, birth->netns_path);
	if (!path)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	join->state = JOIN_JOINING;
	join->flags = JOIN_INTENDED;
	join->sandbox_key = join->netns_path = path;
	join->netns_dev = st.st_dev;
	join->netns_ino = st.st_ino;
	(void)snprintf(join->ifname, sizeof(join->ifname), "%s", birth->ifname);
	int rc = keep_endpoint(job->dispatch, endpoint, err);
	join_clear(endpoint);
	return rc;
}

/* The driver and the record, once the addresses are leased. */
static int make(struct job *job, struct endpoint *endpoint, const struct birth *birth, struct ndrv_error *err)
{
	struct ifinfo_state state = {
		.mac = job->request.mac,
		.address = endpoint->view.address,
		.address6 = endpoint->view.address6,
		.netns_path = birth->netns_path,
		.netns_fd = birth->netns_fd,
		.ifname = birth->ifname,
	};
	struct ndrv_prefix address = endpoint->view.address, address6 = endpoint->view.address6;
	int rc = keep_intent(job, endpoint, birth, err);

	if (rc)
		return rc;
	/* While it is being made, the driver asks ifinfo. */
	endpoint->view.address = endpoint->view.address6 = (struct ndrv_prefix){0};
	rc = call_driver(job, endpoint, birth, &state, err);
	endpoint->view.address = rc ? address : state.address;
	endpoint->view.address6 = rc ? address6 : state.address6;
	if (rc)
		return rc;
	endpoint->view.mac = state.mac;
	endpoint->created_in_sandbox = state.created_in_sandbox;
	if (!birth->joins) {
		endpoint->state = RECORD_LIVE;
		rc = keep_endpoint(job->dispatch, endpoint, err);
	}
	if (rc) {
		endpoint->state = RECORD_CREATING;
		(void)tear_endpoint(job, endpoint, NDRV_CALL_UNDO, NULL);
		return rc;
	}
	job->reply.mac_changed = state.mac_set;
	job->reply.address_changed = state.address_set;
	job->reply.address6_changed = state.address6_set;
	return 0;
}

int step_endpoint_create(struct job *job, struct network *network, const char *eid, const struct birth *birth,
			 struct endpoint **ret, struct ndrv_error *err)
{
	struct endpoint *endpoint = NULL;
	int rc = build(job, network, eid, &endpoint, err);

	if (rc)
		return rc;
	rc = endpoint_lease(job->dispatch, &job->request, endpoint, err);
	if (rc) {
		endpoint_free(endpoint);
		return rc;
	}
	rc = network_add_endpoint(network, endpoint, err);
	if (rc) {
		endpoint_release(job->dispatch, endpoint);
		endpoint_free(endpoint);
		return rc;
	}
	rc = make(job, endpoint, birth, err);
	if (rc) {
		forget_endpoint(job->dispatch, network->view.id, eid);
		endpoint_release(job->dispatch, endpoint);
		twin_drop_endpoint(endpoint);
		network_del_endpoint(network, endpoint);
		return rc;
	}
	event_network(job->dispatch, "endpoint-create", network, endpoint);
	*ret = endpoint;
	return 0;
}

int reply_endpoint(struct job *job, const struct endpoint *endpoint, struct ndrv_error *err)
{
	struct reply *reply = &job->reply;
	struct tree tree = {.arena = &job->arena, .err = err};

	reply->network_id = arena_strdup(&job->arena, endpoint->network->view.id);
	reply->endpoint_id = arena_strdup(&job->arena, endpoint->view.id);
	if (!reply->network_id || !reply->endpoint_id)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
	reply->address = endpoint->view.address;
	reply->address6 = endpoint->view.address6;
	reply->mac = endpoint->view.mac;
	tree_text(&tree, &reply->value, "id", endpoint->view.id);
	tree_text(&tree, &reply->value, "name", endpoint->name);
	tree_text(&tree, &reply->value, "network", endpoint->network->view.id);
	tree_prefix(&tree, &reply->value, "address", &endpoint->view.address);
	tree_prefix(&tree, &reply->value, "address6", &endpoint->view.address6);
	tree_mac(&tree, &reply->value, "mac", &endpoint->view.mac);
	return tree.rc;
}

/* --- who had the address --- */

static bool same_address(const struct ndrv_prefix *had, const struct ndrv_prefix *wanted)
{
	return wanted->addr.family && ndrv_addr_equal(&had->addr, &wanted->addr);
}

static int evict_one(struct endpoint *endpoint, void *data)
{
	struct job *job = data;
	struct ndrv_error why = {0};
	char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];

	if (!same_address(&endpoint->view.address, &job->request.address) &&
	    !same_address(&endpoint->view.address6, &job->request.address6))
		return 0;
	(void)snprintf(nid, sizeof(nid), "%s", endpoint->network->view.id);
	(void)snprintf(eid, sizeof(eid), "%s", endpoint->view.id);
	if (step_endpoint_delete(job, endpoint, NDRV_CALL_FORCE, &why))
		log_warning("dispatch", "endpoint %s of network %s is stale, for its address was given to %s, but stays: %s", eid,
			    nid, job->request.endpoint, why.text);
	else
		log_warning("dispatch", "endpoint %s of network %s was stale and is deleted: its address was given to %s", eid, nid,
			    job->request.endpoint);
	return 0;
}

/* A platform with an IPAM of its own (Docker) gives an address out once. When it does so again, whoever had it is gone, and the
 * platform with it: dockerd that was killed never deletes what it had. */
static void evict_stale(struct job *job, struct network *network)
{
	if (job->request.address_given)
		(void)network_each_endpoint(network, evict_one, job);
}

/* What was to go, and comes again as something else, goes now. The same thing again just stays. */
static int settle_owed(struct job *job, struct endpoint **endpoint, struct ndrv_error *err)
{
	struct network *network = job->network;
	uint8_t digest[sizeof((*endpoint)->digest)];
	char why[NDRV_ERROR_TEXT_MAX];

	if (!owed_is(job->dispatch, network->view.id, job->request.endpoint, why))
		return 0;
	digest_endpoint(&job->request, digest);
	if (*endpoint && memcmp(digest, (*endpoint)->digest, sizeof(digest)) != 0) {
		if (step_endpoint_delete(job, *endpoint, NDRV_CALL_FORCE, err))
			return ndrv_wrap(err, -err->code, "endpoint %.12s was deleted and is there still (%.120s)",
					 job->request.endpoint, why);
		*endpoint = NULL;
	}
	owed_forgive(job->dispatch, network->view.id, job->request.endpoint);
	return 0;
}

int run_endpoint_create(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network = job->network;
	struct endpoint *endpoint = network_endpoint(network, job->request.endpoint);
	uint8_t digest[sizeof(endpoint->digest)];

	if (settle_owed(job, &endpoint, err))
		return -err->code;
	if (!endpoint) {
		evict_stale(job, network);
		int rc = step_endpoint_create(job, network, job->request.endpoint, &birth_unknown, &endpoint, err);
		return rc ? rc : reply_endpoint(job, endpoint, err);
	}
	digest_endpoint(&job->request, digest);
	if (memcmp(digest, endpoint->digest, sizeof(digest)) != 0)
		return ndrv_fail_object(err, NDRV_E_ENDPOINT_EXISTS, endpoint->view.id);
	/* What the driver set the first time it would set again. */
	job->reply.address_changed = endpoint->view.address.addr.family && !endpoint->lease4 && !job->request.address.addr.family;
	job->reply.address6_changed =
		endpoint->view.address6.addr.family && !endpoint->lease6 && !job->request.address6.addr.family;
	job->reply.mac_changed = endpoint->view.mac.set && !job->request.mac.set;
	return reply_endpoint(job, endpoint, err);
}

/* --- delete --- */

/* One intent for leaving and deleting, so that no half of it can be found after a crash. Undone work goes even if the store cannot
 * be told: the next start finds the intent of its creation. */
static int begin_delete(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err)
{
	struct ndrv_error ignored = {0};
	uint32_t state = endpoint->state, join = endpoint->join.state;
	bool undo = flags & NDRV_CALL_UNDO;

	endpoint->state = RECORD_DELETING;
	if (join != JOIN_NONE)
		endpoint->join.state = JOIN_LEAVING;
	int rc = keep_endpoint(job->dispatch, endpoint, undo ? &ignored : err);
	if (!rc || undo)
		return 0;
	endpoint->state = state;
	endpoint->join.state = join;
	return rc;
}

/* The kernel takes 20 ms to forget a link. Where its sandbox lives on, it has to: until then the interface in there keeps its
 * addresses and routes. Where not, nobody sees the difference. */
static bool may_retire(const struct job *job, const struct endpoint *endpoint, uint32_t flags)
{
	if (job->request.sync || (flags & NDRV_CALL_UNDO) || endpoint->join.state == JOIN_NONE)
		return false;
	return job->request.sandbox_gone || plugging_sandbox_gone(endpoint) || sandbox_is_dead(endpoint);
}

int step_endpoint_delete(struct job *job, struct endpoint *endpoint, uint32_t flags, struct ndrv_error *err)
{
	struct network *network = endpoint->network;
	struct ndrv_error ignored = {0};
	bool retire = may_retire(job, endpoint, flags);
	int rc = begin_delete(job, endpoint, flags, err);

	if (rc)
		return rc;
	if (retire)
		flags |= NDRV_CALL_RETIRE;
	if (endpoint->join.state != JOIN_NONE) {
		step_unplug(job, endpoint, flags);
		join_clear(endpoint);
	}
	rc = tear_endpoint(job, endpoint, flags, err);
	if (rc) {
		endpoint->state = RECORD_LIVE;
		if (keep_endpoint(job->dispatch, endpoint, &ignored))
			log_error("dispatch", "endpoint %s stays, but the store still says it is being deleted: %s",
				  endpoint->view.id, ignored.text);
		return rc;
	}
	forget_endpoint(job->dispatch, network->view.id, endpoint->view.id);
	endpoint_release(job->dispatch, endpoint);
	event_network(job->dispatch, "endpoint-delete", network, endpoint);
	twin_drop_endpoint(endpoint);
	network_del_endpoint(network, endpoint);
	return 0;
}

bool still_wanted(struct job *job)
{
	const char *nid = job->network->view.id;

	if (job->request.if_owed)
		return owed_is(job->dispatch, nid, job->endpoint ? job->endpoint->view.id : NULL, NULL);
	return !job->request.if_dead || sandbox_is_dead(job->endpoint);
}

int run_endpoint_delete(struct job *job)
{
	if (!still_wanted(job))
		return 0;
	uint32_t flags = job->request.force ? NDRV_CALL_FORCE : 0;

	return step_endpoint_delete(job, job->endpoint, flags, &job->reply.error);
}

/* --- info --- */

int run_endpoint_info(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct network *network = job->network;
	struct instance *instance = instance_of(network);
	struct driver_call call;
	struct ndrv_value info = {.type = NDRV_MAP};
	int rc = CALL_BEGIN(&call, job, instance, endpoint_info, network, 0, err);

	if (!rc)
		rc = call_end(&call,
			      instance->ops.endpoint_info(instance->self, &call.ndrv, &network->view, &job->endpoint->view, &info),
			      err);
	if (rc)
		return rc;
	if (info.type != NDRV_MAP && info.type != NDRV_NULL)
		return bad_answer(network, "endpoint_info", "something that is no map", err);
	/* Before the turn is passed: its strings may be the driver's own. */
	return ndrv_value_copy(&job->arena.ndrv, &info, &job->reply.value, err);
}
