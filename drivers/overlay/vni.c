/* SPDX-License-Identifier: Apache-2.0 */
/* VNIs: one a subnet, the same on every host. Whoever manages the networks asks for them once (network_allocate) and gives the
 * answer to network_create everywhere. What was handed out is in the driver's store, one key a network, and nowhere else. */
#include "drivers/overlay/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_VNI 4096 /* those below are left to whoever numbers by hand, as libnetwork does */
/* Docker's own overlay numbers from 4096 too, and its interfaces are in the way even where they cannot be seen: in the namespaces
 * it moved them to. */
#define FIRST_VNI_DOCKER 0x800000
#define KEY_PREFIX "vni/"
#define TEXT_MAX (SUBNETS_MAX * 9)

/* --- lists --- */

/* "" with a number behind it too is none. */
static bool parse_one(const char *text, size_t length, uint32_t *ret)
{
	uint64_t number = 0;

	if (!length || length > 8)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = (uint32_t)number;
	return number >= 1 && number <= VNI_MAX;
}

int vni_list_parse(const char *text, uint32_t *ret, uint32_t max, uint32_t *ret_count, struct ndrv_error *err)
{
	*ret_count = 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		uint32_t vni;

		if (!parse_one(text, length, &vni))
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid vxlan id value \"%.*s\" passed",
					 (int)(length < 32 ? length : 32), text);
		if (*ret_count < max)
			ret[(*ret_count)++] = vni;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

/* --- what is handed out --- */

struct given {
	uint8_t *bits;	     /* VNI_MAX + 1 of them */
	const char *own_key; /* not counted */
};

static bool is_given(const struct given *given, uint32_t vni)
{
	return given->bits[vni / 8] & (1u << (vni % 8));
}

static void give(struct given *given, uint32_t vni)
{
	given->bits[vni / 8] |= (uint8_t)(1u << (vni % 8));
}

static int count_key(const char *key, const void *value, size_t bytes, void *data)
{
	uint32_t vnis[SUBNETS_MAX], count = 0;
	struct given *given = data;
	char text[TEXT_MAX];

	if (given->own_key && !strcmp(key, given->own_key))
		return 0;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(bytes < TEXT_MAX ? bytes : TEXT_MAX - 1), (const char *)value);
	if (!vni_list_parse(text, vnis, SUBNETS_MAX, &count, NULL))
		for (uint32_t i = 0; i < count; i++)
			give(given, vnis[i]);
	return 0;
}

/* Those asked for as they are, then the lowest that are free. */
static int choose(const struct given *given, uint32_t next, uint32_t *vnis, uint32_t asked, uint32_t wanted, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < asked; i++) {
		if (is_given(given, vnis[i]))
			return ndrv_fail(err, NDRV_E_FORBIDDEN, "vxlan id %u is in use by another network", vnis[i]);
		for (uint32_t j = 0; j < i; j++)
			if (vnis[i] == vnis[j])
				return ndrv_fail(err, NDRV_E_BAD_REQUEST, "vxlan id %u is asked for twice", vnis[i]);
	}
	for (uint32_t i = asked; i < wanted; i++, next++) {
		for (bool taken = true; taken;) {
			taken = next <= VNI_MAX && is_given(given, next);
			for (uint32_t j = 0; j < asked; j++)
				taken = taken || vnis[j] == next;
			next += taken;
		}
		if (next > VNI_MAX)
			return ndrv_fail(err, NDRV_E_NO_SERVICE, "no vxlan id is free");
		vnis[i] = next;
	}
	return 0;
}

static int key_of(const char *nid, char key[NDRV_ID_MAX + sizeof(KEY_PREFIX)], struct ndrv_error *err)
{
	int rc = ndrv_id_check("network id", nid, err);

	if (!rc)
		(void)snprintf(key, NDRV_ID_MAX + sizeof(KEY_PREFIX), KEY_PREFIX "%s", nid);
	return rc;
}

static void format(const uint32_t *vnis, uint32_t count, char text[TEXT_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < count && at < TEXT_MAX; i++)
		at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s%u", i ? "," : "", vnis[i]);
}

/* The answer given before, as long as it is enough. */
static int given_before(struct overlay *overlay, struct ndrv_call *call, const char *key, uint32_t *vnis, uint32_t wanted,
			uint32_t *ret_count)
{
	const void *value;
	char text[TEXT_MAX];
	size_t bytes;
	int rc = ndrv_store_get(overlay->host, call->arena, key, &value, &bytes, call->err);

	*ret_count = 0;
	if (rc == -NDRV_E_NOT_FOUND) {
		ndrv_error_clear(call->err);
		return 0;
	}
	if (rc)
		return rc;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(bytes < TEXT_MAX ? bytes : TEXT_MAX - 1), (const char *)value);
	rc = vni_list_parse(text, vnis, SUBNETS_MAX, ret_count, call->err);
	if (!rc && *ret_count < wanted)
		rc = ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the network already exists with %u vxlan ids, fewer than its %u pools",
			       *ret_count, wanted);
	return rc;
}

static int allocate(struct overlay *overlay, struct ndrv_call *call, const char *key, uint32_t *vnis, uint32_t asked,
		    uint32_t wanted)
{
	struct given given = {.bits = calloc(VNI_MAX / 8 + 1, 1), .own_key = key};
	char text[TEXT_MAX];
	int rc;

	if (!given.bits)
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	rc = ndrv_store_scan(overlay->host, KEY_PREFIX, count_key, &given, call->err);
	if (!rc)
		rc = choose(&given, call->front == NDRV_FRONT_DOCKER ? FIRST_VNI_DOCKER : FIRST_VNI, vnis, asked, wanted,
			    call->err);
	free(given.bits);
	if (rc)
		return rc;
	format(vnis, wanted, text);
	return ndrv_store_put(overlay->host, key, text, strlen(text), call->err);
}

/* --- the ops --- */

/* A manager's options are flat, a front's under the generic label. */
static int asked_for(struct ndrv_call *call, const struct ndrv_value *options, uint32_t *vnis, uint32_t *ret_count)
{
	const struct ndrv_value *generic = ndrv_map_get(options, NDRV_OPT_GENERIC);
	const char *text = "";
	int rc = ndrv_map_string(generic ? generic : options, OVERLAY_OPT_VNIS, &text, call->err);

	*ret_count = 0;
	if (rc < 0)
		return rc;
	return text[0] ? vni_list_parse(text, vnis, SUBNETS_MAX, ret_count, call->err) : 0;
}

static int allocate_for(struct overlay *overlay, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			uint32_t wanted, char text[TEXT_MAX])
{
	uint32_t vnis[SUBNETS_MAX], before[SUBNETS_MAX], asked, known = 0;
	char key[NDRV_ID_MAX + sizeof(KEY_PREFIX)];
	int rc = key_of(nid, key, call->err);

	if (!rc)
		rc = asked_for(call, options, vnis, &asked);
	if (rc)
		return rc;
	(void)pthread_mutex_lock(&overlay->lock);
	rc = given_before(overlay, call, key, before, wanted, &known);
	if (!rc && !known)
		rc = allocate(overlay, call, key, vnis, asked < wanted ? asked : wanted, wanted);
	(void)pthread_mutex_unlock(&overlay->lock);
	for (uint32_t i = 0; !rc && known && i < asked && i < wanted; i++)
		if (vnis[i] != before[i])
			rc = ndrv_fail(call->err, NDRV_E_FORBIDDEN, "the network already exists with vxlan id %u, not %u",
				       before[i], vnis[i]);
	if (!rc)
		format(known ? before : vnis, wanted, text);
	return rc;
}

/* The nodes of a swarm are told what is answered here and nothing else of what the user said. And peers they must find themselves.
 */
static int answer_swarm(struct ndrv_call *call, const struct ndrv_value *options, struct ndrv_value *ret)
{
	const struct ndrv_value *generic = ndrv_map_get(options, NDRV_OPT_GENERIC);
	const struct ndrv_value *flat = generic ? generic : options;
	int rc = ndrv_map_set(call->arena, ret, OVERLAY_OPT_PEERS, ndrv_string("flood"), call->err);

	for (uint32_t i = 0; flat->type == NDRV_MAP && i < flat->count && !rc; i++)
		rc = ndrv_map_set(call->arena, ret, flat->u.pairs[i].key, flat->u.pairs[i].value, call->err);
	return rc;
}

int overlay_network_allocate(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			     const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options)
{
	struct ndrv_value result = {.type = NDRV_MAP};
	uint32_t wanted = ipv4->count > ipv6->count ? ipv4->count : ipv6->count;
	char text[TEXT_MAX], *copy;
	int rc;

	if (!wanted)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "empty ipv4 data passed during overlay network creation");
	if (wanted > SUBNETS_MAX)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "network %.64s has %u pools of a family, at most %u are possible",
				 nid, wanted, SUBNETS_MAX);
	rc = allocate_for(self, call, nid, options, wanted, text);
	if (rc)
		return ndrv_wrap(call->err, rc, "network %.64s", nid);
	copy = ndrv_arena_strdup(call->arena, text);
	if (!copy)
		return ndrv_fail_errno(call->err, ENOMEM, "overlay");
	if (call->front == NDRV_FRONT_DOCKER)
		rc = answer_swarm(call, options, &result);
	if (!rc)
		rc = ndrv_map_set(call->arena, &result, OVERLAY_OPT_VNIS, ndrv_string(copy), call->err);
	if (!rc)
		*ret_options = result;
	return rc;
}

int overlay_network_free(void *self, struct ndrv_call *call, const char *nid)
{
	struct overlay *overlay = self;
	char key[NDRV_ID_MAX + sizeof(KEY_PREFIX)];
	int rc = key_of(nid, key, call->err);

	if (rc)
		return rc;
	(void)pthread_mutex_lock(&overlay->lock);
	rc = ndrv_store_del(overlay->host, key, call->err);
	(void)pthread_mutex_unlock(&overlay->lock);
	return ndrv_wrap(call->err, rc, "network %.64s", nid);
}
