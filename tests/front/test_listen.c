/* SPDX-License-Identifier: Apache-2.0 */
/* The socket itself: who may replace it, what it is like, what is left of it; and the guess at what a word was meant to be. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/nearest.h"
#include "host/front/listen.h"
#include "tests/lib/http.h"

static char directory[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/ndrv-listen-XXXXXX");
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/control.sock", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	assert_int_equal(rmdir(directory), 0); /* nothing else is in it */
	return 0;
}

static unsigned entries(void)
{
	unsigned count = 0;
	DIR *dir = opendir(directory);

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

static void a_socket_has_its_mode_and_goes_with_its_owner(void **state)
{
	struct ndrv_error error = {0};
	struct listener listener;
	struct stat st;

	(void)state;
	assert_ok(listen_open(path, (gid_t)-1, &listener, &error), &error);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(entries(), 1);
	int fd = http_connect(path);
	assert_true(fd >= 0);
	(void)close(fd);
	listen_close(&listener);
	assert_int_equal(entries(), 0);
	assert_ok(listen_open(path, getegid(), &listener, &error), &error);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getegid());
	listen_close(&listener);
}

static void what_a_dead_host_left_is_replaced(void **state)
{
	struct ndrv_error error = {0};
	struct listener dead, listener;

	(void)state;
	assert_ok(listen_open(path, (gid_t)-1, &dead, &error), &error);
	(void)close(dead.fd);
	assert_int_equal(http_connect(path), -1);
	assert_ok(listen_open(path, (gid_t)-1, &listener, &error), &error);
	int fd = http_connect(path);
	assert_true(fd >= 0);
	(void)close(fd);
	/* whoever comes late to clean up does not take the new one away */
	dead.fd = dup(listener.fd);
	listen_close(&dead);
	assert_int_equal(entries(), 1);
	listen_close(&listener);
	assert_int_equal(entries(), 0);
}

static void what_a_living_host_serves_is_left_alone(void **state)
{
	struct ndrv_error error = {0};
	struct listener first, second;

	(void)state;
	assert_ok(listen_open(path, (gid_t)-1, &first, &error), &error);
	assert_fails(listen_open(path, (gid_t)-1, &second, &error), &error, NDRV_E_FORBIDDEN, "another process serves it");
	int fd = http_connect(path);
	assert_true(fd >= 0);
	(void)close(fd);
	listen_close(&first);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct ndrv_error error = {0};
	struct listener listener;

	(void)state;
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	(void)fclose(file);
	assert_fails(listen_open(path, (gid_t)-1, &listener, &error), &error, NDRV_E_FORBIDDEN, "not a socket");
	assert_int_equal(entries(), 1);
}

static void paths_and_groups_that_are_none_are_named(void **state)
{
	struct ndrv_error error = {0};
	struct listener listener;
	char longest[200], nowhere[sizeof(path) + 8];
	gid_t gid = 5;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_fails(listen_open(longest, (gid_t)-1, &listener, &error), &error, NDRV_E_BAD_REQUEST, "longer than 107 bytes");
	(void)snprintf(nowhere, sizeof(nowhere), "%s/x.sock", path);
	assert_true(listen_open(nowhere, (gid_t)-1, &listener, &error) < 0);
	assert_non_null(strstr(error.text, nowhere));
	assert_fails(listen_group("nobody-has-this-name", &gid, &error), &error, NDRV_E_NOT_FOUND, "nobody-has-this-name");
	assert_int_equal(gid, 5);
	assert_ok(listen_group("", &gid, &error), &error);
	assert_int_equal(gid, (gid_t)-1);
	assert_ok(listen_group("54321", &gid, &error), &error);
	assert_int_equal(gid, 54321);
	assert_ok(listen_group("root", &gid, &error), &error);
	assert_int_equal(gid, 0);
	assert_fails(listen_group("99999999999", &gid, &error), &error, NDRV_E_BAD_REQUEST, "not a group number");
}

static void words_are_guessed_from_near_ones_only(void **state)
{
	static const char *const words[] = {"subnet", "gateway", "ip_range", "internal", "ipv6", "status"};
	static const struct {
		const char *word, *near;
	} rows[] = {
		{"subnet", "subnet"},
		{"sub_net", "subnet"},
		{"sunbet", "subnet"},
		{"gatway", "gateway"},
		{"ip-range", "ip_range"},
		{"INTERNAL", "internal"},
		{"internalx", "internal"},
		{"ipv4", "ipv6"},
		{"stauts", "status"},
		{"x", NULL},
		{"", NULL},
		{"colour", NULL},
		{"net", NULL},
	};
	char longest[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *near = nearest(rows[i].word, words, sizeof(words) / sizeof(words[0]));
		if (!near != !rows[i].near || (near && strcmp(near, rows[i].near) != 0))
			fail_msg("%s: %s, not %s", rows[i].word, near ? near : "nothing", rows[i].near ? rows[i].near : "nothing");
	}
	memset(longest, 's', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(longest, words, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_socket_has_its_mode_and_goes_with_its_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_dead_host_left_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_living_host_serves_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_socket_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_and_groups_that_are_none_are_named, setup, teardown),
		cmocka_unit_test(words_are_guessed_from_near_ones_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
