/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel and records that no longer agree: what others did while the host was away, or before its eyes. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/faults/life.h"

#define GROUP 28160u /* ownership.link_group by default */
#define STRAY "nvaaaaaaaaaaaa"
#define REPLY_BYTES 65536

static struct life life;
static char reply[REPLY_BYTES];

static int set_up(void **state)
{
	(void)state;
	life_set_up(&life, life_kind("bridge"));
	daemon_start(&life.daemon);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	life_tear_down(&life);
	return 0;
}

static void connect_both(void)
{
	for (int step = 0; step < 3; step++)
		assert_int_equal(life_step(&life, step, false), 1);
}

static void make_link(const char *kind, const char *name, uint32_t group)
{
	struct ndrv_link_spec spec = {.kind = kind, .name = name, .group = group};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
}

static void delete_link(const char *name)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};

	assert_ok(ndrv_link_delete(nl, name, 0, &err), &err);
	ndrv_nl_close(nl);
}

static void restart(void (*meanwhile)(void))
{
	(void)daemon_stop(&life.daemon, SIGKILL);
	if (meanwhile)
		meanwhile();
	daemon_start(&life.daemon);
}

/* The member `key` of what the command says, as a JSON text. */
static bool says(const char *object, const char *key, const char *part, const char *noun, const char *verb, const char *option)
{
	assert_int_equal(daemon_ctl(&life.daemon, reply, sizeof(reply), "--json", noun, verb, option, NULL), 0);
	json_t *document = json_loads(reply, 0, NULL);
	assert_non_null(document);
	const json_t *at = object ? json_object_get(document, object) : document;
	char *text = json_dumps(json_object_get(at, key), JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(text);
	bool found = strstr(text, part) != NULL;
	if (!found)
		print_message("%s is %s, without %s\n", key, text, part);
	free(text);
	json_decref(document);
	return found;
}

static bool recovery_says(const char *key, const char *part)
{
	return says("recovery", key, part, "status", NULL, NULL);
}

static void the_bridge_is(char *ret)
{
	ndrv_link_name(ret, "nb", "ndrv", "n1", "");
}

/* --- routes, rules, neighbours --- */

/* `ip` is installed wherever these tests run: it makes what a driver of any kind may have made. */
static void ip(const char *arguments)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "ip %s", arguments);
	int status = system(command); /* NOLINT(cert-env33-c) */
	if (status)
		fail_msg("%s: %d", command, status);
}

static bool ip_shows(const char *what, const char *text)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "ip %s | grep -q '%s'", what, text);
	return system(command) == 0; /* NOLINT(cert-env33-c) */
}

static char bridge[NDRV_IFNAME_MAX];

static void plant_marked(void)
{
	char text[128];

	the_bridge_is(bridge);
	make_link("bridge", "theirs", 0);
	ip("link set theirs up");
	ip("addr add 198.51.100.1/24 dev theirs");
	/* Ours by number and nobody's. */
	ip("route add 203.0.113.0/24 dev theirs proto 110");
	ip("route add blackhole 203.0.113.128/25 proto 110 table 1234");
	ip("-6 route add fd55::/64 dev theirs proto 110");
	ip("rule add from 203.0.113.7 lookup 1234 protocol 110");
	ip("-6 rule add from fd55::7 lookup 1234 protocol 110");
	ip("neigh add 198.51.100.9 lladdr 02:00:00:00:00:09 dev theirs protocol 110");
	/* Somebody else's. */
	ip("route add 203.0.112.0/24 dev theirs proto 111");
	ip("rule add from 203.0.112.7 lookup 1234 protocol 111");
	ip("neigh add 198.51.100.10 lladdr 02:00:00:00:00:10 dev theirs protocol 111");
	/* A record's: through its interface, or about its addresses. */
	(void)snprintf(text, sizeof(text), "route add 203.0.111.0/24 dev %s proto 110", bridge);
	ip(text);
	(void)snprintf(text, sizeof(text), "neigh add 10.9.0.99 lladdr 02:00:00:00:00:99 dev %s protocol 110", bridge);
	ip(text);
	ip("rule add from 10.9.0.10 lookup 1234 protocol 110");
}

static void assert_others_stay(void)
{
	assert_true(ip_shows("route", "203.0.112.0/24"));
	assert_true(ip_shows("rule", "203.0.112.7"));
	assert_true(ip_shows("neigh", "198.51.100.10 "));
	assert_true(ip_shows("route", "203.0.111.0/24"));
	assert_true(ip_shows("neigh", "10.9.0.99 "));
	assert_true(ip_shows("rule", "10.9.0.10 "));
}

static void assert_strays_are_gone(void)
{
	assert_false(ip_shows("route", "203.0.113"));
	assert_false(ip_shows("route show table all", "203.0.113"));
	assert_false(ip_shows("-6 route", "fd55"));
	assert_false(ip_shows("rule", "203.0.113.7"));
	assert_false(ip_shows("-6 rule", "fd55"));
	assert_false(ip_shows("neigh", "198.51.100.9 "));
}

static void routes_rules_and_neighbours_with_our_number_and_no_record_go_at_the_next_start(void **state)
{
	(void)state;
	connect_both();
	restart(plant_marked);
	assert_others_stay();
	assert_strays_are_gone();
	assert_true(recovery_says("stray_routes", "route 203.0.113.0/24 table 254"));
	assert_true(recovery_says("stray_routes", "route fd55::/64 table 254"));
	assert_true(recovery_says("stray_routes", "route 203.0.113.128/25 table 1234"));
	assert_true(recovery_says("stray_rules", "of IPv4 to table 1234"));
	assert_true(recovery_says("stray_rules", "of IPv6 to table 1234"));
	assert_true(recovery_says("stray_neighbours", "neighbour 198.51.100.9/32 on interface"));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

static void a_dry_run_shows_them_and_leaves_them(void **state)
{
	(void)state;
	connect_both();
	plant_marked();
	assert_true(says(NULL, "stray_routes", "route 203.0.113.0/24", "network", "prune", "--dry-run"));
	assert_true(says(NULL, "stray_rules", "of IPv6", "network", "prune", "--dry-run"));
	assert_true(says(NULL, "stray_neighbours", "198.51.100.9", "network", "prune", "--dry-run"));
	assert_true(ip_shows("route", "203.0.113.0/24"));
	assert_true(ip_shows("rule", "203.0.113.7"));
	assert_true(ip_shows("neigh", "198.51.100.9 "));
	assert_int_equal(daemon_ctl(&life.daemon, NULL, 0, "network", "prune", NULL), 0);
	assert_others_stay();
	assert_strays_are_gone();
}

/* --- links without records --- */

static void plant_strays(void)
{
	make_link("bridge", STRAY, GROUP);
	make_link("bridge", "theirs", GROUP);
	make_link("bridge", "nvbbbbbbbbbbbb", 4711);
}

static void a_link_with_our_tag_and_no_record_is_removed_at_the_next_start(void **state)
{
	(void)state;
	connect_both();
	restart(plant_strays);
	assert_false(netns_has_link(NULL, STRAY, NULL));
	assert_true(recovery_says("stray_links", "[\"" STRAY "\"]"));
	assert_true(recovery_says("stray_links_removed", "true"));
	/* Not ours by name, or not by tag. */
	assert_true(netns_has_link(NULL, "theirs", NULL));
	assert_true(netns_has_link(NULL, "nvbbbbbbbbbbbb", NULL));
	assert_true(recovery_says("unknown_links", "[\"theirs\"]"));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
	/* The same while the host runs, but only when told. */
	make_link("bridge", STRAY, GROUP);
	assert_true(says(NULL, "stray_links", "[\"" STRAY "\"]", "network", "prune", "--dry-run"));
	assert_true(netns_has_link(NULL, STRAY, NULL));
	assert_true(says(NULL, "stray_links", "[\"" STRAY "\"]", "network", "prune", NULL));
	assert_false(netns_has_link(NULL, STRAY, NULL));
	assert_true(netns_has_link(NULL, "theirs", NULL));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

static void lose_the_state(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/run/live.db", life.daemon.dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/run/live.db-wal", life.daemon.dir);
	(void)unlink(path);
}

static void links_of_endpoints_that_the_host_has_lost_go_only_when_told(void **state)
{
	char name[NDRV_IFNAME_MAX];

	(void)state;
	connect_both();
	restart(lose_the_state);
	ndrv_link_name(name, "nv", "ndrv", "n1", "e0");
	assert_true(recovery_says("stray_links", name));
	assert_true(recovery_says("stray_links_removed", "false"));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
	assert_true(says(NULL, "stray_links", name, "network", "prune", "--dry-run"));
	assert_true(netns_has_link(NULL, name, NULL));
	/* Its network is empty, as far as the host knows, and takes its ports along. */
	assert_true(says(NULL, "deleted", "n1", "network", "prune", NULL));
	assert_int_equal(netns_link_count(NULL), 1);
}

/* --- records without links --- */

static void delete_the_bridge(void)
{
	char name[NDRV_IFNAME_MAX];

	the_bridge_is(name);
	delete_link(name);
}

static void a_bridge_that_was_deleted_by_hand_is_made_again(void **state)
{
	(void)state;
	connect_both();
	restart(delete_the_bridge);
	assert_true(recovery_says("lost", "0"));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

static void delete_a_port(void)
{
	char name[NDRV_IFNAME_MAX];

	ndrv_link_name(name, "nv", "ndrv", "n1", "e0");
	delete_link(name);
}

static void an_endpoint_whose_link_was_deleted_by_hand_is_lost_and_can_be_pruned(void **state)
{
	(void)state;
	connect_both();
	restart(delete_a_port);
	assert_true(recovery_says("lost_endpoints", "\"endpoint\":\"e0\""));
	assert_true(says(NULL, "stale_endpoints", "its link is gone", "network", "prune", "--dry-run"));
	assert_true(says(NULL, "stale_endpoints", "\"endpoint\":\"e0\"", "network", "prune", NULL));
	/* Name and address are free again. */
	assert_int_equal(life_step(&life, 1, false), 1);
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

static void a_namespace_that_vanished_before_our_eyes_can_be_pruned(void **state)
{
	(void)state;
	connect_both();
	netns_free(&life.sandboxes[1]);
	assert_true(says(NULL, "stale_endpoints", "its sandbox is gone", "network", "prune", "--dry-run"));
	assert_true(says(NULL, "stale_endpoints", "\"endpoint\":\"e1\"", "network", "prune", NULL));
	netns_new(&life.sandboxes[1]);
	assert_int_equal(life_step(&life, 2, false), 1);
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

/* --- others' links under our names --- */

static void take_the_bridge_name(void)
{
	char name[NDRV_IFNAME_MAX];

	the_bridge_is(name);
	delete_link(name);
	make_link("bridge", name, 0);
}

static void a_foreign_link_with_our_name_is_reported_and_not_touched(void **state)
{
	char name[NDRV_IFNAME_MAX];

	(void)state;
	connect_both();
	restart(take_the_bridge_name);
	the_bridge_is(name);
	assert_true(recovery_says("failures", name));
	assert_true(netns_has_link(NULL, name, NULL));
	/* Once it is out of the way, a restart repairs. */
	delete_link(name);
	restart(NULL);
	assert_true(recovery_says("failed", "0"));
	assert_true(netns_ping(&life.sandboxes[0], life.kind->address[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(routes_rules_and_neighbours_with_our_number_and_no_record_go_at_the_next_start,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_dry_run_shows_them_and_leaves_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_with_our_tag_and_no_record_is_removed_at_the_next_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_of_endpoints_that_the_host_has_lost_go_only_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bridge_that_was_deleted_by_hand_is_made_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_endpoint_whose_link_was_deleted_by_hand_is_lost_and_can_be_pruned, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_namespace_that_vanished_before_our_eyes_can_be_pruned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_foreign_link_with_our_name_is_reported_and_not_touched, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
