/* SPDX-License-Identifier: Apache-2.0 */
/* The host's services as functions: what reaches a host that has them, and the sentence where one is missing. */
#include "tests/lib/test.h"

#include <ndrv/driver.h>

static struct ndrv_error err;
static struct ndrv_call call = {.size = sizeof(call), .err = &err};
static char seen[1100];

static int note(const char *what, const char *key)
{
	snprintf(seen, sizeof(seen), "%s %s", what, key);
	return 0;
}

static int store_put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *e)
{
	(void)host, (void)value, (void)bytes, (void)e;
	return note("store.put", key);
}

static int store_get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		     struct ndrv_error *e)
{
	(void)host, (void)arena, (void)ret, (void)ret_bytes, (void)e;
	return note("store.get", key);
}

static int store_del(const struct ndrv_host *host, const char *key, struct ndrv_error *e)
{
	(void)host, (void)e;
	return note("store.del", key);
}

static int store_scan(const struct ndrv_host *host, const char *prefix,
		      int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *e)
{
	(void)host, (void)e;
	note("store.scan", prefix);
	return each("k", NULL, 0, data);
}

static int tables_put(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		      const void *value, size_t bytes, struct ndrv_error *e)
{
	(void)host, (void)network, (void)table, (void)value, (void)bytes, (void)e;
	return note("tables.put", key);
}

static int tables_del(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		      struct ndrv_error *e)
{
	(void)host, (void)network, (void)table, (void)e;
	return note("tables.del", key);
}

static int tables_get(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
		      const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *e)
{
	(void)host, (void)arena, (void)network, (void)table, (void)ret, (void)ret_bytes, (void)e;
	return note("tables.get", key);
}

static int network_set(const struct ndrv_host *host, struct ndrv_call *c, const struct ndrv_network *network,
		       const struct ndrv_nat_network *want)
{
	(void)host, (void)c, (void)network;
	return note("nat.network_set", want->link);
}

static int network_clear(const struct ndrv_host *host, struct ndrv_call *c, const struct ndrv_network *network)
{
	(void)host, (void)c, (void)network;
	return note("nat.network_clear", "");
}

static int publish(const struct ndrv_host *host, struct ndrv_call *c, const struct ndrv_endpoint *endpoint,
		   struct ndrv_port_binding *bindings, uint32_t count)
{
	(void)host, (void)c, (void)endpoint, (void)bindings, (void)count;
	return note("nat.publish", "");
}

static int unpublish(const struct ndrv_host *host, struct ndrv_call *c, const struct ndrv_endpoint *endpoint)
{
	(void)host, (void)c, (void)endpoint;
	return note("nat.unpublish", "");
}

static int timer_add(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
		     void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
		     struct ndrv_timer **ret, struct ndrv_error *e)
{
	(void)host, (void)network, (void)after_ns, (void)every_ns, (void)fire, (void)data, (void)ret, (void)e;
	return note("timers.timer_add", "");
}

static void timer_del(const struct ndrv_host *host, struct ndrv_timer *timer)
{
	(void)host, (void)timer;
	note("timers.timer_del", "");
}

static int watch_add(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
		     void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
		     void *data, struct ndrv_watch **ret, struct ndrv_error *e)
{
	(void)host, (void)network, (void)fd, (void)poll_events, (void)fire, (void)data, (void)ret, (void)e;
	return note("timers.watch_add", "");
}

static void watch_del(const struct ndrv_host *host, struct ndrv_watch *watch)
{
	(void)host, (void)watch;
	note("timers.watch_del", "");
}

static void log_line(const struct ndrv_host *host, int level, const char *text)
{
	(void)host, (void)level;
	note("log", text);
}

static const struct ndrv_store_ops store = {
	.size = sizeof(store), .put = store_put, .get = store_get, .del = store_del, .scan = store_scan};
static const struct ndrv_tables_ops tables = {.size = sizeof(tables), .put = tables_put, .del = tables_del, .get = tables_get};
static const struct ndrv_nat_ops nat = {.size = sizeof(nat),
					.network_set = network_set,
					.network_clear = network_clear,
					.publish = publish,
					.unpublish = unpublish};
static const struct ndrv_timers_ops timers = {
	.size = sizeof(timers), .timer_add = timer_add, .timer_del = timer_del, .watch_add = watch_add, .watch_del = watch_del};
static const struct ndrv_host full = {
	.size = sizeof(full), .log = log_line, .store = &store, .tables = &tables, .nat = &nat, .timers = &timers};

static int stop_at(const char *key, const void *value, size_t bytes, void *data)
{
	(void)key, (void)value, (void)bytes;
	return *(int *)data;
}

/* Calls every service; each call must return `rc`, and then have reached the host as `what`, or left the sentence that names it. */
static void assert_services(const struct ndrv_host *host, int code, const char *part)
{
	struct ndrv_nat_network want = {.link = "br0"};
	struct ndrv_timer *timer;
	struct ndrv_watch *watch;
	const void *value;
	size_t bytes;
	int stop = 0;

#define CHECK(expression, what)                                                           \
	do {                                                                              \
		seen[0] = '\0';                                                           \
		if (code) {                                                               \
			assert_fails((expression), &err, code, part);                     \
			assert_string_equal(seen, "");                                    \
			if (code == NDRV_E_NOT_IMPLEMENTED)                               \
				assert_non_null(strstr(err.text, strchr(what, '.') + 1)); \
		} else {                                                                  \
			assert_ok((expression), &err);                                    \
			assert_memory_equal(seen, what, strlen(what));                    \
		}                                                                         \
	} while (0)
	CHECK(ndrv_store_put(host, "k", "v", 1, &err), "store.put");
	CHECK(ndrv_store_get(host, NULL, "k", &value, &bytes, &err), "store.get");
	CHECK(ndrv_store_del(host, "k", &err), "store.del");
	CHECK(ndrv_store_scan(host, "k", stop_at, &stop, &err), "store.scan");
	CHECK(ndrv_table_put(host, NULL, "t", "k", "v", 1, &err), "tables.put");
	CHECK(ndrv_table_del(host, NULL, "t", "k", &err), "tables.del");
	CHECK(ndrv_table_get(host, NULL, NULL, "t", "k", &value, &bytes, &err), "tables.get");
	CHECK(ndrv_nat_network_set(host, &call, NULL, &want), "nat.network_set");
	CHECK(ndrv_nat_network_clear(host, &call, NULL), "nat.network_clear");
	CHECK(ndrv_nat_publish(host, &call, NULL, NULL, 0), "nat.publish");
	CHECK(ndrv_nat_unpublish(host, &call, NULL), "nat.unpublish");
	CHECK(ndrv_timer_add(host, NULL, 1, 0, NULL, NULL, &timer, &err), "timers.timer_add");
	CHECK(ndrv_watch_add(host, NULL, 0, 0, NULL, NULL, &watch, &err), "timers.watch_add");
#undef CHECK
}

static void services_reach_the_host(void **state)
{
	int stop = 5;

	(void)state;
	assert_services(&full, 0, "");
	assert_int_equal(ndrv_store_scan(&full, "k", stop_at, &stop, &err), 5);
}

static void absent_services_are_not_implemented_and_say_which(void **state)
{
	const struct ndrv_store_ops no_store = {.size = sizeof(no_store)};
	const struct ndrv_tables_ops no_tables = {.size = sizeof(no_tables)};
	const struct ndrv_nat_ops no_nat = {.size = 8};
	const struct ndrv_timers_ops no_timers = {.size = sizeof(no_timers)};
	struct ndrv_host host = {.size = sizeof(host)};

	(void)state;
	assert_services(&host, NDRV_E_NOT_IMPLEMENTED, "this host has no ");
	host = (struct ndrv_host){
		.size = sizeof(host), .store = &no_store, .tables = &no_tables, .nat = &no_nat, .timers = &no_timers};
	assert_services(&host, NDRV_E_NOT_IMPLEMENTED, "this host has no ");
	host = full;
	host.size = offsetof(struct ndrv_host, store);
	assert_services(&host, NDRV_E_NOT_IMPLEMENTED, "this host has no ");
	assert_services(NULL, NDRV_E_BAD_REQUEST, "no host was passed");
	ndrv_nat_publish(&(struct ndrv_host){.size = sizeof(host)}, NULL, NULL, NULL, 0);
}

static void deleting_timers_and_watches_needs_no_service(void **state)
{
	const struct ndrv_host host = {.size = sizeof(host)};
	int some;

	(void)state;
	seen[0] = '\0';
	ndrv_timer_del(&host, (struct ndrv_timer *)(void *)&some);
	ndrv_watch_del(NULL, (struct ndrv_watch *)(void *)&some);
	ndrv_timer_del(&full, NULL);
	assert_string_equal(seen, "");
	ndrv_timer_del(&full, (struct ndrv_timer *)(void *)&some);
	assert_string_equal(seen, "timers.timer_del ");
	ndrv_watch_del(&full, (struct ndrv_watch *)(void *)&some);
	assert_string_equal(seen, "timers.watch_del ");
}

static void a_log_line_is_one_line_of_bounded_length(void **state)
{
	char longer[3000];

	(void)state;
	ndrv_log(&full, NDRV_LOG_INFO, "two\nlines\r%d", 7);
	assert_string_equal(seen, "log two lines 7");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ndrv_log(&full, NDRV_LOG_INFO, "%s", longer);
	assert_int_equal(strlen(seen), strlen("log ") + 1023);
	ndrv_log(NULL, NDRV_LOG_INFO, "x");
	ndrv_log(&(struct ndrv_host){.size = sizeof(full)}, NDRV_LOG_INFO, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_reach_the_host),
		cmocka_unit_test(absent_services_are_not_implemented_and_say_which),
		cmocka_unit_test(deleting_timers_and_watches_needs_no_service),
		cmocka_unit_test(a_log_line_is_one_line_of_bounded_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
