/* SPDX-License-Identifier: Apache-2.0 */
/* Many links deleted at once: a network of the bridge driver with all its endpoints, and what that must leave alone. */
#include "tests/lib/test.h"

#include <linux/if.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/fakehost.h"

#define EPS 40

static struct fakehost host;
static struct fakenet net;
static struct fakeep eps[EPS];
static struct netns sandbox;
static struct ndrv_nl *nl;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&sandbox);
	fakehost_open(&host, "bridge");
	fakenet_init(&net, &host, "n1", "10.5.0.0/24", "10.5.0.1/24", NULL, NULL);
	nl = netns_nl(NULL);
	assert_ok(fakenet_create(&net), &host.err);
	for (int i = 0; i < EPS; i++) {
		static char id[EPS][8], address[EPS][16], ifname[EPS][8];
		(void)snprintf(id[i], sizeof(id[i]), "e%d", i);
		(void)snprintf(address[i], sizeof(address[i]), "10.5.0.%d/24", i + 2);
		(void)snprintf(ifname[i], sizeof(ifname[i]), "eth%d", i);
		assert_ok(fakeep_create(&eps[i], &net, id[i], address[i], NULL, &sandbox, ifname[i]), &host.err);
	}
	return 0;
}

static int finish(void **state)
{
	(void)state;
	ndrv_nl_close(nl);
	fakehost_close(&host);
	netns_free(&sandbox);
	return 0;
}

static void make_stranger(const char *kind, const char *name, uint32_t group)
{
	struct ndrv_link_spec spec = {.kind = kind, .name = name, .group = group};
	struct ndrv_error err = {0};

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
}

/* The host's end of the endpoint's pair. */
static struct ndrv_link port_of(const struct fakeep *ep)
{
	struct ndrv_link inner, port;
	struct ndrv_error err = {0};

	assert_true(netns_has_link(&sandbox, ep->ifname, &inner));
	assert_ok(ndrv_link_get(nl, NULL, inner.link, &port, &err), &err);
	return port;
}

static void a_network_goes_with_all_its_endpoints(void **state)
{
	(void)state;
	assert_int_equal(netns_link_count(&sandbox), EPS + 1);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&sandbox), 1);
	assert_null(net.view.priv);
	assert_non_null(eps[0].view.priv); /* the host's to release */
}

static void await_end(uint32_t left)
{
	for (int i = 0; i < 2000 && (netns_link_count(NULL) != left || netns_link_count(&sandbox) != 1); i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(netns_link_count(NULL), left);
	assert_int_equal(netns_link_count(&sandbox), 1);
}

static void a_network_that_nobody_waits_for_gives_its_names_back_at_once(void **state)
{
	struct ndrv_link port = port_of(&eps[0]), bridge, found;
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(ndrv_link_get(nl, NULL, port.master, &bridge, &err), &err);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE | NDRV_CALL_RETIRE), &host.err);
	assert_false(netns_has_link(NULL, port.name, NULL));
	assert_false(netns_has_link(NULL, bridge.name, NULL));
	if (!ndrv_link_get(nl, NULL, port.index, &found, NULL)) {
		assert_false(found.flags & IFF_UP);
		assert_int_not_equal(found.group, FAKE_GROUP);
	}
	await_end(1);
}

static void an_endpoint_that_nobody_waits_for_gives_its_name_back_at_once(void **state)
{
	struct ndrv_link port = port_of(&eps[3]);

	(void)state;
	assert_ok(fakeep_delete(&eps[3], NDRV_CALL_RETIRE), &host.err);
	assert_false(netns_has_link(NULL, port.name, NULL));
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	await_end(1);
}

/* In the first of them; then in all, so that none can be used. */
static void strangers_in_groups_of_the_dying_are_left_alone(void **state)
{
	struct ndrv_link found;

	(void)state;
	make_stranger("bridge", "stranger0", FAKE_GROUP + 1);
	for (uint32_t i = 2; i < NDRV_LINK_GROUPS && *(const char *)*state == 'a'; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "stranger%u", i);
		make_stranger("bridge", name, FAKE_GROUP + i);
	}
	uint32_t strangers = netns_link_count(NULL) - EPS - 2;
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE | (((const char *)*state)[3] ? NDRV_CALL_RETIRE : 0)), &host.err);
	await_end(1 + strangers);
	assert_int_equal(netns_link_count(NULL), 1 + strangers);
	assert_int_equal(netns_link_count(&sandbox), 1);
	assert_true(netns_has_link(NULL, "stranger0", &found));
	assert_int_equal(found.group, FAKE_GROUP + 1);
}

static void strangers_that_share_our_group_or_bridge_are_left_alone(void **state)
{
	struct ndrv_link_peer peer = {.name = "guestpeer"};
	struct ndrv_link_spec guest = {
		.kind = "veth", .name = "guest", .group = FAKE_GROUP, .master = port_of(&eps[0]).master, .peer = &peer};
	struct ndrv_link_spec lookalike = {.kind = "veth", .name = "nvaaaaaaaaaaaa", .master = guest.master};
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(ndrv_link_create(nl, &guest, NULL, NULL, NULL, &err), &err);
	peer.name = "lookpeer";
	lookalike.peer = &peer;
	assert_ok(ndrv_link_create(nl, &lookalike, NULL, NULL, NULL, &err), &err);
	make_stranger("bridge", "tagged", FAKE_GROUP);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	assert_true(netns_has_link(NULL, "guest", NULL));	   /* our tag, our bridge, not a name of ours */
	assert_true(netns_has_link(NULL, "nvaaaaaaaaaaaa", NULL)); /* our bridge, such a name, not our tag */
	assert_true(netns_has_link(NULL, "tagged", NULL));	   /* our tag alone */
	assert_int_equal(netns_link_count(NULL), 1 + 5);
	assert_int_equal(netns_link_count(&sandbox), 1);
}

static void a_port_that_was_taken_off_the_bridge_goes_too(void **state)
{
	struct ndrv_link_change change = {.no_master = 1};
	struct ndrv_error err = {0};

	(void)state;
	assert_ok(ndrv_link_set(nl, NULL, port_of(&eps[7]).index, &change, &err), &err);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	assert_int_equal(netns_link_count(NULL), 1);
}

static void a_deletion_that_was_broken_off_is_finished(void **state)
{
	struct ndrv_link_change dead = {.group = FAKE_GROUP + 3};
	struct ndrv_error err = {0};

	(void)state;
	for (int i = 4; i < 12; i++)
		assert_ok(ndrv_link_set(nl, NULL, port_of(&eps[i]).index, &dead, &err), &err);
	for (int i = 0; i < 4; i++)
		assert_ok(ndrv_link_delete(nl, NULL, port_of(&eps[i]).index, &err), &err);
	/* The next start knows the ids and no more; and one endpoint is deleted by itself. */
	fakehost_restart(&host);
	assert_ok(fakeep_delete(&eps[5], NDRV_CALL_FORCE), &host.err);
	assert_ok(fakenet_delete(&net, NDRV_CALL_FORCE), &host.err);
	assert_int_equal(netns_link_count(NULL), 1);
	assert_int_equal(netns_link_count(&sandbox), 1);
}

static void a_link_that_cannot_be_deleted_does_not_stop_the_rest(void **state)
{
	uint32_t indexes[EPS + 1], count = 0;
	struct ndrv_error err = {0};

	(void)state;
	for (int i = 0; i < EPS; i++) {
		if (i == EPS / 2)
			indexes[count++] = 1; /* lo */
		indexes[count++] = port_of(&eps[i]).index;
	}
	struct ndrv_call *call = fakehost_call(&host, 0);
	assert_int_not_equal(ndrv_link_delete_many(call->host_nl, indexes, count, &err), 0);
	assert_int_equal(netns_link_count(NULL), 2); /* and the bridge */
	assert_int_equal(netns_link_count(&sandbox), 1);
	/* Those that are gone are no error. */
	ndrv_error_clear(&err);
	indexes[EPS / 2] = indexes[0];
	assert_ok(ndrv_link_delete_many(call->host_nl, indexes, count, &err), &err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	static char one[] = "one", all[] = "all", one_later[] = "one later", all_later[] = "all later";
	const struct CMUnitTest tests[] = {
		TEST(a_network_goes_with_all_its_endpoints),
		cmocka_unit_test_prestate_setup_teardown(strangers_in_groups_of_the_dying_are_left_alone, fresh, finish, one),
		cmocka_unit_test_prestate_setup_teardown(strangers_in_groups_of_the_dying_are_left_alone, fresh, finish, all),
		cmocka_unit_test_prestate_setup_teardown(strangers_in_groups_of_the_dying_are_left_alone, fresh, finish, one_later),
		cmocka_unit_test_prestate_setup_teardown(strangers_in_groups_of_the_dying_are_left_alone, fresh, finish, all_later),
		TEST(a_network_that_nobody_waits_for_gives_its_names_back_at_once),
		TEST(an_endpoint_that_nobody_waits_for_gives_its_name_back_at_once),
		TEST(strangers_that_share_our_group_or_bridge_are_left_alone),
		TEST(a_port_that_was_taken_off_the_bridge_goes_too),
		TEST(a_deletion_that_was_broken_off_is_finished),
		TEST(a_link_that_cannot_be_deleted_does_not_stop_the_rest),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
