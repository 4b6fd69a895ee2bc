/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of networks and addresses of endpoints, from the pool allocator or as the platform gives them. */
#include <string.h>
#include <time.h>

#include "host/dispatch/handles.h"
#include "host/dispatch/record_io.h"
#include "host/sandbox/subnets.h"

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_NO_SERVICE, "out of memory");
}

/* --- the record --- */

static void flags_from_options(const struct ndrv_value *options, uint32_t *flags)
{
	static const struct {
		const char *key;
		uint32_t flag;
	} known[] = {
		{NDRV_OPT_ENABLE_IPV4, NDRV_NETWORK_IPV4},
		{NDRV_OPT_ENABLE_IPV6, NDRV_NETWORK_IPV6},
		{NDRV_OPT_INTERNAL, NDRV_NETWORK_INTERNAL},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int on = 0;
		if (ndrv_map_bool(options, known[i].key, &on, NULL) == 1 && on)
			*flags |= known[i].flag;
	}
}

/* libnetwork's map: the user's labels under one key, the flags beside it. */
static int build_options(const struct request *request, struct network *network, struct ndrv_error *err)
{
	struct ndrv_arena *arena = &network->arena.ndrv;
	struct ndrv_value *options = arena_alloc(&network->arena, sizeof(*options));
	struct ndrv_value asked = {.type = NDRV_MAP};

	if (!options)
		return no_memory(err);
	if (request->options.type != NDRV_NULL && request->options.type != NDRV_MAP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the options of a network are a map");
	int rc = request->options.type == NDRV_MAP ? ndrv_value_copy(arena, &request->options, &asked, err) : 0;
	*options = (struct ndrv_value){.type = NDRV_MAP};
	network->labels = asked;
	network->view.options = options;
	if (rc)
		return rc;
	if (request->raw_options) {
		const struct ndrv_value *labels = ndrv_map_get(&asked, NDRV_OPT_GENERIC);
		*options = asked;
		network->labels = labels ? *labels : (struct ndrv_value){.type = NDRV_MAP};
		flags_from_options(options, &network->view.flags);
		return 0;
	}
	rc = ndrv_map_set(arena, options, NDRV_OPT_GENERIC, asked, err);
	if (!rc && (network->view.flags & NDRV_NETWORK_IPV6))
		rc = ndrv_map_set(arena, options, NDRV_OPT_ENABLE_IPV6, ndrv_bool(1), err);
	if (!rc && (network->view.flags & NDRV_NETWORK_INTERNAL))
		rc = ndrv_map_set(arena, options, NDRV_OPT_INTERNAL, ndrv_bool(1), err);
	return rc;
}

int network_build(struct dispatch *dispatch, const struct request *request, struct network **ret, struct ndrv_error *err)
{
	const struct config *config = dispatch->parts.config;
	const char *name = request->name ? request->name : "";
	char id[ID_DIGITS + 1];
	int rc = 0;

	if (request->new_id)
		rc = ndrv_id_check("network id", request->new_id, err);
	else
		rc = id_generate(id, err);
	if (!rc && name[0])
		rc = ndrv_id_check("network name", name, err);
	if (rc)
		return rc;
	struct network *network = network_new(request->new_id ? request->new_id : id, name, request->type);
	if (!network)
		return no_memory(err);
	network->view.size = sizeof(network->view);
	network->view.ops = &handles_network_ops;
	network->view.flags = request->flags & (NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6 | NDRV_NETWORK_INTERNAL);
	network->view.instance = config && config->instance ? arena_strdup(&network->arena, config->instance) : "";
	network->view.link_group = config ? config->ownership.link_group : 0;
	network->view.route_protocol = config ? config->ownership.route_protocol : 0;
	network->state = RECORD_CREATING;
	network->created_at = (int64_t)time(NULL);
	network->creator_uid = request->caller.uid;
	digest_network(request, network->digest);
	rc = network->view.instance ? build_options(request, network, err) : no_memory(err);
	if (rc)
		network_free(network);
	else
		*ret = network;
	return rc;
}

/* --- pools --- */

/* What is asked for, v4 first, with what goes without saying: a v4 pool where no family is named, a v6 one where IPv6 is on. */
static int list_wishes(const struct request *request, uint32_t flags, bool wants_ipam, struct pool_wish *into, uint32_t *ret_count,
		       uint32_t *ret_v4, struct ndrv_error *err)
{
	uint32_t count = 0;
	static const uint32_t families[] = {4, 6};

	if (request->pool_count > POOLS_MAX - 2)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a network has at most %u pools", POOLS_MAX - 2);
	for (uint32_t i = 0; i < request->pool_count; i++) {
		uint32_t family =
			request->pools[i].pool.addr.family ? request->pools[i].pool.addr.family : request->pools[i].family;
		if (family != 4 && family != 6)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a pool needs a subnet or a family, 4 or 6");
	}
	for (uint32_t f = 0; f < 2; f++) {
		uint32_t before = count;
		for (uint32_t i = 0; i < request->pool_count; i++) {
			const struct pool_wish *wish = &request->pools[i];
			uint32_t family = wish->pool.addr.family ? wish->pool.addr.family : wish->family;
			if (family != families[f])
				continue;
			into[count] = *wish;
			into[count++].family = family;
		}
		bool wanted = families[f] == 6
				      ? flags & NDRV_NETWORK_IPV6
				      : (flags & NDRV_NETWORK_IPV4) || (!request->pool_count && !(flags & NDRV_NETWORK_IPV6));
		if (count == before && wanted && wants_ipam && !request->raw_options)
			into[count++] = (struct pool_wish){.family = families[f]};
		if (f == 0)
			*ret_v4 = count;
	}
	*ret_count = count;
	return 0;
}

static int lease_aux(struct ipam *ipam, struct ipam_pool *pool, const struct pool_wish *wish, struct ndrv_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < wish->aux_count && !rc; i++) {
		struct ndrv_prefix leased;
		rc = ipam_address_request(ipam, pool, &wish->aux[i].address.addr, &leased, err);
		(void)ndrv_wrap(err, rc, "aux address \"%s\"", wish->aux[i].name ? wish->aux[i].name : "");
	}
	return rc;
}

/* The first address of the pool, else the first that is free. */
static int lease_gateway(struct ipam *ipam, struct ipam_pool *pool, const struct pool_wish *wish, struct ndrv_prefix *ret,
			 struct ndrv_error *err)
{
	if (wish->gateway.addr.family) {
		int rc = ipam_address_request(ipam, pool, &wish->gateway.addr, ret, err);
		return ndrv_wrap(err, rc, "gateway");
	}
	struct ndrv_prefix first = ndrv_prefix_network(ipam_pool_prefix(pool));
	first.addr.bytes[first.addr.family == 4 ? 3 : 15] |= 1;
	if (ipam_address_request(ipam, pool, &first.addr, ret, NULL) == 0)
		return 0;
	return ipam_address_request(ipam, pool, NULL, ret, err);
}

static int copy_aux(struct network *network, const struct pool_wish *wish, struct ndrv_ipam_data *data, struct ndrv_error *err)
{
	struct ndrv_aux_address *aux = arena_alloc(&network->arena, wish->aux_count * sizeof(*aux) + 1);

	data->address_space = arena_strdup(&network->arena, wish->address_space ? wish->address_space : "");
	if (!aux || !data->address_space)
		return no_memory(err);
	for (uint32_t i = 0; i < wish->aux_count; i++) {
		aux[i] = wish->aux[i];
		aux[i].name = arena_strdup(&network->arena, wish->aux[i].name ? wish->aux[i].name : "");
		if (!aux[i].name)
			return no_memory(err);
	}
	data->aux = wish->aux_count ? aux : NULL;
	data->aux_count = wish->aux_count;
	data->aux_set = wish->aux != NULL;
	return 0;
}

/* What the kernel gives no interface, or answers nobody from. */
static const char *why_unusable(const struct ndrv_prefix *pool)
{
	static const struct {
		struct ndrv_prefix prefix;
		const char *why;
	} reserved[] = {
		{{.addr = {.family = 4}, .length = 8}, "\"this network\""},
		{{.addr = {.family = 4, .bytes = {127}}, .length = 8}, "loopback"},
		{{.addr = {.family = 4, .bytes = {224}}, .length = 4}, "multicast"},
		{{.addr = {.family = 6}, .length = 8}, "reserved, and holds loopback and IPv4's addresses"},
		{{.addr = {.family = 6, .bytes = {0xfe, 0x80}}, .length = 10}, "every interface's own"},
		{{.addr = {.family = 6, .bytes = {0xff}}, .length = 8}, "multicast"},
	};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (reserved[i].prefix.length <= pool->length && ndrv_prefix_contains(&reserved[i].prefix, &pool->addr))
			return reserved[i].why;
	return NULL;
}

/* The pool that was asked for, or the next automatic one that neither a network nor a route of the host uses. */
int lease_request_pool(struct dispatch *dispatch, const struct pool_wish *wish, struct ipam_pool **ret, struct ndrv_error *err)
{
	struct ipam *ipam = dispatch->parts.ipam;
	struct hostns *hostns = dispatch->parts.hostns;
	const struct ndrv_prefix *range = wish->range.addr.family ? &wish->range : NULL;
	const char *why = wish->pool.addr.family ? why_unusable(&wish->pool) : NULL;
	struct subnets subnets = {0};
	char text[NDRV_PREFIX_TEXT];
	int rc = 0;

	if (why)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s cannot be an address pool: it is %s",
				 ndrv_prefix_format(&wish->pool, text), why);
	if (wish->pool.addr.family)
		return ipam_pool_request(ipam, wish->family, &wish->pool, range, NULL, NULL, ret, err);
	if (hostns)
		rc = subnets_list(hostns, NULL, wish->family, &subnets, err);
	if (!rc)
		rc = ipam_pool_request(ipam, wish->family, NULL, range, subnets_overlap, &subnets, ret, err);
	subnets_free(&subnets);
	return rc;
}

static int lease_pool(struct dispatch *dispatch, struct network *network, const struct pool_wish *wish, uint32_t skip,
		      struct ndrv_ipam_data *data, struct pool_lease *lease, struct ndrv_error *err)
{
	struct ipam *ipam = dispatch->parts.ipam;
	struct ipam_pool *pool;
	int rc = copy_aux(network, wish, data, err);

	if (rc)
		return rc;
	if (wish->given) {
		data->pool = wish->pool;
		data->gateway = wish->gateway;
		*lease = (struct pool_lease){.pool = wish->pool, .range = wish->range};
		return 0;
	}
	if (!ipam)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "this host has no address pools");
	rc = lease_request_pool(dispatch, wish, &pool, err);
	if (rc)
		return rc;
	*lease = (struct pool_lease){.pool = *ipam_pool_prefix(pool), .range = *ipam_pool_range(pool), .ours = true};
	data->pool = lease->pool;
	rc = lease_aux(ipam, pool, wish, err);
	bool skipped = skip & (wish->family == 4 ? NDRV_SKIP_GATEWAY4 : NDRV_SKIP_GATEWAY6);
	if (!rc && (wish->gateway.addr.family || !skipped))
		rc = lease_gateway(ipam, pool, wish, &data->gateway, err);
	if (!rc && data->gateway.addr.family)
		rc = ndrv_ipam_validate(data, err);
	if (rc) {
		ipam_pool_release(ipam, pool);
		lease->ours = false;
	}
	return rc;
}

int network_lease(struct dispatch *dispatch, const struct request *request, const struct instance *instance,
		  struct network *network, uint32_t skip, struct ndrv_error *err)
{
	bool wants_ipam = dispatch->parts.ipam && !(instance->capability.flags & NDRV_CAPABILITY_NO_IPAM);
	struct pool_wish wishes[POOLS_MAX];
	uint32_t count = 0, v4 = 0;
	int rc = list_wishes(request, network->view.flags, wants_ipam, wishes, &count, &v4, err);

	if (rc)
		return rc;
	if (!wants_ipam)
		for (uint32_t i = 0; i < count; i++)
			if (!wishes[i].given)
				return ndrv_fail(err, NDRV_E_BAD_REQUEST, "networks of type \"%s\" have no address pools",
						 network->type);
	struct ndrv_ipam_data *data = arena_alloc(&network->arena, count * sizeof(*data) + 1);
	struct pool_lease *leases = arena_alloc(&network->arena, count * sizeof(*leases) + 1);
	if (!data || !leases)
		return no_memory(err);
	network->pools = leases;
	network->pool_count = count;
	network->view.ipv4 = (struct ndrv_ipam_list){.count = v4, .element_size = sizeof(*data), .items = data};
	network->view.ipv6 = (struct ndrv_ipam_list){.count = count - v4, .element_size = sizeof(*data), .items = data + v4};
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = lease_pool(dispatch, network, &wishes[i], skip, &data[i], &leases[i], err);
	if (rc) {
		network_release(dispatch, network);
		return rc;
	}
	if (v4 || (!count && !(network->view.flags & NDRV_NETWORK_IPV6)))
		network->view.flags |= NDRV_NETWORK_IPV4;
	if (count > v4)
		network->view.flags |= NDRV_NETWORK_IPV6;
	return 0;
}

void network_release(struct dispatch *dispatch, struct network *network)
{
	struct ipam *ipam = dispatch->parts.ipam;

	for (uint32_t i = 0; ipam && i < network->pool_count; i++) {
		struct ipam_pool *pool = network->pools[i].ours ? ipam_pool_find(ipam, &network->pools[i].pool) : NULL;
		if (pool)
			ipam_pool_release(ipam, pool);
		network->pools[i].ours = false;
	}
}

int network_lease_again(struct dispatch *dispatch, struct network *network, struct ndrv_error *err)
{
	struct ipam *ipam = dispatch->parts.ipam;
	int rc = 0;

	for (uint32_t i = 0; ipam && !rc && i < network->pool_count; i++) {
		const struct pool_lease *lease = &network->pools[i];
		const struct ndrv_ipam_data *data = i < network->view.ipv4.count
							    ? ndrv_ipam_at(&network->view.ipv4, i)
							    : ndrv_ipam_at(&network->view.ipv6, i - network->view.ipv4.count);
		struct ipam_pool *pool;
		struct ndrv_prefix leased;
		if (!lease->ours || ipam_pool_find(ipam, &lease->pool))
			continue;
		rc = ipam_pool_request(ipam, lease->pool.addr.family, &lease->pool, lease->range.addr.family ? &lease->range : NULL,
				       NULL, NULL, &pool, err);
		if (!rc && data->gateway.addr.family)
			rc = ipam_address_request(ipam, pool, &data->gateway.addr, &leased, err);
		for (uint32_t j = 0; !rc && j < data->aux_count; j++)
			rc = ipam_address_request(ipam, pool, &data->aux[j].address.addr, &leased, err);
	}
	return rc;
}
