/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations from many threads on many networks, against a model that says what each must answer; with drivers that fail now
 * and then, and some that answer after their deadline. A smaller count in `make check`; NDRV_SOAK=1: 8 threads x 10,000. */
#include "tests/conformance/rig.h"

#include <stdlib.h>
#include <time.h>

#include "host/base/clock.h"
#include "host/base/epoch.h"

#define THREADS 8u
#define NETWORKS 104u /* THREADS times 13 */
#define MINE (NETWORKS / THREADS)
#define ENDPOINTS 6u

static const char *const drivers[] = {"rec", "recserial", NULL};

/* Each thread owns its networks, so that it knows what must be; all threads list and inspect all of them. */
struct model {
	bool there;
	bool endpoint[ENDPOINTS], joined[ENDPOINTS];
};

struct worker {
	struct rig *rig;
	uint32_t index, ops, fails, seed;
	struct model model[MINE];
	char problem[400];
	pthread_t thread;
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static _Atomic uint32_t calls;
static uint32_t fail_every;   /* 0: never */
static uint32_t late_network; /* this one's endpoint_create answers after the deadline; 0: none */

static int act(struct rig *rig, struct recorded *recorded)
{
	uint32_t call = atomic_fetch_add(&calls, 1);
	bool undo = recorded->call && (recorded->call->flags & (NDRV_CALL_UNDO | NDRV_CALL_FORCE));

	(void)rig;
	if (late_network && recorded->network && !strcmp(recorded->op, "endpoint_create") &&
	    strtoul(recorded->network->id + 1, NULL, 10) == late_network) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
		return 0;
	}
	if (fail_every && !undo && call % fail_every == 0 && recorded->call)
		return ndrv_fail(recorded->call->err, NDRV_E_NO_SERVICE, "scripted");
	return 0;
}

struct step {
	struct worker *worker;
	struct arena *arena;
	struct model *model;
	char nid[16], eid[16];
	uint32_t endpoint;
};

static struct reply run(struct step *step, enum request_op op)
{
	struct request request = {
		.op = op,
		.arena = step->arena,
		.caller = {.front = NDRV_FRONT_CONTROL, .role = ROLE_ADMIN},
		.id = "",
		.type = op == REQ_NETWORK_CREATE ? (step->nid[1] % 2 ? "rec" : "recserial") : NULL,
		.new_id = step->nid,
		.network = step->nid,
		.endpoint = step->eid,
		.sandbox_key = "s",
		.deadline_ns = clock_ns() + 60 * NSEC_PER_SEC,
	};
	struct reply reply = {0};

	if (op == REQ_NETWORK_LIST)
		request.network = NULL;
	dispatch_run(step->worker->rig->dispatch, &request, &reply);
	return reply;
}

static void problem(struct step *step, const char *what, const struct reply *reply, int wanted)
{
	struct worker *worker = step->worker;

	if (!worker->problem[0])
		(void)snprintf(worker->problem, sizeof(worker->problem), "%s %s %s: got %d (%.200s), wanted %d", what, step->nid,
			       step->eid, reply->error.code, reply->error.text, wanted);
}

/* True: it was done. `wanted`: the error there must be, 0: none, or one that was scripted. */
static bool expect(struct step *step, enum request_op op, int wanted)
{
	struct reply reply = run(step, op);

	if (!wanted && reply.error.code == NDRV_E_NO_SERVICE && fail_every)
		return false;
	if (reply.error.code != wanted)
		problem(step, request_op_name(op), &reply, wanted);
	return reply.error.code == 0;
}

static void on_network(struct step *step, uint32_t dice)
{
	struct model *model = step->model;
	uint32_t endpoints = 0;

	for (uint32_t i = 0; i < ENDPOINTS; i++)
		endpoints += model->endpoint[i];
	if (dice < 2) {
		if (expect(step, REQ_NETWORK_CREATE, 0))
			model->there = true;
	} else if (expect(step, REQ_NETWORK_DELETE, !model->there ? NDRV_E_NO_NETWORK : endpoints ? NDRV_E_ACTIVE_ENDPOINTS : 0)) {
		model->there = false;
	}
}

static void on_endpoint(struct step *step, uint32_t dice)
{
	struct model *model = step->model;
	bool *there = &model->endpoint[step->endpoint], *joined = &model->joined[step->endpoint];
	int missing = !model->there ? NDRV_E_NO_NETWORK : *there ? 0 : NDRV_E_NO_ENDPOINT;

	if (dice < 3) {
		if (expect(step, REQ_ENDPOINT_CREATE, model->there ? 0 : NDRV_E_NO_NETWORK))
			*there = true;
	} else if (dice < 5) {
		if (expect(step, REQ_ENDPOINT_DELETE, missing))
			*there = *joined = false;
	} else if (dice < 8) {
		if (expect(step, REQ_JOIN, missing))
			*joined = true;
	} else if (dice < 10) {
		if (expect(step, REQ_LEAVE, missing))
			*joined = false;
	} else {
		(void)expect(step, REQ_ENDPOINT_INFO, missing);
	}
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct arena arena;

	arena_init(&arena, 16u << 20);
	for (uint32_t i = 0; i < worker->ops && !worker->problem[0]; i++) {
		uint32_t mine = next_random(&worker->seed) % MINE, dice = next_random(&worker->seed) % 16;
		struct step step = {.worker = worker, .arena = &arena, .model = &worker->model[mine]};
		step.endpoint = next_random(&worker->seed) % ENDPOINTS;
		(void)snprintf(step.nid, sizeof(step.nid), "n%u", 1 + mine * THREADS + worker->index);
		(void)snprintf(step.eid, sizeof(step.eid), "e%u", step.endpoint);
		if (dice < 4)
			on_network(&step, dice);
		else
			on_endpoint(&step, dice - 4);
		if (i % 64 == 0)
			(void)expect(&step, REQ_NETWORK_LIST, 0);
		arena_reset(&arena);
	}
	return NULL;
}

static int compare(struct worker *workers, struct rig *rig)
{
	int wrong = 0;

	for (uint32_t n = 0; n < NETWORKS; n++) {
		const struct model *model = &workers[n % THREADS].model[n / THREADS];
		char nid[16];
		(void)snprintf(nid, sizeof(nid), "n%u", 1 + n);
		epoch_enter();
		struct network *network = records_find(rig->records, nid);
		epoch_leave();
		wrong += (network != NULL) != model->there;
		for (uint32_t e = 0; network && e < ENDPOINTS; e++) {
			char eid[16];
			(void)snprintf(eid, sizeof(eid), "e%u", e);
			const struct endpoint *endpoint = network_endpoint(network, eid);
			wrong += (endpoint != NULL) != model->endpoint[e];
			wrong += endpoint && (endpoint->join.state == JOIN_JOINED) != model->joined[e];
			wrong += endpoint && endpoint->join.state != JOIN_JOINED && endpoint->join.state != JOIN_NONE;
		}
	}
	return wrong;
}

static uint32_t how_many(void)
{
	const char *soak = getenv("NDRV_SOAK");

	return soak && soak[0] == '1' ? 10000 : 400;
}

static void run_all(uint32_t every, uint32_t late)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct worker *workers = calloc(THREADS, sizeof(*workers));

	assert_non_null(rig);
	assert_non_null(workers);
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	rig->silent = true;
	rig->act = act;
	fail_every = every;
	late_network = late;
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = rig, .index = i, .ops = how_many(), .seed = 12345u + i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		(void)pthread_join(workers[i].thread, NULL);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_string_equal(workers[i].problem, "");
	assert_int_equal(compare(workers, rig), 0);
	/* What is on disk is the same again. */
	rig->act = NULL;
	rig_restart(rig, drivers);
	assert_int_equal(compare(workers, rig), 0);
	free(workers);
	rig_close(rig);
	free(rig);
}

static void state_is_the_models_after_random_operations(void **state)
{
	(void)state;
	run_all(0, 0);
}

static void state_is_the_models_when_every_third_call_fails(void **state)
{
	(void)state;
	run_all(3, 0);
}

/* The late network is nobody's in the model: a thread of its own works on it. */
static void *work_late(void *data)
{
	struct rig *rig = data;
	struct arena arena;

	arena_init(&arena, 1u << 20);
	for (uint32_t i = 0; i < 20; i++) {
		struct request request = {.op = REQ_ENDPOINT_CREATE,
					  .arena = &arena,
					  .caller = {.role = ROLE_ADMIN},
					  .id = "",
					  .network = "n999",
					  .endpoint = "late",
					  .deadline_ns = clock_ns() + 5 * NSEC_PER_MSEC};
		struct reply reply = {0};
		dispatch_run(rig->dispatch, &request, &reply);
		if (reply.error.code != NDRV_E_TIMEOUT && reply.error.code != NDRV_E_NETWORK_BUSY)
			return (void *)1;
		arena_reset(&arena);
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return NULL;
}

static void late_answers_leave_nothing_and_disturb_nobody(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct worker *workers = calloc(THREADS, sizeof(*workers));
	pthread_t late;
	void *wrong = NULL;

	(void)state;
	assert_non_null(rig);
	assert_non_null(workers);
	rig_open(rig, RIG_QUIET, drivers);
	rig->silent = true;
	rig->act = act;
	fail_every = 0;
	assert_reply_ok(rig_network(rig, "rec", "n999"));
	late_network = 999;
	assert_int_equal(pthread_create(&late, NULL, work_late, rig), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.rig = rig, .index = i, .ops = how_many(), .seed = 777u + i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		(void)pthread_join(workers[i].thread, NULL);
	(void)pthread_join(late, &wrong);
	assert_null(wrong);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_string_equal(workers[i].problem, "");
	assert_int_equal(compare(workers, rig), 0);
	(void)dispatch_stop(rig->dispatch, clock_ns() + 10 * NSEC_PER_SEC);
	epoch_enter();
	struct network *network = records_find(rig->records, "n999");
	epoch_leave();
	assert_non_null(network);
	assert_int_equal(network->endpoint_count, 0);
	assert_false(atomic_load(&network->stuck));
	free(workers);
	rig_close(rig);
	free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_is_the_models_after_random_operations),
		cmocka_unit_test(state_is_the_models_when_every_third_call_fails),
		cmocka_unit_test(late_answers_leave_nothing_and_disturb_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
