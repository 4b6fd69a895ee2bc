/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests about discovery and table rows. Bytes are text, or base64 under the same name with _base64 behind it. */
#include <nettle/base64.h>
#include <string.h>

#include "host/front/control.h"

#define ROWS_MAX 4096
#define KEYS_MAX 16

static void *alloc(struct fields *fields, size_t count, size_t size)
{
	void *memory = arena_alloc(fields->arena, (count ? count : 1) * size);
	if (!memory)
		fields_fail(fields, ndrv_fail(fields->err, NDRV_E_INTERNAL, "out of memory, or the request is too large"));
	return memory;
}

/* `name` as text or `name_base64`; false: neither is there. */
static bool decode_bytes(struct fields *fields, const char *name, const char *name_base64, const uint8_t **ret, size_t *ret_bytes)
{
	const char *text = NULL, *coded = NULL;
	bool plain = fields_string(fields, name, &text);

	if (!fields_string(fields, name_base64, &coded)) {
		*ret = (const uint8_t *)text;
		*ret_bytes = plain ? strlen(text) : 0;
		return plain;
	}
	if (plain) {
		fields_refuse(fields, name_base64, "is given together with %s", name);
		return false;
	}
	struct base64_decode_ctx context;
	size_t length = strlen(coded), bytes = BASE64_DECODE_LENGTH(length);
	uint8_t *decoded = alloc(fields, bytes + 1, 1);

	if (!decoded)
		return false;
	base64_decode_init(&context);
	if (!base64_decode_update(&context, &bytes, decoded, length, coded) || !base64_decode_final(&context)) {
		fields_refuse(fields, name_base64, "is not base64");
		return false;
	}
	*ret = decoded;
	*ret_bytes = bytes;
	return true;
}

void decode_table_entry(struct fields *body, struct request *request)
{
	const uint8_t *bytes = NULL;

	(void)fields_string(body, "table", &request->table);
	fields_require(body, "table");
	(void)fields_string(body, "key", &request->key);
	fields_require(body, "key");
	if (!decode_bytes(body, "value", "value_base64", &bytes, &request->row_bytes) && body->rc == 0)
		fields_refuse(body, "value", "is required, or value_base64");
	request->row = bytes;
}

static void decode_wish(struct fields *body, const json_t *json, size_t index, struct row_wish *wish)
{
	struct fields fields;
	const uint8_t *bytes = NULL;

	fields_open_in(&fields, body, json, "rows", index);
	(void)fields_string(&fields, "table", &wish->table);
	if (!wish->table)
		fields_require(&fields, "table");
	(void)fields_string(&fields, "key", &wish->key);
	fields_require(&fields, "key");
	(void)fields_string(&fields, "owner", &wish->owner);
	if (!wish->owner)
		fields_require(&fields, "owner");
	(void)fields_bool(&fields, "gone", &wish->gone);
	if (decode_bytes(&fields, "value", "value_base64", &bytes, &wish->bytes))
		wish->value = bytes;
	if (fields.rc == 0 && !wish->value == !wish->gone)
		fields_refuse(&fields, "value",
			      wish->gone ? "is given, yet the row is to go" : "is required, or value_base64, or gone");
	fields_fail(body, fields_done(&fields));
}

/* "table" and "owner" beside the rows stand for those that do not say. */
void decode_table_write(struct fields *body, struct request *request)
{
	const char *table = NULL, *owner = NULL;

	(void)fields_string(body, "table", &table);
	(void)fields_string(body, "owner", &owner);
	(void)fields_bool(body, "strict", &request->strict);
	const json_t *list = fields_list(body, "rows", ROWS_MAX);
	fields_require(body, "rows");
	size_t count = list ? json_array_size(list) : 0;
	struct row_wish *wishes = alloc(body, count, sizeof(*wishes));
	for (size_t i = 0; wishes && i < count && body->rc == 0; i++) {
		wishes[i].table = table;
		wishes[i].owner = owner;
		decode_wish(body, json_array_get(list, i), i, &wishes[i]);
	}
	request->wishes = wishes;
	request->wish_count = (uint32_t)count;
}

void decode_pool_release(struct fields *body, struct request *request)
{
	(void)fields_string(body, "pool", &request->pool_id);
	fields_require(body, "pool");
}

void decode_node_add(struct fields *body, struct request *request)
{
	(void)fields_string(body, "node", &request->node);
	fields_require(body, "node");
	(void)fields_string(body, "address", &request->node_address);
	fields_require(body, "address");
	(void)fields_string(body, "bind_address", &request->node_bind_address);
}

static void decode_event(struct fields *body, const json_t *json, size_t index, struct ndrv_table_event *event)
{
	struct fields fields;
	const uint8_t *bytes = NULL;
	size_t length = 0;
	int64_t revision = 0;

	fields_open_in(&fields, body, json, "events", index);
	event->owner = "";
	(void)fields_string(&fields, "key", &event->key);
	fields_require(&fields, "key");
	if (decode_bytes(&fields, "previous", "previous_base64", &bytes, &length)) {
		event->previous = bytes;
		event->previous_bytes = (uint32_t)length;
	}
	if (decode_bytes(&fields, "value", "value_base64", &bytes, &length)) {
		event->value = bytes;
		event->value_bytes = (uint32_t)length;
	}
	if (fields.rc == 0 && !event->previous && !event->value)
		fields_refuse(&fields, "value", "is required, or previous, or both");
	(void)fields_int(&fields, "revision", 0, INT64_MAX, &revision);
	event->revision = (uint64_t)revision;
	(void)fields_string(&fields, "owner", &event->owner);
	fields_fail(body, fields_done(&fields));
}

void decode_event_notify(struct fields *body, struct request *request)
{
	static const struct {
		const char *key;
		uint32_t flag;
	} flags[] = {{"sync_begin", NDRV_BATCH_SYNC_BEGIN},
		     {"sync_end", NDRV_BATCH_SYNC_END},
		     {"replay", NDRV_BATCH_REPLAY},
		     {"stale", NDRV_BATCH_STALE}};
	struct ndrv_table_batch *batch = alloc(body, 1, sizeof(*batch));

	if (!batch)
		return;
	batch->size = sizeof(*batch);
	batch->element_size = sizeof(struct ndrv_table_event);
	(void)fields_string(body, "table", &batch->table);
	fields_require(body, "table");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		bool on = false;
		if (fields_bool(body, flags[i].key, &on) && on)
			batch->flags |= flags[i].flag;
	}
	const json_t *list = fields_list(body, "events", ROWS_MAX);
	fields_require(body, "events");
	size_t count = list ? json_array_size(list) : 0;
	struct ndrv_table_event *events = alloc(body, count, sizeof(*events));
	for (size_t i = 0; events && i < count && body->rc == 0; i++)
		decode_event(body, json_array_get(list, i), i, &events[i]);
	batch->count = (uint32_t)count;
	batch->events = events;
	request->batch = batch;
}

/* --- discovery --- */

static void decode_node(struct fields *body, struct ndrv_discovery *discovery)
{
	struct ndrv_addr ignored;
	bool self = false;

	(void)fields_string(body, "address", &discovery->address);
	fields_require(body, "address");
	(void)fields_string(body, "bind_address", &discovery->bind_address);
	if (body->rc == 0)
		fields_fail(body, ndrv_wrap(body->err, ndrv_addr_parse(discovery->address, &ignored, body->err), "address"));
	if (body->rc == 0 && *discovery->bind_address)
		fields_fail(body,
			    ndrv_wrap(body->err, ndrv_addr_parse(discovery->bind_address, &ignored, body->err), "bind_address"));
	(void)fields_bool(body, "self", &self);
	discovery->self = self;
}

static void decode_keys(struct fields *body, struct ndrv_discovery *discovery)
{
	const json_t *list = fields_list(body, "keys", KEYS_MAX);

	fields_require(body, "keys");
	size_t count = list ? json_array_size(list) : 0;
	struct ndrv_discovery_key *keys = alloc(body, count, sizeof(*keys));
	if (body->rc == 0 && discovery->type == NDRV_DISCOVER_KEYS_UPDATE && count != 3)
		fields_refuse(body, "keys", "expected three: the new one, the new primary, the one to drop; each may be {}");
	for (size_t i = 0; keys && i < count && body->rc == 0; i++) {
		struct fields key;
		size_t bytes = 0;
		int64_t tag = 0;

		fields_open_in(&key, body, json_array_get(list, i), "keys", i);
		(void)fields_int(&key, "tag", 0, UINT32_MAX, &tag);
		(void)decode_bytes(&key, "key", "key_base64", &keys[i].key, &bytes);
		keys[i].tag = (uint32_t)tag;
		keys[i].bytes = (uint32_t)bytes;
		fields_fail(body, fields_done(&key));
	}
	discovery->key_count = (uint32_t)count;
	discovery->keys = keys;
}

void decode_discover(struct fields *body, struct request *request)
{
	static const char *const kinds[] = {"", "node", "datastore", "keys", "keys-update"}; /* index: NDRV_DISCOVER_... */
	struct ndrv_discovery *discovery = alloc(body, 1, sizeof(*discovery));
	const char *kind = "";

	if (!discovery)
		return;
	*discovery = (struct ndrv_discovery){
		.size = sizeof(*discovery), .address = "", .bind_address = "", .provider = "", .store_address = ""};
	(void)fields_string(body, "kind", &kind);
	fields_require(body, "kind");
	for (uint32_t i = NDRV_DISCOVER_NODE; i <= NDRV_DISCOVER_KEYS_UPDATE; i++)
		if (strcmp(kind, kinds[i]) == 0)
			discovery->type = i;
	switch (discovery->type) {
	case NDRV_DISCOVER_NODE:
		decode_node(body, discovery);
		break;
	case NDRV_DISCOVER_DATASTORE:
		(void)fields_string(body, "provider", &discovery->provider);
		(void)fields_string(body, "address", &discovery->store_address);
		fields_require(body, "address");
		break;
	case NDRV_DISCOVER_KEYS:
	case NDRV_DISCOVER_KEYS_UPDATE:
		decode_keys(body, discovery);
		break;
	default:
		fields_refuse(body, "kind", "expected node, datastore, keys or keys-update, found \"%.24s\"", kind);
		break;
	}
	request->discovery = discovery;
}
