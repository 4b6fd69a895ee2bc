/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/codec.h"

#include <stdlib.h>
#include <string.h>

#include "host/state/json.h"

static int finish(struct json_out *out, const char *what, const char *id, char **ret, struct ndrv_error *err)
{
	json_out_end(out, '}');
	*ret = json_out_finish(out);
	if (*ret)
		return 0;
	if (out->bad_text)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s %s cannot be stored: a text of it is not UTF-8", what, id);
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for the row of %s %s", what, id);
}

static void put_aux(struct json_out *out, const struct ndrv_ipam_data *data)
{
	if (!data->aux_set)
		return;
	json_out_begin(out, "aux", '{');
	for (uint32_t i = 0; i < data->aux_count; i++)
		json_out_prefix(out, data->aux[i].name, &data->aux[i].address);
	json_out_end(out, '}');
}

static void put_ipam(struct json_out *out, const char *key, const struct ndrv_ipam_list *list)
{
	if (!list->count)
		return;
	json_out_begin(out, key, '[');
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ndrv_ipam_data *data = ndrv_ipam_at(list, i);
		json_out_begin(out, NULL, '{');
		json_out_text(out, "space", data->address_space);
		json_out_prefix(out, "pool", &data->pool);
		json_out_prefix(out, "gateway", &data->gateway);
		put_aux(out, data);
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

static void put_leases(struct json_out *out, const struct network *network)
{
	if (!network->pool_count)
		return;
	json_out_begin(out, "leases", '[');
	for (uint32_t i = 0; i < network->pool_count; i++) {
		json_out_begin(out, NULL, '{');
		json_out_prefix(out, "pool", &network->pools[i].pool);
		json_out_prefix(out, "range", &network->pools[i].range);
		json_out_int(out, "ours", network->pools[i].ours);
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

int network_encode(const struct network *network, char **ret, struct ndrv_error *err)
{
	struct json_out out = {0};

	json_out_begin(&out, NULL, '{');
	json_out_text(&out, "name", network->view.name);
	json_out_text(&out, "type", network->type);
	json_out_int(&out, "state", network->state);
	json_out_int(&out, "forced", network->forced);
	json_out_int(&out, "allocated", network->allocated);
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

static void put_routes(struct json_out *out, const struct join_record *join)
{
	if (!join->route_count)
		return;
	json_out_begin(out, "routes", '[');
	for (uint32_t i = 0; i < join->route_count; i++) {
		json_out_begin(out, NULL, '{');
		json_out_prefix(out, "to", &join->routes[i].destination);
		json_out_int(out, "type", join->routes[i].type);
		json_out_addr(out, "via", &join->routes[i].next_hop);
		json_out_end(out, '}');
	}
	json_out_end(out, ']');
}

static void put_join(struct json_out *out, const struct join_record *join)
{
	if (join->state == JOIN_NONE)
		return;
	json_out_begin(out, "join", '{');
	json_out_int(out, "state", join->state);
	json_out_text(out, "sandbox", join->sandbox_key);
	json_out_text(out, "netns", join->netns_path);
	json_out_int(out, "dev", (int64_t)join->netns_dev);
	json_out_int(out, "ino", (int64_t)join->netns_ino);
	json_out_text(out, "ifname", join->ifname);
	json_out_text(out, "src", join->src_name);
	json_out_text(out, "prefix", join->prefix);
	json_out_addr(out, "gateway4", &join->gateway4);
	json_out_addr(out, "gateway6", &join->gateway6);
	json_out_int(out, "flags", join->flags);
	put_routes(out, join);
	json_out_int(out, "programmed", join->programmed);
	json_out_value(out, "external", &join->external);
	json_out_end(out, '}');
}

int endpoint_encode(const struct endpoint *endpoint, char **ret, struct ndrv_error *err)
{
	struct json_out out = {0};

	json_out_begin(&out, NULL, '{');
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
