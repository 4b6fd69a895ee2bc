/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic between namespaces, with sockets of our own: no program need be installed. A second is ample for a packet; a test asks
 * whether it arrives at all. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/netns.h"
#include "tests/lib/test.h"

#define PATIENCE_MS 1000
#define PORT 7777

struct address {
	int family;
	socklen_t bytes;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
};

static struct address parse(const char *text, uint16_t port)
{
	struct address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	if (a.family == AF_INET6) {
		a.u.in6.sin6_family = AF_INET6;
		a.u.in6.sin6_port = htons(port);
		a.bytes = sizeof(a.u.in6);
		assert_int_equal(inet_pton(AF_INET6, text, &a.u.in6.sin6_addr), 1);
	} else {
		a.u.in.sin_family = AF_INET;
		a.u.in.sin_port = htons(port);
		a.bytes = sizeof(a.u.in);
		assert_int_equal(inet_pton(AF_INET, text, &a.u.in.sin_addr), 1);
	}
	return a;
}

struct wish {
	int family, type, protocol, fd;
};

static void open_socket(void *data)
{
	struct wish *wish = data;

	wish->fd = socket(wish->family, wish->type | SOCK_CLOEXEC, wish->protocol);
}

static int socket_in(const struct netns *ns, int family, int type, int protocol)
{
	struct wish wish = {family, type, protocol, -1};

	netns_run(ns, open_socket, &wish);
	if (wish.fd < 0)
		fail_msg("socket: %s", strerrordesc_np(errno));
	return wish.fd;
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, PATIENCE_MS) == 1;
}

static uint16_t checksum(const void *data, size_t bytes)
{
	const uint16_t *at = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes / 2; i++)
		sum += at[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The type of an ICMP message in a received packet: IPv4 raw sockets deliver the IP header too. */
static int icmp_type(const unsigned char *packet, ssize_t n, int family)
{
	size_t skip = family == AF_INET ? (size_t)(packet[0] & 15) * 4 : 0;

	return n >= (ssize_t)(skip + 8) ? packet[skip] : -1;
}

bool netns_ping(const struct netns *from, const char *to)
{
	struct address a = parse(to, 0);
	bool v6 = a.family == AF_INET6;
	int fd = socket_in(from, a.family, SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	struct icmphdr echo = {.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	unsigned char packet[256];
	bool ok = false;

	if (!v6)
		echo.checksum = checksum(&echo, sizeof(echo));
	if (sendto(fd, &echo, sizeof(echo), 0, &a.u.sa, a.bytes) == sizeof(echo)) {
		while (!ok && readable(fd)) {
			ssize_t n = recv(fd, packet, sizeof(packet), 0);

			ok = icmp_type(packet, n, a.family) == (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY);
		}
	}
	(void)close(fd);
	return ok;
}

static int listening(const struct netns *ns, const struct address *a, int type)
{
	int fd = socket_in(ns, a->family, type, 0), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a->u.sa, a->bytes) || (type == SOCK_STREAM && listen(fd, 1)))
		fail_msg("listen: %s", strerrordesc_np(errno));
	return fd;
}

bool netns_udp(const struct netns *from, const struct netns *to, const char *addr, size_t bytes)
{
	struct address a = parse(addr, PORT), peer = {.bytes = sizeof(peer.u)};
	int server = listening(to, &a, SOCK_DGRAM), client = socket_in(from, a.family, SOCK_DGRAM, 0);
	char *buffer = calloc(1, bytes);
	bool ok;

	assert_non_null(buffer);
	ok = sendto(client, buffer, bytes, 0, &a.u.sa, a.bytes) == (ssize_t)bytes && readable(server) &&
	     recvfrom(server, buffer, bytes, 0, &peer.u.sa, &peer.bytes) == (ssize_t)bytes &&
	     sendto(server, buffer, bytes, 0, &peer.u.sa, peer.bytes) == (ssize_t)bytes && readable(client) &&
	     recv(client, buffer, bytes, 0) == (ssize_t)bytes;
	free(buffer);
	(void)close(server);
	(void)close(client);
	return ok;
}

/* Both ends on one thread: the sockets do not block, and bytes move as far as they can in turns. */
static bool pump(int from, int to, size_t bytes)
{
	char buffer[4096] = {0};
	size_t sent = 0, got = 0;

	while (got < bytes) {
		size_t want = bytes - sent < sizeof(buffer) ? bytes - sent : sizeof(buffer);
		ssize_t n = want ? send(from, buffer, want, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

		if (n > 0)
			sent += (size_t)n;
		if (!readable(to))
			return false;
		n = recv(to, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

static bool connected(int client, const struct address *a)
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};

	(void)setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(client, &a->u.sa, a->bytes) == 0;
}

bool netns_tcp(const struct netns *from, const struct netns *to, const char *addr, size_t bytes)
{
	struct address a = parse(addr, PORT);
	int server = listening(to, &a, SOCK_STREAM), client = socket_in(from, a.family, SOCK_STREAM, 0), peer = -1;
	bool ok = connected(client, &a) && readable(server);

	if (ok)
		peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	ok = ok && peer >= 0 && pump(client, peer, bytes) && pump(peer, client, bytes);
	if (peer >= 0)
		(void)close(peer);
	(void)close(server);
	(void)close(client);
	return ok;
}
