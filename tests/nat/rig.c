/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/nat/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define PATIENCE_MS 3000 /* a lost first packet is sent again after a second */
#define MOMENT_MS 300

static int patience = PATIENCE_MS;

void run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static const char *first_line(const char *command)
{
	static char line[4096];
	FILE *pipe = popen(command, "r");

	assert_non_null(pipe);
	line[0] = '\0';
	if (fgets(line, sizeof(line), pipe))
		line[strcspn(line, "\n")] = '\0';
	while (fgetc(pipe) != EOF)
		;
	(void)pclose(pipe);
	return line;
}

const char *output(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return first_line(command);
}

long number(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return strtol(first_line(command), NULL, 10);
}

void rig_need(void)
{
	netns_need();
	if (system("nft --version >/dev/null 2>&1 && ip -V >/dev/null 2>&1 && nsenter -V >/dev/null 2>&1") != 0) {
		fprintf(stderr, "skipped: nft, ip or nsenter is not installed\n");
		exit(77);
	}
	netns_enter_fresh();
	if (system("nft add table inet probe 2>/dev/null") != 0) {
		fprintf(stderr, "skipped: this kernel has no nf_tables, or it is not allowed here\n");
		exit(77);
	}
}

static void add_endpoint(const struct netns *ns, const char *name, int net, int host)
{
	run("ip link add v-%s master br-%c up type veth peer name eth0 netns %s", name, name[0], ns->path);
	run("nsenter --net=%s sh -ec 'sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0; ip link set lo up;"
	    " ip link set eth0 up; ip addr add 10.%d.0.%d/24 dev eth0;"
	    " ip -6 addr add fd0%d::%d/64 dev eth0 nodad; ip route add default via 10.%d.0.1; ip -6 route add default via "
	    "fd0%d::1'",
	    ns->path, net, host, net, host, net, net);
}

struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	netns_enter_fresh();
	netns_new(&rig->outside);
	netns_new(&rig->a1);
	netns_new(&rig->a2);
	netns_new(&rig->b1);
	/* Or no first IPv6 packet gets through for a second. */
	run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0");
	run("nsenter --net=%s sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0", rig->outside.path);
	run("ip link add up0 up type veth peer name eth0 netns %s", rig->outside.path);
	run("ip addr add " HOST4 "/24 dev up0; ip addr add " HOST4_OTHER "/24 dev up0; ip -6 addr add " HOST6 "/64 dev up0 nodad");
	run("nsenter --net=%s sh -ec 'ip link set lo up; ip link set eth0 up; ip addr add " OUTSIDE4 "/24 dev eth0;"
	    " ip -6 addr add " OUTSIDE6 "/64 dev eth0 nodad;"
	    " ip route add 10.0.0.0/8 via " HOST4 "; ip -6 route add fd00::/8 via " HOST6 "'",
	    rig->outside.path);
	for (int i = 1; i <= 2; i++)
		run("ip link add br-%c up type bridge && ip addr add 10.%d.0.1/24 dev br-%c && ip -6 addr add fd0%d::1/64 dev "
		    "br-%c "
		    "nodad",
		    'a' + i - 1, i, 'a' + i - 1, i, 'a' + i - 1);
	add_endpoint(&rig->a1, "a1", 1, 2);
	add_endpoint(&rig->a2, "a2", 1, 3);
	add_endpoint(&rig->b1, "b1", 2, 2);
	return rig;
}

bool rig_bridge_netfilter(bool on)
{
	if (access("/proc/sys/net/bridge", F_OK))
		return false;
	run("sysctl -qw net.bridge.bridge-nf-call-iptables=%d net.bridge.bridge-nf-call-ip6tables=%d", on, on);
	return true;
}

/* --- the store --- */

static struct kept **kept_find(struct rig *rig, const char *nid, const char *eid)
{
	struct kept **at = &rig->kept;

	while (*at && (strcmp((*at)->nid, nid) != 0 || strcmp((*at)->eid, eid) != 0))
		at = &(*at)->next;
	return at;
}

static int kept_put(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	struct rig *rig = data;
	struct kept **at = kept_find(rig, nid, eid);

	if (rig->keep_fails)
		return ndrv_fail(err, NDRV_E_STATE, "the disk is on fire");
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		assert_non_null(*at);
		(void)snprintf((*at)->nid, sizeof((*at)->nid), "%s", nid);
		(void)snprintf((*at)->eid, sizeof((*at)->eid), "%s", eid);
	}
	free((*at)->text);
	(*at)->text = strdup(text);
	return 0;
}

static int kept_del(void *data, const char *nid, const char *eid, struct ndrv_error *err)
{
	struct rig *rig = data;

	if (rig->keep_fails)
		return ndrv_fail(err, NDRV_E_STATE, "the disk is on fire");
	for (struct kept **at = &rig->kept; *at;) {
		struct kept *kept = *at;
		if (strcmp(kept->nid, nid) != 0 || (eid && strcmp(kept->eid, eid) != 0)) {
			at = &kept->next;
			continue;
		}
		*at = kept->next;
		free(kept->text);
		free(kept);
	}
	return 0;
}

static int kept_load(void *data, int (*each)(void *to, const char *nid, const char *eid, const char *text, struct ndrv_error *err),
		     void *to, struct ndrv_error *err)
{
	struct rig *rig = data;
	int rc = 0;

	for (int networks = 1; networks >= 0; networks--)
		for (struct kept *kept = rig->kept, *next; kept && !rc; kept = next) {
			next = kept->next;
			if ((kept->eid[0] == '\0') == networks)
				rc = each(to, kept->nid, kept->eid, kept->text, err);
		}
	return rc;
}

/* --- the service --- */

static void say(void *data, int level, const char *text)
{
	struct rig *rig = data;

	(void)level;
	(void)snprintf(rig->last, sizeof(rig->last), "%s", text);
	(void)__atomic_add_fetch(&rig->said, 1, __ATOMIC_SEQ_CST);
}

void rig_open(struct rig *rig, bool watch)
{
	struct nat_options options = {
		.instance = "test", .link_group = rig->link_group, .keep = &rig->keep, .say = say, .say_data = rig, .watch = watch};
	struct ndrv_error err = {0};

	rig->keep = (struct nat_keep){.data = rig, .put = kept_put, .del = kept_del, .load = kept_load};
	assert_ok(nat_open(&options, &rig->nat, &err), &err);
}

void rig_restart(struct rig *rig, bool watch)
{
	nat_close(rig->nat);
	rig_open(rig, watch);
}

void rig_free(struct rig *rig)
{
	nat_close(rig->nat);
	netns_free(&rig->outside);
	netns_free(&rig->a1);
	netns_free(&rig->a2);
	netns_free(&rig->b1);
	(void)kept_del(rig, "net-a", NULL, NULL);
	(void)kept_del(rig, "net-b", NULL, NULL);
	assert_null(rig->kept);
	free(rig);
}

static void set_with(struct rig *rig, char which, uint32_t flags4, uint32_t flags6, const char *source)
{
	struct ndrv_nat_network want = {.size = sizeof(want), .flags = flags4, .flags6 = flags6};
	struct ndrv_error err = {0};
	char nid[] = "net-?", link[] = "br-?", text[32];

	nid[4] = link[3] = which;
	want.link = link;
	(void)snprintf(text, sizeof(text), "10.%d.0.0/24", which - 'a' + 1);
	assert_ok(ndrv_prefix_parse(text, &want.pool, &err), &err);
	(void)snprintf(text, sizeof(text), "fd0%d::/64", which - 'a' + 1);
	assert_ok(ndrv_prefix_parse(text, &want.pool6, &err), &err);
	if (source)
		assert_ok(ndrv_addr_parse(source, &want.source, &err), &err);
	assert_ok(nat_network_set(rig->nat, nid, &want, &err), &err);
}

void set_network(struct rig *rig, char which, uint32_t flags4, uint32_t flags6)
{
	set_with(rig, which, flags4, flags6, NULL);
}

void set_network_source(struct rig *rig, char which, uint32_t flags, const char *source)
{
	set_with(rig, which, flags, flags, source);
}

static int publish_with(struct rig *rig, const char *eid, struct ndrv_port_binding *binding, const char *host,
			struct ndrv_error *err)
{
	struct ndrv_addr address, address6;
	char nid[] = "net-?", text[32];

	nid[4] = eid[0];
	(void)snprintf(text, sizeof(text), "10.%d.0.%d", eid[0] - 'a' + 1, eid[1] - '0' + 1);
	assert_ok(ndrv_addr_parse(text, &address, err), err);
	(void)snprintf(text, sizeof(text), "fd0%d::%d", eid[0] - 'a' + 1, eid[1] - '0' + 1);
	assert_ok(ndrv_addr_parse(text, &address6, err), err);
	if (host)
		assert_ok(ndrv_addr_parse(host, &binding->host_address, err), err);
	return nat_publish(rig->nat, nid, eid, &address, &address6, binding, 1, err);
}

int try_publish(struct rig *rig, const char *eid, int protocol, const char *host, uint32_t host_port, uint32_t port,
		struct ndrv_error *err)
{
	struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = (uint32_t)protocol, .port = port, .host_port = host_port};

	ndrv_error_clear(err);
	return publish_with(rig, eid, &binding, host, err);
}

uint32_t publish(struct rig *rig, const char *eid, int protocol, const char *host, uint32_t host_port, uint32_t port)
{
	struct ndrv_port_binding binding = {
		.size = sizeof(binding), .protocol = (uint32_t)protocol, .port = port, .host_port = host_port};
	struct ndrv_error err = {0};

	assert_ok(publish_with(rig, eid, &binding, host, &err), &err);
	return binding.host_port;
}

void unpublish(struct rig *rig, const char *eid)
{
	struct ndrv_error err = {0};
	char nid[] = "net-?";

	nid[4] = eid[0];
	assert_ok(nat_unpublish(rig->nat, nid, eid, &err), &err);
}

/* --- what there is --- */

json_t *elements(const char *set)
{
	FILE *pipe = popen(TABLE_JSON, "r");
	json_t *all = json_loadf(pipe, 0, NULL), *found = NULL, *object;
	size_t i;

	(void)pclose(pipe);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "nftables"), i, object)
	{
		json_t *one = json_object_get(object, "map");
		one = one ? one : json_object_get(object, "set");
		if (one && !strcmp(json_string_value(json_object_get(one, "name")), set))
			found = one;
	}
	assert_non_null(found);
	found = json_object_get(found, "elem");
	found = found ? json_incref(found) : json_array();
	json_decref(all);
	return found;
}

size_t count(const char *set)
{
	json_t *list = elements(set);
	size_t n = json_array_size(list);

	json_decref(list);
	return n;
}

void assert_right(struct rig *rig)
{
	struct nat_report report;
	struct ndrv_error err = {0};

	assert_ok(nat_check(rig->nat, false, &report, &err), &err);
	assert_false(report.table);
	assert_int_equal(report.missing, 0);
	assert_int_equal(report.strays, 0);
}

int listen_on(uint16_t port, int type)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) || (type == SOCK_STREAM && listen(fd, 1))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* --- traffic --- */

struct making {
	int family, type, fd;
};

static void make_socket(void *data)
{
	struct making *making = data;

	making->fd = socket(making->family, making->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int socket_in(const struct netns *ns, int family, int protocol)
{
	struct making making = {.family = family, .type = protocol == UDP ? SOCK_DGRAM : SOCK_STREAM, .fd = -1};

	netns_run(ns, make_socket, &making);
	assert_true(making.fd >= 0);
	return making.fd;
}

static socklen_t address(const char *text, uint32_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (void *)ret;
	struct sockaddr_in *in = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	return sizeof(*in);
}

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, patience) == 1;
}

static bool dialogue(int client, int server, const struct sockaddr_storage *to, socklen_t bytes, int protocol,
		     struct sockaddr_storage *peer)
{
	socklen_t length = sizeof(*peer);
	char buffer[8];
	bool ok;

	if (connect(client, (const struct sockaddr *)to, bytes) && errno != EINPROGRESS)
		return false;
	if (protocol == UDP)
		return send(client, "ping", 4, 0) == 4 && ready(server, POLLIN) &&
		       recvfrom(server, buffer, sizeof(buffer), 0, (struct sockaddr *)peer, &length) == 4 &&
		       sendto(server, "pong", 4, 0, (struct sockaddr *)peer, length) == 4 && ready(client, POLLIN) &&
		       recv(client, buffer, sizeof(buffer), 0) == 4;
	if (!ready(server, POLLIN))
		return false;
	int fd = accept4(server, (struct sockaddr *)peer, &length, SOCK_CLOEXEC);
	ok = fd >= 0 && ready(client, POLLOUT) && send(client, "ping", 4, MSG_NOSIGNAL) == 4 && ready(fd, POLLIN) &&
	     recv(fd, buffer, sizeof(buffer), 0) == 4 && send(fd, "pong", 4, MSG_NOSIGNAL) == 4 && ready(client, POLLIN) &&
	     recv(client, buffer, sizeof(buffer), 0) == 4;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

bool talk(const struct netns *from, const char *to, int protocol, uint32_t port, const struct netns *server, uint32_t server_port,
	  char *seen)
{
	struct sockaddr_storage target, any, peer = {0};
	int on = 1;
	socklen_t bytes = address(to, port, &target);
	bool v6 = target.ss_family == AF_INET6;
	int client = socket_in(from, target.ss_family, protocol), listener = socket_in(server, target.ss_family, protocol);

	if (protocol == TCP)
		(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(listener, (struct sockaddr *)&any, address(v6 ? "::" : "0.0.0.0", server_port, &any)), 0);
	if (protocol == TCP)
		assert_int_equal(listen(listener, 4), 0);
	bool ok = dialogue(client, listener, &target, bytes, protocol, &peer);
	if (seen)
		(void)inet_ntop(peer.ss_family,
				v6 ? (void *)&((struct sockaddr_in6 *)(void *)&peer)->sin6_addr
				   : (void *)&((struct sockaddr_in *)(void *)&peer)->sin_addr,
				seen, INET6_ADDRSTRLEN);
	(void)close(client);
	(void)close(listener);
	return ok;
}

void flow_open(struct flow *flow, const struct netns *from, const char *to, uint32_t port)
{
	struct sockaddr_storage target;
	socklen_t bytes = address(to, port, &target);

	flow->fd = socket_in(from, target.ss_family, UDP);
	assert_int_equal(connect(flow->fd, (struct sockaddr *)&target, bytes), 0);
}

bool flow_reaches(struct flow *flow, const struct netns *server, uint32_t server_port)
{
	int listener = socket_in(server, AF_INET, UDP);
	struct sockaddr_storage any;
	bool ok = false;

	assert_int_equal(bind(listener, (struct sockaddr *)&any, address("0.0.0.0", server_port, &any)), 0);
	patience = MOMENT_MS / 3;
	/* The error of a port that was closed before is read by the first. */
	for (int i = 0; i < 3 && !ok; i++) {
		(void)send(flow->fd, "ping", 4, 0);
		ok = ready(listener, POLLIN);
	}
	patience = PATIENCE_MS;
	(void)close(listener);
	return ok;
}

void flow_close(struct flow *flow)
{
	(void)close(flow->fd);
}

bool talk_soon(const struct netns *from, const char *to, int protocol, uint32_t port, const struct netns *server,
	       uint32_t server_port, char *seen)
{
	patience = MOMENT_MS;
	bool ok = talk(from, to, protocol, port, server, server_port, seen);
	patience = PATIENCE_MS;
	return ok;
}
