/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged, foreign, old and half-written state files. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = NULL;

	statedir_write(&dir, 2, 2);
	statedir_sql(&dir, "state.db", "PRAGMA user_version=2; UPDATE meta SET value='2' WHERE key='schema'");
	assert_fails(store_open(&dir.paths, &store, &err), &err, NDRV_E_STATE, "newer ndrvd (schema 2, this one knows 1)");
	statedir_sql(&dir, "state.db", "PRAGMA user_version=1; UPDATE meta SET value='1' WHERE key='schema'");
	store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	assert_int_equal(records_count(records), 2);
	records_free(records);
	store_close(store);
}

static void expect_restored(const char *damage, size_t networks)
{
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);

	assert_non_null(strstr(statedir_reported(store, "state_db", "damage"), damage));
	assert_non_null(strstr(statedir_reported(store, "state_db", "restored_from"), "state.db.backup."));
	assert_int_equal(records_count(records), networks);
	records_free(records);
	store_close(store);
}

static void a_corrupt_file_is_set_aside_and_its_backup_restored(void **state)
{
	(void)state;
	statedir_write(&dir, 2, 2);
	statedir_sql(&dir, "state.db", "PRAGMA user_version=3");
	expect_restored("its header is not ours", 2);
	assert_int_equal(access(statedir_file(&dir, "state.db.corrupt.1"), F_OK), 0);
	statedir_sql(&dir, "state.db", "PRAGMA application_id=1");
	expect_restored("application id 0x00000001", 2);
	assert_int_equal(access(statedir_file(&dir, "state.db.corrupt.2"), F_OK), 0);
	assert_int_equal(truncate(statedir_file(&dir, "state.db"), 0), 0);
	expect_restored("empty", 2);
	assert_int_equal(truncate(statedir_file(&dir, "state.db"), 5000), 0);
	expect_restored("malformed", 2);
	assert_int_equal(unlink(statedir_file(&dir, "state.db")), 0);
	expect_restored("missing", 2);
	statedir_sql(&dir, "state.db", "DROP TABLE network");
	expect_restored("network", 2);
}

/* No checksum is wrong and every page can be read: only the page's own bookkeeping tells. */
static void a_row_that_vanished_from_its_page_is_noticed(void **state)
{
	(void)state;
	unsigned char head[8];

	statedir_write(&dir, 3, 1);
	off_t page =
		(off_t)(statedir_number(&dir, "state.db", "SELECT rootpage FROM sqlite_master WHERE name = 'network'") - 1) * 4096;
	int fd = open(statedir_file(&dir, "state.db"), O_RDWR);
	assert_int_equal(pread(fd, head, sizeof(head), page), sizeof(head));
	assert_int_equal(head[0], 10); /* a leaf */
	assert_int_equal(head[4], 3);  /* with three rows */
	head[4] = 2;
	assert_int_equal(pwrite(fd, head, sizeof(head), page), sizeof(head));
	close(fd);
	assert_int_equal(statedir_number(&dir, "state.db", "SELECT count(*) FROM network"), 2);
	expect_restored("quick_check", 3);
}

static void the_second_backup_stands_in_for_a_bad_first_one(void **state)
{
	(void)state;
	statedir_write(&dir, 2, 2);
	store_close(statedir_open(&dir));
	assert_int_equal(truncate(statedir_file(&dir, "state.db"), 100), 0);
	assert_int_equal(truncate(statedir_file(&dir, "state.db.backup.1"), 100), 0);
	expect_restored("", 2);
	assert_int_equal(truncate(statedir_file(&dir, "state.db"), 100), 0);
	assert_int_equal(truncate(statedir_file(&dir, "state.db.backup.1"), 100), 0);
	assert_int_equal(truncate(statedir_file(&dir, "state.db.backup.2"), 100), 0);
	struct store *store = statedir_open(&dir);
	assert_string_equal(statedir_reported(store, "state_db", "restored_from"), "");
	assert_non_null(strstr(statedir_reported(store, "state_db", "emptied_because"), "no good backup"));
	store_close(store);
}

static void rows_with_a_wrong_checksum_are_set_aside(void **state)
{
	(void)state;
	statedir_write(&dir, 2, 2);
	statedir_sql(&dir, "state.db", "UPDATE network SET body = replace(body, 'name-1', 'name-X')");
	statedir_sql(&dir, "live.db", "UPDATE endpoint SET serial = 77 WHERE nid = 'net2' AND eid = 'ep2'");
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	assert_int_equal(records_count(records), 1);
	assert_string_equal(statedir_reported(store, "state_db", "damaged_rows"), "1");
	assert_string_equal(statedir_reported(store, "live_db", "damaged_rows"), "1");
	/* net1's two endpoints have lost their network, net2 one of its endpoints. */
	assert_string_equal(statedir_reported(store, "live_db", "dropped_endpoints"), "2");
	assert_int_equal(statedir_find(records, "net2")->endpoint_count, 1);
	records_free(records);
	store_close(store);
	assert_int_equal(statedir_number(&dir, "live.db", "SELECT count(*) FROM damaged"), 3);
	assert_int_equal(statedir_number(&dir, "live.db", "SELECT count(*) FROM endpoint"), 1);
	assert_int_equal(statedir_number(&dir, "state.db", "SELECT count(*) FROM damaged"), 1);
	store = statedir_open(&dir);
	assert_string_equal(statedir_reported(store, "state_db", "damaged_rows"), "0");
	store_close(store);
}

static void live_records_of_another_boot_or_namespace_are_dropped(void **state)
{
	(void)state;
	statedir_write(&dir, 2, 2);
	statedir_sql(&dir, "live.db", "UPDATE meta SET value = 'another' WHERE key = 'boot_id'");
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	assert_int_equal(statedir_find(records, "net2")->endpoint_count, 0);
	assert_non_null(strstr(statedir_reported(store, "live_db", "emptied_because"), "booted"));
	records_free(records);
	store_close(store);
	statedir_write(&dir, 2, 2);
	pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(77);
		store = statedir_open(&dir);
		_exit(strstr(statedir_reported(store, "live_db", "emptied_because"), "another network namespace") ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* A limit on the size of files stands in for a disk that fails: write(2) gives an error that is not "full". */
static void a_failing_write_is_an_error_and_leaves_the_former_row(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct store *store = statedir_open(&dir);
	struct records *records = records_new();
	struct network *network = statedir_network(records, 1);
	struct rlimit before, small;
	int rc;

	assert_ok(store_put_network(store, network, &err), &err);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 65536, .rlim_max = before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (network->created_at = 1; (rc = store_put_network(store, network, &err)) == 0;)
		network->created_at++;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_fails(rc, &err, NDRV_E_STATE, "state.db: cannot write network net1: disk I/O error");
	struct records *seen = statedir_load(store);
	assert_int_equal(statedir_find(seen, "net1")->created_at, network->created_at - 1);
	records_free(seen);
	assert_ok(store_put_network(store, network, &err), &err);
	records_free(records);
	store_close(store);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_newer_schema_is_refused_and_left_alone),
		T(a_corrupt_file_is_set_aside_and_its_backup_restored),
		T(a_row_that_vanished_from_its_page_is_noticed),
		T(the_second_backup_stands_in_for_a_bad_first_one),
		T(rows_with_a_wrong_checksum_are_set_aside),
		T(live_records_of_another_boot_or_namespace_are_dropped),
		T(a_failing_write_is_an_error_and_leaves_the_former_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
