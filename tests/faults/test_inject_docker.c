/* SPDX-License-Identifier: Apache-2.0 */
/* What dockerd asks over the life of a network and its container, with our pools, and something fails in each request, or the host
 * is killed in it. dockerd undoes what it made, never asks again for what could not be deleted, and in the end nothing is left. */
#include "tests/lib/test.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/inject_rig.h"
#include "tests/lib/http.h"

#define PATIENCE_MS 30000
#define POOL_ID "\"PoolID\":\"s/10.77.0.0/24\""
#define NET_ID "\"NetworkID\":\"n1\""
#define EP_ID NET_ID ",\"EndpointID\":\"e1\""
#define REQUEST_POOL(pool) "{\"AddressSpace\":\"s\",\"Pool\":\"" pool "\",\"SubPool\":\"\",\"Options\":null,\"V6\":false}"

enum step { POOL, GATEWAY, NETWORK, ADDRESS_OF, ENDPOINT, JOIN, LEAVE, NO_ENDPOINT, NO_ADDRESS, NO_POOL, NO_NETWORK, STEPS };

/* What dockerd asks next to get rid of it all, where this one failed and where it was done; the steps after that follow. */
static const struct {
	const char *method, *body;
	enum step failed, done;
} steps[STEPS] = {
	[POOL] = {"IpamDriver.RequestPool", REQUEST_POOL("10.77.0.0/24"), STEPS, NO_POOL},
	[GATEWAY] = {"IpamDriver.RequestAddress",
		     "{" POOL_ID ",\"Address\":\"10.77.0.1\",\"Options\":{\"RequestAddressType\":\"com.docker.network.gateway\"}}",
		     NO_POOL, NO_POOL},
	[NETWORK] = {"NetworkDriver.CreateNetwork",
		     "{" NET_ID ",\"Options\":{\"com.docker.network.generic\":{}},\"IPv4Data\":[{\"AddressSpace\":\"s\","
		     "\"Gateway\":\"10.77.0.1/24\",\"Pool\":\"10.77.0.0/24\"}],\"IPv6Data\":[]}",
		     NO_POOL, NO_POOL},
	[ADDRESS_OF] = {"IpamDriver.RequestAddress", "{" POOL_ID ",\"Address\":\"10.77.0.7\",\"Options\":{}}", NO_POOL, NO_ADDRESS},
	[ENDPOINT] = {"NetworkDriver.CreateEndpoint",
		      "{" EP_ID
		      ",\"Interface\":{\"Address\":\"10.77.0.7/24\",\"AddressIPv6\":\"\",\"MacAddress\":\"\"},\"Options\":{}}",
		      NO_ADDRESS, NO_ENDPOINT},
	[JOIN] = {"NetworkDriver.Join", "{" EP_ID ",\"SandboxKey\":\"/nowhere\",\"Options\":{}}", NO_ENDPOINT, LEAVE},
	[LEAVE] = {"NetworkDriver.Leave", "{" EP_ID "}", NO_ENDPOINT, NO_ENDPOINT},
	[NO_ENDPOINT] = {"NetworkDriver.DeleteEndpoint", "{" EP_ID "}", NO_ADDRESS, NO_ADDRESS},
	[NO_ADDRESS] = {"IpamDriver.ReleaseAddress", "{" POOL_ID ",\"Address\":\"10.77.0.7\"}", NO_POOL, NO_POOL},
	[NO_POOL] = {"IpamDriver.ReleasePool", "{" POOL_ID "}", NO_NETWORK, NO_NETWORK},
	[NO_NETWORK] = {"NetworkDriver.DeleteNetwork", "{" NET_ID "}", STEPS, STEPS},
};

enum answer { SILENT, REFUSED, DONE };

static enum answer post(struct rig *rig, const char *method, const char *body, char *ret)
{
	struct http_answer answer = {0};
	char path[128], request[1024];
	enum answer what = SILENT;

	(void)snprintf(path, sizeof(path), "%s/run/plugins/" RIG_PLUGIN ".sock", rig->daemon.dir);
	(void)snprintf(request, sizeof(request), "POST /%s HTTP/1.1\r\nHost: \r\nContent-Length: %zu\r\n\r\n%s", method,
		       strlen(body), body);
	/* dockerd waits for a plugin, too. */
	int fd = http_connect(path);
	for (int i = 0; fd < 0 && i < 500; i++) {
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		fd = http_connect(path);
	}
	*ret = '\0';
	if (fd >= 0 && http_send(fd, request, strlen(request)) == 0 && http_receive(fd, &answer, PATIENCE_MS) == 0) {
		what = answer.status == 200 && !strstr(answer.body, "\"Err\":\"") && !strstr(answer.body, "\"Error\":\"") ? DONE
															  : REFUSED;
		(void)snprintf(ret, RIG_REASON, "%s", answer.body);
	}
	if (fd >= 0)
		(void)close(fd);
	http_answer_free(&answer);
	return what;
}

static enum answer ask(struct rig *rig, enum step step, char *ret)
{
	return post(rig, steps[step].method, steps[step].body, ret);
}

/* --- what is left --- */

static size_t size_of(struct rig *rig, const char *target, const char *list)
{
	struct http_answer answer = {0};
	size_t size = SIZE_MAX;

	if (http_ask(rig->daemon.socket, "GET", target, NULL, &answer) == 0 && answer.status == 200) {
		json_t *document = json_loads(answer.body, 0, NULL);
		size = json_array_size(json_object_get(document, list));
		json_decref(document);
	}
	http_answer_free(&answer);
	return size;
}

/* Another pool comes and goes, as a reason to look at those that were given back. */
static bool nothing_is_left(struct rig *rig, char *reason)
{
	enum rig_state state;
	long long until = rig_now_ms() + PATIENCE_MS;

	while (size_of(rig, "/v1/status", "owed") && rig_now_ms() < until)
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	(void)rig_settle(rig, reason);
	if (!rig_look(rig, false, &state, reason))
		return false;
	if (state != RIG_NOTHING || size_of(rig, "/v1/status", "owed")) {
		(void)snprintf(reason, RIG_REASON, "state %d, %zu deletions owed", (int)state, size_of(rig, "/v1/status", "owed"));
		return false;
	}
	if (post(rig, "IpamDriver.RequestPool", REQUEST_POOL("10.99.0.0/24"), reason) != DONE ||
	    post(rig, "IpamDriver.ReleasePool", "{\"PoolID\":\"s/10.99.0.0/24\"}", reason) != DONE)
		return false;
	size_t pools = size_of(rig, "/v1/pools", "pools");
	(void)snprintf(reason, RIG_REASON, "%zu pools are held", pools);
	return pools == 0;
}

/* --- one point --- */

/* It was killed. */
static void revive(struct rig *rig)
{
	assert_int_equal(waitpid(rig->daemon.pid, NULL, 0), rig->daemon.pid);
	rig->daemon.pid = 0;
	rig_start(rig);
}

/* dockerd's client repeats what nobody answered; what is answered with an error is undone or forgotten. A pool that it got without
 * hearing of it is free after a minute, which nobody waits for here. */
static void go_on(struct rig *rig, enum step step, enum answer answer, char *reason)
{
	bool lost = answer == SILENT;

	if (lost)
		answer = ask(rig, step, reason);
	enum step from = answer == DONE ? steps[step].done : steps[step].failed;
	if (lost && step == POOL)
		from = NO_POOL;
	for (; from < STEPS; from++)
		/* A network that could not be made is not deleted. */
		if (from != NO_NETWORK || step > NETWORK || (step == NETWORK && answer == DONE))
			(void)ask(rig, from, reason);
}

/* False: the step has no n-th point. */
static bool try_point(struct rig *rig, const struct rig_case *what, enum step step, uint64_t at, uint64_t *ret_seen)
{
	char reason[RIG_REASON] = "";

	for (enum step before = 0; before < step; before++)
		if (ask(rig, before, reason) != DONE)
			fail_msg("%s with nothing failing: %s", steps[before].method, reason);
	rig_arm(rig, what, at);
	enum answer answer = ask(rig, step, reason);
	char said[256];
	(void)snprintf(said, sizeof(said), "%.200s", reason);
	*ret_seen = rig_disarm(rig);
	bool hit = at && *ret_seen >= at;
	rig->total.points += hit;
	rig->total.done += hit && answer == DONE;
	rig->total.refused += hit && answer == REFUSED;
	rig->total.silent += hit && answer == SILENT;
	if (hit && what->error == INJECT_DIE)
		revive(rig);
	go_on(rig, step, answer, reason);
	if (nothing_is_left(rig, reason))
		return hit;
	print_message("%s, %s, point %lu, answer \"%s\": %s\n", what->name, steps[step].method, (unsigned long)at, said, reason);
	rig->total.inconsistent++;
	rig_print_log(rig);
	rig_renew(rig);
	return hit;
}

static void sweep(struct rig *rig, const struct rig_case *what)
{
	rig->total = (struct rig_count){0};
	for (enum step step = 0; step < STEPS; step++) {
		uint64_t points = 0, seen;
		(void)try_point(rig, what, step, 0, &points);
		uint64_t each = rig_step(points, what->sample);
		/* Between what goes with a network and what goes after it every point counts. */
		if (step >= NO_POOL && what->error == INJECT_DIE)
			each = 1;
		/* Others in each step, and the last one too: what comes after it is what a crash leaves undone. */
		for (uint64_t at = each > 1 ? 1 + step % each : 1; try_point(rig, what, step, at, &seen); at += each)
			;
		if (each > 1 && points)
			(void)try_point(rig, what, step, points, &seen);
	}
	rig_print(what->name, &rig->total);
}

static void whatever_fails_docker_leaves_nothing_behind(void **state)
{
	static const struct rig_case cases[] = {
		{.name = "killed at a write", .kind = INJECT_WRITE, .error = INJECT_DIE, .sample = 2},
		{.name = "killed at a message", .kind = INJECT_SEND, .error = INJECT_DIE, .sample = 1},
		{.name = "write: ENOSPC, for good", .kind = INJECT_WRITE, .error = ENOSPC, .sticky = true, .sample = 1},
		{.name = "refused: EBUSY", .kind = INJECT_REFUSE, .error = EBUSY, .sample = 1},
		{.name = "allocation", .kind = INJECT_MEMORY, .error = ENOMEM, .sample = 2},
		{.name = "allocations from there on", .kind = INJECT_MEMORY, .error = ENOMEM, .sticky = true, .sample = 1},
		/* Much like the former disk; in the full run. */
		{.name = "write: EIO", .kind = INJECT_WRITE, .error = EIO, .sample = 1},
	};
	static struct rig rig = {.docker = true};
	unsigned points = 0, inconsistent = 0;

	(void)state;
	rig_set_up(&rig);
	rig_print_head();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases) - (rig_step(2, 1) != 1); i++) {
		sweep(&rig, &cases[i]);
		points += rig.total.points;
		inconsistent += rig.total.inconsistent;
	}
	rig_tear_down(&rig);
	assert_int_equal(inconsistent, 0);
	assert_true(points > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_fails_docker_leaves_nothing_behind),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
