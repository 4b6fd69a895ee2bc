/* SPDX-License-Identifier: Apache-2.0 */
/* Something fails while a host that was killed in the middle of an operation starts again: it starts or says why not, and the next
 * start, at which nothing fails, makes all good. */
#include "tests/lib/test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/faults/inject_rig.h"

#define SOAK_FACTOR 4u

static const struct rig_case death = {.kind = INJECT_SEND, .error = INJECT_DIE};

static off_t log_size(const struct rig *rig)
{
	struct stat st;

	return stat(rig->daemon.log, &st) ? 0 : st.st_size;
}

/* The host dies in the request before its n-th netlink message. False: it has fewer. */
static bool crash(struct rig *rig, enum rig_request request, uint64_t at, char *reason)
{
	if (!rig_bring(rig, rig_before(request), reason))
		fail_msg("before %s: %s", rig_request_name(request), reason);
	rig_arm(rig, &death, at);
	(void)rig_ask(rig, request, reason);
	if (rig_disarm(rig) < at)
		return false;
	int status = 0;
	assert_int_equal(waitpid(rig->daemon.pid, &status, 0), rig->daemon.pid);
	assert_true(WIFSIGNALED(status));
	rig->daemon.pid = 0;
	return true;
}

/* The start at which the n-th thing fails, and the one after. */
static bool recovers(struct rig *rig, const struct rig_case *what, enum rig_request request, uint64_t at, bool *ret_hit,
		     char *reason)
{
	enum rig_state now;
	off_t before = log_size(rig);

	rig_arm(rig, what, at);
	bool up = rig_try_start(rig);
	*ret_hit = rig_disarm(rig) >= at;
	rig->total.done += up && *ret_hit;
	rig->total.refused += !up && *ret_hit;
	if (up) {
		(void)daemon_stop(&rig->daemon, SIGKILL);
	} else if (!WIFEXITED(rig->daemon.ended) || WEXITSTATUS(rig->daemon.ended) != 1 || log_size(rig) <= before) {
		(void)snprintf(reason, RIG_REASON, "it ended with %#x and %ld bytes in its log", (unsigned)rig->daemon.ended,
			       (long)(log_size(rig) - before));
		return false;
	}
	if (!rig_try_start(rig)) {
		(void)snprintf(reason, RIG_REASON, "the next start fails too: %#x", (unsigned)rig->daemon.ended);
		return false;
	}
	return rig_look(rig, false, &now, reason) && rig_bring(rig, rig_after(request), reason) &&
	       rig_bring(rig, rig_before(request), reason);
}

/* A start has thousands of allocations, and is tried from twenty deaths: even the full run takes a part of them, never the same for
 * two deaths. */
static uint64_t stride(uint64_t points, unsigned sample)
{
	uint64_t wanted = rig_step(2, 1) == 1 ? SOAK_FACTOR * sample : sample;

	return points > wanted ? (points + wanted - 1) / wanted : 1;
}

static void sweep(struct rig *rig, const struct rig_case *what, enum rig_request request, uint64_t death_at)
{
	char reason[RIG_REASON];
	bool hit = true;

	if (!crash(rig, request, death_at, reason))
		return;
	rig_arm(rig, what, 0);
	rig_start(rig);
	uint64_t step = stride(rig_disarm(rig), what->sample);
	for (uint64_t at = 1 + death_at % step; hit; at += step) {
		if (!crash(rig, request, death_at, reason))
			fail_msg("%s no longer gets to message %lu", rig_request_name(request), (unsigned long)death_at);
		bool good = recovers(rig, what, request, at, &hit, reason);
		rig->total.points += hit;
		if (good)
			continue;
		rig->total.inconsistent++;
		print_message("%s killed at message %lu, then %s at %lu: %s\n", rig_request_name(request), (unsigned long)death_at,
			      what->name, (unsigned long)at, reason);
		rig_print_log(rig);
		rig_renew(rig);
	}
}

static void a_failure_while_recovering_is_made_good_by_the_next_start(void **state)
{
	static const struct rig_case cases[] = {
		{.name = "send: EPERM", .kind = INJECT_SEND, .error = EPERM, .sample = 3},
		{.name = "refused: EBUSY", .kind = INJECT_REFUSE, .error = EBUSY, .sample = 3},
		{.name = "answer lost", .kind = INJECT_LOST, .error = ENOBUFS, .sample = 3},
		{.name = "write: EIO", .kind = INJECT_WRITE, .error = EIO, .sample = 5},
		{.name = "write: ENOSPC, for good", .kind = INJECT_WRITE, .error = ENOSPC, .sticky = true, .sample = 5},
		{.name = "allocation", .kind = INJECT_MEMORY, .error = ENOMEM, .sample = 5},
		{.name = "allocations from there on", .kind = INJECT_MEMORY, .error = ENOMEM, .sticky = true, .sample = 5},
	};
	static struct rig rig;
	struct rig_count total = {0};

	(void)state;
	rig_set_up(&rig);
	rig_print_head();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rig.total = (struct rig_count){0};
		for (unsigned request = RIG_CREATE; request <= RIG_FORCE; request++)
			for (uint64_t at = 2; at <= 5; at += rig_step(4, 1))
				sweep(&rig, &cases[i], request, at);
		rig_print(cases[i].name, &rig.total);
		total.points += rig.total.points;
		total.inconsistent += rig.total.inconsistent;
		total.refused += rig.total.refused;
		total.done += rig.total.done;
	}
	rig_print("recovery, all", &total);
	rig_tear_down(&rig);
	assert_int_equal(total.inconsistent, 0);
	assert_true(total.points > 40);
	assert_true(total.refused > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_while_recovering_is_made_good_by_the_next_start),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
