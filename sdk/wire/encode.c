/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sdk/lib/go_json.h"
#include "sdk/wire/shape.h"

static bool is_empty(const struct shape_field *field, const void *member)
{
	const char *const *text = member;
	const struct ndrv_value *value = member;
	const struct ndrv_prefix *prefix = member;
	const struct ndrv_addr *addr = member;
	const struct ndrv_mac *mac = member;
	const struct wire_routes *routes = member;
	const int64_t *number = member;
	const bool *flag = member;

	switch (field->kind) {
	case SHAPE_STRING:
	case SHAPE_ID:
		return !*text || !**text;
	case SHAPE_BOOL:
		return !*flag;
	case SHAPE_INT:
		return !*number;
	case SHAPE_VALUE:
	case SHAPE_MAP:
	case SHAPE_LIST:
		return value->type == NDRV_NULL;
	case SHAPE_PREFIX:
		return !prefix->addr.family;
	case SHAPE_ADDR:
		return !addr->family;
	case SHAPE_MAC:
		return !mac->set;
	case SHAPE_ROUTES:
		return !routes->count;
	case SHAPE_OBJECT:
		return field->is_set && !*flag;
	case SHAPE_IPAM:
		break;
	}
	return false;
}

static void write_ipam(FILE *out, const struct ndrv_ipam_list *list, bool *failed)
{
	if (!list->items) {
		(void)fputs("null", out);
		return;
	}
	(void)fputc('[', out);
	for (uint32_t i = 0; i < list->count; i++) {
		char *text = NULL;
		if (ndrv_ipam_to_json(ndrv_ipam_at(list, i), &text, NULL))
			*failed = true;
		if (i)
			(void)fputc(',', out);
		(void)fputs(text ? text : "null", out);
		free(text);
	}
	(void)fputc(']', out);
}

static void write_routes(FILE *out, const struct wire_routes *routes, bool *failed)
{
	(void)fputc('[', out);
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct ndrv_route *route = &routes->items[i];
		struct shape_route flat = {.destination = route->destination, .type = route->type, .next_hop = route->next_hop};
		if (i)
			(void)fputc(',', out);
		shape_write(out, shape_routes, &flat, failed);
	}
	(void)fputc(']', out);
}

static void write_member(FILE *out, const struct shape_field *field, const void *from, const void *member, bool *failed)
{
	const char *const *text = member;
	char buffer[NDRV_PREFIX_TEXT];

	switch (field->kind) {
	case SHAPE_STRING:
	case SHAPE_ID:
		go_json_string(out, *text ? *text : "");
		break;
	case SHAPE_BOOL:
		(void)fputs(*(const bool *)member ? "true" : "false", out);
		break;
	case SHAPE_INT:
		(void)fprintf(out, "%lld", (long long)*(const int64_t *)member);
		break;
	case SHAPE_VALUE:
	case SHAPE_MAP:
	case SHAPE_LIST:
		value_write(out, field->key, member, failed);
		break;
	case SHAPE_PREFIX:
		go_json_string(out, ndrv_prefix_format(member, buffer));
		break;
	case SHAPE_ADDR:
		go_json_string(out, ndrv_addr_format(member, buffer));
		break;
	case SHAPE_MAC:
		go_json_string(out, ndrv_mac_format(member, buffer));
		break;
	case SHAPE_IPAM:
		write_ipam(out, member, failed);
		break;
	case SHAPE_ROUTES:
		write_routes(out, member, failed);
		break;
	case SHAPE_OBJECT:
		shape_write(out, field->shape, from, failed);
		break;
	}
}

/* The members of `shape` without the braces. */
static void write_members(FILE *out, const struct shape_field *shape, const void *from, const char **comma, bool *failed)
{
	for (const struct shape_field *field = shape; field->key; field++) {
		const void *member = (const char *)from + field->offset;
		if ((field->omit || field->is_set) && is_empty(field, member))
			continue;
		(void)fputs(*comma, out);
		*comma = ",";
		go_json_string(out, field->key);
		(void)fputc(':', out);
		write_member(out, field, from, member, failed);
	}
}

void shape_write(FILE *out, const struct shape_field *shape, const void *from, bool *failed)
{
	const char *comma = "";

	(void)fputc('{', out);
	write_members(out, shape, from, &comma, failed);
	(void)fputc('}', out);
}

static int finish(FILE *out, bool failed, char **text, struct ndrv_error *err)
{
	(void)fputs("\n", out);
	failed |= ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return 0;
	free(*text);
	*text = NULL;
	return ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory");
}

int wire_request_encode(enum wire_method method, const struct wire_request *request, char **ret, size_t *ret_bytes,
			struct ndrv_error *err)
{
	bool failed = false;

	*ret = NULL;
	if (!wire_method_has_body(method)) {
		*ret = strdup("");
		*ret_bytes = 0;
		return *ret ? 0 : ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory");
	}
	FILE *out = open_memstream(ret, ret_bytes);
	if (!out)
		return ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory");
	shape_write(out, shape_requests[method], request, &failed);
	return finish(out, failed, ret, err);
}

int wire_reply_encode(enum wire_method method, const struct wire_reply *reply, char **ret, size_t *ret_bytes,
		      struct ndrv_error *err)
{
	bool failed = false;
	const char *comma = "";

	*ret = NULL;
	FILE *out = open_memstream(ret, ret_bytes);
	if (!out)
		return ndrv_fail(err, NDRV_E_INTERNAL, "a message of Docker's: out of memory");
	(void)fputc('{', out);
	write_members(out, wire_method_is_ipam(method) ? shape_ipam_error : shape_error, reply, &comma, &failed);
	if (!reply->err || !*reply->err)
		write_members(out, shape_replies[method], reply, &comma, &failed);
	(void)fputc('}', out);
	return finish(out, failed, ret, err);
}

char *wire_value_print(const struct ndrv_value *value)
{
	bool failed = false;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	value_write(out, NULL, value, &failed);
	failed |= ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
