/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of ports as options carry them: libnetwork's PortBinding and TransportPort, there and back. */
#include "tests/lib/test.h"

#include <ndrv/ports.h>

#include "host/base/arena.h"

static struct arena arena;
static struct ndrv_error err;

static int fresh(void **state)
{
	(void)state;
	arena_init(&arena, 1u << 22);
	ndrv_error_clear(&err);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void set(struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	assert_ok(ndrv_map_set(&arena.ndrv, map, key, value, &err), &err);
}

/* One binding under the portmap's key; NULL: that member is not there. */
static struct ndrv_value options_of(const struct ndrv_value *one)
{
	struct ndrv_value list = ndrv_null(), options = {.type = NDRV_MAP};

	assert_ok(ndrv_list_add(&arena.ndrv, &list, *one, &err), &err);
	set(&options, NDRV_OPT_PORTMAP, list);
	return options;
}

static void bindings_come_back_as_they_went(void **state)
{
	static const struct {
		const char *ip, *host, *ip_back;
		uint8_t family;
	} rows[] = {
		{"172.28.30.23", "112.0.43.56", "172.28.30.23", 4},
		{"2001:db8::1", "112.0.43.56", "2001:db8::1", 6},
		{"::ffff:172.28.30.23", "112.0.43.56", "172.28.30.23", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_port_binding binding = {
			.size = sizeof(binding), .protocol = NDRV_PROTO_TCP, .port = 80, .host_port = 8001};
		struct ndrv_port_binding *read;
		struct ndrv_value list, options = {.type = NDRV_MAP};
		char text[NDRV_ADDR_TEXT];
		uint32_t count;
		assert_ok(ndrv_addr_parse(rows[i].ip, &binding.address, &err), &err);
		assert_ok(ndrv_addr_parse(rows[i].host, &binding.host_address, &err), &err);
		assert_ok(ndrv_portmap_write(&arena.ndrv, &binding, 1, &list, &err), &err);
		set(&options, NDRV_OPT_PORTMAP, list);
		assert_ok(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err);
		assert_int_equal(count, 1);
		assert_int_equal(read->protocol, NDRV_PROTO_TCP);
		assert_int_equal(read->port, 80);
		assert_int_equal(read->host_port, 8001);
		assert_int_equal(read->host_port_end, 8001);
		assert_int_equal(read->address.family, rows[i].family);
		assert_string_equal(ndrv_addr_format(&read->address, text), rows[i].ip_back);
		assert_string_equal(ndrv_addr_format(&read->host_address, text), rows[i].host);
	}
}

static void exposed_ports_come_back_as_they_went(void **state)
{
	static const struct ndrv_transport_port ports[] = {{NDRV_PROTO_TCP, 23}, {NDRV_PROTO_UDP, 53}, {NDRV_PROTO_SCTP, 9}};
	struct ndrv_value list, options = {.type = NDRV_MAP};
	struct ndrv_transport_port *read;
	uint32_t count;

	(void)state;
	assert_ok(ndrv_exposed_write(&arena.ndrv, ports, 3, &list, &err), &err);
	set(&options, NDRV_OPT_EXPOSED_PORTS, list);
	assert_ok(ndrv_exposed_read(&options, &arena.ndrv, &read, &count, &err), &err);
	assert_int_equal(count, 3);
	assert_memory_equal(read, ports, sizeof(ports));
	assert_string_equal(ndrv_proto_name(read[0].protocol), "tcp");
	assert_string_equal(ndrv_proto_name(read[1].protocol), "udp");
	assert_string_equal(ndrv_proto_name(read[2].protocol), "sctp");
	assert_string_equal(ndrv_proto_name(1), "?");
}

/* Each row changes one member of a binding that is right. */
static void bindings_that_cannot_be_are_refused_by_number(void **state)
{
	const struct {
		const char *key;
		struct ndrv_value value;
		const char *part;
	} rows[] = {
		{"Proto", ndrv_int(0), "Proto 0 is not tcp (6), udp (17) or sctp (132)"},
		{"Proto", ndrv_int(1), "Proto 1"},
		{"Proto", ndrv_int(262), "Proto 262"},
		{"Proto", ndrv_string("tcp"), "Proto"},
		{"Port", ndrv_int(0), "Port 0"},
		{"Port", ndrv_int(65536), "Port 65536"},
		{"Port", ndrv_int(-1), "Port -1"},
		{"Port", ndrv_null(), "Port 0"},
		{"IP", ndrv_string("172.28.30"), "172.28.30"},
		{"IP", ndrv_int(7), "IP"},
		{"HostIP", ndrv_string("169.254.0.23%eth0"), "169.254.0.23%eth0"},
		{"HostIP", ndrv_string("fe80::1ff:fe23:4567:890a%eth0"), "fe80::1ff:fe23:4567:890a%eth0"},
		{"HostIP", ndrv_string("localhost"), "localhost"},
		{"HostPort", ndrv_int(65536), "HostPort 65536"},
		{"HostPortEnd", ndrv_int(65536), "HostPortEnd 65536"},
		{"HostPortEnd", ndrv_int(8000), "host ports 8001 to 8000 are no range"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_value one = {.type = NDRV_MAP}, options;
		struct ndrv_port_binding *read;
		uint32_t count = 7;
		set(&one, "Proto", ndrv_int(NDRV_PROTO_TCP));
		set(&one, "IP", ndrv_string("172.28.30.23"));
		set(&one, "Port", ndrv_int(80));
		set(&one, "HostIP", ndrv_string("112.0.43.56"));
		set(&one, "HostPort", ndrv_int(8001));
		set(&one, rows[i].key, rows[i].value);
		options = options_of(&one);
		assert_fails(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err, NDRV_E_BAD_REQUEST, rows[i].part);
		assert_non_null(strstr(err.text, NDRV_OPT_PORTMAP "\", port 1"));
		assert_int_equal(count, 0);
		ndrv_error_clear(&err);
	}
}

static void what_is_no_list_of_maps_is_refused(void **state)
{
	struct ndrv_value options = {.type = NDRV_MAP}, one = ndrv_int(80);
	struct ndrv_transport_port *ports;
	struct ndrv_port_binding *read;
	uint32_t count;

	(void)state;
	assert_ok(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err);
	assert_int_equal(count, 0);
	set(&options, NDRV_OPT_PORTMAP, ndrv_string("80/tcp"));
	assert_fails(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err, NDRV_E_BAD_REQUEST, "is not a list");
	ndrv_error_clear(&err);
	options = options_of(&one);
	assert_fails(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err, NDRV_E_BAD_REQUEST, "is not a map");
	ndrv_error_clear(&err);
	set(&options, NDRV_OPT_EXPOSED_PORTS, ndrv_int(80));
	assert_fails(ndrv_exposed_read(&options, &arena.ndrv, &ports, &count, &err), &err, NDRV_E_BAD_REQUEST, "is not a list");
}

/* Docker sends them among the labels as well. */
static void ports_among_the_labels_are_found(void **state)
{
	struct ndrv_value one = {.type = NDRV_MAP}, options = {.type = NDRV_MAP};
	struct ndrv_port_binding *read;
	uint32_t count;

	(void)state;
	set(&one, "Proto", ndrv_int(NDRV_PROTO_UDP));
	set(&one, "Port", ndrv_int(53));
	set(&options, NDRV_OPT_GENERIC, options_of(&one));
	assert_ok(ndrv_portmap_read(&options, &arena.ndrv, &read, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_int_equal(read->port, 53);
	assert_int_equal(read->host_port + read->host_port_end, 0);
	assert_int_equal(read->address.family + read->host_address.family, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bindings_come_back_as_they_went),
		TEST(exposed_ports_come_back_as_they_went),
		TEST(bindings_that_cannot_be_are_refused_by_number),
		TEST(what_is_no_list_of_maps_is_refused),
		TEST(ports_among_the_labels_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
