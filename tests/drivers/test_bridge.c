/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge driver against the real kernel: its host is a namespace of the test's own. */
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

static void two_namespaces_talk_over_both_families(void **state)
{
	struct fakeep one, two;
	struct ndrv_link bridge;

	(void)state;
	assert_ok(fakenet_create(&net), &host.err);
	assert_true(find_bridge(&bridge));
	assert_int_equal(bridge.group, FAKE_GROUP);
	assert_true(netns_has_address(NULL, bridge.name, "10.5.0.1/24"));
	assert_true(netns_has_address(NULL, bridge.name, "fd05::1/64"));
	assert_true(netns_has_address(NULL, bridge.name, "fe80::1/64"));
	assert_ok(fakeep_connect(&one, &net, "e1", "10.5.0.2/24", "fd05::2/64", &a, "eth0"), &host.err);
	assert_ok(fakeep_connect(&two, &net, "e2", "10.5.0.3/24", "fd05::3/64", &b, "eth0"), &host.err);
	assert_true(netns_ping(&a, "10.5.0.3"));
	assert_true(netns_ping(&b, "10.5.0.2"));
	assert_true(netns_ping(&a, "fd05::3"));
	assert_true(netns_ping(&b, "fd05::2"));
	assert_true(netns_ping(&a, "10.5.0.1"));
	assert_true(netns_ping(&a, "fd05::1"));
	assert_true(netns_udp(&a, &b, "10.5.0.3", 1400));
	assert_true(netns_tcp(&b, &a, "10.5.0.2", 100000));
	assert_true(netns_tcp(&a, &b, "fd05::3", 100000));
	assert_true(netns_has_route(&a, "0.0.0.0/0", "10.5.0.1", "eth0"));
	assert_true(netns_has_route(&a, "::/0", "fd05::1", "eth0"));
	assert_true(netns_has_neighbour(&a, "10.5.0.1"));
	assert_ok(fakeep_unplug(&one, &a), &host.err);
	assert_ok(fakeep_delete(&one, 0), &host.err);
	assert_ok(fakeep_unplug(&two, &b), &host.err);
	assert_ok(fakeep_delete(&two, 0), &host.err);
	assert_ok(fakenet_delete(&net, 0), &host.err);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_namespaces_talk_over_both_families, fresh, finish),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
