/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that crash, end or hang the host while it recovers: the next start serves everything but what they had in hand. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/http.h"
#include "tests/lib/netns.h"

#define FILE_1 BUILT_FAULTS "/filedrv.so"
#define FILE_2 BUILT_FAULTS "/filedrv2.so"
#define STARTS_MAX 4 /* what a driver may cost: a crash one, an end without a word three */

struct scene {
	struct daemon daemon;
	char files[96];
};

static void set_up(struct scene *scene, const char *yaml)
{
	char text[160];

	*scene = (struct scene){0};
	netns_enter_fresh();
	daemon_set_up(&scene->daemon, yaml);
	(void)snprintf(scene->files, sizeof(scene->files), "%s/files", scene->daemon.dir);
	assert_int_equal(mkdir(scene->files, 0700), 0);
	(void)snprintf(text, sizeof(text), "config: {dir: %s}\n", scene->files);
	daemon_add_driver(&scene->daemon, "files", FILE_1, text);
	daemon_start(&scene->daemon);
}

/* "crash-adopt-n1" and the like. */
static void tell(const struct scene *scene, const char *what, bool on)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/%s", scene->files, what);
	if (!on) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static bool has_file(const struct scene *scene, const char *name)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/%s", scene->files, name);
	return access(path, F_OK) == 0;
}

static int ask(const struct scene *scene, const char *method, const char *target, const char *body, json_t **ret)
{
	struct http_answer answer = {0};

	assert_int_equal(http_ask(scene->daemon.socket, method, target, body, &answer), 0);
	json_t *document = answer.body ? json_loads(answer.body, 0, NULL) : NULL;
	int status = answer.status;
	http_answer_free(&answer);
	if (ret)
		*ret = document;
	else
		json_decref(document);
	return status;
}

static void make_network(const struct scene *scene, const char *nid)
{
	char body[128];

	(void)snprintf(body, sizeof(body), "{\"id\": \"%s\", \"name\": \"name-%s\", \"type\": \"files\"}", nid, nid);
	assert_int_equal(ask(scene, "POST", "/v1/networks", body, NULL) / 100, 2);
	(void)snprintf(body, sizeof(body), "{\"netns\": \"x\", \"id\": \"%s-e\"}", nid);
	char target[64];
	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", nid);
	assert_int_equal(ask(scene, "POST", target, body, NULL) / 100, 2);
}

/* Of the error that the answer carries, or that an object shows as its own. */
static const char *error_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(document, "error"), key));

	return text ? text : "";
}

/* Another endpoint can be made and deleted: it is served. */
static int try_network(const struct scene *scene, const char *nid, json_t **ret)
{
	char target[64];

	(void)snprintf(target, sizeof(target), "/v1/networks/%s/connect", nid);
	int status = ask(scene, "POST", target, "{\"netns\": \"x\", \"id\": \"other\"}", ret);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s/disconnect", nid);
	if (status / 100 == 2)
		assert_int_equal(ask(scene, "POST", target, "{\"endpoint\": \"other\"}", NULL) / 100, 2);
	return status;
}

static void assert_served(const struct scene *scene, const char *nid)
{
	json_t *document;
	int status = try_network(scene, nid, &document);

	if (status / 100 != 2)
		fail_msg("network %s is not served: %d %s", nid, status, error_text(document, "message"));
	json_decref(document);
}

/* Starts until one start succeeds. Returns how many it took. */
static int start_somehow(struct scene *scene)
{
	for (int starts = 1; starts <= STARTS_MAX; starts++) {
		daemon_launch(&scene->daemon);
		if (daemon_await(&scene->daemon))
			return starts;
	}
	fail_msg("the host ends at every start");
	return 0;
}

static void assert_set_aside(const struct scene *scene, const char *nid, const char *says)
{
	char target[64];
	json_t *document;

	assert_int_equal(try_network(scene, nid, &document), 503);
	assert_string_equal(error_text(document, "kind"), "NoService");
	if (!strstr(error_text(document, "message"), says) || !strstr(error_text(document, "message"), "set aside"))
		fail_msg("it does not say why: %s", error_text(document, "message"));
	json_decref(document);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s", nid);
	assert_int_equal(ask(scene, "GET", target, NULL, &document), 200);
	assert_non_null(strstr(error_text(document, "message"), says));
	json_decref(document);
	assert_int_equal(ask(scene, "GET", "/v1/status", NULL, &document), 200);
	const json_t *list = json_object_get(document, "networks_unserved");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "network")), nid);
	json_decref(document);
}

static void loop(const char *how, const char *op, const char *says, int starts_at_most)
{
	struct scene scene;
	char what[64];

	set_up(&scene, NULL);
	make_network(&scene, "n1");
	make_network(&scene, "n2");
	make_network(&scene, "n3");
	(void)snprintf(what, sizeof(what), "%s-%s-n2", how, op);
	if (strcmp(op, "adopt") != 0) {
		/* It is deleted when the host dies. */
		tell(&scene, what, true);
		struct http_answer answer = {0};
		(void)http_ask(scene.daemon.socket, "DELETE", "/v1/networks/n2?force=1", NULL, &answer);
		http_answer_free(&answer);
		int status;
		assert_int_equal(waitpid(scene.daemon.pid, &status, 0), scene.daemon.pid);
		scene.daemon.pid = 0;
	} else {
		(void)daemon_stop(&scene.daemon, SIGTERM);
		tell(&scene, what, true);
	}
	int starts = start_somehow(&scene);
	print_message("%s in %s: the host serves at the %d. start\n", how, op, starts);
	assert_true(starts > 1 && (TEST_SANITIZED || starts <= starts_at_most));
	assert_served(&scene, "n1");
	assert_served(&scene, "n3");
	assert_set_aside(&scene, "n2", says);
	/* It stays so. */
	(void)daemon_stop(&scene.daemon, SIGKILL);
	assert_int_equal(start_somehow(&scene), 1);
	assert_set_aside(&scene, "n2", says);
	/* Another version is given its chance. */
	char out[512];
	assert_int_equal(daemon_ctl(&scene.daemon, out, sizeof(out), "driver", "swap", "files", FILE_2, NULL), 0);
	if (strcmp(op, "adopt") == 0) {
		assert_served(&scene, "n2");
	} else {
		assert_int_equal(ask(&scene, "GET", "/v1/networks/n2", NULL, NULL), 404);
		assert_false(has_file(&scene, "network-n2-"));
		assert_false(has_file(&scene, "endpoint-n2-n2-e"));
	}
	daemon_tear_down(&scene.daemon);
}

static void a_driver_that_crashes_in_adopt_costs_one_start(void **state)
{
	(void)state;
	loop("crash", "adopt", TEST_SANITIZED ? "the host ended" : "crashed the host (SIGSEGV) in adopt", 2);
}

static void a_driver_that_crashes_in_network_delete_costs_one_start(void **state)
{
	(void)state;
	loop("crash", "network_delete", TEST_SANITIZED ? "the host ended" : "crashed the host (SIGSEGV) in network_delete", 2);
}

static void a_driver_that_crashes_in_endpoint_delete_costs_one_start(void **state)
{
	(void)state;
	loop("crash", "endpoint_delete", TEST_SANITIZED ? "the host ended" : "crashed the host (SIGSEGV) in endpoint_delete", 2);
}

static void a_driver_that_ends_the_host_costs_three_starts(void **state)
{
	(void)state;
	loop("exit", "adopt", "the host ended 3 times with it in its driver's adopt", 4);
}

static void a_network_that_was_set_aside_can_be_deleted_by_force(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, NULL);
	make_network(&scene, "n1");
	(void)daemon_stop(&scene.daemon, SIGTERM);
	tell(&scene, "crash-adopt-n1", true);
	(void)start_somehow(&scene);
	assert_int_equal(ask(&scene, "DELETE", "/v1/networks/n1", NULL, NULL), 503);
	assert_int_equal(ask(&scene, "DELETE", "/v1/networks/n1?force=1", NULL, NULL) / 100, 2);
	/* One of the same id has nothing to do with it. */
	make_network(&scene, "n1");
	tell(&scene, "crash-adopt-n1", false);
	(void)daemon_stop(&scene.daemon, SIGKILL);
	assert_int_equal(start_somehow(&scene), 1);
	assert_served(&scene, "n1");
	daemon_tear_down(&scene.daemon);
}

static void kills_from_outside_are_not_held_against_a_driver(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, "calls: {deadline: 20s}\n");
	make_network(&scene, "n1");
	(void)daemon_stop(&scene.daemon, SIGTERM);
	tell(&scene, "hang-adopt-n1", true);
	for (int kills = 0; kills < 2; kills++) {
		daemon_launch(&scene.daemon);
		(void)usleep(300000);
		(void)daemon_stop(&scene.daemon, SIGKILL);
	}
	tell(&scene, "hang-adopt-n1", false);
	assert_int_equal(start_somehow(&scene), 1);
	assert_served(&scene, "n1");
	daemon_tear_down(&scene.daemon);
}

static void a_driver_that_hangs_in_adopt_does_not_keep_the_host_from_serving(void **state)
{
	struct scene scene;
	json_t *document;

	(void)state;
	set_up(&scene, "calls: {deadline: 1s}\n");
	daemon_add_driver(&scene.daemon, "null", BUILT_DRIVERS "/null.so", NULL);
	assert_int_equal(ask(&scene, "POST", "/v1/reload", NULL, NULL), 200);
	make_network(&scene, "n1");
	make_network(&scene, "n2");
	assert_int_equal(ask(&scene, "POST", "/v1/networks", "{\"id\": \"z\", \"name\": \"z\", \"type\": \"null\"}", NULL) / 100,
			 2);
	(void)daemon_stop(&scene.daemon, SIGTERM);
	tell(&scene, "hang-adopt-n1", true);
	assert_int_equal(start_somehow(&scene), 1);
	/* The one it hangs on says who is in the way; the other one of that driver waits for it; the rest serves. */
	assert_int_equal(try_network(&scene, "n1", &document), 409);
	assert_string_equal(error_text(document, "code"), "NETWORK_BUSY");
	if (!strstr(error_text(document, "message"), "adopt of driver \"files\""))
		fail_msg("it does not name the blocker: %s", error_text(document, "message"));
	json_decref(document);
	assert_int_equal(try_network(&scene, "n2", &document), 409);
	assert_non_null(strstr(error_text(document, "message"), "hangs while it recovers network n1"));
	json_decref(document);
	assert_int_equal(ask(&scene, "GET", "/v1/networks/z", NULL, NULL), 200);
	/* It comes back: both are served without anybody's doing. */
	tell(&scene, "hang-adopt-n1", false);
	for (int waited = 0; try_network(&scene, "n2", NULL) / 100 != 2; waited++) {
		assert_true(waited < 300);
		(void)usleep(50000);
	}
	assert_served(&scene, "n1");
	daemon_tear_down(&scene.daemon);
}

static void a_driver_that_hangs_in_a_deletion_does_not_either(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, "calls: {deadline: 1s}\n");
	make_network(&scene, "n1");
	make_network(&scene, "n2");
	tell(&scene, "hang-network_delete-n1", true);
	assert_int_equal(ask(&scene, "DELETE", "/v1/networks/n1?force=1", NULL, NULL), 504);
	(void)daemon_stop(&scene.daemon, SIGKILL);
	assert_int_equal(start_somehow(&scene), 1);
	assert_int_equal(try_network(&scene, "n1", NULL), 409);
	tell(&scene, "hang-network_delete-n1", false);
	for (int waited = 0; ask(&scene, "GET", "/v1/networks/n1", NULL, NULL) != 404; waited++) {
		assert_true(waited < 300);
		(void)usleep(50000);
	}
	for (int waited = 0; try_network(&scene, "n2", NULL) / 100 != 2; waited++) {
		assert_true(waited < 300);
		(void)usleep(50000);
	}
	assert_false(has_file(&scene, "network-n1-"));
	daemon_tear_down(&scene.daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_that_crashes_in_adopt_costs_one_start),
		cmocka_unit_test(a_driver_that_crashes_in_network_delete_costs_one_start),
		cmocka_unit_test(a_driver_that_crashes_in_endpoint_delete_costs_one_start),
		cmocka_unit_test(a_driver_that_ends_the_host_costs_three_starts),
		cmocka_unit_test(a_network_that_was_set_aside_can_be_deleted_by_force),
		cmocka_unit_test(kills_from_outside_are_not_held_against_a_driver),
		cmocka_unit_test(a_driver_that_hangs_in_adopt_does_not_keep_the_host_from_serving),
		cmocka_unit_test(a_driver_that_hangs_in_a_deletion_does_not_either),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
