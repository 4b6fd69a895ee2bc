/* SPDX-License-Identifier: Apache-2.0 */
/* The host's services as functions that also work where the host has them not. */
#include <ndrv/host.h>

#include <stdarg.h>
#include <stdio.h>

#define LOG_LINE_MAX 1024

/* Leaves the caller with NOT_IMPLEMENTED unless the host has `op` of the sub-table `service`. */
#define NEED(host, service, op, what, err)                                                                        \
	do {                                                                                                      \
		if (!(host))                                                                                      \
			return ndrv_fail((err), NDRV_E_BAD_REQUEST, "no host was passed");                        \
		if (!NDRV_HAS((host), service) || !NDRV_HAS((host)->service, op))                                 \
			return ndrv_fail((err), NDRV_E_NOT_IMPLEMENTED, "this host has no %s (%s)", (what), #op); \
	} while (0)

#define STORE "key/value store for drivers"
#define TABLES "shared tables"
#define NAT "address translation for drivers"
#define TIMERS "timers and watches for drivers"

void ndrv_log(const struct ndrv_host *host, int level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	va_list args;

	if (!host || !NDRV_HAS(host, log))
		return;
	va_start(args, fmt);
	int bytes = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (bytes < 0)
		return;
	for (char *at = line; *at; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	host->log(host, level, line);
}

int ndrv_store_put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	NEED(host, store, put, STORE, err);
	return host->store->put(host, key, value, bytes, err);
}

int ndrv_store_get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		   struct ndrv_error *err)
{
	NEED(host, store, get, STORE, err);
	return host->store->get(host, arena, key, ret, ret_bytes, err);
}

int ndrv_store_del(const struct ndrv_host *host, const char *key, struct ndrv_error *err)
{
	NEED(host, store, del, STORE, err);
	return host->store->del(host, key, err);
}

int ndrv_store_scan(const struct ndrv_host *host, const char *prefix,
		    int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	NEED(host, store, scan, STORE, err);
	return host->store->scan(host, prefix, each, data, err);
}

int ndrv_table_put(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   const void *value, size_t bytes, struct ndrv_error *err)
{
	NEED(host, tables, put, TABLES, err);
	return host->tables->put(host, network, table, key, value, bytes, err);
}

int ndrv_table_del(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   struct ndrv_error *err)
{
	NEED(host, tables, del, TABLES, err);
	return host->tables->del(host, network, table, key, err);
}

int ndrv_table_get(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
		   const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *err)
{
	NEED(host, tables, get, TABLES, err);
	return host->tables->get(host, arena, network, table, key, ret, ret_bytes, err);
}

static struct ndrv_error *error_of(struct ndrv_call *call)
{
	return call ? call->err : NULL;
}

int ndrv_nat_network_set(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
			 const struct ndrv_nat_network *want)
{
	NEED(host, nat, network_set, NAT, error_of(call));
	return host->nat->network_set(host, call, network, want);
}

int ndrv_nat_network_clear(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network)
{
	NEED(host, nat, network_clear, NAT, error_of(call));
	return host->nat->network_clear(host, call, network);
}

int ndrv_nat_publish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		     struct ndrv_port_binding *bindings, uint32_t count)
{
	NEED(host, nat, publish, NAT, error_of(call));
	return host->nat->publish(host, call, endpoint, bindings, count);
}

int ndrv_nat_unpublish(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint)
{
	NEED(host, nat, unpublish, NAT, error_of(call));
	return host->nat->unpublish(host, call, endpoint);
}

int ndrv_timer_add(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
		   void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
		   struct ndrv_timer **ret, struct ndrv_error *err)
{
	NEED(host, timers, timer_add, TIMERS, err);
	return host->timers->timer_add(host, network, after_ns, every_ns, fire, data, ret, err);
}

void ndrv_timer_del(const struct ndrv_host *host, struct ndrv_timer *timer)
{
	if (host && timer && NDRV_HAS(host, timers) && NDRV_HAS(host->timers, timer_del))
		host->timers->timer_del(host, timer);
}

int ndrv_watch_add(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
		   void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
		   void *data, struct ndrv_watch **ret, struct ndrv_error *err)
{
	NEED(host, timers, watch_add, TIMERS, err);
	return host->timers->watch_add(host, network, fd, poll_events, fire, data, ret, err);
}

void ndrv_watch_del(const struct ndrv_host *host, struct ndrv_watch *watch)
{
	if (host && watch && NDRV_HAS(host, timers) && NDRV_HAS(host->timers, watch_del))
		host->timers->watch_del(host, watch);
}
