/* SPDX-License-Identifier: Apache-2.0 */
/* The NAT service as nft(8) shows it: elements, conflicts, errors. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/nat/rig.h"

#define USUAL (NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE | NDRV_NAT_HAIRPIN)

static int setup(void **state)
{
	struct rig *rig = rig_new();

	(void)rig_bridge_netfilter(false);
	rig_open(rig, false);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* They are, as JSON, in any order of members. */
static bool shows(const char *set, const char *expected)
{
	json_t *list = elements(set), *want = json_loads(expected, 0, NULL);

	assert_non_null(want);
	bool same = json_equal(list, want);
	if (!same) {
		char *text = json_dumps(list, JSON_COMPACT);
		fprintf(stderr, "%s is %s\n", set, text);
		free(text);
	}
	json_decref(list);
	json_decref(want);
	return same;
}

static long rules(void)
{
	return number(TABLE_JSON " | grep -o '\"rule\":' | wc -l");
}

/* --- the table --- */

static void nft_shows_ports_and_networks_as_elements(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL | NDRV_NAT_ROUTED);
	assert_true(shows("masquerade4", "[{\"elem\": {\"val\": \"br-a\", \"comment\": \"net-a\"}}]"));
	assert_int_equal(count("masquerade6"), 0);
	assert_true(shows("to4",
			  "[[{\"elem\": {\"val\": \"br-a\", \"comment\": \"net-a\"}}, {\"goto\": {\"target\": \"translated\"}}]]"));
	assert_true(
		shows("to6", "[[{\"elem\": {\"val\": \"br-a\", \"comment\": \"net-a\"}}, {\"goto\": {\"target\": \"routed6\"}}]]"));
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_true(shows("any4", "[[{\"elem\": {\"val\": {\"concat\": [\"tcp\", 8080]}, \"comment\": \"net-a a1\"}},"
				  " {\"concat\": [\"10.1.0.2\", 80]}]]"));
	assert_int_equal(count("any6"), 0);
	assert_true(shows("open6", "[{\"elem\": {\"val\": {\"concat\": [\"fd01::2\", \"tcp\", 80]}, \"comment\": \"net-a a1\"}}]"));
	(void)publish(rig, "a2", UDP, HOST4, 53, 53);
	assert_true(shows("at4", "[[{\"elem\": {\"val\": {\"concat\": [\"" HOST4 "\", \"udp\", 53]}, \"comment\": \"net-a a2\"}},"
				 " {\"concat\": [\"10.1.0.3\", 53]}]]"));
	assert_right(rig);
	unpublish(rig, "a1");
	unpublish(rig, "a2");
	assert_int_equal(count("any4") + count("at4") + count("open6"), 0);
	assert_right(rig);
}

static void a_thousand_endpoints_add_no_rule(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};
	long before = rules();

	rig_restart(rig, true);
	set_network(rig, 'a', USUAL, USUAL);
	for (unsigned i = 0; i < 1000; i++) {
		struct ndrv_port_binding bindings[2] = {
			{.size = sizeof(bindings[0]), .protocol = TCP, .port = 80},
			{.size = sizeof(bindings[0]), .protocol = UDP, .port = 53},
		};
		struct ndrv_addr address = {.family = 4, .bytes = {10, 1, (uint8_t)(i >> 8), (uint8_t)i}}, none = {0};
		char eid[16];
		(void)snprintf(eid, sizeof(eid), "e%u", i);
		assert_ok(nat_publish(rig->nat, "net-a", eid, &address, &none, bindings, 2, &err), &err);
		assert_in_range(bindings[0].host_port, 32768, 60999);
	}
	assert_true(before > 20);
	assert_int_equal(rules(), before);
	assert_int_equal(count("any4"), 2000);
	assert_right(rig);
	struct nat_counts counts;
	nat_count(rig->nat, &counts);
	assert_int_equal(counts.ports, 2000);
	/* Another host beside it has its own table. */
	struct nat_options options = {.instance = "other"};
	struct nat *other;
	assert_ok(nat_open(&options, &other, &err), &err);
	assert_string_equal(nat_table(other), "ndrv-other");
	nat_close(other);
	assert_ok(nat_network_clear(rig->nat, "net-a", &err), &err);
	assert_int_equal(count("any4") + count("to4") + count("own4") + count("masquerade4"), 0);
	assert_int_equal(rules(), before);
	assert_null(rig->kept);
}

/* --- conflicts --- */

static void a_port_in_use_is_refused_and_its_holder_named(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err;

	set_network(rig, 'a', USUAL, USUAL);
	set_network(rig, 'b', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_fails(try_publish(rig, "b1", TCP, NULL, 8080, 81, &err), &err, NDRV_E_PORT_IN_USE, "endpoint a1 of network net-a");
	assert_int_equal(err.kind, NDRV_KIND_FORBIDDEN);
	assert_fails(try_publish(rig, "b1", TCP, HOST4, 8080, 81, &err), &err, NDRV_E_PORT_IN_USE, "8080/tcp");
	(void)publish(rig, "b1", UDP, NULL, 8080, 81);
	(void)publish(rig, "a2", TCP, HOST4, 9090, 80);
	(void)publish(rig, "b1", TCP, HOST4_OTHER, 9090, 80);
	assert_fails(try_publish(rig, "a1", TCP, NULL, 9090, 80, &err), &err, NDRV_E_PORT_IN_USE, "9090/tcp");
	/* What was refused changed nothing. */
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	assert_right(rig);
	unpublish(rig, "a1");
	(void)publish(rig, "b1", TCP, NULL, 8080, 81);
}

static void a_port_of_a_process_is_refused_and_a_published_one_is_held(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err;

	set_network(rig, 'a', USUAL, USUAL);
	int fd = listen_on(8080, SOCK_STREAM);
	assert_true(fd >= 0);
	assert_fails(try_publish(rig, "a1", TCP, NULL, 8080, 80, &err), &err, NDRV_E_PORT_IN_USE, "process of this host");
	assert_int_equal(err.sys_errno, EADDRINUSE);
	(void)close(fd);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
	(void)publish(rig, "a2", UDP, NULL, 5353, 53);
	assert_int_equal(listen_on(5353, SOCK_DGRAM), -1);
	/* The same again, for all or for one address, keeps its place. */
	(void)publish(rig, "a1", TCP, NULL, 8080, 81);
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
	(void)publish(rig, "a1", TCP, HOST4, 8080, 81);
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
	rig_restart(rig, false);
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
	unpublish(rig, "a1");
	fd = listen_on(8080, SOCK_STREAM);
	assert_true(fd >= 0);
	(void)close(fd);
}

static void ranges_and_picked_ports_pass_over_what_is_taken(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};
	struct ndrv_addr address = {.family = 4, .bytes = {10, 1, 0, 9}}, none = {0};
	struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = TCP, .port = 80, .host_port = 8000, .host_port_end = 8002};

	set_network(rig, 'a', USUAL, USUAL);
	int fd = listen_on(8001, SOCK_STREAM);
	assert_ok(nat_publish(rig->nat, "net-a", "r0", &address, &none, &binding, 1, &err), &err);
	assert_int_equal(binding.host_port, 8000);
	binding.host_port = 8000;
	assert_ok(nat_publish(rig->nat, "net-a", "r1", &address, &none, &binding, 1, &err), &err);
	assert_int_equal(binding.host_port, 8002);
	binding.host_port = 8000;
	assert_fails(nat_publish(rig->nat, "net-a", "r2", &address, &none, &binding, 1, &err), &err, NDRV_E_PORT_IN_USE,
		     "from 8000 to 8002");
	assert_int_equal(binding.host_port, 8000);
	(void)close(fd);
	uint32_t first = publish(rig, "a1", TCP, NULL, 0, 80), second = publish(rig, "a2", TCP, NULL, 0, 80);
	assert_int_not_equal(first, second);
	/* The same again is given the same. */
	assert_int_equal(publish(rig, "a1", TCP, NULL, 0, 80), first);
}

/* --- errors --- */

static void what_cannot_be_is_refused(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};

	assert_fails(try_publish(rig, "a1", TCP, NULL, 80, 80, &err), &err, NDRV_E_NOT_FOUND, "net-a");
	set_network(rig, 'a', USUAL, USUAL);
	assert_fails(try_publish(rig, "a1", 1, NULL, 80, 80, &err), &err, NDRV_E_BAD_REQUEST, "protocol 1");
	assert_fails(try_publish(rig, "a1", TCP, NULL, 80, 0, &err), &err, NDRV_E_BAD_REQUEST, "port 0");
	assert_fails(try_publish(rig, "a1", TCP, NULL, 80, 65536, &err), &err, NDRV_E_BAD_REQUEST, "port 65536");
	assert_fails(try_publish(rig, "a1", TCP, NULL, 65536, 80, &err), &err, NDRV_E_BAD_REQUEST, "host port 65536");
	assert_fails(try_publish(rig, "a1", TCP, "203.0.113.7", 80, 80, &err), &err, NDRV_E_BAD_REQUEST, "203.0.113.7");
	assert_fails(try_publish(rig, "a1", TCP, "224.0.0.1", 80, 80, &err), &err, NDRV_E_BAD_REQUEST, "multicast");
	assert_fails(try_publish(rig, "a1", TCP, "::1", 80, 80, &err), &err, NDRV_E_NOT_IMPLEMENTED, "::1");
	struct ndrv_nat_network want = {.size = sizeof(want), .link = "br-a"};
	assert_fails(nat_network_set(rig->nat, "net-x", &want, &err), &err, NDRV_E_FORBIDDEN, "net-a");
	want.link = "a/b";
	assert_fails(nat_network_set(rig->nat, "net-x", &want, &err), &err, NDRV_E_BAD_REQUEST, "net-x");
	want.link = "br-x";
	want.flags = 1u << 20;
	assert_fails(nat_network_set(rig->nat, "net-x", &want, &err), &err, NDRV_E_BAD_REQUEST, "flags");
	want.flags = 0;
	want.pool.addr.family = 6;
	assert_fails(nat_network_set(rig->nat, "net-x", &want, &err), &err, NDRV_E_BAD_REQUEST, "family");
	assert_ok(nat_network_clear(rig->nat, "net-x", &err), &err);
	assert_ok(nat_unpublish(rig->nat, "net-x", "e", &err), &err);
	assert_right(rig);
}

static void a_call_that_cannot_be_kept_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	rig->keep_fails = true;
	assert_fails(try_publish(rig, "a2", TCP, NULL, 8081, 80, &err), &err, NDRV_E_STATE, "fire");
	assert_fails(try_publish(rig, "a1", TCP, NULL, 8082, 80, &err), &err, NDRV_E_STATE, "fire");
	rig->keep_fails = false;
	assert_right(rig);
	assert_int_equal(count("any4"), 1);
	int fd = listen_on(8081, SOCK_STREAM);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(listen_on(8080, SOCK_STREAM), -1);
}

static bool all_exist(void *data, const char *nid, const char *eid)
{
	(void)data, (void)nid, (void)eid;
	return true;
}

static void what_could_not_be_struck_out_is_when_it_can(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};
	uint32_t swept = 0;

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	rig->keep_fails = true;
	assert_fails(nat_unpublish(rig->nat, "net-a", "a1", &err), &err, NDRV_E_STATE, "fire");
	/* The kernel has let go of it, and the port is free. */
	assert_int_equal(count("any4"), 0);
	rig->keep_fails = false;
	assert_int_equal(publish(rig, "a2", TCP, NULL, 8080, 80), 8080);
	assert_ok(nat_sweep(rig->nat, true, all_exist, NULL, &swept, &err), &err);
	assert_int_equal(swept, 1);
	for (const struct kept *kept = rig->kept; kept; kept = kept->next)
		assert_string_not_equal(kept->eid, "a1");
	rig_restart(rig, false);
	assert_right(rig);
	assert_int_equal(count("any4"), 1);
	/* A network likewise. */
	rig->keep_fails = true;
	assert_fails(nat_network_clear(rig->nat, "net-a", &err), &err, NDRV_E_STATE, "fire");
	assert_int_equal(count("any4") + count("masquerade4"), 0);
	rig->keep_fails = false;
	assert_ok(nat_sweep(rig->nat, true, all_exist, NULL, &swept, &err), &err);
	assert_int_equal(swept, 1);
	assert_null(rig->kept);
	set_network(rig, 'a', USUAL, USUAL);
	assert_right(rig);
}

/* A caller whose struct ends before flags6 means both families. */
static void flags_of_a_shorter_struct_are_for_both_families(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};
	struct ndrv_nat_network want = {
		.size = offsetof(struct ndrv_nat_network, flags6), .flags = USUAL, .link = "br-a", .flags6 = NDRV_NAT_INTERNAL};

	assert_ok(nat_network_set(rig->nat, "net-a", &want, &err), &err);
	assert_int_equal(count("masquerade4"), 1);
	assert_int_equal(count("masquerade6"), 1);
	assert_int_equal(count("from6"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nft_shows_ports_and_networks_as_elements),
		TEST(a_thousand_endpoints_add_no_rule),
		TEST(a_port_in_use_is_refused_and_its_holder_named),
		TEST(a_port_of_a_process_is_refused_and_a_published_one_is_held),
		TEST(ranges_and_picked_ports_pass_over_what_is_taken),
		TEST(what_cannot_be_is_refused),
		TEST(a_call_that_cannot_be_kept_changes_nothing),
		TEST(what_could_not_be_struck_out_is_when_it_can),
		TEST(flags_of_a_shorter_struct_are_for_both_families),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
