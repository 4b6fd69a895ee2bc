/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of libnetwork's TestAddPortMappings that are not about its proxies, through the dispatcher, the bridge driver and the
 * kernel. docs/conformance.md says how each compares. */
#include "tests/conformance/rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ndrv/ports.h>

#include "tests/lib/netns.h"

#define LABEL(name) "com.docker.network.bridge." name
/* Ports the host picks from: the first is `+0` in what is told. */
#define FIRST 45000

static const char *const drivers[] = {"bridge", NULL};

static struct rig *rig;

struct want {
	const char *host; /* NULL: none said */
	uint32_t host_port, host_port_end, port;
	const char *address; /* of the endpoint; NULL: none said */
	uint32_t protocol;   /* 0: tcp */
};

struct row {
	const char *name;
	const char *key, *value, *key2, *value2; /* labels */
	bool only4;
	uint16_t busy; /* a process listens there on 0.0.0.0, with tcp and udp */
	struct want want[6];
	int code;
	const char *told; /* or a part of the error's text */
};

/* --- a host --- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	write_file("/proc/sys/net/ipv4/ip_local_port_range", "45000 45099");
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_open(rig, RIG_QUIET | RIG_KERNEL | RIG_NAT, drivers);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rig_close(rig);
	free(rig);
	return 0;
}

static int listen_on(uint16_t port, int type)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void label(struct request *request, const char *key, const char *value)
{
	struct ndrv_error err = {0};

	if (key)
		assert_ok(ndrv_map_set(&rig->arena.ndrv, &request->options, key, ndrv_string(value), &err), &err);
}

static void make_endpoint(const struct row *row)
{
	static const char *const pools[2] = {"172.19.0.0/16", "fdf8:b88e:bb5c:3483::/64"};
	struct pool_wish wishes[2] = {{.family = 4}, {.family = 6}};
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct ndrv_error err = {0};

	for (int i = 0; i < 2; i++)
		assert_ok(ndrv_prefix_parse(pools[i], &wishes[i].pool, &err), &err);
	request.type = "bridge";
	request.new_id = "n1";
	request.flags = NDRV_NETWORK_IPV4 | (row->only4 ? 0 : NDRV_NETWORK_IPV6);
	request.pools = wishes;
	request.pool_count = row->only4 ? 1 : 2;
	label(&request, row->key, row->value);
	label(&request, row->key2, row->value2);
	assert_reply_ok(rig_run(rig, &request));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "/run/netns/none"));
}

/* --- ports --- */

static struct reply publish(const char *eid, const struct want *want, size_t count)
{
	struct ndrv_port_binding bindings[6];
	struct request request = rig_request(rig, REQ_PROGRAM_EXTERNAL);
	struct ndrv_error err = {0};
	struct ndrv_value list;
	uint32_t used = 0;

	for (; used < count && want[used].port; used++) {
		const struct want *one = &want[used];
		bindings[used] = (struct ndrv_port_binding){.size = sizeof(bindings[used]),
							    .protocol = one->protocol ? one->protocol : NDRV_PROTO_TCP,
							    .port = one->port,
							    .host_port = one->host_port,
							    .host_port_end = one->host_port_end};
		if (one->host)
			assert_ok(ndrv_addr_parse(one->host, &bindings[used].host_address, &err), &err);
		if (one->address)
			assert_ok(ndrv_addr_parse(one->address, &bindings[used].address, &err), &err);
	}
	request.network = "n1";
	request.endpoint = eid;
	assert_ok(ndrv_portmap_write(&rig->arena.ndrv, bindings, used, &list, &err), &err);
	assert_ok(ndrv_map_set(&rig->arena.ndrv, &request.sandbox_options, NDRV_OPT_PORTMAP, list, &err), &err);
	return rig_run(rig, &request);
}

static const char *text_of(const struct ndrv_value *map, const char *key)
{
	const char *text = "";

	(void)ndrv_map_string(map, key, &text, NULL);
	return text;
}

/* What an inspection shows, as "tcp 80 0.0.0.0 8080, tcp 80 :: 8080"; ports the host picked as "+0". */
static const char *told(const char *eid)
{
	static char text[512];
	struct reply reply = rig_op(rig, REQ_ENDPOINT_INSPECT, "n1", eid);
	const struct ndrv_value *ports = ndrv_map_get(&reply.value, "ports");
	size_t used = 0;

	assert_reply_ok(reply);
	assert_true(ports && ports->type == NDRV_LIST);
	text[0] = '\0';
	for (uint32_t i = 0; i < ports->count; i++) {
		const struct ndrv_value *one = &ports->u.items[i];
		int64_t port = 0, host_port = 0;
		(void)ndrv_map_int(one, "port", &port, NULL);
		(void)ndrv_map_int(one, "host_port", &host_port, NULL);
		bool picked = host_port >= FIRST && host_port < FIRST + 100;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %d %s %s%d", used ? ", " : "",
					 text_of(one, "proto"), (int)port, text_of(one, "host_address"), picked ? "+" : "",
					 (int)(picked ? host_port - FIRST : host_port));
	}
	return text;
}

/* The kernel has as many as are told. */
static void assert_nat_has(const char *ports)
{
	struct reply reply = rig_op(rig, REQ_STATUS, NULL, NULL);
	int64_t expected = ports[0] != '\0', counted = -1;

	for (const char *at = ports; (at = strchr(at, ',')); at++)
		expected++;
	assert_reply_ok(reply);
	assert_int_equal(ndrv_map_int(ndrv_map_get(&reply.value, "nat"), "ports", &counted, NULL), 1);
	assert_int_equal(counted, expected);
}

static const struct row rows[] = {
	{.name = "defaults",
	 .want = {{.port = 22}, {.port = 80}},
	 .told = "tcp 22 0.0.0.0 +0, tcp 22 :: +0, tcp 80 0.0.0.0 +1, tcp 80 :: +1"},
	{.name = "specific host port", .want = {{.host_port = 8080, .port = 80}}, .told = "tcp 80 0.0.0.0 8080, tcp 80 :: 8080"},
	{.name = "nat explicitly enabled",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "nat",
	 .key2 = LABEL("gateway_mode_ipv6"),
	 .value2 = "nat",
	 .want = {{.host_port = 8080, .port = 80}},
	 .told = "tcp 80 0.0.0.0 8080, tcp 80 :: 8080"},
	{.name = "specific host port in-use",
	 .busy = 8080,
	 .want = {{.host_port = 8080, .port = 80}},
	 .code = NDRV_E_PORT_IN_USE,
	 .told = "port 8080/tcp is already in use by a process of this host"},
	{.name = "ipv4 mapped container address with specific host port",
	 .want = {{.host_port = 8080, .port = 80, .address = "::ffff:172.19.0.2"}},
	 .told = "tcp 80 0.0.0.0 8080"},
	{.name = "ipv4 mapped host address with specific host port",
	 .want = {{.host = "::ffff:127.0.0.1", .host_port = 8080, .port = 80}},
	 .told = "tcp 80 127.0.0.1 8080"},
	{.name = "host port range with first port in-use",
	 .busy = 8080,
	 .want = {{.host_port = 8080, .host_port_end = 8081, .port = 80}},
	 .told = "tcp 80 0.0.0.0 8081, tcp 80 :: 8081"},
	{.name = "multi host ips with host port range and first port in-use",
	 .busy = 8080,
	 .want = {{.host = "0.0.0.0", .host_port = 8080, .host_port_end = 8081, .port = 80},
		  {.host = "::", .host_port = 8080, .host_port_end = 8081, .port = 80}},
	 .told = "tcp 80 0.0.0.0 8081, tcp 80 :: 8080"},
	{.name = "host port range with busy port",
	 .busy = 8082,
	 .want = {{.host_port = 8080, .host_port_end = 8083, .port = 80},
		  {.host_port = 8080, .host_port_end = 8083, .port = 81},
		  {.host_port = 8080, .host_port_end = 8083, .port = 82},
		  {.host_port = 8080, .host_port_end = 8083, .port = 80, .protocol = NDRV_PROTO_UDP},
		  {.host_port = 8080, .host_port_end = 8083, .port = 81, .protocol = NDRV_PROTO_UDP},
		  {.host_port = 8080, .host_port_end = 8083, .port = 82, .protocol = NDRV_PROTO_UDP}},
	 .told = "tcp 80 0.0.0.0 8080, tcp 80 :: 8080, tcp 81 0.0.0.0 8081, tcp 81 :: 8081, tcp 82 0.0.0.0 8083, tcp 82 :: 8083, "
		 "udp 80 0.0.0.0 8080, udp 80 :: 8080, udp 81 0.0.0.0 8081, udp 81 :: 8081, udp 82 0.0.0.0 8083, udp 82 :: 8083"},
	{.name = "host port range exhausted",
	 .busy = 8081,
	 .want = {{.host_port = 8080, .host_port_end = 8082, .port = 80},
		  {.host_port = 8080, .host_port_end = 8082, .port = 81},
		  {.host_port = 8080, .host_port_end = 8082, .port = 82}},
	 .code = NDRV_E_PORT_IN_USE,
	 .told = "no port for 82/tcp is left: all host ports from 8080 to 8082 are in use"},
	{.name = "map host ipv6 to ipv4 container without proxy",
	 .only4 = true,
	 .want = {{.host = "0.0.0.0", .port = 80}, {.host = "::", .port = 80}},
	 .code = NDRV_E_BAD_REQUEST,
	 .told = "port 80/tcp cannot be published on ::: endpoint e1 has no way out over IPv6"},
	{.name = "default host ip is nonzero v4",
	 .key = LABEL("host_binding_ipv4"),
	 .value = "127.0.0.1",
	 .want = {{.port = 80}},
	 .told = "tcp 80 127.0.0.1 +0"},
	{.name = "default host ip is nonzero IPv4-mapped IPv6",
	 .key = LABEL("host_binding_ipv4"),
	 .value = "::ffff:127.0.0.1",
	 .want = {{.port = 80}},
	 .told = "tcp 80 127.0.0.1 +0"},
	{.name = "default host ip is v6",
	 .key = LABEL("host_binding_ipv4"),
	 .value = "::",
	 .want = {{.port = 80}},
	 .told = "tcp 80 :: +0"},
	{.name = "default host ip is nonzero v6",
	 .key = LABEL("host_binding_ipv4"),
	 .value = "::1",
	 .want = {{.port = 80}},
	 .code = NDRV_E_NOT_IMPLEMENTED,
	 .told = "cannot be published on ::1"},
	{.name = "disable nat6",
	 .key = LABEL("gateway_mode_ipv6"),
	 .value = "routed",
	 .want = {{.port = 22}, {.port = 80}},
	 .told = "tcp 22 0.0.0.0 +0, tcp 22 :: 0, tcp 80 0.0.0.0 +1, tcp 80 :: 0"},
	{.name = "disable nat6 with ipv6 default binding",
	 .key = LABEL("gateway_mode_ipv6"),
	 .value = "routed",
	 .key2 = LABEL("host_binding_ipv4"),
	 .value2 = "::",
	 .want = {{.port = 22}},
	 .told = "tcp 22 :: 0"},
	{.name = "disable nat4",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .want = {{.port = 22}, {.port = 80}},
	 .told = "tcp 22 0.0.0.0 0, tcp 22 :: +0, tcp 80 0.0.0.0 0, tcp 80 :: +1"},
	{.name = "disable nat",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .key2 = LABEL("gateway_mode_ipv6"),
	 .value2 = "routed",
	 .want = {{.port = 22}, {.port = 80}},
	 .told = "tcp 22 0.0.0.0 0, tcp 22 :: 0, tcp 80 0.0.0.0 0, tcp 80 :: 0"},
	{.name = "ipv6 mapping to ipv4 container no proxy",
	 .only4 = true,
	 .want = {{.host = "::1", .port = 22}},
	 .code = NDRV_E_BAD_REQUEST,
	 .told = "port 22/tcp cannot be published on ::1: endpoint e1 has no way out over IPv6"},
	{.name = "ipv6 default mapping to ipv4 container no proxy",
	 .only4 = true,
	 .key = LABEL("host_binding_ipv4"),
	 .value = "::1",
	 .want = {{.port = 22}},
	 .code = NDRV_E_BAD_REQUEST,
	 .told = "port 22/tcp cannot be published on ::1: endpoint e1 has no way out over IPv6"},
	{.name = "routed mode specific address",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .key2 = LABEL("gateway_mode_ipv6"),
	 .value2 = "routed",
	 .want = {{.host = "127.0.0.1", .port = 22}, {.host = "fd00::1", .port = 22}},
	 .told = "tcp 22 0.0.0.0 0, tcp 22 :: 0"},
	{.name = "routed4 nat6 with ipv4 default binding",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .key2 = LABEL("host_binding_ipv4"),
	 .value2 = "127.0.0.1",
	 .want = {{.port = 22}},
	 .told = "tcp 22 0.0.0.0 0"},
	{.name = "routed4 nat6 with ipv6 default binding",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .key2 = LABEL("host_binding_ipv4"),
	 .value2 = "::",
	 .want = {{.port = 22}},
	 .told = "tcp 22 :: +0"},
	{.name = "routed with host port",
	 .key = LABEL("gateway_mode_ipv4"),
	 .value = "routed",
	 .key2 = LABEL("gateway_mode_ipv6"),
	 .value2 = "routed",
	 .want = {{.host_port = 2222, .port = 22}},
	 .told = "tcp 22 0.0.0.0 0, tcp 22 :: 0"},
	{.name = "same ports for matching mappings with different host addresses",
	 .want = {{.host = "fdf8:b88e:bb5c:3483::1", .port = 80},
		  {.host = "172.19.0.1", .port = 80},
		  {.host_port = 12345, .host_port_end = 12346, .port = 12345},
		  {.host_port = 12345, .port = 12345, .protocol = NDRV_PROTO_UDP}},
	 .told = "tcp 80 fdf8:b88e:bb5c:3483::1 +0, tcp 80 172.19.0.1 +1, tcp 12345 0.0.0.0 12345, tcp 12345 :: 12345, "
		 "udp 12345 0.0.0.0 12345, udp 12345 :: 12345"},
};

static void a_mapping_row(void **state)
{
	const struct row *row = *state;
	int busy[2] = {-1, -1};

	(void)fresh(NULL);
	if (row->busy) {
		busy[0] = listen_on(row->busy, SOCK_STREAM);
		busy[1] = listen_on(row->busy, SOCK_DGRAM);
	}
	make_endpoint(row);
	struct reply reply = publish("e1", row->want, 6);
	if (row->code) {
		assert_reply_fails(reply, row->code, row->told);
		assert_string_equal(told("e1"), "");
	} else {
		assert_reply_ok(reply);
		assert_string_equal(told("e1"), row->told);
	}
	assert_nat_has(told("e1"));
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_string_equal(told("e1"), "");
	assert_nat_has("");
	for (int i = 0; i < 2; i++)
		if (busy[i] >= 0)
			(void)close(busy[i]);
	(void)finish(NULL);
}

/* TestDockerNetworkConnectWithPortMapping, TestDockerNetworkConnectDisconnectWithPortMapping. */
static void a_second_network_leaves_the_ports_alone(void **state)
{
	static const struct row row = {.want = {{.host_port = 5000, .port = 5000}}};
	const char *const ports = "tcp 5000 0.0.0.0 5000, tcp 5000 :: 5000";
	struct request request;

	(void)state;
	(void)fresh(NULL);
	make_endpoint(&row);
	assert_reply_ok(publish("e1", row.want, 1));
	request = rig_request(rig, REQ_NETWORK_CREATE);
	request.type = "bridge";
	request.new_id = "n2";
	assert_reply_ok(rig_run(rig, &request));
	assert_reply_ok(rig_endpoint(rig, "n2", "e2"));
	assert_reply_ok(rig_join(rig, "n2", "e2", "/run/netns/none"));
	assert_string_equal(told("e1"), ports);
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n2", "e2"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "n2", "e2"));
	assert_string_equal(told("e1"), ports);
	/* And nobody else gets the port while it is held. */
	assert_reply_ok(rig_endpoint(rig, "n1", "e3"));
	assert_reply_ok(rig_join(rig, "n1", "e3", "/run/netns/other"));
	assert_reply_fails(publish("e3", row.want, 1), NDRV_E_PORT_IN_USE, "port 5000/tcp is already in use by endpoint e1");
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "n1", "e1"));
	assert_reply_ok(publish("e3", row.want, 1));
	assert_string_equal(told("e3"), ports);
	(void)finish(NULL);
}

/* The third protocol of TestPortMappingConfig and TestPortMappingV6Config. */
static void sctp_is_published_where_the_kernel_tracks_it(void **state)
{
	static const struct row row = {.want = {{.host_port = 4430, .port = 443, .protocol = NDRV_PROTO_TCP},
						{.host_port = 5000, .port = 500, .protocol = NDRV_PROTO_UDP},
						{.host_port = 5800, .port = 580, .protocol = NDRV_PROTO_SCTP}}};

	(void)state;
	(void)fresh(NULL);
	make_endpoint(&row);
	struct reply reply = publish("e1", row.want, 3);
	bool lacks = reply.error.code == NDRV_E_KERNEL_LACKS;
	if (lacks) {
		assert_reply_fails(reply, NDRV_E_KERNEL_LACKS, "this kernel has no connection tracking of sctp");
		assert_string_equal(told("e1"), "");
		/* The other two alone. */
		assert_reply_ok(publish("e1", row.want, 2));
	} else
		assert_reply_ok(reply);
	assert_string_equal(told("e1"), lacks ? "tcp 443 0.0.0.0 4430, tcp 443 :: 4430, udp 500 0.0.0.0 5000, udp 500 :: 5000"
					      : "tcp 443 0.0.0.0 4430, tcp 443 :: 4430, udp 500 0.0.0.0 5000, udp 500 :: 5000, "
						"sctp 580 0.0.0.0 5800, sctp 580 :: 5800");
	(void)finish(NULL);
	if (lacks)
		skip();
}

int main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 2];
	size_t count = 0;

	netns_need();
	for (; count < sizeof(rows) / sizeof(rows[0]); count++)
		tests[count] = (struct CMUnitTest){
			.name = rows[count].name, .test_func = a_mapping_row, .initial_state = (void *)(uintptr_t)&rows[count]};
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_second_network_leaves_the_ports_alone);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(sctp_is_published_where_the_kernel_tracks_it);
	return _cmocka_run_group_tests("port cases", tests, count, NULL, NULL);
}
