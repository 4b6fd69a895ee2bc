/* SPDX-License-Identifier: Apache-2.0 */
/* The null and host drivers: libnetwork's rules, and no trace in the kernel. */
#include "tests/lib/test.h"

#include "tests/lib/fakehost.h"

static void obeys_libnetworks_rules(const char *type)
{
	struct fakehost host;
	struct fakenet net, second;
	struct fakeep ep;
	struct ndrv_value info = {0};
	struct ndrv_blob blob = {0};
	char text[64];

	fakehost_open(&host, type);
	assert_string_equal(host.type, type);
	assert_int_equal(host.capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_true(host.capability.flags & NDRV_CAPABILITY_NO_IPAM);
	assert_true(host.capability.flags & NDRV_CAPABILITY_NO_LINK);
	assert_true(host.capability.flags & NDRV_CAPABILITY_SINGLE_NETWORK);
	assert_null(host.ops->network_allocate);
	assert_null(host.ops->program_external);
	fakenet_init(&net, &host, "n1", NULL, NULL, NULL, NULL);
	fakenet_init(&second, &host, "n2", NULL, NULL, NULL, NULL);
	fakenet_label(&net, "no.such.option", "x");
	for (int twice = 0; twice < 2; twice++)
		assert_ok(fakenet_create(&net), &host.err);
	(void)snprintf(text, sizeof(text), "only one instance of \"%s\" network is allowed", type);
	assert_fails(fakenet_create(&second), &host.err, NDRV_E_FORBIDDEN, text);
	/* Undoing the second does not make room for a third. */
	assert_ok(fakenet_delete(&second, NDRV_CALL_UNDO), &host.err);
	assert_fails(fakenet_create(&second), &host.err, NDRV_E_FORBIDDEN, text);
	assert_ok(fakeep_create(&ep, &net, "e1", NULL, NULL, NULL, NULL), &host.err);
	assert_ok(fakeep_join(&ep), &host.err);
	assert_string_equal(ep.src, "");
	assert_true(ep.no_gateway_service);
	assert_ok(host.ops->endpoint_info(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &info), &host.err);
	assert_int_equal(info.type, NDRV_MAP);
	assert_int_equal(info.count, 0);
	assert_ok(host.ops->leave(host.self, fakehost_call(&host, 0), &net.view, &ep.view), &host.err);
	assert_ok(fakeep_delete(&ep, 0), &host.err);
	(void)snprintf(text, sizeof(text), "network of type \"%s\" cannot be deleted", type);
	assert_fails(fakenet_delete(&net, 0), &host.err, NDRV_E_FORBIDDEN, text);
	assert_fails(fakenet_delete(&second, 0), &host.err, NDRV_E_FORBIDDEN, text);
	/* A new generation knows the network once it has adopted it. */
	fakehost_restart(&host);
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, 0), &net.view, NULL, &blob), &host.err);
	assert_ok(host.ops->adopt(host.self, fakehost_call(&host, 0), &net.view, &ep.view, &blob), &host.err);
	assert_int_equal(fakenet_create(&second), -NDRV_E_FORBIDDEN);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	assert_ok(fakenet_create(&second), &host.err);
	assert_int_equal(netns_link_count(NULL), 1);
	fakehost_close(&host);
}

static void null_obeys_libnetworks_rules(void **state)
{
	(void)state;
	netns_enter_fresh();
	obeys_libnetworks_rules("null");
}

static void host_obeys_libnetworks_rules(void **state)
{
	(void)state;
	netns_enter_fresh();
	obeys_libnetworks_rules("host");
}

static void only_host_lives_in_the_hosts_sandbox(void **state)
{
	struct fakehost host;

	(void)state;
	netns_enter_fresh();
	fakehost_open(&host, "host");
	assert_true(host.capability.flags & NDRV_CAPABILITY_HOST_SANDBOX);
	assert_int_equal(host.capability.connectivity_scope, NDRV_SCOPE_LOCAL);
	fakehost_close(&host);
	fakehost_open(&host, "null");
	assert_false(host.capability.flags & NDRV_CAPABILITY_HOST_SANDBOX);
	fakehost_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_obeys_libnetworks_rules),
		cmocka_unit_test(host_obeys_libnetworks_rules),
		cmocka_unit_test(only_host_lives_in_the_hosts_sandbox),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
