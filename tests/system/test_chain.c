/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the error table, all the way: a driver answers with it, the control socket's JSON names it, ndrvctl exits with its
 * kind. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

struct row {
	int code;
	const char *name;
	uint32_t kind;
};

static const struct row rows[] = {
#define CHAIN_ROW(number, name, kind, text) {number, #name, NDRV_KIND_##kind},
	NDRV_ERRORS(CHAIN_ROW)
#undef CHAIN_ROW
};

/* docs/errors.md */
static int exit_status_of(uint32_t kind)
{
	static const int status[] = {
		[NDRV_KIND_NOT_FOUND] = 3,  [NDRV_KIND_FORBIDDEN] = 4, [NDRV_KIND_NOT_IMPLEMENTED] = 5, [NDRV_KIND_BAD_REQUEST] = 6,
		[NDRV_KIND_NO_SERVICE] = 7, [NDRV_KIND_TIMEOUT] = 8,   [NDRV_KIND_RETRY] = 9,		[NDRV_KIND_INTERNAL] = 10};
	return status[kind];
}

static int set_up(void **state)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	netns_enter_fresh();
	daemon_set_up(daemon, "log: {level: debug}\n");
	daemon_add_driver(daemon, "fail", BUILT_TESTS "/system/.libs/faildrv.so", NULL);
	daemon_start(daemon);
	*state = daemon;
	return 0;
}

static int tear_down(void **state)
{
	daemon_tear_down(*state);
	free(*state);
	return 0;
}

static void check_document(const char *text, const struct row *row)
{
	json_error_t where;
	json_t *document = json_loads(text, 0, &where);

	if (!document)
		fail_msg("not one JSON document: %s", text);
	json_t *error = json_object_get(document, "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")), row->name);
	assert_string_equal(json_string_value(json_object_get(error, "kind")), ndrv_kind_name(row->kind));
	assert_true(strlen(json_string_value(json_object_get(error, "message"))) > 0);
	json_decref(document);
}

static void no_network_is_left(struct daemon *daemon)
{
	char out[4096];

	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "network", "ls", NULL), 0);
	json_t *document = json_loads(out, 0, NULL);
	assert_non_null(document);
	json_t *networks = json_object_get(document, "networks");
	assert_int_equal(json_array_size(networks ? networks : document), 0);
	json_decref(document);
}

static void every_error_of_a_driver_reaches_the_exit_status(void **state)
{
	struct daemon *daemon = *state;
	char option[64], out[8192];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		(void)snprintf(option, sizeof(option), "fail=%s", row->name);
		int status =
			daemon_ctl(daemon, out, sizeof(out), "--json", "network", "create", "n1", "-d", "fail", "-o", option, NULL);
		if (status != exit_status_of(row->kind))
			fail_msg("%s: exit status %d, not %d: %s", row->name, status, exit_status_of(row->kind), out);
		check_document(out, row);
		no_network_is_left(daemon);
	}
}

static void a_failed_endpoint_leaves_its_network_as_it_was(void **state)
{
	struct daemon *daemon = *state;
	struct netns sandbox;
	char out[8192];

	netns_new(&sandbox);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n2", "-d", "fail", "-o", "fail=FORBIDDEN", "-o",
				    "at=endpoint_create", NULL),
			 0);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "network", "connect", "n2", "--netns", sandbox.path, NULL),
			 4);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "endpoint", "ls", NULL), 0);
	assert_null(strstr(out, "n2"));
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "n2", NULL), 0);

	assert_int_equal(
		daemon_ctl(daemon, NULL, 0, "network", "create", "n3", "-d", "fail", "-o", "fail=TIMEOUT", "-o", "at=join", NULL),
		0);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "network", "connect", "n3", "--netns", sandbox.path, NULL),
			 8);
	assert_int_equal(daemon_ctl(daemon, out, sizeof(out), "--json", "endpoint", "ls", NULL), 0);
	assert_null(strstr(out, "n3"));
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "n3", NULL), 0);
	netns_free(&sandbox);
	no_network_is_left(daemon);
}

static void a_veto_of_a_delete_keeps_the_network_usable(void **state)
{
	struct daemon *daemon = *state;

	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n4", "-d", "fail", "-o", "fail=FORBIDDEN", "-o",
				    "at=network_delete", NULL),
			 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "n4", NULL), 4);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "inspect", "n4", NULL), 0);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "--force", "n4", NULL), 0);
	no_network_is_left(daemon);
}

static void what_a_driver_leaves_out_is_not_implemented(void **state)
{
	struct daemon *daemon = *state;
	struct netns sandbox;

	netns_new(&sandbox);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "create", "n5", "-d", "fail", NULL), 0);
	/* Ports asked of a driver without program_external. */
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "connect", "n5", "--netns", sandbox.path, "-p", "8080:80", NULL),
			 5);
	assert_int_equal(daemon_ctl(daemon, NULL, 0, "network", "rm", "n5", NULL), 0);
	netns_free(&sandbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_error_of_a_driver_reaches_the_exit_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_endpoint_leaves_its_network_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_veto_of_a_delete_keeps_the_network_usable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_driver_leaves_out_is_not_implemented, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
