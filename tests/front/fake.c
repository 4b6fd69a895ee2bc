/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/front/fake.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/dispatch/watching.h"

struct ticket {
	struct ticket *next;
	struct request *request;
	void (*done)(struct request *request, struct reply *reply, void *data);
	void *data;
	struct dispatch *fake;
};

struct dispatch {
	pthread_mutex_t lock;
	bool async;
	unsigned submitted, cancelled;
	struct ticket *held;
	struct event_sink *sinks;
	const struct ndrv_value *replies[REQ_COUNT];
	unsigned threads;
	pthread_cond_t idle;
	struct tables *tables; /* real ones, in memory */
};

struct dispatch *fake_new(void)
{
	struct dispatch *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	(void)pthread_mutex_init(&fake->lock, NULL);
	(void)pthread_cond_init(&fake->idle, NULL);
	struct backend *backend;
	if (local_new(NULL, &backend, NULL) || tables_new(backend, "fake", &fake->tables, NULL) ||
	    tables_start(fake->tables, NULL) || tables_open_network(fake->tables, "n1", true, NULL))
		abort();
	return fake;
}

void fake_free(struct dispatch *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	while (fake->threads > 0)
		(void)pthread_cond_wait(&fake->idle, &fake->lock);
	(void)pthread_mutex_unlock(&fake->lock);
	(void)pthread_cond_destroy(&fake->idle);
	tables_free(fake->tables);
	(void)pthread_mutex_destroy(&fake->lock);
	free(fake);
}

/* --- the description --- */

static void put(struct request *request, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (ndrv_map_set(&request->arena->ndrv, map, key, value, NULL) < 0)
		abort();
}

static void put_text(struct request *request, struct ndrv_value *map, const char *key, const char *text)
{
	if (text)
		put(request, map, key, ndrv_string(arena_strdup(request->arena, text)));
}

static void put_prefix(struct request *request, struct ndrv_value *map, const char *key, const struct ndrv_prefix *prefix)
{
	char text[NDRV_PREFIX_TEXT];
	if (prefix->addr.family)
		put_text(request, map, key, ndrv_prefix_format(prefix, text));
}

static void describe_pools(struct request *request, struct ndrv_value *map)
{
	struct ndrv_value list = {.type = NDRV_LIST};

	for (uint32_t i = 0; i < request->pool_count; i++) {
		const struct pool_wish *wish = &request->pools[i];
		struct ndrv_value pool = {.type = NDRV_MAP};
		put(request, &pool, "family", ndrv_int(wish->family));
		put_prefix(request, &pool, "pool", &wish->pool);
		put_prefix(request, &pool, "range", &wish->range);
		put_prefix(request, &pool, "gateway", &wish->gateway);
		if (wish->given)
			put(request, &pool, "given", ndrv_bool(1));
		for (uint32_t j = 0; j < wish->aux_count; j++)
			put_prefix(request, &pool, wish->aux[j].name, &wish->aux[j].address);
		if (ndrv_list_add(&request->arena->ndrv, &list, pool, NULL) < 0)
			abort();
	}
	if (list.count)
		put(request, map, "pools", list);
}

static void describe_pool(struct request *request, struct ndrv_value *map)
{
	put_text(request, map, "pool_id", request->pool_id);
	put_text(request, map, "address_space", request->address_space);
	if (request->gateway)
		put(request, map, "gateway", ndrv_bool(1));
}

static void describe_rows(struct request *request, struct ndrv_value *map)
{
	const struct ndrv_discovery *discovery = request->discovery;

	put_text(request, map, "table", request->table);
	put_text(request, map, "key", request->key);
	if (request->row)
		put(request, map, "row_bytes", ndrv_int((int64_t)request->row_bytes));
	if (request->batch) {
		put_text(request, map, "table", request->batch->table);
		put(request, map, "batch_flags", ndrv_int(request->batch->flags));
		for (uint32_t i = 0; i < request->batch->count; i++) {
			const struct ndrv_table_event *event = &request->batch->events[i];
			put(request, map, event->key, ndrv_int((int64_t)event->previous_bytes * 1000 + event->value_bytes));
		}
	}
	if (discovery) {
		put(request, map, "discover", ndrv_int(discovery->type));
		put_text(request, map, "node", discovery->address);
		put(request, map, "self", ndrv_int(discovery->self));
		put(request, map, "keys", ndrv_int(discovery->key_count));
	}
}

static struct ndrv_value describe(struct request *request)
{
	struct ndrv_value map = {.type = NDRV_MAP};
	char mac[NDRV_MAC_TEXT];

	put_text(request, &map, "op", request_op_name(request->op));
	put_text(request, &map, "type", request->type);
	put_text(request, &map, "network", request->network);
	put_text(request, &map, "endpoint", request->endpoint);
	put_text(request, &map, "new_id", request->new_id);
	put_text(request, &map, "name", request->name);
	if (request->flags)
		put(request, &map, "flags", ndrv_int(request->flags));
	if (request->options.type)
		put(request, &map, "options", request->options);
	if (request->raw_options)
		put(request, &map, "raw_options", ndrv_bool(1));
	describe_pools(request, &map);
	put_text(request, &map, "endpoint_name", request->endpoint_name);
	put_prefix(request, &map, "address", &request->address);
	put_prefix(request, &map, "address6", &request->address6);
	if (request->mac.set)
		put_text(request, &map, "mac", ndrv_mac_format(&request->mac, mac));
	put_text(request, &map, "sandbox_key", request->sandbox_key);
	put_text(request, &map, "netns", request->netns);
	if (request->netns_pid)
		put(request, &map, "netns_pid", ndrv_int(request->netns_pid));
	put_text(request, &map, "ifname", request->ifname);
	if (request->gw_priority)
		put(request, &map, "gw_priority", ndrv_int(request->gw_priority));
	if (request->sandbox_options.type)
		put(request, &map, "sandbox_options", request->sandbox_options);
	describe_pool(request, &map);
	describe_rows(request, &map);
	put_text(request, &map, "file", request->file);
	if (request->force)
		put(request, &map, "force", ndrv_bool(1));
	if (request->sync)
		put(request, &map, "sync", ndrv_bool(1));
	if (request->sandbox_gone)
		put(request, &map, "sandbox_gone", ndrv_bool(1));
	if (request->dry_run)
		put(request, &map, "dry_run", ndrv_bool(1));
	put(request, &map, "role", ndrv_int(request->caller.role));
	return map;
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
#define X(number, name_, kind, text) {#name_, number},
		NDRV_ERRORS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].name, name) == 0)
			return codes[i].code;
	return 9999; /* a number from the future */
}

static void answer(struct ticket *ticket)
{
	struct request *request = ticket->request;
	struct reply reply = {0};
	const char *network = request->network ? request->network : "";

	if (strncmp(network, "fail-", 5) == 0) {
		int code = error_of(network + 5);
		(void)ndrv_fail(&reply.error, code, "the fake was asked to fail with %d", code);
	} else if (ticket->fake->replies[request->op]) {
		reply.value = *ticket->fake->replies[request->op];
	} else if (request->op == REQ_METRICS) {
		reply.value = ndrv_string("# TYPE ndrv_fake gauge\nndrv_fake 1\n");
	} else if (strcmp(network, "binary") == 0) {
		reply.value = ndrv_string("a\x01\xff\xed\xa0\x80\"\\\n\xe2\x82\xac");
	} else if (strcmp(network, "null") != 0) {
		reply.value = describe(request);
	}
	ticket->done(request, &reply, ticket->data);
	free(ticket);
}

static void *answer_later(void *data)
{
	struct ticket *ticket = data;
	struct dispatch *fake = ticket->fake;

	answer(ticket);
	(void)pthread_mutex_lock(&fake->lock);
	fake->threads--;
	(void)pthread_cond_signal(&fake->idle);
	(void)pthread_mutex_unlock(&fake->lock);
	return NULL;
}

/* --- the dispatcher's functions --- */

void dispatch_submit(struct dispatch *fake, struct request *request,
		     void (*done)(struct request *request, struct reply *reply, void *data), void *data, struct ticket **ret_ticket)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket));
	pthread_t thread;

	if (!ticket)
		abort();
	*ticket = (struct ticket){.request = request, .done = done, .data = data, .fake = fake};
	*ret_ticket = ticket;
	(void)pthread_mutex_lock(&fake->lock);
	fake->submitted++;
	bool hold = request->network && strcmp(request->network, "hold") == 0, async = fake->async;
	if (hold) {
		ticket->next = fake->held;
		fake->held = ticket;
	} else if (async) {
		fake->threads++;
	}
	(void)pthread_mutex_unlock(&fake->lock);
	if (hold)
		return;
	if (!async) {
		answer(ticket);
		return;
	}
	if (pthread_create(&thread, NULL, answer_later, ticket) != 0)
		abort();
	(void)pthread_detach(thread);
}

void dispatch_cancel(struct dispatch *fake, struct ticket *ticket)
{
	struct reply reply = {0};
	bool found = false;

	(void)pthread_mutex_lock(&fake->lock);
	for (struct ticket **at = &fake->held; *at && !found;) {
		found = *at == ticket;
		if (found)
			*at = ticket->next;
		else
			at = &(*at)->next;
	}
	if (found)
		fake->cancelled++;
	(void)pthread_mutex_unlock(&fake->lock);
	if (!found)
		return; /* on its way */
	(void)ndrv_fail_object(&reply.error, NDRV_E_CANCELLED, "the request");
	ticket->done(ticket->request, &reply, ticket->data);
	free(ticket);
}

void dispatch_add_sink(struct dispatch *fake, struct event_sink *sink)
{
	(void)pthread_mutex_lock(&fake->lock);
	sink->next = fake->sinks;
	fake->sinks = sink;
	(void)pthread_mutex_unlock(&fake->lock);
}

void dispatch_del_sink(struct dispatch *fake, struct event_sink *sink)
{
	(void)pthread_mutex_lock(&fake->lock);
	for (struct event_sink **at = &fake->sinks; *at; at = &(*at)->next)
		if (*at == sink) {
			*at = sink->next;
			break;
		}
	(void)pthread_mutex_unlock(&fake->lock);
}

int dispatch_watch(struct dispatch *fake, const struct request *request, void (*wake)(void *data), void *data,
		   struct table_watch **ret, struct ndrv_error *err)
{
	const struct watch_options options = {.nid = request->network,
					      .table = request->table,
					      .owner = request->owner,
					      .since = request->since,
					      .wake = wake,
					      .data = data};

	if (request->network && strcmp(request->network, "n1") != 0)
		return ndrv_fail_object(err, NDRV_E_NO_NETWORK, request->network);
	return tables_watch(fake->tables, &options, ret, err);
}

const char *request_op_name(enum request_op op)
{
	static const char *const names[REQ_COUNT] = {
#define REQUEST_X(name, text) [REQ_##name] = text,
		REQUEST_OPS(REQUEST_X)
#undef REQUEST_X
	};
	return (uint32_t)op < REQ_COUNT ? names[op] : "unknown";
}

/* --- for the tests --- */

struct tables *fake_tables(struct dispatch *fake)
{
	return fake->tables;
}

void fake_set_async(struct dispatch *fake, bool async)
{
	(void)pthread_mutex_lock(&fake->lock);
	fake->async = async;
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_set_reply(struct dispatch *fake, enum request_op op, const struct ndrv_value *value)
{
	(void)pthread_mutex_lock(&fake->lock);
	fake->replies[op] = value;
	(void)pthread_mutex_unlock(&fake->lock);
}

void fake_release(struct dispatch *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	struct ticket *held = fake->held;
	fake->held = NULL;
	(void)pthread_mutex_unlock(&fake->lock);
	while (held) {
		struct ticket *next = held->next;
		answer(held);
		held = next;
	}
}

unsigned fake_submitted(struct dispatch *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	unsigned count = fake->submitted;
	(void)pthread_mutex_unlock(&fake->lock);
	return count;
}

unsigned fake_cancelled(struct dispatch *fake)
{
	(void)pthread_mutex_lock(&fake->lock);
	unsigned count = fake->cancelled;
	(void)pthread_mutex_unlock(&fake->lock);
	return count;
}

unsigned fake_held(struct dispatch *fake)
{
	unsigned count = 0;

	(void)pthread_mutex_lock(&fake->lock);
	for (struct ticket *at = fake->held; at; at = at->next)
		count++;
	(void)pthread_mutex_unlock(&fake->lock);
	return count;
}

void fake_event(struct dispatch *fake, const char *what, int64_t number)
{
	const struct ndrv_pair pairs[] = {{"event", ndrv_string(what)}, {"number", ndrv_int(number)}};
	const struct ndrv_value event = {.type = NDRV_MAP, .count = 2, .u.pairs = pairs};

	(void)pthread_mutex_lock(&fake->lock);
	for (struct event_sink *sink = fake->sinks; sink; sink = sink->next)
		sink->event(sink, &event);
	(void)pthread_mutex_unlock(&fake->lock);
}
