/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that do not come back from a call that a swap makes, in the host's own process: what can be called off is, and named;
 * everything else is served meanwhile. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

struct fixture {
	struct swaprig rig;
	char hang[112];
};

static void sleep_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct swaprig *rig = &fixture->rig;

	swaprig_open(rig, "v1", "swap: {drain: 400ms, step: 400ms, probation: 0s}\n");
	(void)snprintf(fixture->hang, sizeof(fixture->hang), "%s.hang", rig->plan);
	assert_answer(swaprig_load(rig, SWAP_DRIVERS_DIR "/swnotype.so"));
	for (int n = 0; n < 2; n++) {
		const char *nid = n ? "n2" : "n1";
		assert_answer(swaprig_network(rig, &rig->arena, "swap", nid));
		assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, nid, "e"));
		assert_answer(swaprig_join(rig, &rig->arena, nid, "e", "/sandbox"));
	}
	/* What has served is not tried in a process of its own again, where the hang would be found. */
	assert_answer(swaprig_swap(rig, "v2"));
	assert_answer(swaprig_swap(rig, "v1"));
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	(void)unlink(fixture->hang);
	swaprig_close(&fixture->rig);
	free(fixture);
	return 0;
}

static bool hangs(const struct fixture *fixture)
{
	return access(fixture->hang, F_OK) == 0;
}

/* The calls of swaps that are still inside a driver, by the op. */
static uint32_t stuck_in(struct swaprig *rig, const char *op)
{
	struct ndrv_value status = swaprig_status(rig);
	const struct ndrv_value *calls = ndrv_map_get(&status, "calls"), *stuck = calls ? ndrv_map_get(calls, "stuck") : NULL;
	uint32_t count = 0;

	if (!stuck)
		fail_msg("status has no calls.stuck");
	for (uint32_t i = 0; stuck && i < stuck->count; i++) {
		const char *in = "";
		(void)ndrv_map_string(&stuck->u.items[i], "in", &in, NULL);
		count += strcmp(in, op) == 0;
	}
	return count;
}

static void let_go(struct fixture *fixture, const char *op)
{
	assert_true(hangs(fixture));
	assert_int_equal(unlink(fixture->hang), 0);
	for (int i = 0; i < 2000 && stuck_in(&fixture->rig, op); i++)
		sleep_ms(5);
	assert_int_equal(stuck_in(&fixture->rig, op), 0);
	(void)unlink(fixture->rig.plan);
}

/* A network of another type comes and goes, and what is asked about the host is answered. */
static void assert_rest_serves(struct swaprig *rig, struct arena *arena)
{
	assert_answer(swaprig_ask(rig, arena, REQ_STATUS, NULL, NULL));
	assert_answer(swaprig_ask(rig, arena, REQ_DRIVER_LIST, NULL, NULL));
	assert_answer(swaprig_ask(rig, arena, REQ_NETWORK_LIST, NULL, NULL));
	assert_answer(swaprig_network(rig, arena, "other", "brief"));
	assert_answer(swaprig_ask(rig, arena, REQ_NETWORK_DELETE, "brief", NULL));
}

static void assert_serves(struct swaprig *rig, const char *nid, int version)
{
	assert_int_equal(swaprig_info(rig, nid, "e", "version"), version);
	assert_int_equal(swaprig_info(rig, nid, "e", "joins"), 1);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, nid, "extra"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_DELETE, nid, "extra"));
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n3"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_NETWORK_DELETE, "n3", NULL));
}

/* Only that network is out of service, and says Retry. */
static void assert_only_one_is_stuck(struct swaprig *rig, const char *stuck, const char *well, int version)
{
	assert_refused(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, stuck, "e"), NDRV_E_NETWORK_BUSY, "is busy with a swap");
	assert_serves(rig, well, version);
	assert_rest_serves(rig, &rig->arena);
}

struct meanwhile {
	struct fixture *fixture;
	_Atomic bool stop;
	unsigned rounds;
};

static void *serve_meanwhile(void *data)
{
	struct meanwhile *meanwhile = data;
	struct arena arena;

	arena_init(&arena, 1u << 24);
	while (!atomic_load(&meanwhile->stop)) {
		if (!hangs(meanwhile->fixture)) {
			sleep_ms(1);
			continue;
		}
		assert_rest_serves(&meanwhile->fixture->rig, &arena);
		meanwhile->rounds++;
		arena_reset(&arena);
	}
	return NULL;
}

/* The answer to a swap that hangs, with the rest being served while it is waited for. */
static struct reply swap_meanwhile(struct fixture *fixture, const char *version)
{
	struct meanwhile meanwhile = {.fixture = fixture};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, serve_meanwhile, &meanwhile), 0);
	struct reply reply = swaprig_swap(&fixture->rig, version);
	atomic_store(&meanwhile.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(meanwhile.rounds > 0);
	return reply;
}

static void a_hang_in_prepare_calls_the_swap_off(void **state)
{
	struct fixture *fixture = *state;
	struct swaprig *rig = &fixture->rig;

	swaprig_write(rig->plan, "hang-prepare");
	assert_refused(swap_meanwhile(fixture, "v2"), NDRV_E_TIMEOUT, "prepare of the new driver has not come back for");
	assert_true(hangs(fixture));
	assert_int_equal(stuck_in(rig, "prepare"), 1);
	assert_serves(rig, "n1", 1);
	assert_serves(rig, "n2", 1);
	assert_rest_serves(rig, &rig->arena);
	/* It is known, so that a reload does not walk into it again. */
	swaprig_install(rig, "v2", false);
	assert_non_null(strstr(swaprig_reload(rig), "refused before"));
	/* It is in nobody's way. */
	(void)unlink(rig->plan);
	assert_answer(swaprig_swap(rig, "v3"));
	assert_serves(rig, "n1", 3);
	let_go(fixture, "prepare");
	assert_answer(swaprig_swap(rig, "v2"));
	assert_serves(rig, "n2", 2);
}

static void a_hang_in_adopt_keeps_one_network_only(void **state)
{
	struct fixture *fixture = *state;
	struct swaprig *rig = &fixture->rig;

	swaprig_write(rig->plan, "hang-adopt 2"); /* n1, then its endpoint */
	assert_refused(swap_meanwhile(fixture, "v2"), NDRV_E_TIMEOUT,
		       "adopt of the new driver, network n1, endpoint e has not come back for");
	assert_int_equal(stuck_in(rig, "adopt"), 1);
	assert_only_one_is_stuck(rig, "n1", "n2", 1);
	/* The next swap needs that network, too, and says what it waits for. */
	swaprig_write(rig->plan, "none");
	assert_refused(swaprig_swap(rig, "v3"), NDRV_E_TIMEOUT, "driver_swap (called off) of network n1, endpoint e");
	let_go(fixture, "adopt");
	assert_serves(rig, "n1", 1);
	assert_answer(swaprig_swap(rig, "v3"));
	assert_serves(rig, "n1", 3);
	assert_serves(rig, "n2", 3);
}

struct hold {
	struct fixture *fixture;
	_Atomic bool stop;
};

static void *let_go_at_once(void *data)
{
	struct hold *hold = data;

	while (!atomic_load(&hold->stop)) {
		(void)unlink(hold->fixture->hang);
		sleep_ms(1);
	}
	return NULL;
}

/* Version "3" takes calls on several networks at once, "2" one at a time: all of it is out of service then, and says so at once. */
static void a_hang_in_the_old_drivers_export_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct swaprig *rig = &fixture->rig;
	static const char *const versions[] = {"v3", "v2"};

	for (int i = 0; i < 2; i++) {
		swaprig_write(rig->plan, "hang-export");
		assert_answer(swaprig_swap(rig, versions[i]));
		swaprig_write(rig->plan, "none");
		assert_refused(swap_meanwhile(fixture, "v1"), NDRV_E_TIMEOUT,
			       "export_state of the old driver, network n1, endpoint e has not come back for");
		if (i == 0)
			assert_only_one_is_stuck(rig, "n1", "n2", 3);
		else
			assert_refused(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, "n2", "e"), NDRV_E_NETWORK_BUSY,
				       "takes one call at a time and is busy with one on network n1");
		assert_rest_serves(rig, &rig->arena);
		let_go(fixture, "export_state");
		assert_serves(rig, "n1", i ? 2 : 3);
		assert_serves(rig, "n2", i ? 2 : 3);
		/* Until it is asked again, by the next swap: its hang is over only for this once. */
		struct hold hold = {.fixture = fixture};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, let_go_at_once, &hold), 0);
		assert_answer(swaprig_swap(rig, "v1"));
		atomic_store(&hold.stop, true);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

#define CHANGERS 3

struct changer {
	struct meanwhile *meanwhile;
	const char *eid;
	pthread_t thread;
};

/* Records that change all the time are adopted again in every pass, and last with the gate closed. */
static void *change_all_the_time(void *data)
{
	const struct changer *changer = data;
	struct swaprig *rig = &changer->meanwhile->fixture->rig;
	struct arena arena;

	arena_init(&arena, 1u << 24);
	while (!atomic_load(&changer->meanwhile->stop)) {
		struct reply reply = swaprig_join(rig, &arena, "n1", changer->eid, "/sandbox");
		if (!reply.error.code || reply.error.kind == NDRV_KIND_FORBIDDEN)
			reply = swaprig_ask(rig, &arena, REQ_LEAVE, "n1", changer->eid);
		if (reply.error.code && reply.error.code != NDRV_E_NETWORK_BUSY)
			fail_msg("%s", reply.error.text);
		arena_reset(&arena);
	}
	return NULL;
}

/* The answer to a swap while three endpoints of n1 change. */
static struct reply swap_while_changing(struct fixture *fixture)
{
	struct meanwhile meanwhile = {.fixture = fixture};
	struct changer changers[CHANGERS];
	static const char *const ids[CHANGERS] = {"c0", "c1", "c2"};

	for (int i = 0; i < CHANGERS; i++) {
		changers[i] = (struct changer){.meanwhile = &meanwhile, .eid = ids[i]};
		assert_int_equal(pthread_create(&changers[i].thread, NULL, change_all_the_time, &changers[i]), 0);
	}
	sleep_ms(20);
	struct reply reply = swaprig_swap(&fixture->rig, "v2");
	atomic_store(&meanwhile.stop, true);
	for (int i = 0; i < CHANGERS; i++)
		assert_int_equal(pthread_join(changers[i].thread, NULL), 0);
	return reply;
}

static void assert_answers(struct swaprig *rig, const char *nid, int version)
{
	assert_int_equal(swaprig_info(rig, nid, "e", "version"), version);
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, nid, "extra"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_DELETE, nid, "extra"));
}

static void a_hang_at_any_record_stops_one_network_only(void **state)
{
	struct fixture *fixture = *state;
	struct swaprig *rig = &fixture->rig;
	static const int records[] = {2, 5, 7, 9, 11, 12, 13, 14, 15, 16};
	int hung = 0;

	for (int i = 0; i < CHANGERS; i++)
		assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", (const char *[]){"c0", "c1", "c2"}[i]));
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		char plan[32];

		(void)snprintf(plan, sizeof(plan), "hang-adopt %d", records[i]);
		swaprig_write(rig->plan, plan);
		struct reply reply = swap_while_changing(fixture);
		if (!reply.error.code) {
			/* There were not as many. */
			(void)unlink(rig->plan);
			assert_answer(swaprig_swap(rig, "v1"));
			continue;
		}
		assert_refused(reply, NDRV_E_TIMEOUT, "adopt of the new driver, network n");
		bool first = strstr(reply.error.text, "network n1") != NULL;
		assert_refused(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, first ? "n1" : "n2", "e"), NDRV_E_NETWORK_BUSY, "");
		assert_answers(rig, first ? "n2" : "n1", 1);
		assert_rest_serves(rig, &rig->arena);
		let_go(fixture, "adopt");
		assert_answers(rig, "n1", 1);
		assert_answers(rig, "n2", 1);
		hung++;
	}
	print_message("%d of 10 swaps hung, each at another record\n", hung);
	assert_true(hung >= 3); /* the first seven records are there without any change */
}

struct swapping {
	struct swaprig *rig;
	struct arena arena;
	struct reply reply;
};

static void *swap_to_v3(void *data)
{
	struct swapping *swapping = data;
	struct request request = swaprig_request(&swapping->arena, REQ_DRIVER_SWAP);

	request.type = "swap";
	request.file = swaprig_file("v3");
	swapping->reply = swaprig_run(swapping->rig, &request);
	return NULL;
}

/* Everything has been handed over by then: there is no way back, and the type answers Retry until commit returns. */
static void a_hang_in_commit_is_waited_for_while_the_rest_serves(void **state)
{
	struct fixture *fixture = *state;
	struct swaprig *rig = &fixture->rig;
	struct swapping swapping = {.rig = rig};
	struct request request;
	pthread_t thread;

	arena_init(&swapping.arena, 1u << 24);
	swaprig_write(rig->plan, "hang-commit");
	assert_int_equal(pthread_create(&thread, NULL, swap_to_v3, &swapping), 0);
	while (!hangs(fixture))
		sleep_ms(1);
	/* Its networks' calls wait until it is overdue; from then on they are answered at once. */
	assert_refused(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, "n1", "e"), NDRV_E_NETWORK_BUSY,
		       "network n1 is busy with a swap, try again: it has been in commit of driver");
	assert_refused(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_INFO, "n2", "e"), NDRV_E_NETWORK_BUSY, "n2");
	assert_rest_serves(rig, &rig->arena);
	assert_int_equal(stuck_in(rig, "commit"), 1);
	/* Who wants to swap, load or unload as well is told why not. */
	request = swaprig_request(&rig->arena, REQ_DRIVER_SWAP);
	request.type = "other";
	request.file = SWAP_DRIVERS_DIR "/swnotype.so";
	request.deadline_ns = clock_ns() + NSEC_PER_SEC;
	assert_refused(swaprig_run(rig, &request), NDRV_E_RETRY, "driver_swap waits for driver_swap, which has been under way for");
	assert_int_equal(unlink(fixture->hang), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_answer(swapping.reply);
	arena_reset(&swapping.arena);
	assert_serves(rig, "n1", 3);
	assert_serves(rig, "n2", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_hang_in_prepare_calls_the_swap_off),
		TEST(a_hang_in_adopt_keeps_one_network_only),
		TEST(a_hang_in_the_old_drivers_export_is_named),
		TEST(a_hang_at_any_record_stops_one_network_only),
		TEST(a_hang_in_commit_is_waited_for_while_the_rest_serves),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
