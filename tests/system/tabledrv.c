/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of global scope that says in the log what it is told of rows and nodes. Its joins publish a row. Rows with the value
 * "fail" are refused as long as the file /tmp of its option "refuse" is there; "sleep" takes two seconds. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ndrv/driver.h>

#define PEERS "peers"

static int watch_peers(struct ndrv_call *call, struct ndrv_network *network)
{
	return network->ops->table_register(network, PEERS, NDRV_OBJECT_ENDPOINT, call->err);
}

static int on_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	return watch_peers(call, network);
}

static int on_adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		    const struct ndrv_blob *blob)
{
	(void)self;
	(void)blob;
	return endpoint ? 0 : watch_peers(call, network);
}

static int on_nothing(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self;
	(void)call;
	(void)network;
	return 0;
}

static int on_endpoint(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		       struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	(void)self;
	(void)call;
	(void)network;
	(void)endpoint;
	(void)ifinfo;
	(void)options;
	return 0;
}

static int on_gone(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self;
	(void)call;
	(void)network;
	(void)endpoint;
	return 0;
}

static int on_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		   const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		   const struct ndrv_value *sandbox_options)
{
	char text[NDRV_PREFIX_TEXT];

	(void)self;
	(void)network;
	(void)sandbox_key;
	(void)endpoint_options;
	(void)sandbox_options;
	const char *value = endpoint->address.addr.family ? ndrv_prefix_format(&endpoint->address, text) : "none";
	return join->ops->add_table_entry(join, PEERS, endpoint->id, value, strlen(value), call->err);
}

static void say_event(const struct ndrv_host *host, const struct ndrv_network *network, const struct ndrv_table_event *event)
{
	static const char *const names[] = {"?", "create", "update", "delete"};

	ndrv_log(host, NDRV_LOG_INFO, "%s %s %s of %s: %.*s -> %.*s", network->id, names[ndrv_table_event_type(event)], event->key,
		 event->owner, event->previous ? (int)event->previous_bytes : 1,
		 event->previous ? (const char *)event->previous : "-", event->value ? (int)event->value_bytes : 1,
		 event->value ? (const char *)event->value : "-");
}

static int on_notify(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch)
{
	const struct timespec two = {.tv_sec = 2};
	const char *refuse = NULL;

	(void)ndrv_map_string(ndrv_map_get(network->options, NDRV_OPT_GENERIC), "refuse", &refuse, NULL);
	if (refuse && access(refuse, F_OK) == 0)
		return ndrv_fail(call->err, NDRV_E_INTERNAL, "not now");
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct ndrv_table_event *event = ndrv_table_event_at(batch, i);
		if (batch->count < 100)
			say_event(self, network, event);
		if (event->value_bytes == 5 && !memcmp(event->value, "sleep", 5))
			(void)nanosleep(&two, NULL);
	}
	ndrv_log(self, NDRV_LOG_INFO, "%s batch of %u in %s%s%s%s%s", network->id, batch->count, batch->table,
		 batch->flags & NDRV_BATCH_SYNC_BEGIN ? " begin" : "", batch->flags & NDRV_BATCH_REPLAY ? " replay" : "",
		 batch->flags & NDRV_BATCH_SYNC_END ? " end" : "", batch->flags & NDRV_BATCH_STALE ? " stale" : "");
	return 0;
}

static int say_node(const struct ndrv_host *host, const char *what, const struct ndrv_discovery *discovery)
{
	if (discovery->type == NDRV_DISCOVER_NODE)
		ndrv_log(host, NDRV_LOG_INFO, "node %s %s%s", what, discovery->address, discovery->self ? " self" : "");
	return 0;
}

static int on_node(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	(void)call;
	return say_node(self, "new", discovery);
}

static int on_node_gone(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	(void)call;
	return say_node(self, "gone", discovery);
}

static int on_decode(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value, size_t bytes,
		     const char **ret_object_id, struct ndrv_value *ret_info)
{
	(void)self;
	(void)table;
	char *text = ndrv_arena_printf(call->arena, "%.*s", (int)bytes, (const char *)value);
	*ret_object_id = ndrv_arena_strdup(call->arena, key);
	if (!text || !*ret_object_id)
		return ndrv_fail(call->err, NDRV_E_NO_SERVICE, "out of memory");
	return ndrv_map_set(call->arena, ret_info, "address", ndrv_string(text), call->err);
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_create = on_create,
	.network_delete = on_nothing,
	.endpoint_create = on_endpoint,
	.endpoint_delete = on_gone,
	.join = on_join,
	.leave = on_gone,
	.event_notify = on_notify,
	.discover_new = on_node,
	.discover_delete = on_node_gone,
	.decode_table_entry = on_decode,
	.adopt = on_adopt,
};

NDRV_DRIVER(&ops, NULL, .types = "shared", .name = "tabledrv", .version = "1", .vendor = "tests", .data_scope = NDRV_SCOPE_GLOBAL,
	    .capability_flags = NDRV_CAPABILITY_NO_LINK);
