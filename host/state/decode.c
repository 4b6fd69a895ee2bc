/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "host/state/codec.h"
#include "host/state/json.h"

static int no_memory(const char *what, const char *id, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for %s %s", what, id);
}

/* A row that cannot be read is set aside; one for which there is no memory is not. */
static int parse(const char *what, const char *id, const char *body, json_t **ret, struct ndrv_error *err)
{
	char mistake[JSON_ERROR_TEXT_LENGTH];
	bool short_of_memory;

	*ret = json_in_load(body, strlen(body), mistake, &short_of_memory);
	if (*ret)
		return 0;
	return short_of_memory ? no_memory(what, id, err)
			       : ndrv_fail(err, NDRV_E_STATE, "the row of %s %s is not JSON: %s", what, id, mistake);
}

static int unreadable(const char *what, const char *id, const struct json_in *in, struct ndrv_error *err)
{
	return in->short_of_memory ? no_memory(what, id, err)
				   : ndrv_fail(err, NDRV_E_STATE, "the row of %s %s is unreadable at \"%s\"", what, id, in->bad);
}

static void *array_of(struct json_in *in, const char *key, size_t count, size_t bytes)
{
	void *items = count ? arena_alloc(in->arena, count * bytes) : NULL;

	if (count && !items)
		json_in_no_memory(in, key);
	return items;
}

static void get_aux(struct json_in *in, struct ndrv_ipam_data *data)
{
	json_t *object = json_object_get(in->object, "aux"), *member;
	const char *name;

	if (!object)
		return;
	struct json_in aux = json_in_part(in, object);
	struct ndrv_aux_address *items = array_of(in, "aux", json_object_size(object), sizeof(*items));
	data->aux_set = 1;
	if (!items)
		return;
	json_object_foreach(object, name, member)
	{
		struct ndrv_aux_address *item = &items[data->aux_count];
		item->name = arena_strdup(in->arena, name);
		json_in_prefix(&aux, name, &item->address);
		if (!item->name) {
			json_in_no_memory(in, "aux");
			return;
		}
		data->aux_count++;
	}
	data->aux = items;
	/* The name of a part that is bad dies with the tree. */
	if (aux.bad)
		in->bad = "aux";
}

static void get_ipam(struct json_in *in, const char *key, struct ndrv_ipam_list *ret)
{
	size_t count;
	json_t *array = json_in_list(in, key, &count);
	struct ndrv_ipam_data *items = array_of(in, key, count, sizeof(*items));

	if (!items)
		return;
	for (size_t i = 0; i < count; i++) {
		struct json_in part = json_in_part(in, json_array_get(array, i));
		items[i].address_space = json_in_text(&part, "space");
		json_in_prefix(&part, "pool", &items[i].pool);
		json_in_prefix(&part, "gateway", &items[i].gateway);
		get_aux(&part, &items[i]);
		json_in_end(in, &part);
	}
	*ret = (struct ndrv_ipam_list){.count = (uint32_t)count, .element_size = sizeof(*items), .items = items};
}

static void get_leases(struct json_in *in, struct network *network)
{
	size_t count;
	json_t *array = json_in_list(in, "leases", &count);
	struct pool_lease *pools = array_of(in, "leases", count, sizeof(*pools));

	if (!pools)
		return;
	for (size_t i = 0; i < count; i++) {
		struct json_in part = json_in_part(in, json_array_get(array, i));
		json_in_prefix(&part, "pool", &pools[i].pool);
		json_in_prefix(&part, "range", &pools[i].range);
		pools[i].ours = json_in_int(&part, "ours") != 0;
		json_in_end(in, &part);
	}
	network->pools = pools;
	network->pool_count = (uint32_t)count;
}

static struct ndrv_value *get_options(struct json_in *in)
{
	struct ndrv_value *options = arena_alloc(in->arena, sizeof(*options));

	if (options)
		json_in_value(in, "options", options);
	else
		json_in_no_memory(in, "options");
	return options;
}

static void fill_network(struct json_in *in, struct network *network)
{
	network->state = (uint32_t)json_in_int(in, "state");
	if (network->state < RECORD_CREATING || network->state > RECORD_DELETING)
		in->bad = "state";
	network->forced = json_in_int(in, "forced") != 0;
	network->allocated = json_in_int(in, "allocated") != 0;
	network->view.flags = (uint32_t)json_in_int(in, "flags");
	network->view.instance = json_in_text(in, "instance");
	network->view.link_group = (uint32_t)json_in_int(in, "link_group");
	network->view.route_protocol = (uint32_t)json_in_int(in, "route_protocol");
	network->view.options = get_options(in);
	json_in_value(in, "labels", &network->labels);
	get_ipam(in, "ipv4", &network->view.ipv4);
	get_ipam(in, "ipv6", &network->view.ipv6);
	get_leases(in, network);
	json_in_bytes(in, "digest", network->digest, sizeof(network->digest));
	network->created_at = json_in_int(in, "created");
	network->creator_uid = (uint32_t)json_in_int(in, "uid");
}

int network_decode(const char *id, const char *body, struct network **ret, struct ndrv_error *err)
{
	json_t *object;
	int rc = parse("network", id, body, &object, err);

	if (rc)
		return rc;
	const char *name = json_string_value(json_object_get(object, "name"));
	const char *type = json_string_value(json_object_get(object, "type"));
	struct network *network = network_new(id, name, type ? type : "");
	if (!network) {
		json_decref(object);
		return no_memory("network", id, err);
	}
	struct json_in in = {.object = object, .arena = &network->arena, .bad = type ? NULL : "type"};
	fill_network(&in, network);
	json_decref(object);
	if (in.bad) {
		network_free(network);
		return unreadable("network", id, &in, err);
	}
	*ret = network;
	return 0;
}

static void get_routes(struct json_in *in, struct join_record *join)
{
	size_t count;
	json_t *array = json_in_list(in, "routes", &count);
	struct ndrv_route *routes = array_of(in, "routes", count, sizeof(*routes));

	if (!routes)
		return;
	for (size_t i = 0; i < count; i++) {
		struct json_in part = json_in_part(in, json_array_get(array, i));
		json_in_prefix(&part, "to", &routes[i].destination);
		routes[i].type = (uint32_t)json_in_int(&part, "type");
		json_in_addr(&part, "via", &routes[i].next_hop);
		json_in_end(in, &part);
	}
	join->routes = routes;
	join->route_count = (uint32_t)count;
}

static void get_ifname(struct json_in *in, const char *key, char *ret)
{
	const char *text = json_in_text(in, key);

	if (strlen(text) >= NDRV_IFNAME_MAX)
		in->bad = key;
	else
		strcpy(ret, text);
}

static void fill_join(struct json_in *whole, struct endpoint *endpoint)
{
	json_t *object = json_object_get(whole->object, "join");
	struct join_record *join = &endpoint->join;

	if (!object)
		return;
	struct json_in in = json_in_part(whole, object);
	in.arena = &endpoint->join_arena;
	join->state = (uint32_t)json_in_int(&in, "state");
	if (join->state < JOIN_JOINING || join->state > JOIN_LEAVING)
		in.bad = "join";
	join->sandbox_key = json_in_text(&in, "sandbox");
	join->netns_path = json_in_text(&in, "netns");
	join->netns_dev = (uint64_t)json_in_int(&in, "dev");
	join->netns_ino = (uint64_t)json_in_int(&in, "ino");
	get_ifname(&in, "ifname", join->ifname);
	get_ifname(&in, "src", join->src_name);
	get_ifname(&in, "prefix", join->prefix);
	json_in_addr(&in, "gateway4", &join->gateway4);
	json_in_addr(&in, "gateway6", &join->gateway6);
	join->flags = (uint32_t)json_in_int(&in, "flags");
	get_routes(&in, join);
	join->programmed = json_in_int(&in, "programmed") != 0;
	in.arena = &endpoint->external_arena;
	json_in_value(&in, "external", &join->external);
	endpoint->view.sandbox_key = join->sandbox_key;
	json_in_end(whole, &in);
}

static void fill_endpoint(struct json_in *in, struct endpoint *endpoint)
{
	endpoint->state = (uint32_t)json_in_int(in, "state");
	if (endpoint->state < RECORD_CREATING || endpoint->state > RECORD_DELETING)
		in->bad = "state";
	endpoint->view.options = get_options(in);
	json_in_prefix(in, "address", &endpoint->view.address);
	json_in_prefix(in, "address6", &endpoint->view.address6);
	json_in_mac(in, "mac", &endpoint->view.mac);
	endpoint->lease4 = json_in_int(in, "lease4") != 0;
	endpoint->lease6 = json_in_int(in, "lease6") != 0;
	endpoint->created_in_sandbox = json_in_int(in, "in_sandbox") != 0;
	fill_join(in, endpoint);
	json_in_bytes(in, "digest", endpoint->digest, sizeof(endpoint->digest));
	endpoint->created_at = json_in_int(in, "created");
	endpoint->creator_uid = (uint32_t)json_in_int(in, "uid");
}

int endpoint_decode(struct network *network, const char *id, const char *body, struct endpoint **ret, struct ndrv_error *err)
{
	json_t *object;
	int rc = parse("endpoint", id, body, &object, err);

	if (rc)
		return rc;
	struct endpoint *endpoint = endpoint_new(network, id, json_string_value(json_object_get(object, "name")));
	if (!endpoint) {
		json_decref(object);
		return no_memory("endpoint", id, err);
	}
	struct json_in in = {.object = object, .arena = &endpoint->arena};
	fill_endpoint(&in, endpoint);
	json_decref(object);
	if (in.bad) {
		endpoint_free(endpoint);
		return unreadable("endpoint", id, &in, err);
	}
	*ret = endpoint;
	return 0;
}
