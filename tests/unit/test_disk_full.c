/* SPDX-License-Identifier: Apache-2.0 */
/* The store on file systems that fill up: two small ones in a mount namespace of the test's own. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/statedir.h"

#define SMALL "size=400k,mode=0700"
#define LARGE "size=64m,mode=0700"

static struct statedir dir;

static int make_dir(void **state)
{
	(void)state;
	statedir_make(&dir);
	assert_int_equal(mkdir(dir.state, 0700), 0);
	assert_int_equal(mkdir(dir.runtime, 0700), 0);
	assert_int_equal(mount("none", dir.state, "tmpfs", 0, SMALL), 0);
	assert_int_equal(mount("none", dir.runtime, "tmpfs", 0, SMALL), 0);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)umount2(dir.state, MNT_DETACH);
	(void)umount2(dir.runtime, MNT_DETACH);
	statedir_remove(&dir);
	return 0;
}

static void grow(void)
{
	assert_int_equal(mount("none", dir.state, NULL, MS_REMOUNT, LARGE), 0);
	assert_int_equal(mount("none", dir.runtime, NULL, MS_REMOUNT, LARGE), 0);
}

static void expect_full(int rc, const struct ndrv_error *err, const char *file)
{
	assert_fails(rc, err, NDRV_E_NO_SERVICE, "the disk is full");
	assert_non_null(strstr(err->text, file));
	assert_int_equal(err->sys_errno, ENOSPC);
}

static void a_full_runtime_directory_refuses_endpoints_and_keeps_the_old(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *records = records_new();
	struct network *network = statedir_network(records, 1);
	unsigned kept = 0;
	int rc;

	assert_ok(store_put_network(store, network, &err), &err);
	while ((rc = store_put_endpoint(store, statedir_endpoint(network, kept), &err)) == 0)
		kept++;
	assert_true(kept > 3);
	expect_full(rc, &err, "live.db");
	struct endpoint *first = network_endpoint(network, "ep0");
	/* The room that the failed write had taken is good for a few smaller ones. */
	for (first->created_at = 5; (rc = store_put_endpoint(store, first, &err)) == 0;)
		first->created_at++;
	expect_full(rc, &err, "live.db");
	int64_t former = first->created_at == 5 ? 1700000001 : first->created_at - 1;
	/* The other file does not care. */
	assert_ok(store_put_network(store, network, &err), &err);
	grow();
	struct records *seen = statedir_load(store);
	assert_int_equal(statedir_find(seen, "net1")->endpoint_count, kept);
	assert_int_equal(network_endpoint(statedir_find(seen, "net1"), "ep0")->created_at, former);
	records_free(seen);
	first->created_at = 4;
	assert_ok(store_put_endpoint(store, first, &err), &err);
	store_close(store);
	store = statedir_open(&dir);
	seen = statedir_load(store);
	assert_int_equal(statedir_find(seen, "net1")->endpoint_count, kept);
	assert_int_equal(network_endpoint(statedir_find(seen, "net1"), "ep0")->created_at, 4);
	records_free(seen);
	records_free(records);
	store_close(store);
}

static void a_full_state_directory_refuses_networks_and_says_that_backups_fail(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *records = records_new();
	static char value[50000];
	unsigned kept = 0, keys = 0;
	int rc;

	for (; kept < 5; kept++)
		assert_ok(store_put_network(store, statedir_network(records, kept), &err), &err);
	do {
		char key[16];
		(void)snprintf(key, sizeof(key), "k%u", keys);
		rc = store_driver_put(store, "d", key, value, sizeof(value), &err);
		keys += rc == 0;
	} while (rc == 0);
	expect_full(rc, &err, "state.db");
	while ((rc = store_put_network(store, statedir_network(records, kept), &err)) == 0)
		kept++;
	expect_full(rc, &err, "state.db");
	struct network *first = statedir_find(records, "net0");
	for (first->created_at = 5; (rc = store_put_network(store, first, &err)) == 0;)
		first->created_at++;
	expect_full(rc, &err, "state.db");
	int64_t former = first->created_at == 5 ? 1700000000 : first->created_at - 1;
	/* Closing makes a backup, or tries to. */
	store_close(store);
	grow();
	store = statedir_open(&dir);
	struct records *seen = statedir_load(store);
	assert_int_equal(records_count(seen), kept);
	assert_int_equal(statedir_find(seen, "net0")->created_at, former);
	assert_string_equal(statedir_reported(store, "state_db", "damage"), "");
	assert_int_equal(statedir_number(&dir, "state.db", "SELECT count(*) FROM driver_key"), (int)keys);
	records_free(seen);
	records_free(records);
	store_close(store);
}

static void fill_up(const char *name)
{
	static char block[4096];
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void a_full_disk_at_start_is_said_and_no_file_is_moved(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = NULL;

	statedir_write(&dir, 3, 2);
	fill_up(statedir_file(&dir, "live.filler"));
	expect_full(store_open(&dir.paths, &store, &err), &err, "live.db");
	assert_int_equal(unlink(statedir_file(&dir, "live.filler")), 0);
	fill_up(statedir_file(&dir, "filler"));
	expect_full(store_open(&dir.paths, &store, &err), &err, "state.db");
	assert_int_not_equal(access(statedir_file(&dir, "state.db.corrupt.1"), F_OK), 0);
	assert_int_equal(unlink(statedir_file(&dir, "filler")), 0);
	store = statedir_open(&dir);
	struct records *seen = statedir_load(store);
	assert_int_equal(records_count(seen), 3);
	assert_int_equal(statedir_find(seen, "net1")->endpoint_count, 2);
	records_free(seen);
	store_close(store);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_full_runtime_directory_refuses_endpoints_and_keeps_the_old),
		T(a_full_state_directory_refuses_networks_and_says_that_backups_fail),
		T(a_full_disk_at_start_is_said_and_no_file_is_moved),
	};

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("skipped: a mount namespace needs root: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
