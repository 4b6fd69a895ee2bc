/* SPDX-License-Identifier: Apache-2.0 */
/* What a call costs through the remote driver, a socket and the Docker front, beside the same call without them, and beside the
 * least there is of such a way: the same bytes to a thread on a unix socket and back, that neither reads nor thinks. One caller at
 * a time; the median of many. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/front/docker.h"
#include "tests/lib/http.h"
#include "tests/remote/remoterig.h"

#define CALLS 4000u
#define WARM 400u

static const char request_text[] = "POST /NetworkDriver.EndpointOperInfo HTTP/1.1\r\nHost: plugin.moby.localhost\r\nUser-Agent: "
				   "ndrvd/0.1.0\r\nContent-Length: 37\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n"
				   "{\"NetworkID\":\"n1\",\"EndpointID\":\"e1\"}\n";
static const char reply_text[] = "HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 04:00:00 GMT\r\nContent-Type: "
				 "application/vnd.docker.plugins.v1.2+json\r\nContent-Length: 13\r\n\r\n{\"Value\":{}}\n";

/* --- the floor --- */

static void *echo(void *data)
{
	const int *listener = data;
	char text[1024];
	ssize_t got;
	int fd = accept(*listener, NULL, NULL);

	while (fd >= 0 && (got = recv(fd, text, sizeof(text), 0)) > 0)
		if (text[got - 1] == '\n' && send(fd, reply_text, sizeof(reply_text) - 1, MSG_NOSIGNAL) < 0)
			break;
	(void)close(fd);
	return NULL;
}

static void floor_call(void *data)
{
	const int *fd = data;
	char text[1024];
	size_t have = 0;

	if (send(*fd, request_text, sizeof(request_text) - 1, MSG_NOSIGNAL) < 0)
		abort();
	while (have < sizeof(reply_text) - 1) {
		ssize_t got = recv(*fd, text, sizeof(text), 0);
		if (got <= 0)
			abort();
		have += (size_t)got;
	}
}

/* --- dispatchers --- */

static void rig_call(void *data)
{
	struct rig *rig = data;
	struct reply reply = rig_op(rig, REQ_ENDPOINT_INFO, "n1", "e1");

	if (reply.error.code) {
		(void)fprintf(stderr, "bench_remote: %s\n", reply.error.text);
		exit(1);
	}
	arena_reset(&rig->arena);
}

/* Make and delete: what a container costs. */
static void rig_life(void *data)
{
	struct rig *rig = data;

	assert_reply_ok(rig_endpoint(rig, "n1", "e2"));
	assert_reply_ok(rig_join(rig, "n1", "e2", "/run/netns/x"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n1", "e2"));
	arena_reset(&rig->arena);
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_us(void (*call)(void *data), void *data)
{
	static uint64_t times[CALLS];

	for (unsigned i = 0; i < WARM; i++)
		call(data);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t start = clock_ns();
		call(data);
		times[i] = clock_ns() - start;
	}
	qsort(times, CALLS, sizeof(times[0]), compare_times);
	return (double)times[CALLS / 2] / 1000;
}

/* Nothing but the answer: no writing down. */
static int say_nothing(struct recorder *recorder, struct recorded *recorded)
{
	(void)recorder, (void)recorded;
	return 0;
}

static void report(const char *what, double us, double floor_us)
{
	(void)printf("  %-58s %8.1f us  %5.2f x floor\n", what, us, us / floor_us);
}

int main(void)
{
	static const char *const drivers[] = {"rec", NULL}, *const none[] = {NULL};
	static struct rig served, asked;
	char dir[] = "/tmp/ndrv-bench-XXXXXX", path[64], floor_path[64], address[80];
	struct ndrv_error err = {0};
	struct docker *docker;
	pthread_t thread;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/p.sock", dir);
	(void)snprintf(floor_path, sizeof(floor_path), "%s/f.sock", dir);
	(void)snprintf(address, sizeof(address), "unix://%s", path);
	rig_open(&served, RIG_QUIET, drivers);
	rig_open(&asked, RIG_QUIET, none);
	served.recorder.call = say_nothing;
	struct docker_options options = {.dispatch = served.dispatch,
					 .listen_fd = fakeplugin_listen(path),
					 .name = "p",
					 .type = "rec",
					 .data_scope = NDRV_SCOPE_LOCAL,
					 .connectivity_scope = NDRV_SCOPE_LOCAL,
					 .token = "",
					 .max_connections = 64,
					 .request_timeout_ns = 30 * NSEC_PER_SEC,
					 .max_request = 1 << 20};
	assert_ok(docker_start(&options, &docker, &err), &err);
	struct ndrv_value config = remote_config(&asked, "p", address, 0);
	assert_ok(remote_load(&asked, &config, &err), &err);
	assert_reply_ok(rig_network(&asked, "p", "n1"));
	assert_reply_ok(rig_endpoint(&asked, "n1", "e1"));

	int listener = fakeplugin_listen(floor_path);
	int flags = fcntl(listener, F_GETFL);
	(void)fcntl(listener, F_SETFL, flags & ~O_NONBLOCK);
	assert_int_equal(pthread_create(&thread, NULL, echo, &listener), 0);
	int fd = http_connect(floor_path);

	double floor_us = median_us(floor_call, &fd), direct_us = median_us(rig_call, &served);
	double chain_us = median_us(rig_call, &asked), life_us = median_us(rig_life, &asked), own_us = median_us(rig_life, &served);
	(void)printf("a call through remote driver, socket and Docker front\n");
	report("floor: the same bytes to a thread and back", floor_us, floor_us);
	report("endpoint_info, directly", direct_us, floor_us);
	report("endpoint_info, through the chain", chain_us, floor_us);
	report("endpoint_info, what the chain adds", chain_us - direct_us, floor_us);
	report("endpoint, join, delete, directly", own_us, floor_us);
	report("endpoint, join, delete, through the chain (4 requests)", life_us, floor_us);

	(void)close(fd);
	(void)pthread_join(thread, NULL);
	rig_close(&asked);
	docker_stop(docker);
	rig_close(&served);
	(void)close(listener);
	(void)close(options.listen_fd);
	(void)unlink(path);
	(void)unlink(floor_path);
	(void)rmdir(dir);
	return 0;
}
