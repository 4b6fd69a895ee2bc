/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver must live through: being replaced, the host's restart, and its death at any moment. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/check/rules.h"

#define ENDPOINTS 3

static enum verdict populate(struct trial *trial)
{
	MUST(trial, trial_network(trial, "n1", 1));
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		char id[4] = {'e', (char)('0' + i)};
		MUST(trial, trial_connect(trial, "n1", id, rule_netns(trial, i)));
	}
	return VERDICT_PASSED;
}

/* Nothing of what `populate` made is missing or other than it was, and it can be taken down. */
static enum verdict goes_on(struct trial *trial, const char *populated, const char *const *sandboxes)
{
	char *before = NULL;

	MUST_BE_AS(trial, populated);
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		char id[4] = {'e', (char)('0' + i)}, *now = space_dump_of(rule_netns(trial, i));
		bool same = now && strcmp(now, sandboxes[i]) == 0;
		free(now);
		MUST_HOLD(trial, same, "sandbox %u is not as it was", i);
		MUST(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", id));
	}
	if (!trial_can(trial, NDRV_CAPABILITY_NO_LINK | NDRV_CAPABILITY_NO_IPAM)) {
		char address[NDRV_PREFIX_TEXT];
		MUST(trial, trial_connect(trial, "n1", "new", rule_netns(trial, ENDPOINTS)));
		MUST_HOLD(trial, ndrv_addr_format(&trial->reply.address.addr, address), "a new endpoint got no address");
		MUST_HOLD(trial, space_talks(rule_netns(trial, 0), rule_netns(trial, ENDPOINTS), address),
			  "an old endpoint does not reach a new one");
		MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "new"));
		MUST_BE_AS(trial, populated);
	}
	free(before);
	return VERDICT_PASSED;
}

static enum verdict take_down(struct trial *trial, const char *empty)
{
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		char id[4] = {'e', (char)('0' + i)};
		MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", id));
	}
	MUST(trial, trial_delete_network(trial, "n1"));
	MUST_BE_AS(trial, empty);
	return VERDICT_PASSED;
}

struct scene {
	char *empty, *populated, *sandboxes[ENDPOINTS];
};

static void look(struct trial *trial, struct scene *scene)
{
	scene->populated = space_dump();
	for (unsigned i = 0; i < ENDPOINTS; i++)
		scene->sandboxes[i] = space_dump_of(rule_netns(trial, i));
}

static void forget(struct scene *scene)
{
	free(scene->empty);
	free(scene->populated);
	for (unsigned i = 0; i < ENDPOINTS; i++)
		free(scene->sandboxes[i]);
}

/* populate, look, `change`, the same again, take down. */
static enum verdict survives(struct trial *trial, int (*change)(struct trial *trial))
{
	struct scene scene = {.empty = space_dump()};
	enum verdict verdict = populate(trial);

	if (verdict == VERDICT_PASSED) {
		look(trial, &scene);
		verdict = change(trial) ? VERDICT_FAILED : VERDICT_PASSED;
	}
	if (verdict == VERDICT_PASSED)
		verdict = goes_on(trial, scene.populated, (const char *const *)scene.sandboxes);
	if (verdict == VERDICT_PASSED)
		verdict = take_down(trial, scene.empty);
	forget(&scene);
	return verdict;
}

/* --- swap --- */

static int swap(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_DRIVER_SWAP, NULL, NULL);

	request.type = trial->target->type;
	request.file = trial->target->file;
	request.force = true; /* to the same bytes */
	int code = trial_run(trial, &request);
	if (code)
		(void)trial_failed_call(trial);
	return code;
}

static int swap_thrice(struct trial *trial)
{
	int code = 0;

	for (int i = 0; !code && i < 3; i++)
		code = swap(trial);
	return code;
}

static int roll_back(struct trial *trial)
{
	struct request request;
	int code = swap(trial);

	if (code)
		return code;
	request = trial_request(trial, REQ_DRIVER_ROLLBACK, NULL, NULL);
	request.type = trial->target->type;
	code = trial_run(trial, &request);
	if (code)
		(void)trial_failed_call(trial);
	return code;
}

static bool threads_of_its_own(struct trial *trial)
{
	return trial->target->note->flags & NDRV_DRIVER_OWN_THREADS;
}

static enum verdict swapped(struct trial *trial)
{
	if (threads_of_its_own(trial))
		return trial_skip(trial, "it has threads of its own and is not swapped in process");
	return survives(trial, swap_thrice);
}

static enum verdict rolled_back(struct trial *trial)
{
	if (threads_of_its_own(trial))
		return trial_skip(trial, "it has threads of its own and is not swapped in process");
	return survives(trial, roll_back);
}

struct churn {
	struct trial own;
	const char *netns;
	_Atomic bool stop;
	unsigned rounds;
	struct ndrv_error error;
};

static void *churn(void *data)
{
	struct churn *churn = data;

	while (!churn->stop && !churn->error.code) {
		arena_reset(&churn->own.arena);
		int code = trial_connect(&churn->own, "n1", "busy", churn->netns);
		code = code ? code : trial_do(&churn->own, REQ_DISCONNECT, "n1", "busy");
		if (code)
			churn->error = churn->own.reply.error;
		churn->rounds++;
	}
	return NULL;
}

static int swap_under_load(struct trial *trial)
{
	struct churn load = {.own = {.target = trial->target, .dispatch = trial->dispatch},
			     .netns = rule_netns(trial, ENDPOINTS + 1)};
	pthread_t thread;
	int code = 0;

	arena_init(&load.own.arena, 16u << 20);
	if (pthread_create(&thread, NULL, churn, &load)) {
		(void)trial_fail(trial, "a thread could not be started");
		return 1;
	}
	for (int i = 0; !code && i < 5; i++)
		code = swap(trial);
	load.stop = true;
	(void)pthread_join(thread, NULL);
	arena_reset(&load.own.arena);
	if (!code && load.error.code) {
		(void)trial_fail(trial, "a call failed during a swap: %s", load.error.text);
		code = load.error.code;
	}
	return code;
}

static enum verdict swapped_under_load(struct trial *trial)
{
	if (threads_of_its_own(trial))
		return trial_skip(trial, "it has threads of its own and is not swapped in process");
	return survives(trial, swap_under_load);
}

/* --- restart --- */

static int restart(struct trial *trial)
{
	trial_close(trial);
	return trial_open(trial);
}

static enum verdict restarted(struct trial *trial)
{
	return survives(trial, restart);
}

/* The dead process saw sandboxes made beforehand: paths are inherited. */
static enum verdict killed(struct trial *trial)
{
	struct scene scene = {.empty = space_dump()};

	for (unsigned i = 0; i <= ENDPOINTS; i++)
		(void)rule_netns(trial, i);
	enum verdict verdict = trial_die_after(trial, populate) ? VERDICT_FAILED : VERDICT_PASSED;
	if (verdict == VERDICT_PASSED) {
		look(trial, &scene);
		verdict = trial_open(trial) ? VERDICT_FAILED : VERDICT_PASSED;
	}
	if (verdict == VERDICT_PASSED)
		verdict = goes_on(trial, scene.populated, (const char *const *)scene.sandboxes);
	if (verdict == VERDICT_PASSED)
		verdict = take_down(trial, scene.empty);
	forget(&scene);
	return verdict;
}

/* --- death at any moment --- */

static long delay_us; /* of the life that is about to be cut short */

static void *cut_short(void *data)
{
	(void)data;
	(void)nanosleep(&(struct timespec){.tv_nsec = delay_us * 1000}, NULL);
	(void)raise(SIGKILL);
	return NULL;
}

static enum verdict live_until_cut(struct trial *trial)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, cut_short, NULL))
		return trial_fail(trial, "a thread could not be started");
	for (;;) {
		enum verdict verdict = populate(trial);
		if (verdict != VERDICT_PASSED)
			return verdict;
		for (unsigned i = 0; i < ENDPOINTS; i++) {
			char id[4] = {'e', (char)('0' + i)};
			MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", id));
		}
		MUST(trial, trial_delete_network(trial, "n1"));
	}
}

static enum verdict cut_and_recovered(struct trial *trial, const char *empty)
{
	if (trial_die_after(trial, live_until_cut) && trial->text[0])
		return VERDICT_FAILED;
	if (trial_open(trial))
		return VERDICT_FAILED;
	int code = trial_delete_network(trial, "n1");
	if (code && code != NDRV_E_NO_NETWORK && code != NDRV_E_ACTIVE_ENDPOINTS)
		return trial_failed_call(trial);
	struct request request = trial_request(trial, REQ_NETWORK_DELETE, "n1", NULL);
	request.force = true;
	code = code == NDRV_E_ACTIVE_ENDPOINTS ? trial_run(trial, &request) : 0;
	MUST(trial, code);
	MUST_BE_AS(trial, empty);
	for (unsigned i = 0; i < ENDPOINTS && !trial_can(trial, NDRV_CAPABILITY_HOST_SANDBOX); i++)
		MUST_HOLD(trial, space_is_empty(rule_netns(trial, i)), "sandbox %u still has an interface", i);
	trial_close(trial);
	return VERDICT_PASSED;
}

static enum verdict killed_at_any_moment(struct trial *trial)
{
	enum verdict verdict = VERDICT_PASSED;
	char *empty = space_dump();

	for (unsigned i = 0; i < ENDPOINTS; i++)
		(void)rule_netns(trial, i);
	/* Steps of a prime number of microseconds, so that they fall into different places of a life. */
	for (delay_us = 997; verdict == VERDICT_PASSED && delay_us < 12 * 7919; delay_us += 7919) {
		verdict = cut_and_recovered(trial, empty);
		arena_reset(&trial->arena);
	}
	free(empty);
	return verdict;
}

/* --- health --- */

static enum verdict healthy(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_HEALTH, NULL, NULL);

	request.type = trial->target->type;
	MUST(trial, trial_run(trial, &request));
	return VERDICT_PASSED;
}

static enum verdict late_call(struct trial *trial)
{
	struct request request;
	char *before = space_dump();

	trial_network_request(trial, &request, "n1", 1, 4);
	request.deadline_ns = 1;
	MUST_HOLD(trial, ndrv_error_kind(trial_run(trial, &request)) == NDRV_KIND_TIMEOUT,
		  "a call whose time had passed is answered with %s", ndrv_error_name(trial->reply.error.code));
	MUST_BE_AS(trial, before);
	MUST(trial, trial_network(trial, "n1", 1));
	free(before);
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"L1", "swapped for itself three times, with endpoints: nothing changes", 0, NULL, swapped},
	{"L2", "swapped and put back likewise", 0, NULL, rolled_back},
	{"L3", "swapped while endpoints come and go: no call fails", 0, NULL, swapped_under_load},
	{"L4", "the host restarts: nothing changes", 0, NULL, restarted},
	{"L5", "the host is killed and starts again: nothing changes", RULE_CLOSED, NULL, killed},
	{"L6", "the host is killed at any moment: after the next start nothing is left over", RULE_CLOSED, NULL,
	 killed_at_any_moment},
	{"L7", "it says that it is well", 0, "health", healthy},
	{"L8", "a call whose time has passed is Timeout and leaves nothing", 0, NULL, late_call},
};

const struct rule_list rules_life = {sizeof(rules) / sizeof(rules[0]), rules};
