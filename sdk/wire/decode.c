/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sdk/wire/shape.h"

/* More than any network has, and what a list of them may cost. */
#define IPAM_MAX 64u
#define ROUTES_MAX 64u
#define PATH_BYTES 160

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory, or larger than a call may use");
}

static int expected(const char *path, const char *what, const json_t *found, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: expected %s, found %s", path, what, value_type_name(found));
}

/* As encoding/json finds it: the exact key, else one that differs in case. */
static const json_t *member_of(const json_t *object, const char *key)
{
	json_t *iterated = (json_t *)(uintptr_t)object; /* jansson's iterators want it so; nothing is changed */
	const json_t *found = json_object_get(object, key);

	for (void *at = found ? NULL : json_object_iter(iterated); at; at = json_object_iter_next(iterated, at))
		if (strcasecmp(json_object_iter_key(at), key) == 0)
			found = json_object_iter_value(at);
	return found;
}

/* --- kinds --- */

static int read_string(const json_t *json, const char *path, const char **ret, struct ndrv_arena *arena, struct ndrv_error *err)
{
	if (!json_is_string(json))
		return expected(path, "a string", json, err);
	*ret = ndrv_arena_strdup(arena, json_string_value(json));
	return *ret ? 0 : no_memory(err);
}

/* An address in the other family's slot is moved there by the caller of wire_..._decode; here it is only read. */
static int read_address(const struct shape_field *field, const json_t *json, const char *path, void *into, struct ndrv_error *err)
{
	if (!json_is_string(json))
		return expected(path, "a string", json, err);
	const char *text = json_string_value(json);
	int rc = 0;
	if (!*text)
		return 0;
	if (field->kind == SHAPE_PREFIX)
		rc = ndrv_prefix_parse(text, into, err);
	else if (field->kind == SHAPE_ADDR)
		rc = ndrv_addr_parse(text, into, err);
	else
		rc = ndrv_mac_parse(text, into, err);
	return ndrv_wrap(err, rc, "%s", path);
}

static int copy_ipam(struct ndrv_arena *arena, const struct ndrv_ipam_data *from, struct ndrv_ipam_data *ret)
{
	struct ndrv_aux_address *aux = ndrv_arena_alloc(arena, from->aux_count * sizeof(*aux) + 1);

	*ret = *from;
	ret->aux = aux;
	ret->address_space = ndrv_arena_strdup(arena, from->address_space);
	if (!aux || !ret->address_space)
		return -1;
	for (uint32_t i = 0; i < from->aux_count; i++) {
		aux[i].address = from->aux[i].address;
		aux[i].name = ndrv_arena_strdup(arena, from->aux[i].name);
		if (!aux[i].name)
			return -1;
	}
	return 0;
}

static int read_ipam_one(const json_t *json, const char *path, struct ndrv_ipam_data *ret, struct ndrv_arena *arena,
			 struct ndrv_error *err)
{
	struct ndrv_ipam_data data = {0};
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	if (!text)
		return no_memory(err);
	int rc = ndrv_wrap(err, ndrv_ipam_from_json(text, &data, err), "%s", path);
	free(text);
	if (rc)
		return rc;
	rc = copy_ipam(arena, &data, ret) ? no_memory(err) : 0;
	ndrv_ipam_clear(&data);
	return rc;
}

static int read_ipam(const json_t *json, const char *path, struct ndrv_ipam_list *ret, struct ndrv_arena *arena,
		     struct ndrv_error *err)
{
	if (!json_is_array(json))
		return expected(path, "a list", json, err);
	size_t count = json_array_size(json);
	if (count > IPAM_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: more than %u pools", path, IPAM_MAX);
	struct ndrv_ipam_data *items = ndrv_arena_alloc(arena, count * sizeof(*items) + 1);
	if (!items)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		char below[PATH_BYTES];
		(void)snprintf(below, sizeof(below), "%.120s[%zu]", path, i);
		int rc = read_ipam_one(json_array_get(json, i), below, &items[i], arena, err);
		if (rc)
			return rc;
	}
	*ret = (struct ndrv_ipam_list){.count = (uint32_t)count, .element_size = sizeof(*items), .items = items};
	return 0;
}

/* Every route is whole: libnetwork's rules are in ndrv_route_check(), which whoever takes them over applies. */
static int read_routes(const json_t *json, const char *path, struct wire_routes *ret, struct ndrv_arena *arena,
		       struct ndrv_error *err)
{
	if (!json_is_array(json))
		return expected(path, "a list", json, err);
	size_t count = json_array_size(json);
	if (count > ROUTES_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s: more than %u routes", path, ROUTES_MAX);
	struct ndrv_route *routes = ndrv_arena_alloc(arena, count * sizeof(*routes) + 1);
	if (!routes)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct shape_route flat = {.type = 0};
		char below[PATH_BYTES];
		(void)snprintf(below, sizeof(below), "%.120s[%zu]", path, i);
		int rc = shape_read(shape_routes, json_array_get(json, i), below, &flat, arena, err);
		if (rc)
			return rc;
		routes[i] = (struct ndrv_route){.destination = flat.destination,
						.type = flat.type < 0 || flat.type > 255 ? 255 : (uint32_t)flat.type,
						.next_hop = flat.next_hop};
	}
	*ret = (struct wire_routes){.count = (uint32_t)count, .items = routes};
	return 0;
}

static int read_scalar(const struct shape_field *field, const json_t *json, const char *path, void *member,
		       struct ndrv_arena *arena, struct ndrv_error *err)
{
	if (field->kind == SHAPE_BOOL) {
		if (!json_is_boolean(json))
			return expected(path, "a boolean", json, err);
		*(bool *)member = json_is_true(json);
		return 0;
	}
	if (field->kind == SHAPE_INT) {
		if (!json_is_integer(json))
			return expected(path, "a whole number", json, err);
		*(int64_t *)member = json_integer_value(json);
		return 0;
	}
	return read_string(json, path, member, arena, err);
}

static int read_value(const struct shape_field *field, const json_t *json, const char *path, void *member, struct ndrv_arena *arena,
		      struct ndrv_error *err)
{
	if (field->kind == SHAPE_MAP && !json_is_object(json))
		return expected(path, "an object", json, err);
	if (field->kind == SHAPE_LIST && !json_is_array(json))
		return expected(path, "a list", json, err);
	return value_read(json, field->key, path, arena, member, err);
}

static int read_member(const struct shape_field *field, const json_t *json, const char *path, void *into, struct ndrv_arena *arena,
		       struct ndrv_error *err)
{
	void *member = (char *)into + field->offset;

	switch (field->kind) {
	case SHAPE_STRING:
	case SHAPE_ID:
	case SHAPE_BOOL:
	case SHAPE_INT:
		return read_scalar(field, json, path, member, arena, err);
	case SHAPE_VALUE:
	case SHAPE_MAP:
	case SHAPE_LIST:
		return read_value(field, json, path, member, arena, err);
	case SHAPE_PREFIX:
	case SHAPE_ADDR:
	case SHAPE_MAC:
		return read_address(field, json, path, member, err);
	case SHAPE_IPAM:
		return read_ipam(json, path, member, arena, err);
	case SHAPE_ROUTES:
		return read_routes(json, path, member, arena, err);
	case SHAPE_OBJECT:
		break;
	}
	if (field->is_set)
		*(bool *)member = true;
	return shape_read(field->shape, json, path, into, arena, err);
}

int shape_read(const struct shape_field *shape, const json_t *object, const char *path, void *into, struct ndrv_arena *arena,
	       struct ndrv_error *err)
{
	if (!json_is_object(object))
		return expected(*path ? path : "the message", "an object", object, err);
	for (const struct shape_field *field = shape; field->key; field++) {
		const json_t *json = member_of(object, field->key);
		char below[PATH_BYTES];
		if (!json || json_is_null(json))
			continue;
		(void)snprintf(below, sizeof(below), "%.120s%s%.32s", path, *path ? "." : "", field->key);
		int rc = read_member(field, json, below, into, arena, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- messages --- */

/* Strings a message did not have are "", and ids it must have are ids. */
static int settle(const struct shape_field *shape, void *into, bool check, struct ndrv_error *err)
{
	for (const struct shape_field *field = shape; field->key; field++) {
		const char **text = (void *)((char *)into + field->offset);
		int rc = 0;
		if (field->kind == SHAPE_OBJECT)
			rc = settle(field->shape, into, check, err);
		if (field->kind != SHAPE_STRING && field->kind != SHAPE_ID)
			text = NULL;
		if (text && !*text)
			*text = "";
		if (text && check && field->kind == SHAPE_ID)
			rc = ndrv_id_check(field->key, *text, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* `text` need not end with a NUL. */
static bool is_blank(const char *text, size_t bytes)
{
	size_t at = 0;

	while (at < bytes && text[at] && strchr(" \t\r\n", text[at]))
		at++;
	return at == bytes;
}

static int parse(const char *text, size_t bytes, json_t **ret, struct ndrv_error *err)
{
	json_error_t why;

	if (!text || is_blank(text, bytes))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the body is empty");
	*ret = json_loadb(text, bytes, JSON_DECODE_ANY, &why);
	if (*ret)
		return 0;
	/* Jansson does not say that it was memory where it had none to begin with. */
	if (json_error_code(&why) == json_error_out_of_memory || why.line < 0)
		return no_memory(err);
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "line %d, column %d: %s", why.line, why.column, why.text);
}

/* libnetwork puts an address where its family belongs, whatever key it came under. */
static void place(struct wire_interface *interface)
{
	struct wire_interface was = *interface;

	if (was.address.addr.family != 6 && was.address6.addr.family != 4)
		return;
	if (was.address.addr.family == was.address6.addr.family)
		return;
	if (was.address.addr.family == 4 || was.address6.addr.family == 6)
		return;
	interface->address = was.address6;
	interface->address6 = was.address;
}

int wire_request_decode(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena, struct wire_request *ret,
			struct ndrv_error *err)
{
	const char *path = wire_method_path(method);
	json_t *json = NULL;

	*ret = (struct wire_request){0};
	if (!wire_method_has_body(method))
		return settle(shape_requests[method], ret, false, err);
	int rc = parse(text, bytes, &json, err);
	if (!rc)
		rc = shape_read(shape_requests[method], json, "", ret, arena, err);
	json_decref(json);
	if (!rc)
		rc = settle(shape_requests[method], ret, true, err);
	place(&ret->interface);
	return ndrv_wrap(err, rc, "%s", path);
}

int wire_reply_decode(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena, struct wire_reply *ret,
		      struct ndrv_error *err)
{
	json_t *json = NULL;
	const struct shape_field *failure = wire_method_is_ipam(method) ? shape_ipam_error : shape_error;

	*ret = (struct wire_reply){0};
	int rc = parse(text, bytes, &json, err);
	if (!rc && !json_is_null(json))
		rc = shape_read(failure, json, "", ret, arena, err);
	if (!rc && !json_is_null(json) && (!ret->err || !*ret->err))
		rc = shape_read(shape_replies[method], json, "", ret, arena, err);
	json_decref(json);
	(void)settle(failure, ret, false, NULL);
	(void)settle(shape_replies[method], ret, false, NULL);
	place(&ret->interface);
	return rc;
}

int wire_value_parse(const char *text, size_t bytes, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	json_t *json = NULL;
	int rc = parse(text, bytes, &json, err);

	if (!rc)
		rc = value_read(json, NULL, "the document", arena, ret, err);
	json_decref(json);
	return rc;
}
