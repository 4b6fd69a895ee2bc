/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/state/codec.h"
#include "host/state/crc32c.h"
#include "tests/lib/statedir.h"

static struct statedir dir;

static int make_dir(void **state)
{
	(void)state;
	statedir_make(&dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	statedir_remove(&dir);
	return 0;
}

static void the_checksum_is_crc32c(void **state)
{
	(void)state;
	/* RFC 3720 B.4 */
	unsigned char zeros[32] = {0}, ascending[32];
	for (unsigned i = 0; i < 32; i++)
		ascending[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ascending, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void what_is_written_is_read_again_whole_and_in_order(void **state)
{
	(void)state;
	struct records *before = records_new();
	struct network *network = statedir_network(before, 2);
	struct endpoint *endpoint = statedir_endpoint(network, 2);
	char *network_text = statedir_text(network, NULL), *endpoint_text = statedir_text(network, endpoint);

	statedir_write(&dir, 2, 2);
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	assert_int_equal(records_count(records), 2);
	struct network *first = statedir_find(records, "net2"), *second = statedir_find(records, "name-1");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(first->serial < second->serial && first->newer == second);
	assert_int_equal(first->endpoint_count, 2);
	assert_string_equal(first->first_endpoint->view.id, "ep2");
	assert_string_equal(first->last_endpoint->view.id, "ep1");
	char *read_network = statedir_text(first, NULL), *read_endpoint = statedir_text(first, first->first_endpoint);
	assert_string_equal(read_network, network_text);
	assert_string_equal(read_endpoint, endpoint_text);
	/* The encoder could leave things out: what a decoder must bring back, by hand. */
	assert_memory_equal(first->digest, network->digest, 32);
	assert_true(ndrv_value_equal(first->view.options, network->view.options));
	assert_true(ndrv_value_equal(&first->labels, &network->labels));
	assert_true(first->pools[0].ours && !first->pools[1].ours && first->pools[0].range.length == 20);
	assert_string_equal(first->view.ipv4.items[0].aux[0].name, "printer");
	assert_int_equal(first->view.ipv6.items[0].aux_set, 1);
	assert_memory_equal(&first->view.ipv4.items[0].gateway, &network->view.ipv4.items[0].gateway, sizeof(struct ndrv_prefix));
	assert_int_equal(first->view.link_group, 4711);
	struct endpoint *read = network_endpoint_named(first, "web-2");
	assert_ptr_equal(read, first->first_endpoint);
	assert_memory_equal(&read->view.mac, &endpoint->view.mac, sizeof(endpoint->view.mac));
	assert_memory_equal(read->join.routes, endpoint->join.routes, 2 * sizeof(struct ndrv_route));
	assert_string_equal(read->view.sandbox_key, "/var/run/docker/netns/0123");
	assert_true(read->lease4 && !read->lease6 && read->created_in_sandbox && read->join.programmed);
	assert_true(read->join.external.count == 1 && ndrv_value_equal(&read->join.external, &endpoint->join.external));
	assert_true(read->creator_uid == 4294967295u && read->join.netns_ino == 4026531840);
	assert_string_equal(read->join.src_name, "vethabcdef01");
	free(network_text);
	free(endpoint_text);
	free(read_network);
	free(read_endpoint);
	records_free(before);
	records_free(records);
	assert_string_equal(statedir_reported(store, "state_db", "damage"), "");
	assert_string_equal(statedir_reported(store, "live_db", "emptied_because"), "");
	store_close(store);
}

static void any_text_comes_back_as_it_was_and_what_is_no_text_is_refused(void **state)
{
	(void)state;
	const char *const good[] = {"\"\\/\b\f\n\r\t\x01\x1f\x7f", "\xc2\x80", "\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80",
				    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"};
	const char *const wrong[] = {"\x80",
				     "\xc0\x80",
				     "\xc1\xbf",
				     "\xe0\x9f\xbf",
				     "\xed\xa0\x80",
				     "\xf0\x8f\xbf\xbf",
				     "\xf4\x90\x80\x80",
				     "\xf8\x88\x80\x80\x80",
				     "\xe2\x82",
				     "a\xe2\x82z",
				     "\xff"};
	struct ndrv_error err = {0};
	char *text = NULL;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct network *network = network_new("n", good[i], "t"), *read = NULL;
		struct ndrv_pair pairs[] = {
			{good[i], ndrv_string(good[i])}, {"min", ndrv_int(INT64_MIN)}, {"max", ndrv_int(INT64_MAX)}};
		network->labels = (struct ndrv_value){.type = NDRV_MAP, .count = 3, .u.pairs = pairs};
		network->state = RECORD_LIVE;
		assert_ok(network_encode(network, &text, &err), &err);
		assert_ok(network_decode("n", text, &read, &err), &err);
		assert_string_equal(read->view.name, good[i]);
		assert_true(ndrv_value_equal(&read->labels, &network->labels));
		free(text);
		network_free(network);
		network_free(read);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct network *network = network_new("n", wrong[i], "t");
		assert_fails(network_encode(network, &text, &err), &err, NDRV_E_BAD_REQUEST, "not UTF-8");
		network_free(network);
	}
}

static void a_body_that_no_encoder_writes_is_refused(void **state)
{
	(void)state;
	const char *const bodies[] = {"",
				      "[]",
				      "{\"type\":\"t\"}",
				      "{\"type\":\"t\",\"state\":4}",
				      "{\"state\":2}",
				      "{\"type\":\"t\",\"state\":2,\"state\":2}",
				      "{\"type\":\"t\",\"state\":2,\"options\":1.5}",
				      "{\"type\":\"t\",\"state\":2,\"ipv4\":[{\"pool\":\"10.0.0.0/33\"}]}",
				      "{\"type\":\"t\",\"state\":2,\"ipv4\":[7]}",
				      "{\"type\":\"t\",\"state\":2,\"ipv4\":{}}",
				      "{\"type\":\"t\",\"state\":2,\"ipv4\":[{\"aux\":{\"a\":1}}]}",
				      "{\"type\":\"t\",\"state\":2,\"digest\":\"00\"}",
				      "{\"type\":\"t\",\"state\":2,\"instance\":1}"};
	struct ndrv_error err = {0};
	struct network *network = NULL;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_fails(network_decode("n1", bodies[i], &network, &err), &err, NDRV_E_STATE, "network n1");
	assert_ok(network_decode("n1", "{\"type\":\"t\",\"state\":2,\"later\":[1.5]}", &network, &err), &err);
	struct endpoint *endpoint = NULL;
	assert_fails(endpoint_decode(network, "e1", "{\"state\":2,\"join\":{\"state\":9}}", &endpoint, &err), &err, NDRV_E_STATE,
		     "endpoint e1 is unreadable at \"join\"");
	assert_fails(endpoint_decode(network, "e1", "{\"state\":2,\"join\":{\"state\":2,\"ifname\":\"0123456789abcdef\"}}",
				     &endpoint, &err),
		     &err, NDRV_E_STATE, "ifname");
	network_free(network);
}

/* Its deletion was not written down for good, and another was made under its name. */
static void of_two_with_one_name_the_one_that_lives_keeps_it(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *before = records_new(), *after = records_new();
	struct network *old = statedir_network(before, 1), *fresh = statedir_network(after, 2);
	struct endpoint *going = statedir_endpoint(fresh, 1), *staying = statedir_endpoint(fresh, 2);

	old->state = RECORD_DELETING;
	going->state = RECORD_DELETING;
	fresh->view.name = old->view.name;
	memcpy(staying->name, going->name, strlen(staying->name));
	fresh->serial = old->serial + 1;
	assert_ok(store_put_network(store, old, &err), &err);
	assert_ok(store_put_network(store, fresh, &err), &err);
	assert_ok(store_put_endpoint(store, going, &err), &err);
	assert_ok(store_put_endpoint(store, staying, &err), &err);
	struct records *seen = statedir_load(store);
	assert_int_equal(records_count(seen), 2);
	assert_string_equal(statedir_find(seen, "net1")->view.name, "");
	struct network *loaded = statedir_find(seen, old->view.name);
	assert_string_equal(loaded->view.id, "net2");
	assert_int_equal(loaded->endpoint_count, 2);
	assert_string_equal(network_endpoint(loaded, "ep1")->name, "");
	assert_string_equal(network_endpoint_named(loaded, staying->name)->view.id, "ep2");
	records_free(seen);
	fresh->view.name = "name-2";
	records_free(after);
	records_free(before);
	store_close(store);
}

static void a_row_is_replaced_and_deleted(void **state)
{
	(void)state;
	struct ndrv_error err = {0};

	statedir_write(&dir, 2, 2);
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	struct network *network = statedir_find(records, "net2");
	network->state = RECORD_DELETING;
	assert_ok(store_put_network(store, network, &err), &err);
	assert_ok(store_del_endpoint(store, "net2", "ep2", &err), &err);
	join_clear(network_endpoint(network, "ep1"));
	assert_ok(store_put_endpoint(store, network_endpoint(network, "ep1"), &err), &err);
	assert_ok(store_del_network(store, "net1", &err), &err);
	assert_ok(store_del_network(store, "absent", &err), &err);
	records_free(records);
	store_close(store);
	store = statedir_open(&dir);
	records = statedir_load(store);
	assert_int_equal(records_count(records), 1);
	network = statedir_find(records, "net2");
	assert_int_equal(network->state, RECORD_DELETING);
	assert_int_equal(network->endpoint_count, 1);
	assert_int_equal(network_endpoint(network, "ep1")->join.state, JOIN_NONE);
	assert_string_equal(network_endpoint(network, "ep1")->view.sandbox_key, "");
	assert_string_equal(statedir_reported(store, "live_db", "dropped_endpoints"), "0");
	records_free(records);
	store_close(store);
}

static void a_text_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *records = records_new();
	struct network *network = statedir_network(records, 1);

	network->view.instance = "\xff";
	assert_fails(store_put_network(store, network, &err), &err, NDRV_E_BAD_REQUEST, "net1");
	struct ndrv_pair pair = {.key = "\xff", .value = ndrv_int(1)};
	network->view.instance = "";
	network->view.options = &(struct ndrv_value){.type = NDRV_MAP, .count = 1, .u.pairs = &pair};
	assert_fails(store_put_network(store, network, &err), &err, NDRV_E_BAD_REQUEST, "not UTF-8");
	records_free(records);
	store_close(store);
}

static void a_second_host_on_the_same_directories_is_refused(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir), *second = NULL;
	char other[128], pid[32];

	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_fails(store_open(&dir.paths, &second, &err), &err, NDRV_E_STATE, pid);
	assert_non_null(strstr(err.text, dir.state));
	(void)snprintf(other, sizeof(other), "%s/other", dir.root);
	struct store_paths shared_runtime = {other, dir.runtime};
	assert_fails(store_open(&shared_runtime, &second, &err), &err, NDRV_E_STATE, dir.runtime);
	assert_null(second);
	store_close(store);
	store_close(statedir_open(&dir));
}

static void directories_others_can_write_are_refused(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct stat st;

	store_close(store);
	assert_int_equal(stat(dir.state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(dir.runtime, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(statedir_file(&dir, "state.db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	chmod(dir.state, 0770);
	assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, "can be written by others");
	chmod(dir.state, 0700);
	chmod(dir.runtime, 0757);
	assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, dir.runtime);
	chmod(dir.runtime, 0755);
	chmod(statedir_file(&dir, "live.db"), 0622);
	assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, "live.db");
	chmod(statedir_file(&dir, "live.db"), 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown(dir.state, 12345, 12345), 0);
		assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, "belongs to uid 12345");
		assert_int_equal(chown(dir.state, 0, 0), 0);
	}
	store_close(statedir_open(&dir));
}

static void what_is_no_directory_or_file_is_refused(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/a/b", dir.root);
	struct store_paths paths = {path, dir.runtime};
	assert_fails(store_open(&paths, &store, &err), &err, NDRV_E_STATE, "a/b cannot be made: No such file");
	paths.state_dir = "/dev/null";
	assert_fails(store_open(&paths, &store, &err), &err, NDRV_E_STATE, "/dev/null is not a directory");
	assert_int_equal(mkdir(dir.state, 0700), 0);
	assert_int_equal(mkfifo(statedir_file(&dir, "state.db"), 0600), 0);
	assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, "not a plain file");
}

static int collect(const char *key, const void *value, size_t bytes, void *data)
{
	char *text = data;

	(void)snprintf(text + strlen(text), 256 - strlen(text), "%s=%.*s ", key, (int)bytes, (const char *)value);
	return strcmp(key, "stop") == 0 ? 5 : 0;
}

static void drivers_keys_are_kept_apart_and_scanned_in_order(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct arena arena;
	const void *value;
	size_t bytes;
	char text[256] = "";

	arena_init(&arena, 1 << 20);
	assert_ok(store_driver_put(store, "a", "net/2", "two", 3, &err), &err);
	assert_ok(store_driver_put(store, "a", "net/1", "x", 1, &err), &err);
	assert_ok(store_driver_put(store, "a", "net/1", "one", 3, &err), &err);
	assert_ok(store_driver_put(store, "a", "nets", "", 0, &err), &err);
	assert_ok(store_driver_put(store, "b", "net/1", "other", 5, &err), &err);
	store_close(store);
	store = statedir_open(&dir);
	assert_ok(store_driver_scan(store, "a", "net/", collect, text, &err), &err);
	assert_string_equal(text, "net/1=one net/2=two ");
	text[0] = '\0';
	assert_ok(store_driver_put(store, "a", "stop", "!", 1, &err), &err);
	assert_int_equal(store_driver_scan(store, "a", "", collect, text, &err), 5);
	assert_string_equal(text, "net/1=one net/2=two nets= stop=! ");
	assert_ok(store_driver_get(store, &arena.ndrv, "b", "net/1", &value, &bytes, &err), &err);
	assert_int_equal(bytes, 5);
	assert_memory_equal(value, "other", 5);
	assert_ok(store_driver_del(store, "b", "net/1", &err), &err);
	assert_ok(store_driver_del(store, "b", "net/1", &err), &err);
	assert_fails(store_driver_get(store, &arena.ndrv, "b", "net/1", &value, &bytes, &err), &err, NDRV_E_NOT_FOUND, "net/1");
	arena_reset(&arena);
	store_close(store);
}

static void drivers_keys_have_limits(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	const char *const bad[] = {"", "a b", "a\n", "\303\244", "a*", NULL};
	static char key[257], value[65537];

	for (size_t i = 0; i < 6; i++)
		assert_fails(store_driver_put(store, "d", bad[i], "", 0, &err), &err, NDRV_E_BAD_REQUEST, "invalid store key");
	memset(key, 'k', 256);
	assert_fails(store_driver_put(store, "d", key, "", 0, &err), &err, NDRV_E_BAD_REQUEST, "1 to 255");
	key[255] = '\0';
	assert_fails(store_driver_put(store, "d", key, value, 65537, &err), &err, NDRV_E_BAD_REQUEST, "65537 bytes");
	assert_fails(store_driver_put(store, "d", key, NULL, 1, &err), &err, NDRV_E_BAD_REQUEST, "missing");
	assert_ok(store_driver_put(store, "d", key, value, 65536, &err), &err);
	struct arena arena;
	const void *got;
	size_t bytes;
	arena_init(&arena, 1 << 20);
	assert_ok(store_driver_get(store, &arena.ndrv, "d", key, &got, &bytes, &err), &err);
	assert_int_equal(bytes, 65536);
	arena_reset(&arena);
	store_close(store);
}

static void a_reader_beside_the_host_disturbs_nobody(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *records = records_new();
	struct network *network = statedir_network(records, 1);
	sqlite3 *reader;
	sqlite3_stmt *rows;

	assert_ok(store_put_network(store, network, &err), &err);
	assert_int_equal(sqlite3_open_v2(statedir_file(&dir, "state.db"), &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(reader, "SELECT json_extract(body, '$.type') FROM network", -1, &rows, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(rows, 0), "bridge");
	assert_ok(store_put_network(store, network, &err), &err);
	sqlite3_finalize(rows);
	/* One that takes the write lock and does not let go is an error, not a hang. */
	sqlite3_close(reader);
	assert_int_equal(sqlite3_open(statedir_file(&dir, "state.db"), &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_fails(store_put_network(store, network, &err), &err, NDRV_E_STATE, "another process");
	sqlite3_close(reader);
	assert_ok(store_put_network(store, network, &err), &err);
	records_free(records);
	store_close(store);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_crc32c),
		cmocka_unit_test(any_text_comes_back_as_it_was_and_what_is_no_text_is_refused),
		cmocka_unit_test(a_body_that_no_encoder_writes_is_refused),
		T(what_is_written_is_read_again_whole_and_in_order),
		T(of_two_with_one_name_the_one_that_lives_keeps_it),
		T(a_row_is_replaced_and_deleted),
		T(a_text_that_is_not_utf8_is_refused),
		T(a_second_host_on_the_same_directories_is_refused),
		T(directories_others_can_write_are_refused),
		T(what_is_no_directory_or_file_is_refused),
		T(drivers_keys_are_kept_apart_and_scanned_in_order),
		T(drivers_keys_have_limits),
		T(a_reader_beside_the_host_disturbs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
