/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/codec.h"

#include <stdlib.h>
#include <string.h>

#include "host/state/json.h"

/* Frees the tree. */
static int finish(struct json_out *out, const char *what, const char *id, char **ret, struct ndrv_error *err)
{
	char *text = out->failed ? NULL : json_dumps(out->object, JSON_COMPACT);

	json_decref(out->object);
	if (text) {
		*ret = text;
		return 0;
	}
	if (out->bad_text)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s %s cannot be stored: a text of it is not UTF-8", what, id);
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for the row of %s %s", what, id);
}

static json_t *aux_to_json(struct json_out *out, const struct ndrv_ipam_data *data)
{
	struct json_out aux = {.object = json_object()};

	for (uint32_t i = 0; i < data->aux_count; i++)
		json_out_prefix(&aux, data->aux[i].name, &data->aux[i].address);
	/* The names are keys: the one other thing that can be wrong with them is memory. */
	out->failed |= aux.failed;
	out->bad_text |= aux.failed;
	return aux.object;
}

static void put_ipam(struct json_out *out, const char *key, const struct ndrv_ipam_list *list)
{
	if (!list->count)
		return;
	json_t *array = json_array();
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);
		struct json_out item = {.object = json_object()};
		json_out_text(&item, "space", data->address_space);
		json_out_prefix(&item, "pool", &data->pool);
		json_out_prefix(&item, "gateway", &data->gateway);
		if (data->aux_set)
			json_out_object(&item, "aux", aux_to_json(&item, data));
		out->bad_text |= item.bad_text;
		out->failed |= item.failed || json_array_append_new(array, item.object) != 0;
	}
	json_out_object(out, key, array);
}

static void put_leases(struct json_out *out, const struct network *network)
{
	if (!network->pool_count)
		return;
	json_t *array = json_array();
	for (uint32_t i = 0; i < network->pool_count; i++) {
		struct json_out item = {.object = json_object()};
		json_out_prefix(&item, "pool", &network->pools[i].pool);
		json_out_prefix(&item, "range", &network->pools[i].range);
		json_out_int(&item, "ours", network->pools[i].ours);
		out->failed |= item.failed || json_array_append_new(array, item.object) != 0;
	}
	json_out_object(out, "leases", array);
}

int network_encode(const struct network *network, char **ret, struct ndrv_error *err)
{
	struct json_out out = {.object = json_object()};

	json_out_text(&out, "name", network->view.name);
	json_out_text(&out, "type", network->type);
	json_out_int(&out, "state", network->state);
	json_out_int(&out, "flags", network->view.flags);
	json_out_text(&out, "instance", network->view.instance);
	json_out_int(&out, "link_group", network->view.link_group);
	json_out_int(&out, "route_protocol", network->view.route_protocol);
	json_out_value(&out, "options", network->view.options);
	json_out_value(&out, "labels", &network->labels);
	put_ipam(&out, "ipv4", &network->view.ipv4);
	put_ipam(&out, "ipv6", &network->view.ipv6);
	put_leases(&out, network);
	json_out_bytes(&out, "digest", network->digest, sizeof(network->digest));
	json_out_int(&out, "created", network->created_at);
	json_out_int(&out, "uid", network->creator_uid);
	return finish(&out, "network", network->view.id, ret, err);
}

static json_t *routes_to_json(struct json_out *out, const struct join_record *join)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < join->route_count; i++) {
		struct json_out item = {.object = json_object()};
		json_out_prefix(&item, "to", &join->routes[i].destination);
		json_out_int(&item, "type", join->routes[i].type);
		json_out_addr(&item, "via", &join->routes[i].next_hop);
		out->failed |= item.failed || json_array_append_new(array, item.object) != 0;
	}
	return array;
}

static void put_join(struct json_out *out, const struct join_record *join)
{
	if (join->state == JOIN_NONE)
		return;
	struct json_out part = {.object = json_object()};
	json_out_int(&part, "state", join->state);
	json_out_text(&part, "sandbox", join->sandbox_key);
	json_out_text(&part, "netns", join->netns_path);
	json_out_int(&part, "dev", (int64_t)join->netns_dev);
	json_out_int(&part, "ino", (int64_t)join->netns_ino);
	json_out_text(&part, "ifname", join->ifname);
	json_out_text(&part, "src", join->src_name);
	json_out_text(&part, "prefix", join->prefix);
	json_out_addr(&part, "gateway4", &join->gateway4);
	json_out_addr(&part, "gateway6", &join->gateway6);
	json_out_int(&part, "flags", join->flags);
	if (join->route_count)
		json_out_object(&part, "routes", routes_to_json(&part, join));
	json_out_int(&part, "programmed", join->programmed);
	out->failed |= part.failed;
	out->bad_text |= part.bad_text;
	json_out_object(out, "join", part.object);
}

int endpoint_encode(const struct endpoint *endpoint, char **ret, struct ndrv_error *err)
{
	struct json_out out = {.object = json_object()};

	json_out_text(&out, "name", endpoint->name);
	json_out_int(&out, "state", endpoint->state);
	json_out_value(&out, "options", endpoint->view.options);
	json_out_prefix(&out, "address", &endpoint->view.address);
	json_out_prefix(&out, "address6", &endpoint->view.address6);
	json_out_mac(&out, "mac", &endpoint->view.mac);
	json_out_int(&out, "lease4", endpoint->lease4);
	json_out_int(&out, "lease6", endpoint->lease6);
	json_out_int(&out, "in_sandbox", endpoint->created_in_sandbox);
	put_join(&out, &endpoint->join);
	json_out_bytes(&out, "digest", endpoint->digest, sizeof(endpoint->digest));
	json_out_int(&out, "created", endpoint->created_at);
	json_out_int(&out, "uid", endpoint->creator_uid);
	return finish(&out, "endpoint", endpoint->view.id, ret, err);
}
