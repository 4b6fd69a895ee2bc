/* SPDX-License-Identifier: Apache-2.0 */
/* The Docker front by itself: what dockerd sent once, replayed; and its habits. */
#include "tests/remote/frontrig.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sdk/wire/docker.h"

/* --- the recording --- */

/* The driver does what the recorded plugin did: gives a MAC where there is none, and names at join. */
static int act(struct rig *with, struct recorded *recorded)
{
	struct ndrv_error *err = recorded->call->err;
	struct ndrv_mac mac = {.set = 1, .bytes = {2, 0x42, 0, 0, 0, 1}}, has;
	struct ndrv_addr gateway;

	(void)with;
	if (strcmp(recorded->op, "endpoint_create") == 0) {
		int rc = ndrv_ifinfo_mac(recorded->ifinfo, &has, err);
		return rc || has.set ? rc : ndrv_ifinfo_set_mac(recorded->ifinfo, &mac, err);
	}
	if (strcmp(recorded->op, "join") != 0)
		return 0;
	int rc = ndrv_join_set_names(recorded->join, "vc1", "eth", "", err);
	(void)ndrv_addr_parse("10.9.0.1", &gateway, NULL);
	return rc ? rc : ndrv_join_set_gateway(recorded->join, &gateway, err);
}

/* What dockerd looks for in the answer to each method; to the others an object without an error is enough. */
static void check_keys(const char *method, const json_t *got)
{
	static const struct {
		const char *method, *key;
	} wanted[] = {
		{"Plugin.Activate", "Implements"},
		{"NetworkDriver.GetCapabilities", "Scope"},
		{"NetworkDriver.GetCapabilities", "ConnectivityScope"},
		{"NetworkDriver.CreateEndpoint", "Interface"},
		{"NetworkDriver.EndpointOperInfo", "Value"},
		{"NetworkDriver.Join", "InterfaceName"},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strcmp(method, wanted[i].method) == 0 && !json_object_get(got, wanted[i].key))
			fail_msg("%s: no %s", method, wanted[i].key);
}

/* What the recorded plugin answered without an error the front must, too, with the same keys as far as dockerd looks at them. */
static void check_row(const char *method, const json_t *row, const json_t *got)
{
	json_t *was = json_loads(json_string_value(json_object_get(row, "reply")), JSON_DECODE_ANY, NULL);
	const char *body = json_string_value(json_object_get(row, "body"));

	if (json_object_get(got, "Err") && json_is_object(was) && !json_object_get(was, "Err"))
		fail_msg("%s %s: %s", method, body, json_string_value(json_object_get(got, "Err")));
	if (!json_object_get(got, "Err"))
		check_keys(method, got);
	if (strcmp(method, "NetworkDriver.Join") == 0 && !json_object_get(got, "Err")) {
		assert_string_equal(json_string_value(json_object_get(json_object_get(got, "InterfaceName"), "SrcName")), "vc1");
		assert_string_equal(json_string_value(json_object_get(got, "Gateway")), "10.9.0.1");
	}
	if (strcmp(method, "NetworkDriver.CreateEndpoint") == 0 && !json_object_get(got, "Err")) {
		const json_t *mac = json_object_get(json_object_get(got, "Interface"), "MacAddress");
		assert_null(json_object_get(json_object_get(got, "Interface"), "Address"));
		assert_int_equal(mac == NULL, strstr(body, "\"MacAddress\":\"\"") == NULL);
	}
	json_decref(was);
}

struct replay {
	int fd;
	unsigned count, refused;
};

/* dockerd's second tries come without a body, and calls for what the recorded plugin's first try was cut off at are unknown here or
 * done already. */
static void replay_row(struct replay *replay, const json_t *row)
{
	const char *method = json_string_value(json_object_get(row, "path"));
	const char *body = json_string_value(json_object_get(row, "body"));
	bool bodied = strncmp(method, "Plugin.", 7) != 0 && !strstr(method, "GetCapabilities");

	json_t *got = post(&replay->fd, method, body, 200);
	if (bodied && !*body) {
		assert_non_null(json_object_get(got, "Err"));
		replay->refused++;
	} else {
		check_row(method, row, got);
	}
	replay->count++;
	json_decref(got);
}

/* All 519 but AllocateNetwork and FreeNetwork, one each, which are for drivers of global scope and have a test of their own
 * (a_swarms_requests_are_answered). */
static void what_dockerd_sent_is_answered(void **state)
{
	FILE *file = fopen(GOLDEN "/docker.jsonl", "r");
	struct replay replay = {.fd = -1};
	char line[8192];

	(void)state;
	assert_non_null(file);
	rig->act = act;
	while (fgets(line, sizeof(line), file)) {
		json_t *row = json_loads(line, 0, NULL);
		assert_non_null(row);
		bool global = strstr(line, "AllocateNetwork") || strstr(line, "FreeNetwork");
		if (!global)
			replay_row(&replay, row);
		json_decref(row);
	}
	(void)fclose(file);
	(void)close(replay.fd);
	assert_int_equal(replay.count, 517);
	assert_int_equal(replay.refused, 5);
}

/* --- habits --- */

static void activation_never_fails(void **state)
{
	int fd = -1;

	(void)state;
	json_t *json = post(&fd, "Plugin.Activate", "", 200);
	assert_string_equal(json_string_value(json_array_get(json_object_get(json, "Implements"), 0)), "NetworkDriver");
	json_decref(json);
	assert_text(&fd, "NetworkDriver.GetCapabilities", "",
		    "{\"ConnectivityScope\":\"local\",\"GwAllocChecker\":true,\"Scope\":\"local\"}");
	/* With a body nobody sends, too. */
	assert_text(&fd, "NetworkDriver.GetCapabilities", "garbage",
		    "{\"ConnectivityScope\":\"local\",\"GwAllocChecker\":true,\"Scope\":\"local\"}");
	(void)close(fd);
}

#define POOL(pool, range, v6) \
	"{\"AddressSpace\":\"s\",\"Pool\":\"" pool "\",\"SubPool\":\"" range "\",\"Options\":null,\"V6\":" v6 "}\n"
#define IN_POOL(address, options) "{\"PoolID\":\"s/10.88.0.0/24\",\"Address\":\"" address "\"" options "}\n"
#define AS_GATEWAY ",\"Options\":{\"RequestAddressType\":\"com.docker.network.gateway\"}"

static void pools_and_addresses_are_leased_as_docker_asks(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "IpamDriver.GetCapabilities", "", "{\"RequiresMACAddress\":false,\"RequiresRequestReplay\":true}");
	assert_text(&fd, "IpamDriver.GetDefaultAddressSpaces", "",
		    "{\"GlobalDefaultAddressSpace\":\"ndrv-global\",\"LocalDefaultAddressSpace\":\"ndrv-local\"}");
	assert_text(&fd, "IpamDriver.RequestPool", POOL("10.88.0.0/24", "", "false"),
		    "{\"Data\":{},\"Pool\":\"10.88.0.0/24\",\"PoolID\":\"s/10.88.0.0/24\"}");
	assert_text(&fd, "IpamDriver.RequestAddress", IN_POOL("", AS_GATEWAY), "{\"Address\":\"10.88.0.1/24\",\"Data\":{}}");
	assert_text(&fd, "IpamDriver.RequestAddress", IN_POOL("10.88.0.1", AS_GATEWAY),
		    "{\"Address\":\"10.88.0.1/24\",\"Data\":{}}");
	assert_text(&fd, "IpamDriver.RequestAddress", IN_POOL("", ",\"Options\":null"),
		    "{\"Address\":\"10.88.0.2/24\",\"Data\":{}}");
	assert_text(&fd, "IpamDriver.RequestAddress", IN_POOL("10.88.0.9", ",\"Options\":null"),
		    "{\"Address\":\"10.88.0.9/24\",\"Data\":{}}");
	/* The same process asks: it is no repetition. */
	assert_err(&fd, "IpamDriver.RequestAddress", IN_POOL("10.88.0.9", ""), "already in use");
	assert_err(&fd, "IpamDriver.RequestAddress", IN_POOL("10.88.0.7", AS_GATEWAY), "has a gateway already");
	assert_err(&fd, "IpamDriver.RequestAddress", IN_POOL("10.89.0.7", ""), "10.89.0.7 is not within the pool");
	assert_err(&fd, "IpamDriver.RequestPool", POOL("10.88.0.0/24", "", "false"), "overlaps");
	assert_err(&fd, "IpamDriver.RequestPool", POOL("10.88.0.0/16", "", "false"), "overlaps");
	assert_err(&fd, "IpamDriver.RequestPool", POOL("10.99.0.0/24", "", "true"), "other family");
	assert_err(&fd, "IpamDriver.RequestPool", POOL("10.99.0.0/24", "10.98.0.0/26", "false"), "not within the pool");
	assert_err(&fd, "IpamDriver.RequestPool", "{\"Pool\":\"10.99.0.0/24\"}", "AddressSpace");
	assert_err(&fd, "IpamDriver.RequestAddress", "{\"PoolID\":\"nosuch\"}", "no such pool: nosuch");
	assert_text(&fd, "IpamDriver.ReleaseAddress", IN_POOL("10.88.0.9", ""), "{}");
	assert_text(&fd, "IpamDriver.ReleaseAddress", IN_POOL("10.88.0.9", ""), "{}");
	assert_text(&fd, "IpamDriver.RequestAddress", IN_POOL("10.88.0.9", ""), "{\"Address\":\"10.88.0.9/24\",\"Data\":{}}");
	for (int i = 0; i < 2; i++)
		assert_text(&fd, "IpamDriver.ReleasePool", "{\"PoolID\":\"s/10.88.0.0/24\"}", "{}");
	assert_text(&fd, "IpamDriver.RequestPool", POOL("10.88.0.0/24", "10.88.0.64/26", "false"),
		    "{\"Data\":{},\"Pool\":\"10.88.0.0/24\",\"PoolID\":\"s/10.88.0.0/24/10.88.0.64/26\"}");
	assert_text(&fd, "IpamDriver.RequestAddress", "{\"PoolID\":\"s/10.88.0.0/24/10.88.0.64/26\",\"Address\":\"\"}",
		    "{\"Address\":\"10.88.0.64/24\",\"Data\":{}}");
	(void)close(fd);
}

/* A pool is given back before its network goes, and when a second network of it failed. */
static void a_pool_that_a_network_uses_stays_until_that_has_gone(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "IpamDriver.RequestPool", POOL("10.9.0.0/24", "", "false"),
		    "{\"Data\":{},\"Pool\":\"10.9.0.0/24\",\"PoolID\":\"s/10.9.0.0/24\"}");
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "IpamDriver.ReleasePool", "{\"PoolID\":\"s/10.9.0.0/24\"}", "{}");
	assert_err(&fd, "IpamDriver.RequestPool", POOL("10.9.0.0/16", "", "false"), "overlaps");
	assert_text(&fd, "NetworkDriver.DeleteNetwork", "{\"NetworkID\":\"n1\"}", "{}");
	assert_text(&fd, "IpamDriver.RequestPool", POOL("10.9.0.0/16", "", "false"),
		    "{\"Data\":{},\"Pool\":\"10.9.0.0/16\",\"PoolID\":\"s/10.9.0.0/16\"}");
	(void)close(fd);
}

static void only_methods_that_are_not_there_are_404(void **state)
{
	int fd = -1;

	(void)state;
	json_decref(post(&fd, "NetworkDriver.NewThing", "{}", 404));
	json_decref(post(&fd, "IpamDriver.ReplacePool", "{}", 404));
	json_decref(post(&fd, "VolumeDriver.Create", "{}", 404));
	assert_err(&fd, "NetworkDriver.ProgramExternalConnectivity", IDS, "No network (n1) exists");
	assert_err(&fd, "NetworkDriver.Join", IDS, "No network (n1) exists");
	(void)close(fd);
}

static void a_request_without_its_body_does_nothing(void **state)
{
	int fd = -1;

	(void)state;
#define EMPTY(name, path, body) \
	if (body)               \
		assert_err(&fd, path, "", "the body is empty");
	WIRE_METHODS(EMPTY)
#undef EMPTY
	assert_calls(rig, "");
	(void)close(fd);
}

static void the_same_again_is_answered_the_same(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = act;
	for (int i = 0; i < 2; i++) {
		assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
		assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""),
			    "{\"Interface\":{\"MacAddress\":\"02:42:00:00:00:01\"}}");
		assert_text(&fd, "NetworkDriver.Join",
			    "{\"NetworkID\":\"n1\",\"EndpointID\":\"e1\",\"SandboxKey\":\"/x\",\"Options\":{}}",
			    "{\"Gateway\":\"10.9.0.1\",\"InterfaceName\":{\"DstPrefix\":\"eth\",\"SrcName\":\"vc1\"}}");
	}
	assert_calls(rig, "network_create n1; endpoint_create n1 e1; join n1 e1");
	assert_err(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.3/24", ""), "already exists");
	for (int i = 0; i < 2; i++) {
		assert_text(&fd, "NetworkDriver.RevokeExternalConnectivity", IDS, "{}");
		assert_text(&fd, "NetworkDriver.Leave", IDS, "{}");
		assert_text(&fd, "NetworkDriver.DeleteEndpoint", IDS, "{}");
		assert_text(&fd, "NetworkDriver.DeleteNetwork", "{\"NetworkID\":\"n1\"}", "{}");
	}
	assert_calls(rig, "leave n1 e1; endpoint_delete n1 e1; network_delete n1 FORCE");
	(void)close(fd);
}

/* Endpoints of containers that died with dockerd. */
static void a_network_goes_with_what_docker_forgot_on_it(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	(void)rig_calls(rig);
	assert_text(&fd, "NetworkDriver.DeleteNetwork", "{\"NetworkID\":\"n1\"}", "{}");
	assert_calls(rig, "endpoint_delete n1 e1 FORCE; network_delete n1 FORCE");
	assert_int_equal(records_count(rig->records), 0);
	(void)close(fd);
}

/* dockerd was killed, started again, and gives the same address to a new container. */
static void a_stale_endpoint_makes_room_for_its_address(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	assert_text(&fd, "NetworkDriver.Join", "{\"NetworkID\":\"n1\",\"EndpointID\":\"e1\",\"SandboxKey\":\"/x\",\"Options\":{}}",
		    "{\"DisableGatewayService\":true}");
	(void)rig_calls(rig);
	assert_text(&fd, "NetworkDriver.CreateEndpoint",
		    "{\"NetworkID\":\"n1\",\"EndpointID\":\"e2\",\"Interface\":{\"Address\":\"10.9.0.3/24\"},\"Options\":{}}",
		    "{\"Interface\":{}}");
	assert_calls(rig, "endpoint_create n1 e2");
	assert_text(&fd, "NetworkDriver.CreateEndpoint",
		    "{\"NetworkID\":\"n1\",\"EndpointID\":\"e3\",\"Interface\":{\"Address\":\"10.9.0.2/24\"},\"Options\":{}}",
		    "{\"Interface\":{}}");
	assert_calls(rig, "leave n1 e1 FORCE; endpoint_delete n1 e1 FORCE; endpoint_create n1 e3");
	(void)close(fd);
}

static void what_was_given_does_not_come_back(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = act;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", "02:11:22:33:44:55"), "{\"Interface\":{}}");
	(void)close(fd);
}

static int fail_info(struct rig *with, struct recorded *recorded)
{
	(void)with;
	return strcmp(recorded->op, "endpoint_info") ? 0 : ndrv_fail(recorded->call->err, NDRV_E_INTERNAL, "boom");
}

static void endpoint_info_never_fails(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = fail_info;
	assert_text(&fd, "NetworkDriver.EndpointOperInfo", IDS, "{\"Value\":{}}");
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET, "{}");
	assert_text(&fd, "NetworkDriver.CreateEndpoint", EP("10.9.0.2/24", ""), "{\"Interface\":{}}");
	assert_text(&fd, "NetworkDriver.EndpointOperInfo", IDS, "{\"Value\":{}}");
	(void)close(fd);
}

static int fail_create(struct rig *with, struct recorded *recorded)
{
	(void)with;
	return strcmp(recorded->op, "network_create") ? 0 : ndrv_fail(recorded->call->err, NDRV_E_FORBIDDEN, "vlan 7 is taken");
}

static void an_error_is_text_for_docker_and_typed_for_us(void **state)
{
	int fd = -1;

	(void)state;
	rig->act = fail_create;
	assert_text(&fd, "NetworkDriver.CreateNetwork", NET,
		    "{\"Code\":\"FORBIDDEN\",\"Err\":\"vlan 7 is taken\",\"Kind\":\"Forbidden\"}");
	assert_err(&fd, "NetworkDriver.CreateNetwork", "{\"NetworkID\":5}", "NetworkID: expected a string");
	assert_err(&fd, "NetworkDriver.CreateNetwork", "{", "NetworkDriver.CreateNetwork: line 1");
	(void)close(fd);
}

static void other_discoveries_than_nodes_are_dropped(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "NetworkDriver.DiscoverNew", "{\"DiscoveryType\":2,\"DiscoveryData\":{\"Keys\":[]}}", "{}");
	assert_calls(rig, "");
	assert_text(&fd, "NetworkDriver.DiscoverNew",
		    "{\"DiscoveryType\":1,\"DiscoveryData\":{\"Address\":\"10.1.1.1\",\"BindAddress\":\"10.1.1.1\",\"Self\":true}}",
		    "{}");
	assert_calls(rig, "discover_new");
	(void)close(fd);
}

static void a_swarms_requests_are_answered(void **state)
{
	int fd = -1;

	(void)state;
	assert_text(&fd, "NetworkDriver.GetCapabilities", "",
		    "{\"ConnectivityScope\":\"global\",\"GwAllocChecker\":true,\"Scope\":\"global\"}");
	assert_text(&fd, "NetworkDriver.AllocateNetwork",
		    "{\"NetworkID\":\"kg0l99\",\"Options\":{\"vni\":\"77\"},\"IPv4Data\":[{\"AddressSpace\":\"\",\"Gateway\":\"10."
		    "5.0.1/24\","
		    "\"Pool\":\"10.5.0.0/24\"}],\"IPv6Data\":null}",
		    "{\"Options\":{}}");
	assert_text(&fd, "NetworkDriver.FreeNetwork", "{\"NetworkID\":\"kg0l99\"}", "{}");
	assert_calls(rig, "network_allocate kg0l99; network_free kg0l99");
	(void)close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, front_fresh, front_finish)
	const struct CMUnitTest tests[] = {
		T(what_dockerd_sent_is_answered),
		T(activation_never_fails),
		T(pools_and_addresses_are_leased_as_docker_asks),
		T(a_pool_that_a_network_uses_stays_until_that_has_gone),
		T(only_methods_that_are_not_there_are_404),
		T(a_request_without_its_body_does_nothing),
		T(the_same_again_is_answered_the_same),
		T(a_network_goes_with_what_docker_forgot_on_it),
		T(a_stale_endpoint_makes_room_for_its_address),
		T(what_was_given_does_not_come_back),
		T(endpoint_info_never_fails),
		T(an_error_is_text_for_docker_and_typed_for_us),
		T(other_discoveries_than_nodes_are_dropped),
		cmocka_unit_test_setup_teardown(a_swarms_requests_are_answered, front_fresh_global, front_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
