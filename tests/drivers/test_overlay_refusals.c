/* SPDX-License-Identifier: Apache-2.0 */
/* What the overlay driver is told wrong, and what is in its way; and the VXLAN ids it hands out. */
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/drivers/overlay_rig.h"

#define KEYS_MAX 64

static struct node *const here = &nodes[0];
static struct netns a;
static struct fakenet bad;
static struct fakeep one;

static int fresh(void **state)
{
	(void)state;
	rig_open(1, 4, 1500);
	netns_new(&a);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rig_close();
	netns_free(&a);
	return 0;
}

static void assert_nothing_left(void)
{
	assert_int_equal(netns_link_count(&here->ns), 2); /* lo and the underlay's */
	assert_int_equal(netns_link_count(&a), 1);
}

static void start(const char *pool4, const char *gateway4, const char *pool6, const char *gateway6)
{
	fakenet_init(&bad, &here->host, "x", pool4, gateway4, pool6, gateway6);
}

/* --- options --- */

static void each_option_is_refused_where_it_is_wrong(void **state)
{
	static const struct {
		const char *key, *value;
		int code;
		const char *part;
	} cases[] = {
		{VNIS, "", NDRV_E_BAD_REQUEST, "insufficient vnis(0) passed to overlay"},
		{VNIS, "1,2,3,", NDRV_E_BAD_REQUEST, "invalid vxlan id value \"\" passed"},
		{VNIS, "abc", NDRV_E_BAD_REQUEST, "invalid vxlan id value \"abc\" passed"},
		{VNIS, "0", NDRV_E_BAD_REQUEST, "invalid vxlan id value \"0\" passed"},
		{VNIS, "16777216", NDRV_E_BAD_REQUEST, "invalid vxlan id value \"16777216\" passed"},
		{VNIS, "99999999999999999999", NDRV_E_BAD_REQUEST, "invalid vxlan id value"},
		{VNIS, "-1", NDRV_E_BAD_REQUEST, "invalid vxlan id value \"-1\" passed"},
		{VNIS, " 1", NDRV_E_BAD_REQUEST, "invalid vxlan id value \" 1\" passed"},
		{"com.docker.network.driver.overlay.port", "80", NDRV_E_BAD_REQUEST, "must be from 1024 to 49151"},
		{"com.docker.network.driver.overlay.port", "x", NDRV_E_BAD_REQUEST, "com.docker.network.driver.overlay.port"},
		{NDRV_OPT_MTU, "67", NDRV_E_BAD_REQUEST, "invalid MTU number: 67"},
		{NDRV_OPT_MTU, "-1", NDRV_E_BAD_REQUEST, "invalid MTU number: -1"},
		{NDRV_OPT_MTU, "70000", NDRV_E_BAD_REQUEST, "invalid MTU number: 70000"},
		{"encrypted", "", NDRV_E_NOT_IMPLEMENTED, "encrypted"},
		{"encrypted", "true", NDRV_E_NOT_IMPLEMENTED, "encrypted"},
		{"encrypted", "maybe", NDRV_E_NOT_IMPLEMENTED, "encrypted"},
		{NDRV_OPT_IFACE_PREFIX, "a/b", NDRV_E_BAD_REQUEST, NDRV_OPT_IFACE_PREFIX},
		{NDRV_OPT_IFACE_PREFIX, "thirteen-long", NDRV_E_BAD_REQUEST, "leaves no room for a number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		start("10.9.0.0/24", "10.9.0.1/24", NULL, NULL);
		fakenet_label(&bad, VNIS, "6001");
		fakenet_label(&bad, cases[i].key, cases[i].value);
		rig_on(here);
		assert_fails(fakenet_create(&bad), &here->host.err, cases[i].code, cases[i].part);
		assert_true(strncmp(here->host.err.text, "network x: ", 11) == 0);
		assert_null(bad.view.priv);
		assert_nothing_left();
		assert_ok(fakenet_delete(&bad, NDRV_CALL_UNDO), &here->host.err);
	}
}

static void what_is_right_is_taken(void **state)
{
	struct ndrv_link link;

	(void)state;
	start("10.9.0.0/24", "10.9.0.1/24", NULL, NULL);
	fakenet_label(&bad, VNIS, "6001,6002,6003"); /* more than are needed */
	fakenet_label(&bad, "encrypted", "false");
	fakenet_label(&bad, NDRV_OPT_MTU, "1200");
	fakenet_label(&bad, NDRV_OPT_IFACE_PREFIX, "");
	fakenet_label(&bad, "com.docker.network.driver.overlay.port", "8472");
	rig_on(here);
	assert_ok(fakenet_create(&bad), &here->host.err);
	assert_true(rig_link(here, 'a', &link));
	assert_int_equal(link.mtu, 1200);
	assert_ok(fakenet_delete(&bad, 0), &here->host.err);
	assert_nothing_left();
}

static void pools_are_held_to_what_is_possible(void **state)
{
	static struct ndrv_ipam_data many[17];

	(void)state;
	rig_on(here);
	start(NULL, NULL, NULL, NULL);
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_BAD_REQUEST, "IPv4 or IPv6 must be enabled");
	start("10.9.0.0/24", NULL, NULL, NULL);
	bad.view.ipv4.count = 0;
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_BAD_REQUEST, "ipv4 pool is empty");
	bad.view.ipv4.count = 1;
	bad.ipv4.pool = (struct ndrv_prefix){0};
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_BAD_REQUEST, "ipv4 pool is empty");
	start("0.0.0.0/0", NULL, NULL, NULL);
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_BAD_REQUEST, "0.0.0.0/0 cannot be an IPv4 pool");
	start("fd09::/64", NULL, NULL, NULL);
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_BAD_REQUEST, "fd09::/64 cannot be an IPv4 pool");
	start("10.9.0.0/24", "10.10.0.1/24", NULL, NULL);
	assert_int_equal(fakenet_create(&bad), -NDRV_E_BAD_REQUEST);
	/* Two of one family, one of the other. */
	rig_add_subnet(here);
	here->net.view.ipv6.count = 1;
	assert_fails(rig_create(here), &here->host.err, NDRV_E_BAD_REQUEST, "2 IPv4 pools and 1 IPv6 pools");
	here->net.view.ipv6.count = 2;
	here->pools4[1] = here->pools4[0];
	assert_fails(rig_create(here), &here->host.err, NDRV_E_BAD_REQUEST, "pools 1 and 2 overlap");
	for (unsigned i = 0; i < 17; i++)
		many[i] = here->pools4[0];
	here->net.view.ipv4 = (struct ndrv_ipam_list){.count = 17, .element_size = sizeof(many[0]), .items = many};
	assert_fails(rig_create(here), &here->host.err, NDRV_E_BAD_REQUEST, "17 IPv4 pools, at most 16");
	assert_nothing_left();
}

static void addresses_are_held_to_the_subnets(void **state)
{
	(void)state;
	rig_add_subnet(here);
	assert_ok(rig_create(here), &here->host.err);
	assert_fails(rig_connect(here, &one, "e1", NULL, NULL, &a), &here->host.err, NDRV_E_BAD_REQUEST,
		     "endpoint e1: create endpoint was not passed interface IP address");
	assert_fails(rig_connect(here, &one, "e1", NULL, "fd07::11/64", &a), &here->host.err, NDRV_E_BAD_REQUEST,
		     "was not passed interface IP address");
	assert_fails(rig_connect(here, &one, "e1", "10.9.0.1/24", NULL, &a), &here->host.err, NDRV_E_BAD_REQUEST,
		     "no matching subnet for IP \"10.9.0.1\" in network \"n1\"");
	assert_fails(rig_connect(here, &one, "e1", "10.7.0.11/24", "fd09::1/64", &a), &here->host.err, NDRV_E_BAD_REQUEST,
		     "no matching subnet for IP \"fd09::1\"");
	assert_fails(rig_connect(here, &one, "e1", "10.7.0.11/24", "fd08::11/64", &a), &here->host.err, NDRV_E_BAD_REQUEST,
		     "10.7.0.11 is in subnet 1 of network n1 and fd08::11 in subnet 2");
	assert_int_equal(netns_link_count(&here->ns), 2 + 4);
	assert_int_equal(netns_link_count(&a), 1);
}

static void a_network_of_ipv6_alone_with_ids_of_one_byte_works(void **state)
{
	static struct fakeep two;
	struct netns b;

	(void)state;
	netns_new(&b);
	fakenet_init(&here->net, &here->host, "n", NULL, NULL, "fd07::/64", "fd07::1/64");
	fakenet_label(&here->net, VNIS, "1");
	assert_ok(rig_create(here), &here->host.err);
	assert_ok(rig_connect(here, &one, "a", NULL, "fd07::11/64", &a), &here->host.err);
	assert_ok(rig_connect(here, &two, "b", NULL, "fd07::12/64", &b), &here->host.err);
	assert_true(netns_ping(&a, "fd07::12"));
	assert_true(netns_ping(&a, "fd07::1"));
	rig_disconnect(here, &one, &a);
	rig_disconnect(here, &two, &b);
	assert_ok(rig_delete(here, 0), &here->host.err);
	assert_nothing_left();
	netns_free(&b);
}

/* --- what is in the way --- */

static int fill_vni(struct nl_msg *msg, const void *data)
{
	const uint32_t *vni = data;

	return nla_put_u32(msg, IFLA_VXLAN_ID, *vni) || nla_put_u16(msg, IFLA_VXLAN_PORT, __builtin_bswap16(4789));
}

static void a_strangers_link_with_the_same_id_is_named(void **state)
{
	struct ndrv_link_spec spec = {.kind = "vxlan", .name = "flannel.1"};
	struct ndrv_nl *nl = netns_nl(&here->ns);
	struct ndrv_error err = {0};
	uint32_t vni = 5001;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, fill_vni, &vni, NULL, &err), &err);
	assert_fails(rig_create(here), &here->host.err, NDRV_E_LINK_EXISTS,
		     "network n1: vxlan id 5001 on port 4789 is in use by interface flannel.1, which is not ours");
	assert_null(here->net.view.priv);
	assert_int_equal(netns_link_count(&here->ns), 3);
	assert_ok(rig_delete(here, NDRV_CALL_UNDO), &here->host.err);
	assert_true(netns_has_link(&here->ns, "flannel.1", NULL));
	assert_ok(ndrv_link_delete(nl, "flannel.1", 0, &err), &err);
	ndrv_nl_close(nl);
	assert_ok(rig_create(here), &here->host.err);
}

static void a_program_on_the_port_is_said_to_be_in_the_way(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(4789)};
	int fd;

	(void)state;
	rig_on(here);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_fails(rig_create(here), &here->host.err, NDRV_E_FORBIDDEN, "network n1: UDP port 4789, on which VXLAN listens");
	assert_nothing_left();
	(void)close(fd);
	assert_ok(rig_create(here), &here->host.err);
}

static void ids_and_pools_of_another_network_are_refused(void **state)
{
	(void)state;
	assert_ok(rig_create(here), &here->host.err);
	start("10.9.0.0/24", "10.9.0.1/24", NULL, NULL);
	fakenet_label(&bad, VNIS, "5001");
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_FORBIDDEN, "network x: vxlan id 5001 is in use by network n1");
	start("10.7.0.0/16", "10.7.0.1/16", NULL, NULL);
	fakenet_label(&bad, VNIS, "6001");
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_FORBIDDEN,
		     "pool 10.7.0.0/16 overlaps with 10.7.0.0/24 of network n1");
	start("10.9.0.0/24", NULL, "fd07::/56", NULL);
	fakenet_label(&bad, VNIS, "6001");
	assert_fails(fakenet_create(&bad), &here->host.err, NDRV_E_FORBIDDEN, "pool fd07::/56 overlaps");
	/* What failed is undone by the host, which must not take the other along. */
	assert_ok(fakenet_delete(&bad, NDRV_CALL_UNDO), &here->host.err);
	assert_int_equal(netns_link_count(&here->ns), 2 + 2);
	/* The same id on another port is another. */
	start("10.9.0.0/24", "10.9.0.1/24", NULL, NULL);
	fakenet_label(&bad, VNIS, "5001");
	fakenet_label(&bad, "com.docker.network.driver.overlay.port", "4790");
	assert_ok(fakenet_create(&bad), &here->host.err);
	assert_ok(fakenet_delete(&bad, 0), &here->host.err);
}

static void a_taken_name_in_the_sandbox_leaves_nothing(void **state)
{
	struct ndrv_link_spec taken = {.kind = "bridge", .name = "eth0"};
	struct ndrv_nl *nl = netns_nl(&a);
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(rig_create(here), &here->host.err);
	assert_ok(ndrv_link_create(nl, &taken, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	assert_fails(rig_connect(here, &one, "e1", "10.7.0.11/24", NULL, &a), &here->host.err, NDRV_E_LINK_EXISTS,
		     "endpoint e1: interface eth0 already exists in the sandbox");
	assert_int_equal(netns_link_count(&here->ns), 2 + 2);
}

static void a_network_deleted_with_endpoints_takes_them_along(void **state)
{
	static struct fakeep two;

	(void)state;
	assert_ok(rig_create(here), &here->host.err);
	assert_ok(rig_connect(here, &one, "e1", "10.7.0.11/24", NULL, &a), &here->host.err);
	rig_on(here);
	assert_ok(fakeep_create(&two, &here->net, "e2", "10.7.0.12/24", NULL, NULL, NULL), &here->host.err);
	assert_ok(rig_delete(here, NDRV_CALL_FORCE), &here->host.err);
	assert_nothing_left();
	assert_ok(fakeep_delete(&one, 0), &here->host.err);
	assert_ok(fakeep_delete(&two, 0), &here->host.err);
	assert_ok(rig_delete(here, 0), &here->host.err);
}

/* --- configuration and nodes --- */

static int configure(const char *key, const char *value)
{
	struct ndrv_call *call = fakehost_call(&here->host, 0);
	struct ndrv_value config = {.type = NDRV_MAP};

	if (key)
		assert_ok(ndrv_map_set(call->arena, &config, key, ndrv_string(value), call->err), call->err);
	return here->host.ops->configure(here->host.self, call, &config);
}

static void the_drivers_configuration_is_checked(void **state)
{
	struct ndrv_link link;

	(void)state;
	assert_ok(configure(NULL, NULL), &here->host.err);
	assert_fails(configure("local_adress", "192.0.2.1"), &here->host.err, NDRV_E_UNKNOWN_OPTION, "local_address");
	assert_fails(configure("local_address", "nowhere"), &here->host.err, NDRV_E_BAD_REQUEST, "local_address");
	assert_fails(configure("local_address", "0.0.0.0"), &here->host.err, NDRV_E_BAD_REQUEST, "local_address");
	assert_fails(configure("port", "1"), &here->host.err, NDRV_E_BAD_REQUEST, "port");
	/* One that is configured wins over what was discovered; one that is not of this host is nothing to send from. */
	assert_ok(configure("local_address", "192.0.2.77"), &here->host.err);
	assert_ok(rig_create(here), &here->host.err);
	assert_ok(rig_connect(here, &one, "e1", "10.7.0.11/24", NULL, &a), &here->host.err);
	assert_non_null(memmem(rows[0].value, rows[0].bytes, "192.0.2.77", 10));
	assert_true(rig_link(here, 'a', &link));
	assert_int_equal(link.mtu, 1450);
}

static void nodes_are_checked(void **state)
{
	(void)state;
	assert_fails(rig_node(here, "", true, false), &here->host.err, NDRV_E_BAD_REQUEST, "node");
	assert_fails(rig_node(here, "somewhere", false, true), &here->host.err, NDRV_E_BAD_REQUEST, "node");
	assert_fails(rig_node(here, "::", true, false), &here->host.err, NDRV_E_BAD_REQUEST, "node");
}

/* --- VXLAN ids --- */

static struct {
	char key[160], value[256];
} keys[KEYS_MAX];

static int find_key(const char *key)
{
	for (int i = 0; i < KEYS_MAX; i++)
		if (!strcmp(keys[i].key, key))
			return i;
	return -1;
}

static int store_put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	int at = find_key(key);

	(void)host, (void)err;
	at = at < 0 ? find_key("") : at;
	assert_true(at >= 0 && bytes < sizeof(keys[at].value));
	(void)snprintf(keys[at].key, sizeof(keys[at].key), "%s", key);
	memcpy(keys[at].value, value, bytes);
	keys[at].value[bytes] = '\0';
	return 0;
}

static int store_get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		     struct ndrv_error *err)
{
	int at = find_key(key);

	(void)host, (void)arena;
	if (at < 0)
		return ndrv_fail_object(err, NDRV_E_NOT_FOUND, key);
	*ret = keys[at].value;
	*ret_bytes = strlen(keys[at].value);
	return 0;
}

static int store_del(const struct ndrv_host *host, const char *key, struct ndrv_error *err)
{
	int at = find_key(key);

	(void)host, (void)err;
	if (at >= 0)
		keys[at].key[0] = '\0';
	return 0;
}

static int store_scan(const struct ndrv_host *host, const char *prefix,
		      int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	int rc = 0;

	(void)host, (void)err;
	for (int i = 0; i < KEYS_MAX && !rc; i++)
		if (keys[i].key[0] && !strncmp(keys[i].key, prefix, strlen(prefix)))
			rc = each(keys[i].key, keys[i].value, strlen(keys[i].value), data);
	return rc;
}

static const struct ndrv_store_ops store = {
	.size = sizeof(store), .put = store_put, .get = store_get, .del = store_del, .scan = store_scan};

static int allocate(const char *nid, const char *asked, unsigned count, const char **ret)
{
	struct ndrv_call *call = fakehost_call(&here->host, 0);
	struct ndrv_value options = {.type = NDRV_MAP}, result = {0};
	struct ndrv_ipam_list v4 = {.count = count, .element_size = sizeof(struct ndrv_ipam_data)}, v6 = {0};
	const struct ndrv_ops *ops = here->host.ops;
	int rc;

	if (asked)
		assert_ok(ndrv_map_set(call->arena, &options, VNIS, ndrv_string(asked), call->err), call->err);
	rc = ops->network_allocate(here->host.self, call, nid, &options, &v4, &v6, &result);
	*ret = rc ? "" : ndrv_map_get(&result, VNIS)->u.string;
	return rc;
}

static void ids_are_handed_out_once_and_the_same_again(void **state)
{
	const struct ndrv_ops *ops = here->host.ops;
	const char *got;

	(void)state;
	memset(keys, 0, sizeof(keys));
	here->host.host.store = &store;
	assert_ok(allocate("n1", NULL, 2, &got), &here->host.err);
	assert_string_equal(got, "4096,4097");
	assert_ok(allocate("n2", NULL, 1, &got), &here->host.err);
	assert_string_equal(got, "4098");
	/* Again, and with what was returned, as a manager does after its restart. */
	assert_ok(allocate("n1", NULL, 2, &got), &here->host.err);
	assert_string_equal(got, "4096,4097");
	assert_ok(allocate("n1", "4096,4097", 2, &got), &here->host.err);
	assert_string_equal(got, "4096,4097");
	assert_fails(allocate("n1", "4096,5000", 2, &got), &here->host.err, NDRV_E_FORBIDDEN, "vxlan id 4097, not 5000");
	assert_fails(allocate("n1", NULL, 3, &got), &here->host.err, NDRV_E_FORBIDDEN, "network n1: the network already exists");
	/* Those asked for are taken as they are, what is too much is left, what is missing is handed out. */
	assert_ok(allocate("n3", "100,4100,7", 2, &got), &here->host.err);
	assert_string_equal(got, "100,4100");
	assert_ok(allocate("n4", "7", 3, &got), &here->host.err);
	assert_string_equal(got, "7,4099,4101");
	assert_fails(allocate("n5", "100", 1, &got), &here->host.err, NDRV_E_FORBIDDEN, "vxlan id 100 is in use");
	assert_fails(allocate("n5", "200,200", 2, &got), &here->host.err, NDRV_E_BAD_REQUEST, "200 is asked for twice");
	assert_fails(allocate("n5", "1,x", 1, &got), &here->host.err, NDRV_E_BAD_REQUEST, "invalid vxlan id value \"x\" passed");
	assert_fails(allocate("n5", NULL, 0, &got), &here->host.err, NDRV_E_BAD_REQUEST,
		     "empty ipv4 data passed during overlay network creation");
	assert_fails(allocate("n5", NULL, 17, &got), &here->host.err, NDRV_E_BAD_REQUEST, "17 pools");
	assert_fails(allocate("n/5", NULL, 1, &got), &here->host.err, NDRV_E_BAD_REQUEST, "n/5");
	/* Given back, they are free again. */
	for (int twice = 0; twice < 2; twice++)
		assert_ok(ops->network_free(here->host.self, fakehost_call(&here->host, 0), "n1"), &here->host.err);
	assert_ok(allocate("n6", NULL, 2, &got), &here->host.err);
	assert_string_equal(got, "4096,4097");
	/* A host without a store cannot promise anything. */
	here->host.host.store = NULL;
	assert_int_equal(allocate("n7", NULL, 1, &got), -NDRV_E_NOT_IMPLEMENTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_option_is_refused_where_it_is_wrong),
		TEST(what_is_right_is_taken),
		TEST(pools_are_held_to_what_is_possible),
		TEST(addresses_are_held_to_the_subnets),
		TEST(a_network_of_ipv6_alone_with_ids_of_one_byte_works),
		TEST(a_strangers_link_with_the_same_id_is_named),
		TEST(a_program_on_the_port_is_said_to_be_in_the_way),
		TEST(ids_and_pools_of_another_network_are_refused),
		TEST(a_taken_name_in_the_sandbox_leaves_nothing),
		TEST(a_network_deleted_with_endpoints_takes_them_along),
		TEST(the_drivers_configuration_is_checked),
		TEST(nodes_are_checked),
		TEST(ids_are_handed_out_once_and_the_same_again),
	};

	netns_need();
	return cmocka_run_group_tests_name("overlay refusals", tests, NULL, NULL);
}
