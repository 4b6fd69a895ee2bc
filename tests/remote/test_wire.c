/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's wire format. What libnetwork and dockerd really sent is in tests/golden: each of these requests is read and written
 * again, and must come out byte for byte. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "host/base/arena.h"
#include "sdk/wire/docker.h"

static struct arena arena;
static struct ndrv_error err;

static int fresh(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 22);
	ndrv_error_clear(&err);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

/* --- golden requests --- */

static void assert_comes_back(const char *path, const char *body)
{
	enum wire_method method = wire_method_find(path);
	struct wire_request request;
	size_t bytes = 0;
	char *text = NULL;

	if (method == WIRE_COUNT)
		fail_msg("unknown method %s", path);
	assert_ok(wire_request_decode(method, body, strlen(body), &arena.ndrv, &request, &err), &err);
	assert_ok(wire_request_encode(method, &request, &text, &bytes, &err), &err);
	assert_int_equal(bytes, strlen(text));
	if (bytes && text[bytes - 1] == '\n' && !strchr(body, '\n'))
		text[bytes - 1] = '\0';
	assert_string_equal(text, body);
	free(text);
}

static void libnetworks_requests_come_back_byte_for_byte(void **state)
{
	FILE *file = fopen(GOLDEN "/remote.txt", "r");
	char line[4096], path[128] = "";
	unsigned count = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, ">>> POST /%127[^ ] HTTP/1.1", path) == 1)
			continue;
		if (strncmp(line, "    {\"NetworkID\"", 16) && strncmp(line, "    {\"DiscoveryType\"", 20))
			continue;
		assert_comes_back(path, line + 4);
		count++;
	}
	(void)fclose(file);
	assert_int_equal(count, 54);
}

static void dockerds_requests_come_back_byte_for_byte(void **state)
{
	FILE *file = fopen(GOLDEN "/docker.jsonl", "r");
	char line[8192];
	unsigned count = 0, empty = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *row = json_loads(line, 0, NULL);
		assert_non_null(row);
		const char *path = json_string_value(json_object_get(row, "path"));
		const char *body = json_string_value(json_object_get(row, "body"));
		enum wire_method method = wire_method_find(path);
		if (!*body && method != WIRE_COUNT && wire_method_has_body(method)) {
			struct wire_request request; /* Docker's second try after a hang-up */
			assert_fails(wire_request_decode(method, body, 0, &arena.ndrv, &request, &err), &err, NDRV_E_BAD_REQUEST,
				     "the body is empty");
			empty++;
		} else {
			assert_comes_back(path, body);
			count++;
		}
		json_decref(row);
	}
	(void)fclose(file);
	assert_int_equal(count + empty, 519);
	assert_true(empty >= 4);
}

/* --- what goes where --- */

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix got = {0};

	assert_ok(ndrv_prefix_parse(text, &got, &err), &err);
	return got;
}

static void a_request_is_written_as_go_writes_it(void **state)
{
	struct ndrv_aux_address aux = {.name = "router", .address = prefix("10.10.10.9/24")};
	struct ndrv_ipam_data ipv4 = {.address_space = "LocalDefault",
				      .pool = prefix("10.10.10.0/24"),
				      .gateway = prefix("10.10.10.1/24"),
				      .aux_count = 1,
				      .aux = &aux};
	struct wire_request request = {.network = "nid1",
				       .ipv4 = {.count = 1, .element_size = sizeof(ipv4), .items = &ipv4},
				       .ipv6 = {.count = 0, .element_size = sizeof(ipv4), .items = &ipv4}};
	struct ndrv_value generic = ndrv_null();
	size_t bytes;
	char *text;

	(void)state;
	assert_ok(ndrv_map_set(&arena.ndrv, &generic, "x", ndrv_string("<a&b>\x01\xff"), &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &generic, "parent", ndrv_string("eth0"), &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &request.options, NDRV_OPT_GENERIC, generic, &err), &err);
	assert_ok(ndrv_map_set(&arena.ndrv, &request.options, NDRV_OPT_ENABLE_IPV6, ndrv_bool(1), &err), &err);
	assert_ok(wire_request_encode(WIRE_CREATE_NETWORK, &request, &text, &bytes, &err), &err);
	assert_string_equal(
		text, "{\"NetworkID\":\"nid1\",\"Options\":{\"com.docker.network.enable_ipv6\":true,\"com.docker.network.generic\":"
		      "{\"parent\":\"eth0\",\"x\":\"\\u003ca\\u0026b\\u003e\\u0001\\ufffd\"}},\"IPv4Data\":[{\"AddressSpace\":"
		      "\"LocalDefault\",\"AuxAddresses\":{\"router\":\"10.10.10.9/24\"},\"Gateway\":\"10.10.10.1/24\",\"Pool\":"
		      "\"10.10.10.0/24\"}],\"IPv6Data\":[]}\n");
	free(text);
}

static void a_mac_among_options_is_base64_on_the_wire_and_text_inside(void **state)
{
	static const char body[] =
		"{\"NetworkID\":\"n\",\"EndpointID\":\"e\",\"Interface\":{\"Address\":\"10.0.0.2/8\",\"MacAddress\":"
		"\"02:42:ac:11:00:02\"},\"Options\":{\"com.docker.network.endpoint.macaddress\":\"AkKsEQAC\"}}";
	struct wire_request request;
	const char *mac = NULL;

	(void)state;
	assert_ok(wire_request_decode(WIRE_CREATE_ENDPOINT, body, strlen(body), &arena.ndrv, &request, &err), &err);
	assert_int_equal(ndrv_map_string(&request.options, NDRV_OPT_MAC, &mac, &err), 1);
	assert_string_equal(mac, "02:42:ac:11:00:02");
	assert_true(request.interface.mac.set);
	assert_int_equal(request.interface.mac.bytes[2], 0xac);
	struct ndrv_prefix want = prefix("10.0.0.2/8");
	assert_true(ndrv_prefix_equal(&request.interface.address, &want));
	assert_int_equal(request.interface.address6.addr.family, 0);
}

static const struct {
	enum wire_method method;
	const char *body, *part;
} bad_requests[] = {
	{WIRE_CREATE_NETWORK, "", "the body is empty"},
	{WIRE_CREATE_NETWORK, " \n", "the body is empty"},
	{WIRE_CREATE_NETWORK, "null", "expected an object, found null"},
	{WIRE_CREATE_NETWORK, "[]", "found a list"},
	{WIRE_CREATE_NETWORK, "{}", "NetworkID"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":", "line 1"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":5}", "NetworkID: expected a string, found a number"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":\"a/b\"}", "NetworkID"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":\"n\",\"Options\":[]}", "Options: expected an object"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":\"n\",\"IPv4Data\":{}}", "IPv4Data: expected a list"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":\"n\",\"IPv4Data\":[{}]}", "IPv4Data[0]"},
	{WIRE_CREATE_NETWORK, "{\"NetworkID\":\"n\",\"IPv4Data\":[{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.0\"}]}", "Pool"},
	{WIRE_CREATE_ENDPOINT, "{\"NetworkID\":\"n\"}", "EndpointID"},
	{WIRE_CREATE_ENDPOINT, "{\"NetworkID\":\"n\",\"EndpointID\":\"e\",\"Interface\":\"x\"}", "Interface: expected an object"},
	{WIRE_CREATE_ENDPOINT, "{\"NetworkID\":\"n\",\"EndpointID\":\"e\",\"Interface\":{\"Address\":\"10.0.0.1\"}}",
	 "Interface.Address"},
	{WIRE_CREATE_ENDPOINT, "{\"NetworkID\":\"n\",\"EndpointID\":\"e\",\"Interface\":{\"MacAddress\":\"zz\"}}",
	 "Interface.MacAddress"},
	{WIRE_JOIN, "{\"NetworkID\":\"n\",\"EndpointID\":\"e\",\"SandboxKey\":1}", "SandboxKey"},
	{WIRE_DISCOVER_NEW, "{\"DiscoveryType\":1.5}", "DiscoveryType"},
	{WIRE_DISCOVER_NEW, "{\"DiscoveryType\":1,\"DiscoveryData\":{\"Self\":\"yes\"}}", "DiscoveryData.Self"},
};

static void a_request_that_is_wrong_is_refused_by_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		struct wire_request request;
		const char *body = bad_requests[i].body;
		ndrv_error_clear(&err);
		assert_fails(wire_request_decode(bad_requests[i].method, body, strlen(body), &arena.ndrv, &request, &err), &err,
			     NDRV_E_BAD_REQUEST, bad_requests[i].part);
		if (!strstr(err.text, wire_method_path(bad_requests[i].method)))
			fail_msg("\"%s\" does not name the method", err.text);
	}
}

/* A bomb is stopped by depth, and memory by the arena. */
static void a_request_that_is_too_deep_or_too_large_is_refused(void **state)
{
	enum { DEEP = 300, WIDE = 200000 };
	struct wire_request request;
	struct arena small;
	char *body = malloc(WIDE * 2 + 100);

	(void)state;
	assert_non_null(body);
	char *at = body + sprintf(body, "{\"NetworkID\":\"n\",\"Options\":{\"a\":");
	for (int i = 0; i < DEEP; i++)
		*at++ = '[';
	for (int i = 0; i < DEEP; i++)
		*at++ = ']';
	(void)strcpy(at, "}}");
	assert_fails(wire_request_decode(WIRE_CREATE_NETWORK, body, strlen(body), &arena.ndrv, &request, &err), &err,
		     NDRV_E_BAD_REQUEST, "nested deeper");
	at = body + sprintf(body, "{\"NetworkID\":\"n\",\"Options\":{\"a\":[1");
	for (int i = 0; i < WIDE - 50; i++)
		at += sprintf(at, ",1");
	(void)strcpy(at, "]}}");
	arena_init(&small, 65536);
	ndrv_error_clear(&err);
	assert_true(wire_request_decode(WIRE_CREATE_NETWORK, body, strlen(body), &small.ndrv, &request, &err) < 0);
	arena_reset(&small);
	free(body);
}

/* --- replies --- */

static void a_reply_is_read_as_go_reads_it(void **state)
{
	static const char body[] =
		"{\"interfacename\":{\"SRCNAME\":\"v1\",\"dstprefix\":\"eth\",\"DstName\":null},\"Unknown\":[1],"
		"\"gateway\":\"10.0.0.1\",\"GatewayIPv6\":\"\",\"StaticRoutes\":[{\"Destination\":\"10.0.0.0/8\","
		"\"RouteType\":0,\"NextHop\":\"10.0.0.1\"},{\"Destination\":\"192.168.0.0/16\",\"RouteType\":1}],"
		"\"DisableGatewayService\":true}";
	struct wire_reply reply;

	(void)state;
	assert_ok(wire_reply_decode(WIRE_JOIN, body, strlen(body), &arena.ndrv, &reply, &err), &err);
	assert_string_equal(reply.join.src_name, "v1");
	assert_string_equal(reply.join.prefix, "eth");
	assert_string_equal(reply.join.dst_name, "");
	assert_int_equal(reply.join.gateway.family, 4);
	assert_int_equal(reply.join.gateway6.family, 0);
	assert_int_equal(reply.join.routes.count, 2);
	assert_int_equal(reply.join.routes.items[1].type, NDRV_ROUTE_CONNECTED);
	assert_true(reply.join.disable_gateway_service);
	assert_ok(wire_reply_decode(WIRE_JOIN, "null", 4, &arena.ndrv, &reply, &err), &err);
	assert_string_equal(reply.join.src_name, "");
	assert_fails(wire_reply_decode(WIRE_JOIN, "", 0, &arena.ndrv, &reply, &err), &err, NDRV_E_BAD_REQUEST, "empty");
	assert_fails(wire_reply_decode(WIRE_JOIN, "[]", 2, &arena.ndrv, &reply, &err), &err, NDRV_E_BAD_REQUEST, "a list");
	static const char info[] = "{\"Value\":{\"k\":[1,2,{\"a\":null}],\"half\":0.5,\"big\":1e3}}";
	assert_ok(wire_reply_decode(WIRE_ENDPOINT_INFO, info, strlen(info), &arena.ndrv, &reply, &err), &err);
	char *text = wire_value_print(&reply.value);
	assert_string_equal(text, "{\"big\":1000,\"half\":\"0.5\",\"k\":[1,2,{\"a\":null}]}");
	free(text);
}

static void a_reply_that_is_an_error_says_nothing_else(void **state)
{
	struct ndrv_error error = {0};
	struct wire_reply reply = {.has_interface = true};
	size_t bytes;
	char *text;

	(void)state;
	(void)ndrv_fail_object(&error, NDRV_E_NO_NETWORK, "n1");
	wire_reply_fail(&reply, &error);
	assert_ok(wire_reply_encode(WIRE_CREATE_ENDPOINT, &reply, &text, &bytes, &err), &err);
	assert_string_equal(text, "{\"Err\":\"No network (n1) exists\",\"Kind\":\"NotFound\",\"Code\":\"NO_NETWORK\"}\n");
	free(text);
	reply = (struct wire_reply){0};
	assert_ok(wire_reply_encode(WIRE_CREATE_ENDPOINT, &reply, &text, &bytes, &err), &err);
	assert_string_equal(text, "{}\n");
	free(text);
}

static void every_error_of_the_table_crosses_the_wire(void **state)
{
	static const int codes[] = {
#define ROW(number, name, kind, text) number,
		NDRV_ERRORS(ROW)
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(codes) / sizeof(codes[0]); i++) {
		struct ndrv_error sent = {0}, got = {0};
		struct wire_reply reply = {0}, read;
		size_t bytes;
		char *text;
		int rc = ndrv_fail(&sent, codes[i / 2], "thing %zu went <wrong>", i);
		if (i & 1)
			(void)ndrv_maskable(&sent, rc);
		wire_reply_fail(&reply, &sent);
		assert_ok(wire_reply_encode(WIRE_LEAVE, &reply, &text, &bytes, &err), &err);
		assert_ok(wire_reply_decode(WIRE_LEAVE, text, bytes, &arena.ndrv, &read, &err), &err);
		assert_int_equal(wire_reply_error(&read, "p", &got), rc);
		assert_memory_equal(&got, &sent, sizeof(got));
		free(text);
	}
}

static void words_of_a_foreign_error_give_its_kind(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{"No network (n1) exists", NDRV_E_NO_NETWORK},
		{"No endpoint (e1) exists", NDRV_E_NO_ENDPOINT},
		{"Endpoint (e1) already exists (Only one endpoint allowed)", NDRV_E_ENDPOINT_EXISTS},
		{"Driver already registered for type \"bridge\"", NDRV_E_ACTIVE_REGISTRATION},
		{"The API is not implemented yet", NDRV_E_NOT_IMPLEMENTED},
		{"network n id i has active endpoints", NDRV_E_ACTIVE_ENDPOINTS},
		{"invalid network id n", NDRV_E_NO_NETWORK},
		{"invalid MTU number: -1", NDRV_E_BAD_REQUEST},
		{"endpoint not found: e", NDRV_E_NO_ENDPOINT},
		{"network n not found", NDRV_E_NOT_FOUND},
		{"context deadline exceeded", NDRV_E_TIMEOUT},
		{"vendor says: vlan 7 is taken", NDRV_E_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wire_error_of_text(rows[i].text) != rows[i].code)
			fail_msg("\"%s\" is %d", rows[i].text, wire_error_of_text(rows[i].text));
	/* A newer host's code: its kind is left. */
	struct wire_reply reply = {.err = "new", .kind = "Forbidden", .code = "SOMETHING_NEW"};
	ndrv_error_clear(&err);
	assert_fails(wire_reply_error(&reply, "p", &err), &err, NDRV_E_FORBIDDEN, "new");
	reply = (struct wire_reply){.err = "nope", .kind = "", .code = ""};
	assert_fails(wire_reply_error(&reply, "p", &err), &err, NDRV_E_INTERNAL, "remote p: nope");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(libnetworks_requests_come_back_byte_for_byte),
		T(dockerds_requests_come_back_byte_for_byte),
		T(a_request_is_written_as_go_writes_it),
		T(a_mac_among_options_is_base64_on_the_wire_and_text_inside),
		T(a_request_that_is_wrong_is_refused_by_path),
		T(a_request_that_is_too_deep_or_too_large_is_refused),
		T(a_reply_is_read_as_go_reads_it),
		T(a_reply_that_is_an_error_says_nothing_else),
		T(every_error_of_the_table_crosses_the_wire),
		T(words_of_a_foreign_error_give_its_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
