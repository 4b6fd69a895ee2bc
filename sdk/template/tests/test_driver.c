/* SPDX-License-Identifier: Apache-2.0 */
/* usage: test_driver FILE.so (or DRIVER=FILE.so in the environment)
 * The driver's ops on the real kernel, in namespaces of the test's own. <ndrv-test/fakehost.h> says what the fake host can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv-test/fakehost.h>
#include <ndrv/link.h>

static const char *file;
static struct ndrv_fakehost host;
static struct ndrv_fakenet net;
static struct ndrv_fakeep one, two;
static struct ndrv_fakebox box, other;

/* The call succeeds, or the driver's sentence is in the report. */
#define assert_ok(call)                                                    \
	do {                                                               \
		int rc_ = (call);                                          \
		if (rc_)                                                   \
			fail_msg("%s: %d: %s", #call, rc_, host.err.text); \
	} while (0)

#define assert_refused(call, code_)                     \
	do {                                            \
		assert_int_equal((call), -(code_));     \
		assert_int_equal(host.err.code, code_); \
	} while (0)

static int set_up(void **state)
{
	(void)state;
	assert_ok(ndrv_fakehost_open(&host, file));
	assert_ok(ndrv_fakebox_open(&box, &host));
	assert_ok(ndrv_fakebox_open(&other, &host));
	assert_ok(ndrv_fakenet_init(&net, &host, "n1", "10.6.0.0/24", "10.6.0.1/24", "fd06::/64", "fd06::1/64"));
	assert_ok(ndrv_fakeep_init(&one, &net, "e1", "10.6.0.2/24", "fd06::2/64"));
	assert_ok(ndrv_fakeep_init(&two, &net, "e2", "10.6.0.3/24", "fd06::3/64"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ndrv_fakehost_close(&host);
	ndrv_fakebox_close(&box);
	ndrv_fakebox_close(&other);
	return 0;
}

/* lo is there and nothing else. */
static void assert_nothing_left(struct ndrv_nl *nl)
{
	struct ndrv_link *links;
	uint32_t count;

	assert_ok(ndrv_link_list(nl, &links, &count, &host.err));
	free(links);
	assert_int_equal(count, 1);
}

static void endpoints_reach_each_other_and_the_gateway(void **state)
{
	(void)state;
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakeep_connect(&one, &box));
	assert_ok(ndrv_fakeep_connect(&two, &other));
	assert_true(ndrv_fakebox_reaches(&box, &other, "10.6.0.3"));
	assert_true(ndrv_fakebox_reaches(&other, &box, "fd06::2"));
	assert_true(ndrv_fakebox_reaches(&box, NULL, "10.6.0.1"));
	assert_ok(ndrv_fakeep_disconnect(&one));
	assert_ok(ndrv_fakeep_disconnect(&two));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_nothing_left(host.nl);
	assert_nothing_left(box.nl);
}

/* As Docker does it: the sandbox comes after the endpoint. */
static void a_sandbox_that_comes_later_gets_the_interface(void **state)
{
	(void)state;
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakeep_create(&one, NULL, NULL));
	assert_ok(ndrv_fakeep_join(&one));
	assert_ok(ndrv_fakeep_plug(&one, &box));
	assert_string_equal(one.plugged, "eth0");
	assert_true(ndrv_fakebox_reaches(&box, NULL, "10.6.0.1"));
	assert_ok(ndrv_fakeep_disconnect(&one));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_nothing_left(host.nl);
	assert_nothing_left(box.nl);
}

static void endpoints_live_on_when_the_host_restarts(void **state)
{
	(void)state;
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakeep_connect(&one, &box));
	assert_ok(ndrv_fakehost_restart(&host));
	assert_true(ndrv_fakebox_reaches(&box, NULL, "10.6.0.1"));
	assert_ok(ndrv_fakeep_connect(&two, &other));
	assert_true(ndrv_fakebox_reaches(&box, &other, "10.6.0.3"));
	assert_ok(ndrv_fakeep_disconnect(&one));
	assert_ok(ndrv_fakeep_disconnect(&two));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_nothing_left(host.nl);
}

static void asking_again_is_success_and_changes_nothing(void **state)
{
	(void)state;
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakeep_create(&one, NULL, NULL));
	assert_ok(ndrv_fakeep_create(&one, NULL, NULL));
	assert_ok(ndrv_fakeep_delete(&one, 0));
	assert_ok(ndrv_fakeep_delete(&one, 0));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_nothing_left(host.nl);
}

static void options_are_checked(void **state)
{
	struct ndrv_link link;

	(void)state;
	assert_ok(ndrv_fakenet_label(&net, NDRV_OPT_MTU, "wide"));
	assert_refused(ndrv_fakenet_create(&net), NDRV_E_BAD_REQUEST);
	assert_ok(ndrv_fakenet_label(&net, NDRV_OPT_MTU, "1400"));
	assert_ok(ndrv_fakenet_create(&net));
	assert_ok(ndrv_fakeep_connect(&one, &box));
	assert_ok(ndrv_link_get(box.nl, "eth0", 0, &link, &host.err));
	assert_int_equal(link.mtu, 1400);
	assert_ok(ndrv_fakeep_disconnect(&one));
	assert_ok(ndrv_fakenet_delete(&net, 0));
	assert_ok(ndrv_fakenet_label(&net, "com.docker.network.driver.mtv", "1400"));
	assert_refused(ndrv_fakenet_create(&net), NDRV_E_UNKNOWN_OPTION);
	assert_non_null(strstr(host.err.text, NDRV_OPT_MTU)); /* the one that was meant */
	assert_nothing_left(host.nl);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(endpoints_reach_each_other_and_the_gateway, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sandbox_that_comes_later_gets_the_interface, set_up, tear_down),
		cmocka_unit_test_setup_teardown(endpoints_live_on_when_the_host_restarts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asking_again_is_success_and_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(options_are_checked, set_up, tear_down),
	};

	file = argc > 1 ? argv[1] : getenv("DRIVER");
	if (!file)
		return 2;
	if (ndrv_fakehost_isolate())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
