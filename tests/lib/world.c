/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/http.h"
#include "tests/lib/test.h"

#define PATIENCE_MS 5000
#define SILENCE_MS 200

/* --- the cable --- */

static void address(struct ndrv_nl *nl, const char *name, uint32_t index, const char *text)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix own;

	assert_ok(ndrv_prefix_parse(text, &own, &err), &err);
	assert_ok(ndrv_address_add(nl, name, index, &own, &err), &err);
}

static void default_route(struct ndrv_nl *nl, const char *name, uint32_t index, const char *everywhere, const char *via)
{
	struct ndrv_error err = {0};
	struct ndrv_route route = {.type = NDRV_ROUTE_NEXTHOP};

	assert_ok(ndrv_prefix_parse(everywhere, &route.destination, &err), &err);
	assert_ok(ndrv_addr_parse(via, &route.next_hop, &err), &err);
	assert_ok(ndrv_route_add(nl, name, index, &route, 0, &err), &err);
}

static void lay_cable(const struct netns *outside)
{
	struct ndrv_link_peer peer = {.name = "p1", .netns_fd = outside->fd};
	struct ndrv_link_spec spec = {.kind = "veth", .name = "p0", .up = 1, .peer = &peer};
	struct ndrv_link_change up = {.up = 1};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link link;

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &link, &err), &err);
	address(nl, "p0", link.index, WORLD_HOST4 "/24");
	address(nl, "p0", link.index, WORLD_HOST6 "/64");
	ndrv_nl_close(nl);
	nl = netns_nl(outside);
	assert_ok(ndrv_link_get(nl, "p1", 0, &link, &err), &err);
	assert_ok(ndrv_link_set(nl, "p1", link.index, &up, &err), &err);
	address(nl, "p1", link.index, WORLD_OUTSIDE4 "/24");
	address(nl, "p1", link.index, WORLD_OUTSIDE6 "/64");
	default_route(nl, "p1", link.index, "0.0.0.0/0", WORLD_HOST4);
	default_route(nl, "p1", link.index, "::/0", WORLD_HOST6);
	ndrv_nl_close(nl);
}

/* --- the host --- */

static void skip_without_nat(struct world *world)
{
	char said[4096];

	if (daemon_ctl(&world->daemon, said, sizeof(said), "network", "create", "probe", "-d", "bridge", "--subnet", "10.99.0.0/24",
		       NULL) == 5) {
		(void)fprintf(stderr, "SKIPPED: this kernel has no NAT for the host to use\n");
		world_close(world);
		exit(77);
	}
	(void)world_ctl(world, 0, "network rm probe");
}

void world_open(struct world *world, const char *driver)
{
	netns_enter_fresh();
	netns_new(&world->outside);
	lay_cable(&world->outside);
	daemon_set_up(&world->daemon, "log: {level: info}\nswap: {probation: 1s}\n");
	daemon_add_driver(&world->daemon, "bridge", driver ? driver : BUILT_DRIVERS "/bridge.so", NULL);
	daemon_start(&world->daemon);
	skip_without_nat(world);
}

void world_close(struct world *world)
{
	daemon_tear_down(&world->daemon);
	netns_free(&world->outside);
}

#define WORDS 24

const char *world_ctl(const struct world *world, int status, const char *fmt, ...)
{
	static char said[65536];
	char line[1024], *words[WORDS + 1] = {NULL}, *rest = line;
	va_list args;
	int count = 0;

	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	for (char *word; (word = strtok_r(rest, " ", &rest)) && count < WORDS; count++) {
		for (char *at = word; *at; at++)
			if (*at == '~')
				*at = ' ';
		words[count] = word;
	}
	int got =
		daemon_ctl(&world->daemon, said, sizeof(said), words[0], words[1], words[2], words[3], words[4], words[5], words[6],
			   words[7], words[8], words[9], words[10], words[11], words[12], words[13], words[14], words[15],
			   words[16], words[17], words[18], words[19], words[20], words[21], words[22], words[23], NULL);
	if (got != status)
		fail_msg("ndrvctl %s %s %s ...: exit status %d, not %d: %s", words[0], words[1], words[2] ? words[2] : "", got,
			 status, said);
	return said;
}

long world_number(const char *said, const char *key)
{
	const char *at = strstr(said, key);

	if (!at)
		fail_msg("there is no %s in: %s", key, said);
	at += strlen(key);
	at += strcspn(at, "0123456789");
	return strtol(at, NULL, 10);
}

int world_program(const struct world *world, const char *network, const char *endpoint, const char *body)
{
	char target[512], nid[65] = "", eid[65] = "";
	struct http_answer answer;
	const char *said = world_ctl(world, 0, "--json endpoint inspect %s --network %s", endpoint, network);

	assert_int_equal(sscanf(strstr(said, "\"id\": \"") + 7, "%64[0-9a-f]", eid), 1);
	assert_int_equal(sscanf(strstr(said, "\"network\": \"") + 12, "%64[0-9a-f]", nid), 1);
	(void)snprintf(target, sizeof(target), "/v1/networks/%s/endpoints/%s/program", nid, eid);
	assert_int_equal(http_ask(world->daemon.socket, "POST", target, body, &answer), 0);
	int status = answer.status;
	http_answer_free(&answer);
	return status;
}

/* --- talking --- */

struct end {
	int family, type, fd;
};

static void open_end(void *data)
{
	struct end *end = data;

	end->fd = socket(end->family, end->type | SOCK_CLOEXEC, 0);
}

static int socket_in(const struct netns *ns, int family, int type)
{
	struct end end = {family, type, -1};

	if (ns)
		netns_run(ns, open_end, &end);
	else
		open_end(&end);
	if (end.fd < 0)
		fail_msg("socket: %s", strerrordesc_np(errno));
	return end.fd;
}

union any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t fill(union any *any, const char *to, uint16_t port)
{
	memset(any, 0, sizeof(*any));
	if (strchr(to, ':')) {
		any->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		assert_int_equal(inet_pton(AF_INET6, to, &any->in6.sin6_addr), 1);
		return sizeof(any->in6);
	}
	any->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	assert_int_equal(inet_pton(AF_INET, to, &any->in.sin_addr), 1);
	return sizeof(any->in);
}

static bool ready(int fd, short what, int patience_ms)
{
	struct pollfd p = {.fd = fd, .events = what};

	return poll(&p, 1, patience_ms) == 1 && (p.revents & what);
}

/* The server's side: a byte comes and goes back. */
static bool answer(int type, int server, int client, int patience_ms, union any *peer)
{
	socklen_t bytes = sizeof(*peer);
	bool ok = false;
	char byte = 0;

	if (!ready(server, POLLIN, patience_ms))
		return false;
	if (type == SOCK_DGRAM) {
		ok = recvfrom(server, &byte, 1, 0, &peer->sa, &bytes) == 1 && sendto(server, &byte, 1, 0, &peer->sa, bytes) == 1;
	} else {
		int fd = accept4(server, &peer->sa, &bytes, SOCK_CLOEXEC);
		ok = fd >= 0 && ready(client, POLLOUT, patience_ms) && send(client, "x", 1, MSG_NOSIGNAL) == 1 &&
		     ready(fd, POLLIN, patience_ms) && recv(fd, &byte, 1, 0) == 1 && send(fd, "y", 1, MSG_NOSIGNAL) == 1;
		if (fd >= 0)
			(void)close(fd);
	}
	return ok && ready(client, POLLIN, patience_ms) && recv(client, &byte, 1, 0) == 1;
}

static bool talk(int type, const struct netns *from, const char *to, uint16_t port, const struct netns *at, uint16_t at_port,
		 int patience_ms, char *seen)
{
	bool v6 = strchr(to, ':') != NULL;
	union any there, here, peer = {0};
	socklen_t bytes = fill(&there, to, port), own = fill(&here, v6 ? "::" : "0.0.0.0", at_port);
	int server = socket_in(at, v6 ? AF_INET6 : AF_INET, type),
	    client = socket_in(from, v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK), on = 1;

	(void)setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server, &here.sa, own) || (type == SOCK_STREAM && listen(server, 1)))
		fail_msg("listen on %u: %s", at_port, strerrordesc_np(errno));
	bool ok = !connect(client, &there.sa, bytes) || errno == EINPROGRESS;
	if (ok && type == SOCK_DGRAM)
		ok = send(client, "x", 1, 0) == 1;
	ok = ok && answer(type, server, client, patience_ms, &peer);
	if (ok && seen)
		(void)inet_ntop(peer.sa.sa_family, v6 ? (void *)&peer.in6.sin6_addr : (void *)&peer.in.sin_addr, seen, 64);
	(void)close(server);
	(void)close(client);
	return ok;
}

bool world_talks(int type, const struct netns *from, const char *to, uint16_t port, const struct netns *at, uint16_t at_port,
		 char *seen)
{
	return talk(type, from, to, port, at, at_port, PATIENCE_MS, seen);
}

bool world_silent(int type, const struct netns *from, const char *to, uint16_t port, const struct netns *at, uint16_t at_port)
{
	return !talk(type, from, to, port, at, at_port, SILENCE_MS, NULL);
}

/* --- the host's settings --- */

bool world_sysctl(const char *path, const char *value)
{
	char full[128];

	(void)snprintf(full, sizeof(full), "/proc/sys/%s", path);
	FILE *file = fopen(full, "w");
	if (!file)
		return false;
	(void)fputs(value, file);
	return fclose(file) == 0;
}

char *world_ruleset(void)
{
	size_t room = 1u << 20, used = 0;
	char *text = calloc(1, room);
	FILE *nft = popen("nft -s list ruleset 2>/dev/null", "r");

	assert_non_null(text);
	if (!nft)
		return text;
	for (size_t got; used < room - 1 && (got = fread(text + used, 1, room - 1 - used, nft)) > 0;)
		used += got;
	(void)pclose(nft);
	return text;
}
