/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/record_io.h"

/* The network's pool that `address` is in; any leased one of the family for NULL, starting behind `after`. */
static struct ipam_pool *pool_for(struct dispatch *dispatch, struct network *network, uint32_t family,
				  const struct ndrv_addr *address, uint32_t *at)
{
	for (uint32_t i = *at; i < network->pool_count; i++) {
		const struct pool_lease *lease = &network->pools[i];
		if (!lease->ours || lease->pool.addr.family != family)
			continue;
		if (address && !ndrv_prefix_contains(&lease->pool, address))
			continue;
		*at = i + 1;
		return ipam_pool_find(dispatch->parts.ipam, &lease->pool);
	}
	return NULL;
}

static bool has_pool(const struct network *network, uint32_t family)
{
	for (uint32_t i = 0; i < network->pool_count; i++)
		if (network->pools[i].ours && network->pools[i].pool.addr.family == family)
			return true;
	return false;
}

/* 0 with `ret_leased` false: the network has no pool of that family and nothing was asked for. */
static int lease_family(struct dispatch *dispatch, struct network *network, uint32_t family, const struct ndrv_prefix *want,
			struct ndrv_prefix *ret, bool *ret_leased, struct ndrv_error *err)
{
	const struct ndrv_addr *address = want->addr.family ? &want->addr : NULL;
	char text[NDRV_ADDR_TEXT];
	struct ipam_pool *pool;
	uint32_t at = 0;
	int rc = 0;

	if (address && address->family != family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s is not an IPv%u address", ndrv_addr_format(address, text), family);
	if (!dispatch->parts.ipam || !has_pool(network, family)) {
		if (address)
			return ndrv_fail(err, NDRV_E_ADDRESS_OUT_OF_RANGE,
					 "requested address %s: network %s has no IPv%u pool of this host",
					 ndrv_addr_format(address, text), network->view.id, family);
		return 0;
	}
	while ((pool = pool_for(dispatch, network, family, address, &at))) {
		ndrv_error_clear(err);
		rc = ipam_address_request(dispatch->parts.ipam, pool, address, ret, err);
		if (!rc)
			*ret_leased = true;
		if (!rc || rc != -NDRV_E_POOL_EXHAUSTED)
			return rc;
	}
	if (!rc)
		return ndrv_fail_object(err, NDRV_E_ADDRESS_OUT_OF_RANGE, address ? ndrv_addr_format(address, text) : "?");
	return rc;
}

int endpoint_lease(struct dispatch *dispatch, const struct request *request, struct endpoint *endpoint, struct ndrv_error *err)
{
	if (request->address_given) {
		endpoint->view.address = request->address;
		endpoint->view.address6 = request->address6;
		return 0;
	}
	int rc = lease_family(dispatch, endpoint->network, 4, &request->address, &endpoint->view.address, &endpoint->lease4, err);
	if (!rc)
		rc = lease_family(dispatch, endpoint->network, 6, &request->address6, &endpoint->view.address6, &endpoint->lease6,
				  err);
	if (rc)
		endpoint_release(dispatch, endpoint);
	return rc;
}

static void release(struct dispatch *dispatch, struct network *network, const struct ndrv_prefix *address)
{
	uint32_t at = 0;
	struct ipam_pool *pool = pool_for(dispatch, network, address->addr.family, &address->addr, &at);

	if (pool)
		ipam_address_release(dispatch->parts.ipam, pool, &address->addr);
}

void endpoint_release(struct dispatch *dispatch, struct endpoint *endpoint)
{
	if (endpoint->lease4)
		release(dispatch, endpoint->network, &endpoint->view.address);
	if (endpoint->lease6)
		release(dispatch, endpoint->network, &endpoint->view.address6);
	endpoint->lease4 = endpoint->lease6 = false;
}

static int lease_again(struct dispatch *dispatch, struct network *network, const struct ndrv_prefix *address,
		       struct ndrv_error *err)
{
	uint32_t at = 0;
	struct ndrv_prefix leased;
	struct ipam_pool *pool = pool_for(dispatch, network, address->addr.family, &address->addr, &at);

	int rc = pool ? ipam_address_request(dispatch->parts.ipam, pool, &address->addr, &leased, err) : 0;
	if (rc != -NDRV_E_ADDRESS_IN_USE)
		return rc;
	/* By this very endpoint, when its driver was missing the first time. */
	ndrv_error_clear(err);
	return 0;
}

int endpoint_lease_again(struct dispatch *dispatch, struct endpoint *endpoint, struct ndrv_error *err)
{
	int rc = 0;

	if (!dispatch->parts.ipam)
		return 0;
	if (endpoint->lease4)
		rc = lease_again(dispatch, endpoint->network, &endpoint->view.address, err);
	if (!rc && endpoint->lease6)
		rc = lease_again(dispatch, endpoint->network, &endpoint->view.address6, err);
	return rc;
}
