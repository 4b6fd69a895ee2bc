/* SPDX-License-Identifier: Apache-2.0 */
/* Pools that a platform's IPAM holds: what is a repetition and what a second taker. The platforms are processes that only wait. */
#include "tests/conformance/rig.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const drivers[] = {"rec", NULL};

#define POOL "10.88.0.0/24"
#define ID "s/" POOL
#define LIVING "/proc/self/ns/net" /* a sandbox with a process in it */
#define DEAD "/nowhere"

static struct rig *rig;
static pid_t platforms[8];
static size_t platform_count;

static int act(struct rig *with, struct recorded *recorded)
{
	(void)with;
	return strcmp(recorded->op, "join") == 0 ? ndrv_join_set_names(recorded->join, "vc1", "eth", "", recorded->call->err) : 0;
}

static uint32_t start_platform(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		(void)close_range(3, ~0u, 0); /* the rig's locks are not its own */
	while (pid == 0)
		(void)pause();
	assert_true(platform_count < sizeof(platforms) / sizeof(platforms[0]));
	platforms[platform_count++] = pid;
	return (uint32_t)pid;
}

static void kill_platform(uint32_t pid)
{
	(void)kill((pid_t)pid, SIGKILL);
	(void)waitpid((pid_t)pid, NULL, 0);
	for (size_t i = 0; i < platform_count; i++)
		if (platforms[i] == (pid_t)pid)
			platforms[i] = 0;
}

static int fresh(void **state)
{
	(void)state;
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	rig->act = act;
	return 0;
}

static int finish(void **state)
{
	(void)state;
	for (size_t i = 0; i < platform_count; i++)
		if (platforms[i])
			kill_platform((uint32_t)platforms[i]);
	platform_count = 0;
	rig_close(rig);
	free(rig);
	return 0;
}

/* --- what is asked --- */

static struct reply ask_pool(uint32_t pid, const char *pool)
{
	struct request request = rig_request(rig, REQ_POOL_REQUEST);
	struct pool_wish wish = {.family = 4};

	if (pool)
		assert_int_equal(ndrv_prefix_parse(pool, &wish.pool, NULL), 0);
	request.caller.pid = pid;
	request.address_space = "s";
	request.pools = &wish;
	request.pool_count = 1;
	return rig_run(rig, &request);
}

static struct reply ask_address(uint32_t pid, const char *address, bool gateway)
{
	struct request request = rig_request(rig, REQ_ADDRESS_REQUEST);

	if (address)
		assert_int_equal(ndrv_addr_parse(address, &request.address.addr, NULL), 0);
	request.caller.pid = pid;
	request.pool_id = ID;
	request.gateway = gateway;
	return rig_run(rig, &request);
}

static void assert_given(uint32_t pid, const char *address, const char *want)
{
	struct reply reply = ask_address(pid, address, false);
	char text[NDRV_PREFIX_TEXT];

	assert_reply_ok(reply);
	assert_string_equal(ndrv_prefix_format(&reply.address, text), want);
}

static void give_back(const char *address)
{
	struct request request = rig_request(rig, REQ_ADDRESS_RELEASE);

	assert_int_equal(ndrv_addr_parse(address, &request.address.addr, NULL), 0);
	request.pool_id = ID;
	assert_reply_ok(rig_run(rig, &request));
}

/* As Docker makes a network with what its IPAM driver gave. */
static void make_network(void)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct pool_wish wish = {.family = 4, .given = true, .address_space = "s"};

	assert_int_equal(ndrv_prefix_parse(POOL, &wish.pool, NULL), 0);
	request.type = "rec";
	request.new_id = "n1";
	request.options = (struct ndrv_value){.type = NDRV_MAP};
	request.raw_options = true;
	request.pools = &wish;
	request.pool_count = 1;
	assert_reply_ok(rig_run(rig, &request));
}

static void make_endpoint(const char *eid, const char *address, const char *sandbox)
{
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);

	assert_int_equal(ndrv_prefix_parse(address, &request.address, NULL), 0);
	request.network = "n1";
	request.endpoint = eid;
	request.address_given = true;
	assert_reply_ok(rig_run(rig, &request));
	assert_reply_ok(rig_join(rig, "n1", eid, sandbox));
}

static size_t stale(enum request_op op)
{
	struct request request = rig_request(rig, op);
	struct reply reply = rig_run(rig, &request);

	assert_reply_ok(reply);
	const struct ndrv_value *list = ndrv_map_get(&reply.value, "stale_addresses");
	assert_non_null(list);
	return list->count;
}

static void restart_host(void)
{
	struct ndrv_value report = ndrv_null();
	struct ndrv_error err = {0};

	rig_restart(rig, drivers);
	assert_ok(dispatch_recover(rig->dispatch, &rig->arena, &report, &err), &err);
}

/* --- tests --- */

static void a_restarted_platform_gets_what_it_had_once(void **state)
{
	uint32_t first = start_platform(), second;

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	assert_reply_ok(ask_address(first, NULL, true));
	assert_given(first, "10.88.0.99", "10.88.0.99/24"); /* aux */
	make_network();
	assert_given(first, NULL, "10.88.0.2/24");
	make_endpoint("e1", "10.88.0.2/24", LIVING);
	kill_platform(first);
	second = start_platform();
	assert_reply_ok(ask_pool(second, POOL));
	assert_reply_ok(ask_address(second, "10.88.0.1", true));
	assert_given(second, "10.88.0.99", "10.88.0.99/24");
	assert_given(second, "10.88.0.2", "10.88.0.2/24");
	/* Twice is a second taker's. */
	assert_reply_fails(ask_pool(second, POOL), NDRV_E_POOL_OVERLAP, "overlaps");
	assert_reply_fails(ask_address(second, "10.88.0.99", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.99");
	assert_reply_fails(ask_address(second, "10.88.0.2", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.2");
	assert_given(second, NULL, "10.88.0.3/24");
}

static void a_container_that_lives_keeps_its_address_once_repetitions_are_over(void **state)
{
	uint32_t first = start_platform(), second;

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	make_network();
	assert_given(first, "10.88.0.7", "10.88.0.7/24");
	assert_given(first, "10.88.0.8", "10.88.0.8/24");
	make_endpoint("e1", "10.88.0.7/24", LIVING);
	make_endpoint("e2", "10.88.0.8/24", DEAD);
	kill_platform(first);
	second = start_platform();
	assert_reply_ok(ask_pool(second, POOL));
	assert_given(second, NULL, "10.88.0.1/24"); /* a container that starts */
	assert_reply_fails(ask_address(second, "10.88.0.7", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.7");
	assert_given(second, "10.88.0.8", "10.88.0.8/24");
}

static void another_platform_that_lives_beside_is_a_second_taker(void **state)
{
	uint32_t first = start_platform(), second = start_platform();

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	assert_given(first, "10.88.0.7", "10.88.0.7/24");
	assert_reply_fails(ask_pool(second, POOL), NDRV_E_POOL_OVERLAP, ID " is held");
	assert_reply_fails(ask_address(second, "10.88.0.7", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.7");
	/* Any is another one. */
	struct reply one = ask_pool(first, NULL);
	assert_reply_ok(one);
	struct reply two = ask_pool(second, NULL);
	assert_reply_ok(two);
	assert_false(ndrv_prefix_equal(&one.pool, &two.pool));
}

static void an_aux_address_is_never_a_containers(void **state)
{
	uint32_t first = start_platform();

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	assert_given(first, "10.88.0.9", "10.88.0.9/24");
	make_network();
	assert_given(first, "10.88.0.10", "10.88.0.10/24");
	/* To the host that starts again every lease is as old as can be. */
	restart_host();
	assert_reply_fails(ask_address(first, "10.88.0.9", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.9");
	/* No endpoint came of this one: its answer was lost. */
	assert_given(first, "10.88.0.10", "10.88.0.10/24");
	kill_platform(first);
	/* Nor does it go with the platform. */
	assert_int_equal(stale(REQ_POOL_LIST), 1);
}

static void forgotten_addresses_are_shown_and_pruned(void **state)
{
	uint32_t first = start_platform(), second;

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	make_network();
	for (int i = 2; i < 6; i++)
		assert_reply_ok(ask_address(first, NULL, false));
	make_endpoint("e1", "10.88.0.1/24", LIVING);
	make_endpoint("e2", "10.88.0.2/24", DEAD);
	assert_int_equal(stale(REQ_POOL_LIST), 0);
	kill_platform(first);
	/* All but the one that a process uses. */
	assert_int_equal(stale(REQ_POOL_LIST), 3);
	second = start_platform();
	assert_reply_ok(ask_pool(second, POOL));
	assert_given(second, "10.88.0.3", "10.88.0.3/24");
	assert_int_equal(stale(REQ_POOL_LIST), 2);
	assert_int_equal(stale(REQ_NETWORK_PRUNE), 2);
	assert_int_equal(stale(REQ_POOL_LIST), 0);
	assert_reply_ok(ask_address(second, NULL, false));
	assert_reply_fails(ask_address(second, "10.88.0.1", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.1");
	assert_given(second, "10.88.0.4", "10.88.0.4/24");
	restart_host();
	assert_reply_fails(ask_address(second, "10.88.0.1", false), NDRV_E_ADDRESS_IN_USE, "10.88.0.1");
	give_back("10.88.0.4");
	assert_given(second, "10.88.0.4", "10.88.0.4/24");
}

static void a_full_pool_takes_back_what_is_forgotten(void **state)
{
	uint32_t first = start_platform(), second;
	unsigned given = 0;

	(void)state;
	assert_reply_ok(ask_pool(first, POOL));
	make_network();
	while (ask_address(first, NULL, false).error.code == 0)
		given++;
	assert_int_equal(given, 254);
	assert_reply_fails(ask_address(first, NULL, false), NDRV_E_POOL_EXHAUSTED, "no available addresses");
	make_endpoint("e1", "10.88.0.1/24", LIVING);
	kill_platform(first);
	second = start_platform();
	assert_reply_ok(ask_pool(second, POOL));
	for (given = 0; ask_address(second, NULL, false).error.code == 0;)
		given++;
	assert_int_equal(given, 253);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(a_restarted_platform_gets_what_it_had_once),
		T(a_container_that_lives_keeps_its_address_once_repetitions_are_over),
		T(another_platform_that_lives_beside_is_a_second_taker),
		T(an_aux_address_is_never_a_containers),
		T(forgotten_addresses_are_shown_and_pruned),
		T(a_full_pool_takes_back_what_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
