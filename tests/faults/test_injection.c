/* SPDX-License-Identifier: Apache-2.0 */
/* One netlink message, one write, one allocation that fails, at every place where one is made in a life cycle. Each operation must
 * end in success or a typed error, the records must be what the kernel has, while the host runs and after a restart, and the host
 * must serve on. A sample of the places; all of them with NDRV_SOAK set. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/life.h"
#include "tests/faults/shim.h"

#define SAMPLE_POINTS 8
#define WHY_BYTES 256

static struct shim_board *board;
static char board_path[] = "/tmp/ndrv-shim-XXXXXX";

struct injection {
	const char *what;
	enum shim_kind kind;
	int error;
	bool sticky;
	const struct life_kind *life;
};

static long stride_of(long total)
{
	return getenv("NDRV_SOAK") || total <= SAMPLE_POINTS ? 1 : total / SAMPLE_POINTS;
}

static void arm(const struct injection *injection, long target)
{
	atomic_store(&board->count, 0);
	atomic_store(&board->failed, 0);
	atomic_store(&board->target, target);
	atomic_store(&board->error, injection->error);
	atomic_store(&board->sticky, injection->sticky);
	atomic_store(&board->kind, (int)injection->kind);
}

static void disarm(void)
{
	atomic_store(&board->kind, SHIM_OFF);
}

static void start_life(struct life *life, const struct injection *injection)
{
	life_set_up(life, injection->life);
	life->daemon.preload = FAULTS_SHIM;
	daemon_start(&life->daemon);
}

/* The host is alive: anything but a crash. */
static bool lives(struct life *life, char *why)
{
	int status;

	if (waitpid(life->daemon.pid, &status, WNOHANG) == 0)
		return true;
	life->daemon.pid = 0;
	(void)snprintf(why, WHY_BYTES, "the host ended, by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return false;
}

static void inject(struct life *life, const struct injection *injection, long n, char *why)
{
	why[0] = '\0';
	arm(injection, n);
	(void)life_run(life, true);
	disarm();
	if (!lives(life, why))
		return;
	life_look(life, why, WHY_BYTES);
	if (why[0])
		return;
	(void)daemon_stop(&life->daemon, SIGKILL);
	daemon_start(&life->daemon);
	/* A disk that fails for good may hold a deletion that was refused: it is then done again, and whole. */
	if (injection->sticky)
		life->network = life->endpoints[0] = life->endpoints[1] = UNKNOWN;
	life_look(life, why, WHY_BYTES);
	if (!why[0])
		life_close(life, why, WHY_BYTES);
}

static void inject_everywhere(const struct injection *injection)
{
	struct life life;
	char why[WHY_BYTES];
	long points = 0, failed = 0, bad = 0, refused = 0;

	start_life(&life, injection);
	arm(injection, 0);
	(void)life_run(&life, false);
	disarm();
	long total = atomic_load(&board->count);
	assert_true(total > 0);
	for (long n = 1; n <= total; n += stride_of(total)) {
		inject(&life, injection, n, why);
		points++;
		failed += atomic_load(&board->failed) > 0;
		if (!why[0])
			continue;
		bad++;
		print_message("%s, place %ld: %s\n", injection->what, n, why);
		refused += life.refused;
		life_tear_down(&life);
		start_life(&life, injection);
	}
	refused += life.refused;
	assert_true(!life.speechless || injection->kind == SHIM_MEMORY);
	life_tear_down(&life);
	print_message("%-36s %5ld of %5ld places, %5ld failures, %5ld typed errors, %ld bad\n", injection->what, points, total,
		      failed, refused, bad);
	assert_int_equal(bad, 0);
	assert_true(failed > 0);
}

#define INJECT(...) inject_everywhere(&(struct injection){__VA_ARGS__})

static void a_netlink_message_that_cannot_be_sent_is_an_error_and_nothing_is_left(void **state)
{
	(void)state;
	INJECT("netlink: send ENOBUFS", SHIM_NETLINK_SEND, ENOBUFS, false, &life_bridge);
	INJECT("netlink: send EPERM", SHIM_NETLINK_SEND, EPERM, false, &life_bridge);
	INJECT("netlink: send EINTR", SHIM_NETLINK_SEND, EINTR, false, &life_bridge);
}

static void an_answer_of_the_kernel_that_is_lost_is_an_error_and_nothing_is_left(void **state)
{
	(void)state;
	INJECT("netlink: answer lost, ENOBUFS", SHIM_NETLINK_RECEIVE, ENOBUFS, false, &life_bridge);
	INJECT("netlink: answer lost, ENOMEM", SHIM_NETLINK_RECEIVE, ENOMEM, false, &life_bridge);
}

static void a_write_that_fails_is_an_error_and_nothing_is_lost(void **state)
{
	(void)state;
	INJECT("disk: EIO", SHIM_DISK, EIO, false, &life_files);
	INJECT("disk: ENOSPC", SHIM_DISK, ENOSPC, false, &life_files);
	INJECT("disk: EIO, bridge", SHIM_DISK, EIO, false, &life_bridge);
	INJECT("disk: ENOSPC from there on", SHIM_DISK, ENOSPC, true, &life_files);
}

static void an_allocation_that_fails_is_an_error_and_nothing_is_lost(void **state)
{
	(void)state;
	INJECT("memory: once", SHIM_MEMORY, ENOMEM, false, &life_files);
	INJECT("memory: once, bridge", SHIM_MEMORY, ENOMEM, false, &life_bridge);
	INJECT("memory: none from there on", SHIM_MEMORY, ENOMEM, true, &life_files);
}

static void make_board(void)
{
	int fd = mkstemp(board_path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*board)), 0);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(board != MAP_FAILED);
	(void)close(fd);
	assert_int_equal(setenv(SHIM_BOARD_VARIABLE, board_path, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_netlink_message_that_cannot_be_sent_is_an_error_and_nothing_is_left),
		cmocka_unit_test(an_answer_of_the_kernel_that_is_lost_is_an_error_and_nothing_is_left),
		cmocka_unit_test(a_write_that_fails_is_an_error_and_nothing_is_lost),
		cmocka_unit_test(an_allocation_that_fails_is_an_error_and_nothing_is_lost),
	};

	netns_need();
	make_board();
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(board_path);
	return rc;
}
