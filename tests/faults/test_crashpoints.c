/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at every entry into the kernel and every return from it over a life cycle, and again during the recovery that follows. A
 * sample of the points; all of them with NDRV_SOAK set. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/life.h"
#include "tests/faults/tracer.h"

#define SAMPLE_POINTS 10
#define SAMPLE_DOUBLE 4
#define WHY_BYTES 256

static struct tracer tracer;

static bool soak(void)
{
	return getenv("NDRV_SOAK") != NULL;
}

/* One row of the table, by hand: NDRV_FAULTS_ONLY=macvlan. */
static bool is_wanted(const struct life_kind *kind)
{
	const char *only = getenv("NDRV_FAULTS_ONLY");

	return (!only || strcmp(only, kind->name) == 0) && life_possible(kind);
}

static void reap(struct life *life)
{
	int status;

	assert_int_equal(waitpid(life->daemon.pid, &status, 0), life->daemon.pid);
	life->daemon.pid = 0;
}

/* A life cycle that ends at the n-th stop (0: at its end). Returns the number of stops there were. */
static long broken_life(struct life *life, long n)
{
	tracer_follow(&tracer, life->daemon.pid, n, false);
	tracer_arm(&tracer);
	(void)life_run(life, false);
	(void)kill(life->daemon.pid, SIGKILL);
	long count = tracer_wait(&tracer);
	reap(life);
	return count;
}

/* A start that ends at its n-th stop. Returns the number of stops there were. */
static long broken_start(struct life *life, long n)
{
	atomic_store(&tracer.board->following, 0);
	life->daemon.held_until = &tracer.board->following;
	daemon_launch(&life->daemon);
	tracer_follow(&tracer, life->daemon.pid, n, true);
	life->daemon.held_until = NULL;
	if (daemon_await(&life->daemon)) {
		(void)kill(life->daemon.pid, SIGKILL);
		long count = tracer_wait(&tracer);
		reap(life);
		return count;
	}
	return tracer_wait(&tracer);
}

/* Whatever happened: the next start sets it right, and everything works again. */
static void recover_and_look(struct life *life, char *why)
{
	daemon_start(&life->daemon);
	life_look(life, why, WHY_BYTES);
	if (!why[0])
		life_close(life, why, WHY_BYTES);
}

struct figures {
	const char *what;
	long points, killed, bad;
	struct timespec start;
};

static struct figures begin(const char *what)
{
	struct figures figures = {.what = what};

	(void)clock_gettime(CLOCK_MONOTONIC, &figures.start);
	return figures;
}

static void judge(struct figures *figures, struct life *life, long n, const char *why)
{
	figures->points++;
	figures->killed += tracer_killed(&tracer);
	if (!why[0])
		return;
	figures->bad++;
	print_message("%s, point %ld: %s\n", figures->what, n, why);
	/* What is wrong would be wrong at every further point too. */
	const struct life_kind *kind = life->kind;
	const char *preload = life->daemon.preload;
	life_tear_down(life);
	life_set_up(life, kind);
	life->daemon.preload = preload;
	daemon_start(&life->daemon);
}

/* Of all drivers. */
static struct figures once, twice;

static void add_up(struct figures *all, const struct figures *one)
{
	all->points += one->points;
	all->killed += one->killed;
	all->bad += one->bad;
}

static void tell(const struct figures *figures, const struct life *life, long total)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	double ms = (double)(now.tv_sec - figures->start.tv_sec) * 1e3 + (double)(now.tv_nsec - figures->start.tv_nsec) / 1e6;
	print_message("%-28s %5ld of %7ld points, %5ld killed, %ld bad, %6d answers, %3.0f ms a point\n", figures->what,
		      figures->points, total, figures->killed, figures->bad, life->acknowledged,
		      ms / (double)(figures->points ? figures->points : 1));
}

static long stride_of(long total, long sample)
{
	return soak() || total <= sample ? 1 : total / sample;
}

/* --- once --- */

static void crash_everywhere(const struct life_kind *kind)
{
	struct life life;
	char why[WHY_BYTES], what[48];

	(void)snprintf(what, sizeof(what), "%s: life", kind->name);
	life_set_up(&life, kind);
	daemon_start(&life.daemon);
	long total = broken_life(&life, 0);
	recover_and_look(&life, why);
	assert_string_equal(why, "");
	/* The shorter of two lives: in one of them somebody may have had to wait and ask for long. */
	long again = broken_life(&life, 0);
	recover_and_look(&life, why);
	assert_string_equal(why, "");
	total = again < total ? again : total;
	assert_true(total > 100);
	struct figures figures = begin(what);
	for (long n = 1; n <= total; n += stride_of(total, SAMPLE_POINTS)) {
		(void)broken_life(&life, n);
		recover_and_look(&life, why);
		judge(&figures, &life, n, why);
	}
	tell(&figures, &life, total);
	life_tear_down(&life);
	add_up(&once, &figures);
	assert_int_equal(figures.bad, 0);
	/* Under sanitizers no two lives are of the same length. */
	assert_true(figures.killed * 10 > figures.points * (TEST_SANITIZED ? 0 : 8));
}

static void every_driver_survives_a_kill_at_any_system_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < life_kind_count; i++)
		if (is_wanted(&life_kinds[i]))
			crash_everywhere(&life_kinds[i]);
	print_message("kills in a life: %ld, %ld bad\n", once.killed, once.bad);
	assert_int_equal(once.bad, 0);
	if (soak() && !getenv("NDRV_FAULTS_ONLY"))
		assert_true(once.killed >= 1500);
}

/* --- twice --- */

/* Points that lie evenly and never on a grid, whatever the count: multiples of the golden ratio. */
static long spread(long i, long total)
{
	uint64_t fraction = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u >> 32;

	return 1 + (long)((uint64_t)(total - 1) * fraction >> 32);
}

/* The host dies somewhere in its life; the start after that dies somewhere too, mostly in its second half, for first it loads its
 * libraries; the start after that must set right what both left. A start that was too short to be killed does not count. */
static void crash_twice(const struct life_kind *kind)
{
	struct life life;
	char why[WHY_BYTES], what[48];

	(void)snprintf(what, sizeof(what), "%s: recovery", kind->name);
	life_set_up(&life, kind);
	daemon_start(&life.daemon);
	long stops = broken_life(&life, 0), starts = broken_start(&life, 0);
	recover_and_look(&life, why);
	assert_string_equal(why, "");
	struct figures figures = begin(what);
	long wanted = soak() ? kind->doubles : SAMPLE_DOUBLE;
	for (long i = 0; figures.killed < wanted && i < 2 * wanted; i++) {
		long at = spread(i, stops), half = starts / 2, n = i % 4 ? half + spread(i * 3, half) : spread(i, half);
		(void)broken_life(&life, at);
		(void)broken_start(&life, n);
		recover_and_look(&life, why);
		judge(&figures, &life, at * 100000 + n, why);
	}
	tell(&figures, &life, stops * starts);
	life_tear_down(&life);
	add_up(&twice, &figures);
	assert_int_equal(figures.bad, 0);
	assert_true(figures.killed >= wanted);
}

static void every_recovery_survives_a_kill_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < life_kind_count; i++)
		if (is_wanted(&life_kinds[i]))
			crash_twice(&life_kinds[i]);
	print_message("kills in a recovery after one in a life: %ld, %ld bad\n", twice.killed, twice.bad);
	assert_int_equal(twice.bad, 0);
	if (soak() && !getenv("NDRV_FAULTS_ONLY"))
		assert_true(twice.killed >= 200);
}

/* --- is anything of this seen at all? --- */

/* Bugs that a host could have: no intent is written before the driver is called, or the end of a call is not written. */
static void catch (const char *bug)
{
	struct life life;
	char why[WHY_BYTES];

	assert_int_equal(setenv("NDRV_TEST_FORGET", bug, 1), 0);
	life_set_up(&life, life_kind("files"));
	life.daemon.preload = FORGETFUL;
	daemon_start(&life.daemon);
	long total = broken_life(&life, 0), first = 0, points = 0;
	assert_true(total > 100);
	for (long shift = 0; shift < 4 && !first; shift++)
		for (long n = total / 8 + shift; n <= total && !first; n += 16) {
			life_tear_down(&life);
			life_set_up(&life, life_kind("files"));
			life.daemon.preload = FORGETFUL;
			daemon_start(&life.daemon);
			(void)broken_life(&life, n);
			recover_and_look(&life, why);
			points++;
			if (why[0])
				first = n;
		}
	life_tear_down(&life);
	assert_int_equal(unsetenv("NDRV_TEST_FORGET"), 0);
	print_message("a host without \"%s\" is caught at the %ld. point: %s\n", bug, points, why);
	assert_true(first > 0);
}

static void a_host_that_writes_no_intent_is_caught(void **state)
{
	(void)state;
	if (TEST_SANITIZED)
		skip();
	catch ("creating");
}

static void a_host_that_does_not_write_what_it_answers_is_caught(void **state)
{
	(void)state;
	if (TEST_SANITIZED)
		skip();
	catch ("live");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_driver_survives_a_kill_at_any_system_call),
		cmocka_unit_test(every_recovery_survives_a_kill_too),
		cmocka_unit_test(a_host_that_writes_no_intent_is_caught),
		cmocka_unit_test(a_host_that_does_not_write_what_it_answers_is_caught),
	};

	netns_need();
	tracer_need();
	tracer_init(&tracer);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	tracer_done(&tracer);
	return rc;
}
