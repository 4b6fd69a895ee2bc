/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/statedir.h"

#include "tests/lib/test.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/state/codec.h"

void statedir_make(struct statedir *dir)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(dir->root, sizeof(dir->root), "%s/ndrv-state-XXXXXX", base);
	if (!mkdtemp(dir->root))
		abort();
	(void)snprintf(dir->state, sizeof(dir->state), "%s/state", dir->root);
	(void)snprintf(dir->runtime, sizeof(dir->runtime), "%s/run", dir->root);
	dir->paths = (struct store_paths){dir->state, dir->runtime};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void statedir_remove(const struct statedir *dir)
{
	(void)nftw(dir->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *statedir_file(const struct statedir *dir, const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", strncmp(name, "live", 4) == 0 ? dir->runtime : dir->state, name);
	return path;
}

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix result = {0};

	if (ndrv_prefix_parse(text, &result, NULL))
		abort();
	return result;
}

static void fill_pools(struct network *network, unsigned number)
{
	struct ndrv_ipam_data *data = arena_alloc(&network->arena, 2 * sizeof(*data));
	struct ndrv_aux_address *aux = arena_alloc(&network->arena, sizeof(*aux));
	char text[NDRV_PREFIX_TEXT];

	network->pools = arena_alloc(&network->arena, 2 * sizeof(*network->pools));
	(void)snprintf(text, sizeof(text), "10.%u.0.0/16", number % 256);
	data[0] = (struct ndrv_ipam_data){.address_space = "", .pool = prefix(text), .gateway = prefix(text)};
	data[0].gateway.addr.bytes[3] = 1;
	*aux = (struct ndrv_aux_address){"printer", data[0].gateway};
	aux->address.addr.bytes[3] = 9;
	data[0].aux = aux;
	data[0].aux_count = data[0].aux_set = 1;
	data[1] = (struct ndrv_ipam_data){.address_space = "LocalDefault", .pool = prefix("fd00:1::/64"), .aux_set = 1};
	network->pools[0] = (struct pool_lease){.pool = data[0].pool, .range = data[0].pool, .ours = true};
	network->pools[0].range.length = 20;
	network->pools[1].pool = data[1].pool;
	network->pool_count = 2;
	network->view.ipv4 = (struct ndrv_ipam_list){1, sizeof(*data), &data[0]};
	network->view.ipv6 = (struct ndrv_ipam_list){1, sizeof(*data), &data[1]};
}

static const struct ndrv_value *some_options(struct arena *arena)
{
	struct ndrv_value *options = arena_alloc(arena, sizeof(*options)), generic = ndrv_null(), list = ndrv_null();

	(void)ndrv_map_set(&arena->ndrv, &generic, "com.docker.network.bridge.name", ndrv_string("br-\303\244\"\n"), NULL);
	(void)ndrv_list_add(&arena->ndrv, &list, ndrv_int(-7), NULL);
	(void)ndrv_list_add(&arena->ndrv, &list, ndrv_null(), NULL);
	(void)ndrv_map_set(&arena->ndrv, options, NDRV_OPT_GENERIC, generic, NULL);
	(void)ndrv_map_set(&arena->ndrv, options, NDRV_OPT_ENABLE_IPV6, ndrv_bool(1), NULL);
	(void)ndrv_map_set(&arena->ndrv, options, "list", list, NULL);
	return options;
}

struct network *statedir_network(struct records *records, unsigned number)
{
	char id[32], name[32];

	(void)snprintf(id, sizeof(id), "net%u", number);
	(void)snprintf(name, sizeof(name), "name-%u", number);
	struct network *network = network_new(id, name, "bridge");
	if (!network)
		return NULL;
	network->view.instance = "i1";
	network->view.flags = NDRV_NETWORK_IPV4 | NDRV_NETWORK_IPV6;
	network->view.link_group = 4711;
	network->view.route_protocol = 153;
	network->view.options = some_options(&network->arena);
	(void)ndrv_map_set(&network->arena.ndrv, &network->labels, "colour", ndrv_string("blue"), NULL);
	fill_pools(network, number);
	memset(network->digest, (int)number, sizeof(network->digest));
	network->created_at = 1700000000 + number;
	network->creator_uid = 1000;
	network->state = RECORD_LIVE;
	(void)turn_try(&network->turn);
	if (records_add(records, network, NULL, NULL))
		abort();
	turn_pass(&network->turn);
	network_unref(network);
	return network;
}

static void fill_join(struct endpoint *endpoint)
{
	struct join_record *join = &endpoint->join;
	struct ndrv_route *routes = arena_alloc(&endpoint->join_arena, 2 * sizeof(*routes));
	struct ndrv_value ports = ndrv_null();

	join->state = JOIN_JOINED;
	join->sandbox_key = arena_strdup(&endpoint->join_arena, "/var/run/docker/netns/0123");
	join->netns_path = arena_strdup(&endpoint->join_arena, "/run/netns/web");
	join->netns_dev = 4;
	join->netns_ino = 4026531840;
	(void)snprintf(join->ifname, sizeof(join->ifname), "eth0");
	(void)snprintf(join->src_name, sizeof(join->src_name), "vethabcdef01");
	(void)snprintf(join->prefix, sizeof(join->prefix), "eth");
	(void)ndrv_addr_parse("10.1.0.1", &join->gateway4, NULL);
	(void)ndrv_addr_parse("fd00:1::1", &join->gateway6, NULL);
	join->flags = JOIN_NO_GATEWAY_SERVICE | JOIN_FORCE_GATEWAY6;
	routes[0] = (struct ndrv_route){.destination = prefix("0.0.0.0/0"), .next_hop = join->gateway4};
	routes[1] = (struct ndrv_route){.destination = prefix("fd00:2::/64"), .type = NDRV_ROUTE_CONNECTED};
	join->routes = routes;
	join->route_count = 2;
	join->programmed = true;
	(void)ndrv_list_add(&endpoint->external_arena.ndrv, &ports, ndrv_string("80/tcp"), NULL);
	(void)ndrv_map_set(&endpoint->external_arena.ndrv, &join->external, NDRV_OPT_PORTMAP, ports, NULL);
	endpoint->view.sandbox_key = join->sandbox_key;
}

struct endpoint *statedir_endpoint(struct network *network, unsigned number)
{
	char id[32], name[32];

	(void)snprintf(id, sizeof(id), "ep%u", number);
	(void)snprintf(name, sizeof(name), "web-%u", number);
	struct endpoint *endpoint = endpoint_new(network, id, name);
	if (!endpoint)
		return NULL;
	endpoint->state = RECORD_LIVE;
	endpoint->view.options = some_options(&endpoint->arena);
	endpoint->view.address = prefix("10.1.2.3/16");
	endpoint->view.address6 = prefix("fd00:1::23/64");
	(void)ndrv_mac_parse("02:42:0a:01:02:03", &endpoint->view.mac, NULL);
	memset(endpoint->digest, (int)number + 100, sizeof(endpoint->digest));
	endpoint->created_at = 1700000001;
	endpoint->creator_uid = 4294967295u;
	endpoint->created_in_sandbox = endpoint->lease4 = true;
	fill_join(endpoint);
	if (network_add_endpoint(network, endpoint, NULL))
		abort();
	return endpoint;
}

char *statedir_text(const struct network *network, const struct endpoint *endpoint)
{
	char *text = NULL;

	if (endpoint ? endpoint_encode(endpoint, &text, NULL) : network_encode(network, &text, NULL))
		abort();
	return text;
}

struct store *statedir_open(const struct statedir *dir)
{
	struct ndrv_error err = {0};
	struct store *store = NULL;

	assert_ok(store_open(&dir->paths, &store, &err), &err);
	return store;
}

struct records *statedir_load(struct store *store)
{
	struct ndrv_error err = {0};
	struct records *records = records_new();

	assert_ok(store_load(store, records, &err), &err);
	return records;
}

const char *statedir_reported(struct store *store, const char *file, const char *key)
{
	static char text[512];
	struct ndrv_error err = {0};
	struct ndrv_value report;
	struct arena arena;

	arena_init(&arena, 65536);
	assert_ok(store_report(store, &arena.ndrv, &report, &err), &err);
	const struct ndrv_value *value = ndrv_map_path(&report, file, key, (char *)NULL);
	text[0] = '\0';
	if (value && value->type == NDRV_INT)
		(void)snprintf(text, sizeof(text), "%lld", (long long)value->u.integer);
	else if (value)
		(void)snprintf(text, sizeof(text), "%s", value->u.string);
	arena_reset(&arena);
	return text;
}

struct network *statedir_find(struct records *records, const char *id)
{
	struct network *network = NULL;

	if (records_resolve(records, id, &network, NULL) == 0)
		network_unref(network);
	return network;
}

void statedir_sql(const struct statedir *dir, const char *file, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(statedir_file(dir, file), &db), SQLITE_OK);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

int statedir_number(const struct statedir *dir, const char *file, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *rows;

	assert_int_equal(sqlite3_open(statedir_file(dir, file), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	int number = sqlite3_column_int(rows, 0);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	return number;
}

void statedir_write(const struct statedir *dir, unsigned networks, unsigned endpoints)
{
	struct ndrv_error err = {0};
	struct store *store = statedir_open(dir);
	struct records *records = records_new();

	for (unsigned i = networks; i > 0; i--) {
		struct network *network = statedir_network(records, i);
		assert_ok(store_put_network(store, network, &err), &err);
		for (unsigned j = endpoints; j > 0; j--)
			assert_ok(store_put_endpoint(store, statedir_endpoint(network, j), &err), &err);
	}
	store_close(store);
	records_free(records);
}
