/* SPDX-License-Identifier: Apache-2.0 */
/* What dockerd does not ask for again, the host does. */
#include "tests/remote/frontrig.h"

#include <time.h>
#include <unistd.h>

#include "host/dispatch/owed.h"

static _Atomic int refusals;

static int refuse_some(struct rig *with, struct recorded *recorded)
{
	(void)with;
	if (strcmp(recorded->op, "endpoint_delete") != 0 || atomic_fetch_sub(&refusals, 1) <= 0)
		return 0;
	return ndrv_fail(recorded->call->err, NDRV_E_FORBIDDEN, "not yet");
}

static uint64_t owed(void)
{
	struct owed_counts counts;

	owed_count(rig->dispatch, &counts);
	return counts.pending;
}

static void wait_until_nothing_is_owed(void)
{
	for (int i = 0; i < 2000 && owed(); i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(owed(), 0);
}

static void a_deletion_that_docker_swallowed_is_done_by_the_host(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = refuse_some;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	(void)rig_calls(rig);
	atomic_store(&refusals, 2);
	assert_err(&fd, "NetworkDriver.DeleteEndpoint", IDS, "not yet");
	assert_int_equal(owed(), 1);
	wait_until_nothing_is_owed();
	assert_calls(rig, "endpoint_delete n1 e1; endpoint_delete n1 e1; endpoint_delete n1 e1");
	/* What there is not is not owed. */
	assert_text(&fd, "NetworkDriver.DeleteEndpoint", IDS, "{}");
	assert_int_equal(owed(), 0);
	(void)close(fd);
}

static void what_is_owed_is_not_in_the_way_of_the_same_again(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = refuse_some;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	/* As it was: it stays. */
	atomic_store(&refusals, 1);
	assert_err(&fd, "NetworkDriver.DeleteEndpoint", IDS, "not yet");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	assert_int_equal(owed(), 0);
	(void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	(void)rig_calls(rig);
	/* Another one: the former goes by force. */
	atomic_store(&refusals, 1);
	assert_err(&fd, "NetworkDriver.DeleteEndpoint", IDS, "not yet");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.3/24", ""), "{\"Interface\":{}}");
	assert_int_equal(owed(), 0);
	assert_calls(rig, "endpoint_delete n1 e1; endpoint_delete n1 e1 FORCE; endpoint_create n1 e1");
	(void)close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, front_fresh, front_finish)
	const struct CMUnitTest tests[] = {
		T(a_deletion_that_docker_swallowed_is_done_by_the_host),
		T(what_is_owed_is_not_in_the_way_of_the_same_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
