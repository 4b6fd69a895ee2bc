/* SPDX-License-Identifier: Apache-2.0 */
/* What lists and inspections show. */
#include "host/dispatch/inspect.h"

#include <string.h>

#include "host/dispatch/handlers.h"
#include "host/dispatch/rows.h"
#include "host/dispatch/steps.h"
#include "host/dispatch/unserved.h"

/* How long a list waits for a network that is being worked on before it shows less of it. */
#define LIST_WAIT_NS (20 * NSEC_PER_MSEC)
#define INSPECT_WAIT_NS (1 * NSEC_PER_SEC)

static const char *state_name(uint32_t state)
{
	return state == RECORD_CREATING ? "creating" : state == RECORD_LIVE ? "live" : "deleting";
}

static const char *join_name(uint32_t state)
{
	static const char *const names[] = {"none", "joining", "joined", "leaving"};

	return state < 4 ? names[state] : "?";
}

static void describe_pool(struct tree *tree, struct ndrv_value *list, struct dispatch *dispatch, const struct pool_lease *lease,
			  const struct ndrv_ipam_data *data, bool busy)
{
	struct ndrv_value map = {.type = NDRV_MAP}, aux = {.type = NDRV_MAP};
	struct ipam_pool *pool =
		lease->ours && dispatch->parts.ipam && !busy ? ipam_pool_find(dispatch->parts.ipam, &lease->pool) : NULL;

	tree_prefix(tree, &map, "subnet", &data->pool);
	if (lease->range.addr.family && !ndrv_prefix_equal(&lease->range, &data->pool))
		tree_prefix(tree, &map, "ip_range", &lease->range);
	tree_addr(tree, &map, "gateway", &data->gateway.addr);
	for (uint32_t i = 0; i < data->aux_count; i++)
		tree_addr(tree, &aux, data->aux[i].name, &data->aux[i].address.addr);
	tree_set(tree, &map, "aux", aux);
	tree_bool(tree, &map, "ours", lease->ours);
	if (pool && !tree->rc) {
		struct ndrv_value usage = ndrv_null();
		tree->rc = ipam_pool_describe(dispatch->parts.ipam, pool, &tree->arena->ndrv, &usage, tree->err);
		tree_set(tree, &map, "usage", usage);
	}
	tree_add(tree, list, map);
}

static int add_endpoint(struct endpoint *endpoint, void *data)
{
	struct ndrv_value map = {.type = NDRV_MAP};
	void **both = data;

	describe_endpoint(both[0], &map, endpoint);
	tree_add(both[0], both[1], map);
	return 0;
}

void describe_network(struct tree *tree, struct ndrv_value *map, struct dispatch *dispatch, const struct network *network,
		      bool busy)
{
	struct ndrv_value pools = {.type = NDRV_LIST};

	tree_text(tree, map, "id", network->view.id);
	tree_text(tree, map, "name", network->view.name);
	tree_text(tree, map, "type", network->type);
	tree_int(tree, map, "created_at", network->created_at);
	tree_int(tree, map, "uid", network->creator_uid);
	tree_bool(tree, map, "stuck", atomic_load(&network->stuck));
	tree_bool(tree, map, "busy", busy);
	if (busy)
		return;
	tree_text(tree, map, "state", state_name(network->state));
	tree_bool(tree, map, "driver_loaded", network->instance != NULL);
	describe_unserved(tree, map, network);
	tree_bool(tree, map, "ipv4", network->view.flags & NDRV_NETWORK_IPV4);
	tree_bool(tree, map, "ipv6", network->view.flags & NDRV_NETWORK_IPV6);
	tree_bool(tree, map, "internal", network->view.flags & NDRV_NETWORK_INTERNAL);
	tree_copy(tree, map, "options", &network->labels);
	uint32_t v4 = network->view.ipv4.count;
	for (uint32_t i = 0; i < network->pool_count; i++)
		describe_pool(tree, &pools, dispatch, &network->pools[i],
			      i < v4 ? ndrv_ipam_at(&network->view.ipv4, i) : ndrv_ipam_at(&network->view.ipv6, i - v4), busy);
	tree_set(tree, map, "pools", pools);
	tree_int(tree, map, "endpoint_count", network->endpoint_count);
}

static void describe_join(struct tree *tree, struct ndrv_value *map, const struct join_record *join)
{
	struct ndrv_value routes = {.type = NDRV_LIST};

	tree_text(tree, map, "state", join_name(join->state));
	tree_text(tree, map, "sandbox", join->sandbox_key);
	tree_text(tree, map, "netns", join->netns_path);
	tree_text(tree, map, "interface", join->ifname);
	tree_text(tree, map, "host_interface", join->src_name);
	tree_addr(tree, map, "gateway", &join->gateway4);
	tree_addr(tree, map, "gateway6", &join->gateway6);
	tree_bool(tree, map, "programmed", join->programmed);
	for (uint32_t i = 0; i < join->route_count; i++) {
		struct ndrv_value route = {.type = NDRV_MAP};
		tree_prefix(tree, &route, "destination", &join->routes[i].destination);
		tree_addr(tree, &route, "via", &join->routes[i].next_hop);
		tree_add(tree, &routes, route);
	}
	tree_set(tree, map, "routes", routes);
}

void describe_endpoint(struct tree *tree, struct ndrv_value *map, const struct endpoint *endpoint)
{
	struct ndrv_value join = {.type = NDRV_MAP};

	tree_text(tree, map, "id", endpoint->view.id);
	tree_text(tree, map, "name", endpoint->name);
	tree_text(tree, map, "network", endpoint->network->view.id);
	tree_text(tree, map, "network_name", endpoint->network->view.name);
	tree_text(tree, map, "type", endpoint->network->type);
	tree_text(tree, map, "state", state_name(endpoint->state));
	tree_int(tree, map, "created_at", endpoint->created_at);
	tree_int(tree, map, "uid", endpoint->creator_uid);
	tree_prefix(tree, map, "address", &endpoint->view.address);
	tree_prefix(tree, map, "address6", &endpoint->view.address6);
	tree_mac(tree, map, "mac", &endpoint->view.mac);
	tree_bool(tree, map, "created_in_sandbox", endpoint->created_in_sandbox);
	describe_join(tree, &join, &endpoint->join);
	tree_set(tree, map, "join", join);
	describe_ports(tree, map, endpoint);
}

/* Waits a little for the turn. False: the network is busy, show what never changes. */
static bool look(struct job *job, struct network *network, uint64_t wait_ns)
{
	uint64_t until = clock_ns() + wait_ns;

	if (turn_try(&network->turn))
		return true;
	return !atomic_load(&network->stuck) && turn_wait(&network->turn, until < job->deadline_ns ? until : job->deadline_ns);
}

struct listing {
	struct job *job;
	struct tree tree;
	struct ndrv_value list;
	uint32_t busy;
};

static bool is_wanted(const struct listing *listing, const struct network *network)
{
	const struct request *request = &listing->job->request;

	if (request->type && request->type[0] && strcmp(request->type, network->type) != 0)
		return false;
	if (!request->network || !request->network[0])
		return true;
	return !strcmp(request->network, network->view.id) || !strcmp(request->network, network->view.name);
}

static int list_network(struct network *network, void *data)
{
	struct listing *listing = data;
	struct ndrv_value map = {.type = NDRV_MAP};

	if (!is_wanted(listing, network))
		return 0;
	bool mine = look(listing->job, network, LIST_WAIT_NS);
	if (!atomic_load(&network->gone)) {
		describe_network(&listing->tree, &map, listing->job->dispatch, network, !mine);
		tree_add(&listing->tree, &listing->list, map);
	}
	if (mine)
		turn_pass(&network->turn);
	return listing->tree.rc;
}

int run_network_list(struct job *job)
{
	struct listing listing = {
		.job = job, .tree = {.arena = &job->arena, .err = &job->reply.error}, .list = {.type = NDRV_LIST}};

	(void)records_each(job->dispatch->parts.records, list_network, &listing);
	tree_set(&listing.tree, &job->reply.value, "networks", listing.list);
	return listing.tree.rc;
}

static int list_endpoints(struct network *network, void *data)
{
	struct listing *listing = data;
	void *both[] = {&listing->tree, &listing->list};

	if (!is_wanted(listing, network))
		return 0;
	if (!look(listing->job, network, LIST_WAIT_NS)) {
		listing->busy++;
		return 0;
	}
	if (!atomic_load(&network->gone))
		(void)network_each_endpoint(network, add_endpoint, both);
	turn_pass(&network->turn);
	return listing->tree.rc;
}

int run_endpoint_list(struct job *job)
{
	struct listing listing = {
		.job = job, .tree = {.arena = &job->arena, .err = &job->reply.error}, .list = {.type = NDRV_LIST}};

	(void)records_each(job->dispatch->parts.records, list_endpoints, &listing);
	tree_set(&listing.tree, &job->reply.value, "endpoints", listing.list);
	tree_int(&listing.tree, &job->reply.value, "networks_busy", listing.busy);
	return listing.tree.rc;
}

/* Not an op with the turn: a network that is stuck can be looked at too. */
int run_network_inspect(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct tree tree = {.arena = &job->arena, .err = err};
	struct ndrv_value endpoints = {.type = NDRV_LIST};
	void *both[] = {&tree, &endpoints};
	struct network *network;
	int rc = records_resolve(job->dispatch->parts.records, job->request.network, &network, err);

	if (rc)
		return rc;
	job_name_ids(job, NULL, network->view.id, NULL);
	bool mine = look(job, network, INSPECT_WAIT_NS);
	if (atomic_load(&network->gone)) {
		rc = ndrv_fail_object(err, NDRV_E_NO_NETWORK, job->request.network);
	} else {
		describe_network(&tree, &job->reply.value, job->dispatch, network, !mine);
		if (mine)
			(void)network_each_endpoint(network, add_endpoint, both);
		tree_set(&tree, &job->reply.value, "endpoints", endpoints);
		rows_describe_peers(job->dispatch, &tree, &job->reply.value, network->view.id);
		job->reply.network_id = arena_strdup(&job->arena, network->view.id);
		rc = tree.rc;
	}
	if (mine)
		turn_pass(&network->turn);
	network_unref(network);
	return rc;
}

int run_endpoint_inspect(struct job *job)
{
	struct ndrv_error *err = &job->reply.error;
	struct tree tree = {.arena = &job->arena, .err = err};
	int rc = 0;

	if (job->network->instance && INSTANCE_HAS(instance_of(job->network), endpoint_info)) {
		struct ndrv_value info = ndrv_null();
		/* What the driver knows beside what is recorded; that it cannot tell is no reason to show nothing. */
		if (run_endpoint_info(job))
			tree_text(&tree, &info, "error", err->text);
		else
			info = job->reply.value;
		ndrv_error_clear(err);
		job->reply.value = ndrv_null();
		describe_endpoint(&tree, &job->reply.value, job->endpoint);
		tree_set(&tree, &job->reply.value, "info", info);
	} else {
		describe_endpoint(&tree, &job->reply.value, job->endpoint);
	}
	rc = tree.rc;
	return rc ? rc : reply_endpoint(job, job->endpoint, err);
}
