/* SPDX-License-Identifier: Apache-2.0 */
/* What the host does for drivers: their store, timers and watches, and the hooks of load and unload. */
#include "tests/conformance/rig.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"

static const char *const drivers[] = {"rec", NULL};

static struct rig *open_rig(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_STORE, drivers);
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

static void drivers_keys_survive_a_restart(void **state)
{
	struct rig *rig = open_rig();
	struct ndrv_error err = {0};
	const void *value = NULL;
	size_t bytes = 0;

	(void)state;
	const struct ndrv_host *host = rig->recorder.host;
	assert_fails(ndrv_store_get(host, &rig->arena.ndrv, "a", &value, &bytes, &err), &err, NDRV_E_NOT_FOUND, "a");
	assert_ok(ndrv_store_put(host, "a", "xyz", 3, &err), &err);
	rig_restart(rig, drivers);
	host = rig->recorder.host;
	assert_ok(ndrv_store_get(host, &rig->arena.ndrv, "a", &value, &bytes, &err), &err);
	assert_int_equal(bytes, 3);
	assert_memory_equal(value, "xyz", 3);
	assert_ok(ndrv_store_del(host, "a", &err), &err);
	assert_fails(ndrv_store_get(host, &rig->arena.ndrv, "a", &value, &bytes, &err), &err, NDRV_E_NOT_FOUND, "a");
	close_rig(rig);
}

static int write_in_configure(struct rig *rig, struct recorded *recorded)
{
	int *fail = rig->act_data;
	struct ndrv_error *err = recorded->call ? recorded->call->err : NULL;
	const void *value = NULL;
	size_t bytes = 0;

	if (strcmp(recorded->op, "configure") != 0)
		return 0;
	int rc = ndrv_store_put(rig->recorder.host, "b", "new", 3, err);
	if (!rc)
		rc = ndrv_store_get(rig->recorder.host, recorded->call->arena, "b", &value, &bytes, err);
	if (!rc && (bytes != 3 || memcmp(value, "new", 3) != 0))
		rc = ndrv_fail(err, NDRV_E_INTERNAL, "its own write is not seen");
	return rc ? rc : *fail ? ndrv_fail(err, NDRV_E_BAD_REQUEST, "scripted") : 0;
}

static void what_a_driver_writes_before_it_serves_counts_only_if_it_will(void **state)
{
	struct rig *rig = open_rig();
	struct ndrv_error err = {0};
	char path[512];
	struct driver_request request = {.name = "rec", .path = path};
	const void *value = NULL;
	size_t bytes = 0;
	int fail = 1;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/rec.so", RECORDERS);
	assert_ok(registry_unload(rig->registry, "rec", &err), &err);
	rig->act = write_in_configure;
	rig->act_data = &fail;
	assert_fails(registry_load(rig->registry, &request, NULL, &err), &err, NDRV_E_BAD_REQUEST, "scripted");
	assert_fails(store_driver_get(rig->store, &rig->arena.ndrv, "rec", "b", &value, &bytes, &err), &err, NDRV_E_NOT_FOUND, "b");
	fail = 0;
	assert_ok(registry_load(rig->registry, &request, NULL, &err), &err);
	assert_ok(store_driver_get(rig->store, &rig->arena.ndrv, "rec", "b", &value, &bytes, &err), &err);
	close_rig(rig);
}

static void a_driver_with_networks_cannot_be_unloaded(void **state)
{
	struct rig *rig = open_rig();
	struct ndrv_error err = {0};

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_fails(registry_unload(rig->registry, "rec", &err), &err, NDRV_E_DRIVER_IN_USE, "networks");
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	assert_ok(registry_unload(rig->registry, "rec", &err), &err);
	assert_reply_fails(rig_network(rig, "rec", "n1"), NDRV_E_NO_DRIVER, "rec");
	close_rig(rig);
}

/* --- timers --- */

struct ticks {
	_Atomic uint32_t fired, with_network;
	_Atomic int revents;
	struct ndrv_timer *timer;
	struct ndrv_watch *watch;
	int fds[2];
	struct ndrv_error err;
	int rc;
};

static void on_tick(struct ndrv_call *call, struct ndrv_network *network, void *data)
{
	struct ticks *ticks = data;

	if (network && !strcmp(network->id, "n1") && call->err && call->arena)
		(void)atomic_fetch_add(&ticks->with_network, 1);
	(void)atomic_fetch_add(&ticks->fired, 1);
}

static void on_ready(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data)
{
	struct ticks *ticks = data;
	char byte;

	(void)call;
	(void)network;
	if (read(fd, &byte, 1) == 1)
		(void)atomic_fetch_add(&ticks->fired, 1);
	atomic_store(&ticks->revents, (int)revents);
}

static int add_timer(struct rig *rig, struct recorded *recorded)
{
	struct ticks *ticks = rig->act_data;

	if (!strcmp(recorded->op, "network_create"))
		ticks->rc = ndrv_timer_add(rig->recorder.host, recorded->network, 2 * NSEC_PER_MSEC, 2 * NSEC_PER_MSEC, on_tick,
					   ticks, &ticks->timer, &ticks->err);
	return 0;
}

static void wait_for(_Atomic uint32_t *counter, uint32_t value)
{
	while (atomic_load(counter) < value)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void timers_fire_under_their_networks_turn_until_it_goes(void **state)
{
	struct rig *rig = open_rig();
	struct ticks ticks = {0};

	(void)state;
	rig->act = add_timer;
	rig->act_data = &ticks;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_ok(ticks.rc, &ticks.err);
	wait_for(&ticks.fired, 3);
	/* While somebody has the turn, nothing fires. */
	struct network *network = NULL;
	assert_ok(records_resolve(rig->records, "n1", &network, &ticks.err), &ticks.err);
	assert_true(turn_wait(&network->turn, 0));
	uint32_t before = atomic_load(&ticks.fired);
	(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_int_equal(atomic_load(&ticks.fired), before);
	turn_pass(&network->turn);
	network_unref(network);
	wait_for(&ticks.fired, before + 1);
	assert_int_equal(atomic_load(&ticks.fired), atomic_load(&ticks.with_network));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "n1", NULL));
	before = atomic_load(&ticks.fired);
	(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_int_equal(atomic_load(&ticks.fired), before);
	close_rig(rig);
}

static void watches_fire_once_per_readiness_and_single_timers_once(void **state)
{
	struct rig *rig = open_rig();
	struct ticks ticks = {0}, once = {0};
	struct ndrv_error err = {0};
	const struct ndrv_host *host = rig->recorder.host;

	(void)state;
	assert_int_equal(pipe(ticks.fds), 0);
	assert_ok(host->timers->watch_add(host, NULL, ticks.fds[0], POLLIN, on_ready, &ticks, &ticks.watch, &err), &err);
	assert_ok(ndrv_timer_add(host, NULL, NSEC_PER_MSEC, 0, on_tick, &once, NULL, &err), &err);
	wait_for(&once.fired, 1);
	assert_int_equal(atomic_load(&ticks.fired), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(write(ticks.fds[1], "x", 1), 1);
		wait_for(&ticks.fired, i);
	}
	assert_true(atomic_load(&ticks.revents) & POLLIN);
	assert_int_equal(atomic_load(&once.fired), 1);
	host->timers->watch_del(host, ticks.watch);
	assert_int_equal(write(ticks.fds[1], "x", 1), 1);
	(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(atomic_load(&ticks.fired), 3);
	close_rig(rig);
	(void)close(ticks.fds[0]);
	(void)close(ticks.fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers_keys_survive_a_restart),
		cmocka_unit_test(what_a_driver_writes_before_it_serves_counts_only_if_it_will),
		cmocka_unit_test(a_driver_with_networks_cannot_be_unloaded),
		cmocka_unit_test(timers_fire_under_their_networks_turn_until_it_goes),
		cmocka_unit_test(watches_fire_once_per_readiness_and_single_timers_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
