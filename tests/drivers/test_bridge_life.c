/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge driver over time: repeated, broken off, restarted, filled up, and asked for nonsense. */
#include "tests/lib/test.h"

#include <linux/if.h>
#include <stdlib.h>

#include "tests/lib/fakehost.h"

#define NID "n1"

static struct fakehost host;
static struct fakenet net;
static struct netns a, b;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&a);
	netns_new(&b);
	fakehost_open(&host, "bridge");
	fakenet_init(&net, &host, NID, "10.5.0.0/24", "10.5.0.1/24", "fd05::/64", "fd05::1/64");
	return 0;
}

static int finish(void **state)
{
	(void)state;
	fakehost_close(&host);
	netns_free(&a);
	netns_free(&b);
	return 0;
}

/* The one bridge of the test's host. */
static bool find_bridge(struct ndrv_link *ret)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link *links = NULL;
	struct ndrv_error err = {0};
	uint32_t count = 0;
	bool found = false;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(links[i].kind, "bridge"))
			continue;
		assert_false(found);
		found = true;
		*ret = links[i];
	}
	free(links);
	ndrv_nl_close(nl);
	return found;
}

static void assert_nothing_left(void)
{
	assert_int_equal(netns_link_count(NULL), 1); /* lo */
	assert_int_equal(netns_link_count(&a), 1);
	assert_int_equal(netns_link_count(&b), 1);
}

/* --- again and again --- */

static void what_is_there_is_taken_and_what_is_gone_is_deleted(void **state)
{
	struct ndrv_link before, after;
	static struct fakeep one;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&before));
	assert_ok(fakenet_create(&net), &host.err);
	/* The answer was lost with the process: priv is gone, the bridge is there. */
	host.ops->release(host.self, &net.view, NULL);
	assert_null(net.view.priv);
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&after));
	assert_int_equal(before.index, after.index);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(host.ops->endpoint_create(host.self, fakehost_call(&host, 0), &net.view, &one.view, &one.ifinfo, NULL),
		  &host.err);
	assert_true(netns_ping(&a, "10.5.0.1"));
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakeep_delete(&one, 0), &host.err);
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void a_pair_left_by_a_broken_off_call_is_made_again(void **state)
{
	static struct fakeep one, again;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_create(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	host.ops->release(host.self, &net.view, &one.view);
	assert_ok(fakeep_connect(&again, &net, "e1", "10.5.0.2/24", NULL, &b, "eth0"), &host.err);
	assert_false(netns_has_link(&a, "eth0", NULL));
	assert_true(netns_ping(&b, "10.5.0.1"));
	assert_ok(fakeep_delete(&again, 0), &host.err);
}

static void what_fails_leaves_nothing(void **state)
{
	struct ndrv_nl *inside = netns_nl(&a);
	struct ndrv_link_spec taken = {.kind = "bridge", .name = "eth0"};
	struct ndrv_error err = {0};
	struct ndrv_link bridge;
	static struct fakenet bad;
	static struct fakeep one;

	(void)state;
	/* The bridge is made, then its address refused. */
	fakenet_init(&bad, &host, "n0", NULL, NULL, "ff02::/64", "ff02::1/64");
	assert_fails(fakenet_create(&bad), &host.err, NDRV_E_NOT_FOUND, "network n0: set address ff02::1/64");
	assert_null(bad.view.priv);
	assert_nothing_left();
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(ndrv_link_create(inside, &taken, NULL, NULL, NULL, &err), &err);
	assert_fails(fakeep_create(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err, NDRV_E_LINK_EXISTS,
		     "endpoint e1: ");
	assert_null(one.view.priv);
	assert_int_equal(netns_link_count(NULL), 2);
	ndrv_nl_close(inside);
	/* The bridge disappears under it. */
	assert_true(find_bridge(&bridge));
	inside = netns_nl(NULL);
	assert_ok(ndrv_link_delete(inside, bridge.name, 0, &err), &err);
	ndrv_nl_close(inside);
	assert_true(fakeep_create(&one, &net, "e1", "10.5.0.2/24", NULL, &b, "eth0") < 0);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&b), 1);
}

static int given_up(const struct ndrv_call *call)
{
	(void)call;
	return 1;
}

static void a_call_that_was_given_up_changes_nothing(void **state)
{
	struct ndrv_call *call = fakehost_call(&host, 0);

	(void)state;
	call->cancelled = given_up;
	assert_fails(host.ops->network_create(host.self, call, &net.view), &host.err, NDRV_E_CANCELLED, "network n1");
	assert_nothing_left();
	call = fakehost_call(&host, 0);
	call->deadline_ns = 1;
	assert_fails(host.ops->network_create(host.self, call, &net.view), &host.err, NDRV_E_TIMEOUT, "network n1");
	assert_nothing_left();
}

static void a_network_deleted_with_live_endpoints_takes_them_along(void **state)
{
	static struct fakeep one, two;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_create(&two, &net, "e2", "10.5.0.3/24", NULL, NULL, NULL), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
}

/* --- after a restart --- */

static int adopt(struct fakeep *ep)
{
	struct ndrv_blob blob = {0};

	return host.ops->adopt(host.self, fakehost_call(&host, NDRV_CALL_RESTORE), &net.view, ep ? &ep->view : NULL, &blob);
}

static void a_restart_finds_all_as_it_was(void **state)
{
	struct ndrv_link before, after, port_before, port_after;
	static struct fakeep one, two;
	struct ndrv_value info = {0};

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(find_bridge(&before));
	assert_true(netns_has_link(&a, "eth0", &port_before));
	fakehost_restart(&host);
	assert_null(one.view.priv);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_ok(adopt(NULL), &host.err);
	assert_ok(adopt(&one), &host.err);
	assert_ok(adopt(&two), &host.err);
	assert_true(find_bridge(&after));
	assert_true(netns_has_link(&a, "eth0", &port_after));
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(port_before.index, port_after.index);
	assert_true(netns_ping(&b, "fd05::2"));
	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &one.view, &info), &host.err);
	assert_int_equal(info.count, 1);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

static void a_bridge_that_is_gone_is_made_again_with_its_ports(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	static struct fakeep one, two;
	struct ndrv_link bridge, again;
	struct ndrv_error err = {0};
	bool ready = false;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(find_bridge(&bridge));
	assert_ok(ndrv_link_delete(nl, bridge.name, 0, &err), &err);
	fakehost_restart(&host);
	assert_ok(adopt(NULL), &host.err);
	assert_ok(adopt(&one), &host.err);
	assert_ok(adopt(&two), &host.err);
	assert_true(find_bridge(&again));
	/* Endpoints have its MAC as a permanent neighbour. */
	assert_memory_equal(bridge.mac.bytes, again.mac.bytes, 6);
	one.waits[1] = again.index;
	assert_ok(ready_wait(nl, one.waits, 2, UINT64_C(2000000000), &ready, &err), &err);
	assert_true(ready);
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&a, "10.5.0.3"));
	ndrv_nl_close(nl);
}

static void an_endpoint_whose_pair_is_gone_is_reported(void **state)
{
	static struct fakeep one, two;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", NULL, &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", NULL, &b, "eth0"), &host.err);
	fakehost_restart(&host);
	assert_ok(adopt(NULL), &host.err);
	assert_ok(fakeep_delete(&one, NDRV_CALL_UNDO), &host.err);
	assert_fails(adopt(&one), &host.err, NDRV_E_NO_LINK, "endpoint e1: ");
	assert_ok(adopt(&two), &host.err);
}

/* --- limits --- */

static void a_full_bridge_is_a_full_network(void **state)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link bridge;
	static struct fakeep one, two;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	assert_ok(fakeep_create(&one, &net, "e1", "10.5.0.2/24", NULL, NULL, NULL), &host.err);
	for (int i = 0; i < 1022; i++) {
		char name[16], other[16];
		struct ndrv_link_peer peer = {.name = other};
		struct ndrv_link_spec spec = {.kind = "veth", .name = name, .master = bridge.index, .queues = 1, .peer = &peer};

		(void)snprintf(name, sizeof(name), "v%d", i);
		(void)snprintf(other, sizeof(other), "w%d", i);
		assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	}
	ndrv_nl_close(nl);
	assert_fails(fakeep_create(&two, &net, "e2", "10.5.0.3/24", NULL, NULL, NULL), &host.err, NDRV_E_NETWORK_FULL,
		     "network n1 is full");
	assert_int_equal(netns_link_count(NULL), 2 + 2 * 1023);
}

static void ids_of_any_length_do_not_meet(void **state)
{
	char long_id[NDRV_ID_MAX + 1], other_id[NDRV_ID_MAX + 1];
	static struct fakenet one, two, three;
	static struct fakeep ep, other;

	(void)state;
	memset(long_id, 'f', NDRV_ID_MAX);
	memset(other_id, 'f', NDRV_ID_MAX);
	long_id[NDRV_ID_MAX] = other_id[NDRV_ID_MAX] = '\0';
	other_id[NDRV_ID_MAX - 1] = 'e';
	fakenet_init(&one, &host, "x", "10.6.0.0/24", "10.6.0.1/24", NULL, NULL);
	fakenet_init(&two, &host, long_id, "10.7.0.0/24", "10.7.0.1/24", NULL, NULL);
	fakenet_init(&three, &host, other_id, "10.8.0.0/24", "10.8.0.1/24", NULL, NULL);
	assert_ok(fakenet_create(&one), &host.err);
	assert_ok(fakenet_create(&two), &host.err);
	assert_ok(fakenet_create(&three), &host.err);
	assert_ok(fakeep_create(&ep, &one, "y", "10.6.0.2/24", NULL, NULL, NULL), &host.err);
	assert_ok(fakeep_create(&other, &two, "y", "10.7.0.2/24", NULL, NULL, NULL), &host.err);
	assert_int_equal(netns_link_count(NULL), 8);
	assert_ok(fakenet_delete(&one, 0), &host.err);
	assert_ok(fakenet_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&three, 0), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	assert_ok(fakeep_delete(&other, 0), &host.err);
	assert_nothing_left();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_taken_and_what_is_gone_is_deleted),
		TEST(a_pair_left_by_a_broken_off_call_is_made_again),
		TEST(what_fails_leaves_nothing),
		TEST(a_call_that_was_given_up_changes_nothing),
		TEST(a_network_deleted_with_live_endpoints_takes_them_along),
		TEST(a_restart_finds_all_as_it_was),
		TEST(a_bridge_that_is_gone_is_made_again_with_its_ports),
		TEST(an_endpoint_whose_pair_is_gone_is_reported),
		TEST(a_full_bridge_is_a_full_network),
		TEST(ids_of_any_length_do_not_meet),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
