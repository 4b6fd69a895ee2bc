/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/flow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/test.h"

#define CHUNK 4096
/* Of the receiver: a sender that gets no processor for a while makes up for it in one burst, which is not the host's to lose. */
#define DATAGRAM_ROOM (16 << 20)

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
	const struct timeval patience = {.tv_sec = 2};

	netns_run(ns, open_socket, &opening);
	assert_true(opening.fd >= 0);
	assert_int_equal(setsockopt(opening.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return opening.fd;
}

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return in;
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31u >> 3);
}

static void *send_datagrams(void *data)
{
	struct flow *flow = data;
	uint64_t at = clock_ns();

	for (uint32_t number = 0; !atomic_load(&flow->stop); number++) {
		if (send(flow->udp_from, &number, sizeof(number), 0) == (ssize_t)sizeof(number))
			flow->datagrams++;
		at += NSEC_PER_SEC / 1000;
		struct timespec ts = {.tv_sec = (time_t)(at / NSEC_PER_SEC), .tv_nsec = (long)(at % NSEC_PER_SEC)};
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	}
	return NULL;
}

/* Ends when nothing has come for the socket's two seconds. */
static void *receive_datagrams(void *data)
{
	struct flow *flow = data;
	uint64_t last = 0;
	uint32_t number, next = 0;

	while (recv(flow->udp_to, &number, sizeof(number), 0) == (ssize_t)sizeof(number)) {
		uint64_t now = clock_ns();
		if (last && now - last > flow->longest_gap_ns)
			flow->longest_gap_ns = now - last;
		last = now;
		flow->received++;
		flow->disordered += number < next;
		next = number + 1;
	}
	return NULL;
}

static void *send_stream(void *data)
{
	struct flow *flow = data;
	uint8_t chunk[CHUNK];

	while (!atomic_load(&flow->stop)) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = byte_at(flow->bytes + i);
		ssize_t done = send(flow->tcp_from, chunk, sizeof(chunk), MSG_NOSIGNAL);
		if (done < 0)
			break;
		flow->bytes += (uint64_t)done;
		(void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
	}
	(void)shutdown(flow->tcp_from, SHUT_WR);
	return NULL;
}

static void *receive_stream(void *data)
{
	struct flow *flow = data;
	uint8_t chunk[CHUNK];
	ssize_t got;

	while ((got = recv(flow->tcp_to, chunk, sizeof(chunk), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, flow->bytes_received++)
			flow->bytes_wrong += chunk[i] != byte_at(flow->bytes_received);
	return NULL;
}

void flow_start(struct flow *flow, const struct netns *from, const struct netns *to, const char *address)
{
	static void *(*const work[])(void *) = {receive_datagrams, send_datagrams, receive_stream, send_stream};
	struct sockaddr_in udp = address_of(address, FLOW_UDP_PORT), tcp = address_of(address, FLOW_TCP_PORT);
	struct sockaddr_in own = address_of("0.0.0.0", FLOW_UDP_PORT), own_tcp = address_of("0.0.0.0", FLOW_TCP_PORT);

	*flow = (struct flow){0};
	flow->udp_from = socket_in(from, SOCK_DGRAM);
	flow->udp_to = socket_in(to, SOCK_DGRAM);
	const int room = DATAGRAM_ROOM;
	assert_int_equal(setsockopt(flow->udp_to, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	assert_int_equal(bind(flow->udp_to, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(flow->udp_from, (struct sockaddr *)&udp, sizeof(udp)), 0);
	int listener = socket_in(to, SOCK_STREAM);
	assert_int_equal(bind(listener, (struct sockaddr *)&own_tcp, sizeof(own_tcp)), 0);
	assert_int_equal(listen(listener, 1), 0);
	flow->tcp_from = socket_in(from, SOCK_STREAM);
	assert_int_equal(connect(flow->tcp_from, (struct sockaddr *)&tcp, sizeof(tcp)), 0);
	flow->tcp_to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(flow->tcp_to >= 0);
	(void)close(listener);
	const struct timeval patience = {.tv_sec = 10};
	assert_int_equal(setsockopt(flow->tcp_to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&flow->threads[i], NULL, work[i], flow), 0);
}

void flow_stop(struct flow *flow)
{
	atomic_store(&flow->stop, true);
	for (int i = 0; i < 4; i++)
		(void)pthread_join(flow->threads[i], NULL);
	(void)close(flow->udp_from);
	(void)close(flow->udp_to);
	(void)close(flow->tcp_from);
	(void)close(flow->tcp_to);
}
