/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, and digests that tell a repeated request from a different one with the same id. */
#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/dispatch/mend.h"
#include "host/dispatch/record_io.h"

int id_generate(char *ret, struct ndrv_error *err)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[ID_DIGITS / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return ndrv_fail_errno(err, errno, "make an id");
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[ID_DIGITS] = '\0';
	return 0;
}

static void add_number(struct sha256_ctx *ctx, uint64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	sha256_update(ctx, sizeof(bytes), bytes);
}

static void add_text(struct sha256_ctx *ctx, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	add_number(ctx, length);
	if (length)
		sha256_update(ctx, length, (const uint8_t *)text);
}

static void add_value(struct sha256_ctx *ctx, const struct ndrv_value *value);

/* Without regard to order: the digests of the pairs are added up. */
static void add_map(struct sha256_ctx *ctx, const struct ndrv_value *map)
{
	uint8_t sum[SHA256_DIGEST_SIZE] = {0};

	for (uint32_t i = 0; i < map->count; i++) {
		struct sha256_ctx pair;
		uint8_t digest[SHA256_DIGEST_SIZE];
		uint32_t carry = 0;
		sha256_init(&pair);
		add_text(&pair, map->u.pairs[i].key);
		add_value(&pair, &map->u.pairs[i].value);
		sha256_digest(&pair, sizeof(digest), digest);
		for (size_t j = 0; j < sizeof(sum); j++) {
			carry += (uint32_t)sum[j] + digest[j];
			sum[j] = (uint8_t)carry;
			carry >>= 8;
		}
	}
	sha256_update(ctx, sizeof(sum), sum);
}

static void add_value(struct sha256_ctx *ctx, const struct ndrv_value *value)
{
	add_number(ctx, value->type);
	add_number(ctx, value->count);
	if (value->type == NDRV_BOOL || value->type == NDRV_INT)
		add_number(ctx, (uint64_t)value->u.integer);
	else if (value->type == NDRV_STRING)
		add_text(ctx, value->u.string);
	else if (value->type == NDRV_LIST)
		for (uint32_t i = 0; i < value->count; i++)
			add_value(ctx, &value->u.items[i]);
	else if (value->type == NDRV_MAP)
		add_map(ctx, value);
}

static void add_prefix(struct sha256_ctx *ctx, const struct ndrv_prefix *prefix)
{
	sha256_update(ctx, 1, &prefix->addr.family);
	sha256_update(ctx, sizeof(prefix->addr.bytes), prefix->addr.bytes);
	add_number(ctx, prefix->length);
}

static void add_pool(struct sha256_ctx *ctx, const struct pool_wish *wish)
{
	add_prefix(ctx, &wish->pool);
	add_prefix(ctx, &wish->range);
	add_prefix(ctx, &wish->gateway);
	add_number(ctx, wish->family);
	add_number(ctx, wish->given);
	add_text(ctx, wish->address_space);
	add_number(ctx, wish->aux_count);
	for (uint32_t i = 0; i < wish->aux_count; i++) {
		add_text(ctx, wish->aux[i].name);
		add_prefix(ctx, &wish->aux[i].address);
	}
}

void digest_network(const struct request *request, uint8_t *ret)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	add_text(&ctx, request->type);
	add_text(&ctx, request->name);
	add_number(&ctx, request->flags);
	add_number(&ctx, request->raw_options);
	add_value(&ctx, &request->options);
	add_number(&ctx, request->pool_count);
	for (uint32_t i = 0; i < request->pool_count; i++)
		add_pool(&ctx, &request->pools[i]);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret);
}

void digest_endpoint(const struct request *request, uint8_t *ret)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	add_text(&ctx, request->endpoint_name);
	add_prefix(&ctx, &request->address);
	add_prefix(&ctx, &request->address6);
	add_number(&ctx, request->address_given);
	sha256_update(&ctx, 1, &request->mac.set);
	sha256_update(&ctx, sizeof(request->mac.bytes), request->mac.bytes);
	add_value(&ctx, &request->options);
	if (request->op == REQ_CONNECT) {
		add_text(&ctx, request->netns);
		add_number(&ctx, (uint64_t)request->netns_pid);
		add_text(&ctx, request->ifname);
		if (request->gw_priority) /* else as before there were any */
			add_number(&ctx, (uint64_t)request->gw_priority);
		add_value(&ctx, &request->sandbox_options);
	}
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, ret);
}

/* --- on disk --- */

/* A write that was refused may be there all the same (only its sync failed), and a removal that was refused is a record too many
 * for the next start: both are put right as soon as the disk allows it. */
int keep_network(struct dispatch *dispatch, const struct network *network, struct ndrv_error *err)
{
	if (!dispatch->parts.store)
		return 0;
	mend_supersede(dispatch, network->view.id, NULL);
	int rc = store_put_network(dispatch->parts.store, network, err);
	if (rc)
		mend_row(dispatch, network->view.id, NULL);
	return rc;
}

int keep_endpoint(struct dispatch *dispatch, const struct endpoint *endpoint, struct ndrv_error *err)
{
	const char *nid = endpoint->network->view.id, *eid = endpoint->view.id;

	if (!dispatch->parts.store)
		return 0;
	mend_supersede(dispatch, nid, eid);
	int rc = store_put_endpoint(dispatch->parts.store, endpoint, err);
	if (rc)
		mend_row(dispatch, nid, eid);
	return rc;
}

void forget_network(struct dispatch *dispatch, const char *id)
{
	struct ndrv_error err = {0};

	if (!dispatch->parts.store || !store_del_network(dispatch->parts.store, id, &err))
		return;
	log_error("dispatch", "network %s is gone but its record stays for now: %s", id, err.text);
	mend_row(dispatch, id, NULL);
}

void forget_endpoint(struct dispatch *dispatch, const char *nid, const char *eid)
{
	struct ndrv_error err = {0};

	if (!dispatch->parts.store || !store_del_endpoint(dispatch->parts.store, nid, eid, &err))
		return;
	log_error("dispatch", "endpoint %s of network %s is gone but its record stays for now: %s", eid, nid, err.text);
	mend_row(dispatch, nid, eid);
}
