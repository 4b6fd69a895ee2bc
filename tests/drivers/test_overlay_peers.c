/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and what becomes of them in the kernel: who counts of two, replays, strays, rows of no use. */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/drivers/overlay_rig.h"

#define MANY 1000

static struct node *const here = &nodes[0];
static struct netns a;
static struct fakeep one;
static uint8_t value[512];

static int fresh(void **state)
{
	(void)state;
	rig_open(1, 4, 1500);
	netns_new(&a);
	assert_ok(rig_create(here), &here->host.err);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rig_close();
	netns_free(&a);
	return 0;
}

static void tell(const char *key, const char *owner, uint64_t revision, const char *address, const char *mac, const char *vtep)
{
	size_t bytes = rig_row(value, address, mac, vtep);

	assert_ok(rig_tell(here, key, owner, value, bytes, revision, 0), &here->host.err);
}

static void untell(const char *key, const char *owner, uint64_t revision)
{
	assert_ok(rig_tell(here, key, owner, NULL, 0, revision, 0), &here->host.err);
}

static void mark(uint32_t flags)
{
	assert_ok(rig_tell(here, NULL, NULL, NULL, 0, 0, flags), &here->host.err);
}

#define MAC1 "02:42:0a:07:00:15"
#define MAC2 "02:42:0a:07:00:16"
#define VTEP1 "192.0.2.51"
#define VTEP2 "192.0.2.52"

/* Somebody else writes into our links. */
static void write_fdb(uint16_t type, const char *mac, const char *vtep)
{
	struct ndmsg nd = {.ndm_family = AF_BRIDGE, .ndm_state = NUD_NOARP | NUD_REACHABLE, .ndm_flags = NTF_SELF};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_CREATE);
	struct ndrv_nl *nl = netns_nl(&here->ns);
	struct ndrv_error err = {0};
	struct ndrv_addr addr;
	struct ndrv_mac bytes;
	struct ndrv_link link;

	assert_true(rig_link(here, 'a', &link));
	nd.ndm_ifindex = (int)link.index;
	assert_ok(ndrv_mac_parse(mac, &bytes, &err), &err);
	assert_ok(ndrv_addr_parse(vtep, &addr, &err), &err);
	assert_int_equal(nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put(msg, NDA_LLADDR, 6, bytes.bytes), 0);
	assert_int_equal(nla_put(msg, NDA_DST, 4, addr.bytes), 0);
	assert_ok(ndrv_nl_send(nl, msg, &err, "write"), &err);
	ndrv_nl_close(nl);
}

static void flush_neighbour(const char *address)
{
	struct ndrv_nl *nl = netns_nl(&here->ns);
	struct ndrv_error err = {0};
	struct ndrv_addr addr;
	struct ndrv_link link;

	assert_true(rig_link(here, 'A', &link));
	assert_ok(ndrv_addr_parse(address, &addr, &err), &err);
	assert_ok(ndrv_neighbour_delete(nl, link.name, link.index, &addr, &err), &err);
	ndrv_nl_close(nl);
}

/* --- who counts --- */

static void the_later_of_two_rows_counts_and_the_earlier_comes_back(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	tell("e1", "y", 20, "10.7.0.21/24", MAC1, VTEP2);
	assert_true(rig_fdb(here, MAC1, VTEP2));
	assert_int_equal(rig_fdb_count(here), 1);
	/* An old row told late changes nothing. */
	tell("e9", "z", 15, "10.7.0.21/24", MAC1, "192.0.2.53");
	assert_true(rig_fdb(here, MAC1, VTEP2));
	untell("e1", "y", 21);
	assert_true(rig_fdb(here, MAC1, "192.0.2.53"));
	untell("e9", "z", 22);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.21"));
	untell("e1", "x", 23);
	assert_true(rig_fdb(here, MAC1, NULL));
	assert_false(netns_has_neighbour(&here->ns, "10.7.0.21"));
	assert_int_equal(rig_fdb_count(here), 0);
}

static void one_mac_address_of_two_endpoints_goes_to_the_later(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	tell("e2", "y", 20, "10.7.0.22/24", MAC1, VTEP2);
	assert_true(rig_fdb(here, MAC1, VTEP2));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.21"));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.22"));
	untell("e2", "y", 21);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	assert_false(netns_has_neighbour(&here->ns, "10.7.0.22"));
}

static void an_update_moves_or_replaces_an_entry(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	tell("e1", "x", 11, "10.7.0.21/24", MAC1, VTEP2);
	assert_true(rig_fdb(here, MAC1, VTEP2));
	tell("e1", "x", 12, "10.7.0.22/24", MAC2, VTEP2);
	assert_true(rig_fdb(here, MAC1, NULL));
	assert_true(rig_fdb(here, MAC2, VTEP2));
	assert_false(netns_has_neighbour(&here->ns, "10.7.0.21"));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.22"));
	/* Without revisions the last word counts. */
	tell("e2", "y", 0, "10.7.0.31/24", "02:42:0a:07:00:1f", VTEP1);
	tell("e3", "z", 0, "10.7.0.31/24", "02:42:0a:07:00:1f", VTEP2);
	assert_true(rig_fdb(here, "02:42:0a:07:00:1f", VTEP2));
}

static void what_a_lost_node_told_again_counts_again(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	tell("e1", "y", 5, "10.7.0.21/24", MAC1, VTEP2);
	assert_ok(rig_node(here, VTEP1, false, true), &here->host.err);
	assert_true(rig_fdb(here, MAC1, VTEP2)); /* who else claimed it */
	tell("e1", "x", 11, "10.7.0.21/24", MAC1, VTEP1);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	/* One nobody knows. */
	assert_ok(rig_node(here, "192.0.2.99", false, true), &here->host.err);
	assert_ok(rig_node(here, "192.0.2.99", false, false), &here->host.err);
	assert_true(rig_fdb(here, MAC1, VTEP1));
}

/* --- beside the network's own calls --- */

static _Atomic bool enough;

static int never(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

static void *come_and_go(void *data)
{
	const struct ndrv_ops *ops = here->host.ops;
	struct ndrv_discovery node = {.size = sizeof(node),
				      .type = NDRV_DISCOVER_NODE,
				      .address = VTEP1,
				      .bind_address = "",
				      .provider = "",
				      .store_address = ""};
	struct ndrv_error err = {0};
	struct ndrv_call call = {.size = sizeof(call),
				 .err = &err,
				 .cancelled = never,
				 .requester = "a test",
				 .request_id = "",
				 .host_nl = netns_nl(&here->ns)};

	while (!enough) {
		node.self = 0;
		node.address = VTEP1;
		assert_ok(ops->discover_delete(here->host.self, &call, &node), &err);
		assert_ok(ops->discover_new(here->host.self, &call, &node), &err);
		node.self = 1;
		node.address = here->address;
		assert_ok(ops->discover_new(here->host.self, &call, &node), &err);
	}
	ndrv_nl_close(call.host_nl);
	return data;
}

static void nodes_come_and_go_beside_rows_and_networks(void **state)
{
	pthread_t thread;

	(void)state;
	enough = false;
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	for (uint64_t round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 20; i++)
			tell("e1", i % 2 ? "x" : "y", round * 100 + i, "10.7.0.21/24", MAC1, i % 3 ? VTEP1 : VTEP2);
		untell("e1", "x", round * 100 + 50);
		assert_ok(rig_delete(here, 0), &here->host.err);
		assert_ok(rig_create(here), &here->host.err);
	}
	tell("e1", "y", 2000, "10.7.0.21/24", MAC1, VTEP1);
	enough = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(rig_fdb(here, MAC1, VTEP1));
}

/* --- replays --- */

static void a_replay_drops_what_it_does_not_tell(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	tell("e2", "y", 11, "10.7.0.22/24", MAC2, VTEP2);
	mark(NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_REPLAY);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	tell("e2", "y", 11, "10.7.0.22/24", MAC2, VTEP2);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	mark(NDRV_BATCH_SYNC_END | NDRV_BATCH_REPLAY);
	assert_true(rig_fdb(here, MAC1, NULL));
	assert_true(rig_fdb(here, MAC2, VTEP2));
	assert_int_equal(rig_fdb_count(here), 1);
}

static void a_stale_replay_drops_nothing(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	mark(NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_SYNC_END | NDRV_BATCH_REPLAY | NDRV_BATCH_STALE);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	mark(NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_SYNC_END | NDRV_BATCH_REPLAY);
	assert_true(rig_fdb(here, MAC1, NULL));
}

static void a_replay_sweeps_strays_and_mends_what_was_flushed(void **state)
{
	(void)state;
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	write_fdb(RTM_NEWNEIGH, "02:42:de:ad:00:01", VTEP2);
	write_fdb(RTM_DELNEIGH, MAC1, VTEP1);
	flush_neighbour("10.7.0.21");
	assert_false(rig_fdb(here, MAC1, VTEP1));
	mark(NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_REPLAY);
	tell("e1", "x", 10, "10.7.0.21/24", MAC1, VTEP1);
	mark(NDRV_BATCH_SYNC_END | NDRV_BATCH_REPLAY);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	assert_true(rig_fdb(here, "02:42:de:ad:00:01", NULL));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.21"));
	assert_int_equal(rig_fdb_count(here), 1);
}

/* --- many --- */

static void many_rows_come_in_one_batch(void **state)
{
	static struct ndrv_table_event events[MANY];
	static char keys[MANY][16];
	static uint8_t values[MANY][96];
	struct ndrv_table_batch batch = {.size = sizeof(batch),
					 .flags = NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_SYNC_END,
					 .table = RIG_TABLE,
					 .count = MANY,
					 .element_size = sizeof(events[0]),
					 .events = events};
	struct ndrv_value info = {0};

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		char address[32], mac[32];

		(void)snprintf(keys[i], sizeof(keys[i]), "e%u", i);
		(void)snprintf(address, sizeof(address), "fd07::%x/64", i + 16);
		(void)snprintf(mac, sizeof(mac), "02:42:00:00:%02x:%02x", i / 256, i % 256);
		events[i] = (struct ndrv_table_event){.key = keys[i],
						      .value = values[i],
						      .value_bytes = (uint32_t)rig_row(values[i], address, mac, VTEP1),
						      .revision = i + 1,
						      .owner = "x"};
	}
	rig_on(here);
	assert_ok(here->host.ops->event_notify(here->host.self, fakehost_call(&here->host, 0), &here->net.view, &batch),
		  &here->host.err);
	assert_int_equal(rig_fdb_count(here), MANY);
	assert_true(netns_has_neighbour(&here->ns, "fd07::3f7"));
	assert_ok(rig_connect(here, &one, "own", "10.7.0.11/24", NULL, &a), &here->host.err);
	assert_ok(here->host.ops->endpoint_info(here->host.self, fakehost_call(&here->host, 0), &here->net.view, &one.view, &info),
		  &here->host.err);
	assert_int_equal(ndrv_map_get(&info, "peer_count")->u.integer, MANY);
	assert_int_equal(ndrv_map_get(&info, "peers")->count, 256);
	batch.count = 1;
	assert_ok(here->host.ops->event_notify(here->host.self, fakehost_call(&here->host, 0), &here->net.view, &batch),
		  &here->host.err);
	assert_int_equal(rig_fdb_count(here), 1);
	assert_true(rig_fdb(here, "02:42:00:00:00:00", VTEP1));
	assert_false(netns_has_neighbour(&here->ns, "fd07::3f7"));
}

/* --- rows --- */

static void rows_are_libnetworks_byte_for_byte(void **state)
{
	static const char want[] = "\x0a\x0c"
				   "10.7.0.11/24"
				   "\x12\x11"
				   "02:42:0a:07:00:0b"
				   "\x1a\x09"
				   "192.0.2.1";
	static const char want6[] = "\x22\x0b"
				    "fd07::11/64";
	static struct fakeep both;

	(void)state;
	assert_ok(rig_connect(here, &one, "e1", "10.7.0.11/24", NULL, &a), &here->host.err);
	assert_int_equal(rows[0].bytes, sizeof(want) - 1);
	assert_memory_equal(rows[0].value, want, sizeof(want) - 1);
	rig_disconnect(here, &one, &a);
	assert_ok(rig_connect(here, &both, "e1", "10.7.0.11/24", "fd07::11/64", &a), &here->host.err);
	assert_int_equal(rows[0].bytes, sizeof(want) - 1 + sizeof(want6) - 1);
	assert_memory_equal(rows[0].value + sizeof(want) - 1, want6, sizeof(want6) - 1);
}

static void a_row_is_explained(void **state)
{
	size_t bytes = rig_row(value, "10.7.0.21/24", MAC1, VTEP1);
	const struct ndrv_ops *ops = here->host.ops;
	struct ndrv_value info = {0};
	const char *object = "";

	(void)state;
	assert_ok(ops->decode_table_entry(here->host.self, fakehost_call(&here->host, 0), RIG_TABLE, "e1", value, bytes, &object,
					  &info),
		  &here->host.err);
	assert_string_equal(object, "e1");
	assert_int_equal(info.count, 1);
	assert_string_equal(ndrv_map_get(&info, "Host IP")->u.string, VTEP1);
	assert_fails(ops->decode_table_entry(here->host.self, fakehost_call(&here->host, 0), "other", "e1", value, bytes, &object,
					     &info),
		     &here->host.err, NDRV_E_BAD_REQUEST, "table other");
	assert_fails(ops->decode_table_entry(here->host.self, fakehost_call(&here->host, 0), RIG_TABLE, "e1", value, bytes - 1,
					     &object, &info),
		     &here->host.err, NDRV_E_BAD_REQUEST, "row e1: the row is no peer record");
}

static void fields_of_later_versions_are_passed_over(void **state)
{
	static const uint8_t more[] = {0x28, 0x96, 0x01, 0x31, 1, 2, 3, 4, 5, 6, 7, 8, 0x3d, 1, 2, 3, 4, 0x42, 0x02, 'h', 'i'};
	size_t bytes = rig_row(value, "10.7.0.21/24", MAC1, VTEP1);

	(void)state;
	memcpy(value + bytes, more, sizeof(more));
	assert_ok(rig_tell(here, "e1", "x", value, bytes + sizeof(more), 1, 0), &here->host.err);
	assert_true(rig_fdb(here, MAC1, VTEP1));
}

static void rows_of_no_use_are_ignored_with_a_warning(void **state)
{
	static const struct {
		const char *address, *mac, *vtep;
	} bad[] = {
		{NULL, MAC1, VTEP1},
		{"10.7.0.21/24", NULL, VTEP1},
		{"10.7.0.21/24", MAC1, NULL},
		{"10.9.0.21/24", MAC1, VTEP1}, /* no subnet */
		{"10.7.0.21", MAC1, VTEP1},
		{"nonsense", MAC1, VTEP1},
		{"10.7.0.21/24", "01:00:5e:00:00:01", VTEP1}, /* multicast */
		{"10.7.0.21/24", "00:00:00:00:00:00", VTEP1},
		{"10.7.0.21/24", MAC1, "0.0.0.0"},
		{"10.7.0.21/24", MAC1, "fd99::9"}, /* the other family */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int lines = here->host.log_lines;

		tell("e1", "x", i + 1, bad[i].address, bad[i].mac, bad[i].vtep);
		assert_int_equal(here->host.log_lines, lines + 1);
		assert_int_equal(rig_fdb_count(here), 0);
	}
	for (size_t cut = 1; cut < rig_row(value, "10.7.0.21/24", MAC1, VTEP1); cut++) {
		assert_ok(rig_tell(here, "e1", "x", value, cut, 1, 0), &here->host.err);
		assert_true(rig_fdb_count(here) <= 1); /* a node's address may lose its last digits */
	}
	/* What was good and is no more goes. */
	tell("e1", "x", 50, "10.7.0.21/24", MAC1, VTEP1);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	tell("e1", "x", 51, "10.9.0.21/24", MAC1, VTEP1);
	assert_true(rig_fdb(here, MAC1, NULL));
	/* Our own, come back. */
	tell("e2", "x", 52, "10.7.0.22/24", MAC2, here->address);
	assert_true(rig_fdb(here, MAC2, NULL));
	assert_fails(
		here->host.ops->event_notify(here->host.self, fakehost_call(&here->host, 0), &here->net.view,
					     &(struct ndrv_table_batch){.size = sizeof(struct ndrv_table_batch), .table = "x"}),
		&here->host.err, NDRV_E_BAD_REQUEST, "table x");
}

static void peers_told_before_there_are_links_are_entered_with_them(void **state)
{
	(void)state;
	assert_ok(rig_delete(here, 0), &here->host.err);
	assert_ok(rig_node(here, here->address, true, true), &here->host.err);
	assert_ok(rig_create(here), &here->host.err);
	assert_int_equal(netns_link_count(&here->ns), 2);
	tell("e1", "x", 1, "10.7.0.21/24", MAC1, VTEP1);
	mark(NDRV_BATCH_SYNC_BEGIN);
	tell("e1", "x", 1, "10.7.0.21/24", MAC1, VTEP1);
	mark(NDRV_BATCH_SYNC_END);
	assert_fails(rig_connect(here, &one, "e9", "10.7.0.11/24", NULL, &a), &here->host.err, NDRV_E_NO_SERVICE,
		     "endpoint e9: this node's address is not known yet");
	assert_int_equal(netns_link_count(&here->ns), 2);
	assert_ok(rig_node(here, here->address, true, false), &here->host.err);
	assert_ok(rig_connect(here, &one, "e9", "10.7.0.11/24", NULL, &a), &here->host.err);
	assert_true(rig_fdb(here, MAC1, VTEP1));
	assert_true(netns_has_neighbour(&here->ns, "10.7.0.21"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_later_of_two_rows_counts_and_the_earlier_comes_back),
		TEST(one_mac_address_of_two_endpoints_goes_to_the_later),
		TEST(an_update_moves_or_replaces_an_entry),
		TEST(what_a_lost_node_told_again_counts_again),
		TEST(nodes_come_and_go_beside_rows_and_networks),
		TEST(a_replay_drops_what_it_does_not_tell),
		TEST(a_stale_replay_drops_nothing),
		TEST(a_replay_sweeps_strays_and_mends_what_was_flushed),
		TEST(many_rows_come_in_one_batch),
		TEST(rows_are_libnetworks_byte_for_byte),
		TEST(a_row_is_explained),
		TEST(fields_of_later_versions_are_passed_over),
		TEST(rows_of_no_use_are_ignored_with_a_warning),
		TEST(peers_told_before_there_are_links_are_entered_with_them),
	};

	netns_need();
	return cmocka_run_group_tests_name("overlay peers", tests, NULL, NULL);
}
