/* SPDX-License-Identifier: Apache-2.0 */
/* The real bridge driver is swapped between two builds of it while two namespaces talk, and while others are plugged and unplugged:
 * 1,000 datagrams a second and a TCP stream, of which nothing may be missing. NDRV_SOAK=1: 1,000 swaps instead of 50. */
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

#define UDP_PORT 7001
#define TCP_PORT 7002
#define CHUNK 4096
#define SECOND 1000000000

static struct daemon host;
static struct netns ends[3];
static _Atomic bool stop;

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return in;
}

struct opening {
	int type, fd;
};

static void open_socket(void *data)
{
	struct opening *opening = data;

	opening->fd = socket(AF_INET, opening->type | SOCK_CLOEXEC, 0);
}

static int socket_in(const struct netns *ns, int type)
{
	struct opening opening = {type, -1};

	netns_run(ns, open_socket, &opening);
	assert_true(opening.fd >= 0);
	/* Receivers give up by themselves. */
	assert_int_equal(setsockopt(opening.fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 2}, sizeof(struct timeval)),
			 0);
	return opening.fd;
}

/* --- datagrams --- */

struct datagrams {
	int from, to;
	uint64_t sent, received, twice;
	uint32_t next;
};

static void *send_datagrams(void *data)
{
	struct datagrams *udp = data;
	struct sockaddr_in to = address("10.77.0.3", UDP_PORT);
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	for (uint32_t number = 0; !atomic_load(&stop); number++) {
		if (sendto(udp->from, &number, sizeof(number), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(number))
			udp->sent++;
		at.tv_nsec += SECOND / 1000;
		at.tv_sec += at.tv_nsec / SECOND;
		at.tv_nsec %= SECOND;
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	return NULL;
}

static void *receive_datagrams(void *data)
{
	struct datagrams *udp = data;
	uint32_t number;

	while (recv(udp->to, &number, sizeof(number), 0) == sizeof(number)) {
		udp->received++;
		udp->twice += number < udp->next;
		udp->next = number + 1;
	}
	return NULL;
}

/* --- the stream --- */

struct stream {
	int listener;
	uint64_t sent, received, wrong;
};

static void *send_stream(void *data)
{
	struct stream *stream = data;
	struct sockaddr_in to = address("10.77.0.3", TCP_PORT);
	int fd = socket_in(&ends[0], SOCK_STREAM);
	uint8_t chunk[CHUNK];

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		while (!atomic_load(&stop)) {
			for (size_t i = 0; i < sizeof(chunk); i++)
				chunk[i] = (uint8_t)((stream->sent + i) * 31u >> 3);
			ssize_t done = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
			if (done < 0)
				break;
			stream->sent += (uint64_t)done;
			(void)nanosleep(&(struct timespec){.tv_nsec = SECOND / 2000}, NULL);
		}
	}
	(void)close(fd);
	return NULL;
}

static void *receive_stream(void *data)
{
	struct stream *stream = data;
	int fd = accept(stream->listener, NULL, NULL);
	uint8_t chunk[CHUNK];
	ssize_t got;

	while (fd >= 0 && (got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, stream->received++)
			stream->wrong += chunk[i] != (uint8_t)(stream->received * 31u >> 3);
	if (fd >= 0)
		(void)close(fd);
	return NULL;
}

/* --- plugging meanwhile --- */

struct plugging {
	unsigned done, failed;
};

static void *plug_and_unplug(void *data)
{
	struct plugging *plugging = data;

	while (!atomic_load(&stop)) {
		bool well = daemon_ctl(&host, NULL, 0, "network", "connect", "web", "--netns", ends[2].path, "--endpoint", "third",
				       "--ip", "10.77.0.9", NULL) == 0;
		well = well && netns_ping(&ends[2], "10.77.0.2");
		well = daemon_ctl(&host, NULL, 0, "network", "disconnect", "web", "third", NULL) == 0 && well;
		plugging->done++;
		plugging->failed += !well;
	}
	return NULL;
}

static void set_up_network(void)
{
	daemon_set_up(&host, "swap: {drain: 20s, probation: 0s}\n");
	daemon_add_driver(&host, "bridge", SWAP_DRIVERS_DIR "/swbridge1.so", NULL);
	daemon_start(&host);
	assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "create", "web", "-d", "bridge", "--subnet", "10.77.0.0/24", NULL),
			 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(daemon_ctl(&host, NULL, 0, "network", "connect", "web", "--netns", ends[i].path, "--endpoint",
					    i ? "second" : "first", "--ip", i ? "10.77.0.3" : "10.77.0.2", NULL),
				 0);
}

static int64_t swap_to(int version)
{
	char reply[4096], file[256];

	(void)snprintf(file, sizeof(file), "%s/swbridge%d.so", SWAP_DRIVERS_DIR, version);
	assert_int_equal(daemon_ctl(&host, reply, sizeof(reply), "--json", "driver", "swap", "bridge", file, NULL), 0);
	json_t *document = json_loads(reply, 0, NULL);
	int64_t pause = json_integer_value(json_object_get(document, "pause_us"));
	json_decref(document);
	return pause;
}

static void no_packet_is_lost_and_no_connection_cut(void **state)
{
	struct datagrams udp = {0};
	struct stream tcp = {0};
	struct plugging plugging = {0};
	struct sockaddr_in in = address("10.77.0.3", UDP_PORT);
	pthread_t threads[5];
	unsigned swaps = getenv("NDRV_SOAK") ? 1000 : 50;
	int64_t pause = 0, worst = 0;

	(void)state;
	netns_enter_fresh();
	for (int i = 0; i < 3; i++)
		netns_new(&ends[i]);
	set_up_network();
	udp.from = socket_in(&ends[0], SOCK_DGRAM);
	udp.to = socket_in(&ends[1], SOCK_DGRAM);
	assert_int_equal(bind(udp.to, (struct sockaddr *)&in, sizeof(in)), 0);
	tcp.listener = socket_in(&ends[1], SOCK_STREAM);
	in.sin_port = htons(TCP_PORT);
	assert_int_equal(bind(tcp.listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(tcp.listener, 1), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, receive_datagrams, &udp), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, send_datagrams, &udp), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, receive_stream, &tcp), 0);
	assert_int_equal(pthread_create(&threads[3], NULL, send_stream, &tcp), 0);
	assert_int_equal(pthread_create(&threads[4], NULL, plug_and_unplug, &plugging), 0);
	for (unsigned i = 0; i < swaps; i++) {
		int64_t now = swap_to(i % 2 ? 1 : 2);
		pause += now;
		worst = now > worst ? now : worst;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message(
		"%u swaps of bridge: %llu datagrams, %llu lost, %llu out of order; %llu bytes of TCP, %llu missing, %llu wrong; "
		"%u times plugged, %u failed; pause %lld us on average, %lld at most\n",
		swaps, (unsigned long long)udp.sent, (unsigned long long)(udp.sent - udp.received), (unsigned long long)udp.twice,
		(unsigned long long)tcp.sent, (unsigned long long)(tcp.sent - tcp.received), (unsigned long long)tcp.wrong,
		plugging.done, plugging.failed, (long long)(pause / swaps), (long long)worst);
	(void)close(udp.from);
	(void)close(udp.to);
	(void)close(tcp.listener);
	daemon_tear_down(&host);
	for (int i = 0; i < 3; i++)
		netns_free(&ends[i]);
	assert_true(udp.sent > 0 && tcp.sent > 0 && plugging.done > 0);
	assert_int_equal(udp.sent, udp.received);
	assert_int_equal(udp.twice, 0);
	assert_int_equal(tcp.sent, tcp.received);
	assert_int_equal(tcp.wrong, 0);
	assert_int_equal(plugging.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_lost_and_no_connection_cut),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
