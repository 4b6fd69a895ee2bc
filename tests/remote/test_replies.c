/* SPDX-License-Identifier: Apache-2.0 */
/* What the remote driver sends, and what it makes of each answer: the table of odd ones in tests/golden/remote.txt, by libnetwork's
 * newest rules or stricter ones (docs/drivers/remote.md says where). */
#include "tests/remote/remoterig.h"

#include <stdlib.h>

static struct remoterig *both;
static struct rig *rig;

/* The body or status one method is answered with. */
struct script {
	const char *path, *body;
	int status;
};

static void answer(struct fakeplugin *plugin, const char *path, const char *body, struct plugin_reply *ret)
{
	const struct script *script = plugin->data;

	(void)body;
	if (!script || strcmp(path, script->path) != 0)
		return;
	ret->body = script->body;
	ret->status = script->status;
}

static int fresh(void **state)
{
	(void)state;
	both = calloc(1, sizeof(*both));
	assert_non_null(both);
	remoterig_open(both, 0);
	both->plugin.answer = answer;
	both->plugin.data = NULL;
	rig = &both->rig;
	return 0;
}

static int finish(void **state)
{
	(void)state;
	remoterig_close(both);
	free(both);
	return 0;
}

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix got = {0};
	struct ndrv_error err = {0};

	assert_ok(ndrv_prefix_parse(text, &got, &err), &err);
	return got;
}

/* As libnetwork made it for the recording. */
static struct reply make_network(const char *nid)
{
	struct request request = rig_request(rig, REQ_NETWORK_CREATE);
	struct pool_wish wish = {.given = true, .family = 4, .address_space = "LocalDefault"};

	wish.pool = prefix("10.10.10.0/24");
	wish.gateway = prefix("10.10.10.1/24");
	request.type = "p";
	request.new_id = nid;
	request.raw_options = true;
	request.pools = &wish;
	request.pool_count = 1;
	return rig_run(rig, &request);
}

static struct reply make_endpoint(const char *address)
{
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);

	request.network = "nid1";
	request.endpoint = "eid1";
	request.address_given = true;
	if (address)
		request.address = prefix(address);
	return rig_run(rig, &request);
}

static void set_script(struct script *script)
{
	(void)pthread_mutex_lock(&both->plugin.lock);
	both->plugin.data = script;
	(void)pthread_mutex_unlock(&both->plugin.lock);
}

/* --- a whole life --- */

static void each_op_is_sent_as_libnetwork_sends_it(void **state)
{
	struct script script = {"NetworkDriver.Join",
				"{\"InterfaceName\":{\"SrcName\":\"veth1\",\"DstPrefix\":\"eth\"},\"Gateway\":\"10.10.10.1\","
				"\"StaticRoutes\":[{\"Destination\":\"10.0.0.0/8\",\"RouteType\":0,\"NextHop\":\"10.10.10.1\"},"
				"{\"Destination\":\"192.168.0.0/16\",\"RouteType\":1}],\"DisableGatewayService\":true}",
				200};

	(void)state;
	assert_reply_ok(make_network("nid1"));
	assert_asked(both, "NetworkDriver.CreateNetwork {\"NetworkID\":\"nid1\",\"Options\":{},\"IPv4Data\":[{\"AddressSpace\":"
			   "\"LocalDefault\",\"Gateway\":\"10.10.10.1/24\",\"Pool\":\"10.10.10.0/24\"}],\"IPv6Data\":[]}\n");
	assert_reply_ok(make_endpoint("10.10.10.2/24"));
	assert_asked(both,
		     "NetworkDriver.CreateEndpoint {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\",\"Interface\":{\"Address\":"
		     "\"10.10.10.2/24\",\"AddressIPv6\":\"\",\"MacAddress\":\"\"},\"Options\":{}}\n");
	set_script(&script);
	struct reply reply = rig_join(rig, "nid1", "eid1", "/var/run/docker/netns/0123456789ab");
	assert_reply_ok(reply);
	assert_asked(both, "NetworkDriver.Join {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\",\"SandboxKey\":"
			   "\"/var/run/docker/netns/0123456789ab\",\"Options\":{}}\n");
	assert_string_equal(reply.join.src_name, "veth1");
	assert_string_equal(reply.join.prefix, "eth");
	assert_int_equal(reply.join.gateway4.family, 4);
	assert_int_equal(reply.join.route_count, 2);
	assert_true(reply.join.disable_gateway_service);
	assert_reply_ok(rig_op(rig, REQ_PROGRAM_EXTERNAL, "nid1", "eid1"));
	assert_reply_ok(rig_op(rig, REQ_REVOKE_EXTERNAL, "nid1", "eid1"));
	assert_reply_ok(rig_op(rig, REQ_LEAVE, "nid1", "eid1"));
	assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "nid1", "eid1"));
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "nid1", NULL));
	assert_asked(both,
		     "NetworkDriver.ProgramExternalConnectivity {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\",\"Options\":{}}\n"
		     "NetworkDriver.RevokeExternalConnectivity {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\"}\n"
		     "NetworkDriver.Leave {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\"}\n"
		     "NetworkDriver.DeleteEndpoint {\"NetworkID\":\"nid1\",\"EndpointID\":\"eid1\"}\n"
		     "NetworkDriver.DeleteNetwork {\"NetworkID\":\"nid1\"}\n");
}

static void a_request_has_dockers_headers(void **state)
{
	(void)state;
	assert_reply_ok(make_network("nid1"));
	assert_non_null(strstr(both->plugin.head, "POST /NetworkDriver.CreateNetwork HTTP/1.1\r\n"));
	assert_non_null(strstr(both->plugin.head, "Host: plugin.moby.localhost\r\n"));
	assert_non_null(strstr(both->plugin.head, "Accept: application/vnd.docker.plugins.v1.2+json\r\n"));
	assert_non_null(strstr(both->plugin.head, "Content-Length: "));
	assert_null(strstr(both->plugin.head, "Content-Type"));
	/* One connection carried everything after the probe's look at who listens. */
	assert_true(atomic_load(&both->plugin.connections) <= 3);
}

/* --- answers to CreateEndpoint --- */

struct row {
	const char *body;
	int code; /* 0: taken */
	const char *part;
	bool rolled_back;
};

#define IFACE(members) "{\"Interface\":{" members "}}"

static const struct row endpoint_rows[] = {
	{"{}", 0, NULL, false},
	{"null", 0, NULL, false},
	{"{\"Interface\":null}", 0, NULL, false},
	{"{\"Interface\":{}}", 0, NULL, false},
	{"{\"interface\":{\"macaddress\":\"02:42:0a:0a:0a:02\"}}", 0, NULL, false},
	{IFACE("\"MacAddress\":\"02-42-0a-0a-0a-02\""), 0, NULL, false},
	{IFACE("\"MacAddress\":\"0242.0a0a.0a02\""), 0, NULL, false},
	{IFACE("\"Address\":\"10.10.10.2\""), NDRV_E_INTERNAL, "10.10.10.2", true},
	{IFACE("\"Address\":\"10.10.10.1/24\""), NDRV_E_ALREADY_SET, "driver modified interface address", true},
	{IFACE("\"Address\":\"10.10.10.3/24\""), NDRV_E_ALREADY_SET, "driver modified interface address", true},
	{IFACE("\"Address\":\"::ffff:10.0.0.9/104\""), NDRV_E_ALREADY_SET, "driver modified interface address", true},
	{IFACE("\"MacAddress\":\"zz\""), NDRV_E_INTERNAL, "zz", true},
	/* Stricter than libnetwork, which takes these and fails later. */
	{IFACE("\"MacAddress\":\"00:00:00:00:00:00\""), NDRV_E_INTERNAL, "00:00:00:00:00:00", true},
	{IFACE("\"MacAddress\":\"ff:ff:ff:ff:ff:ff\""), NDRV_E_INTERNAL, "ff:ff:ff:ff:ff:ff", true},
	{IFACE("\"MacAddress\":\"02:42:0a:0a:0a:02:03:04\""), NDRV_E_INTERNAL, "02:42:0a:0a:0a:02:03:04", true},
	{IFACE("\"MacAddress\":5"), NDRV_E_INTERNAL, "Interface.MacAddress: expected a string", true},
	{"{\"Interface\":[]}", NDRV_E_INTERNAL, "Interface: expected an object", true},
	{"", NDRV_E_INTERNAL, "the body is empty", true},
	{"[]", NDRV_E_INTERNAL, "found a list", true},
	{"garbage", NDRV_E_INTERNAL, "p", true},
	{"{\"Interface\":", NDRV_E_INTERNAL, "p", true},
	/* Refused: there is nothing to roll back. */
	{"{\"Err\":\"vendor says: vlan 7 is taken\"}", NDRV_E_INTERNAL, "remote p: vendor says: vlan 7 is taken", false},
	{"{\"Err\":\"No network (nid1) exists\"}", NDRV_E_NO_NETWORK, "No network (nid1) exists", false},
	{"{\"Err\":\"boom\",\"Kind\":\"Forbidden\",\"Code\":\"ADDRESS_IN_USE\"}", NDRV_E_ADDRESS_IN_USE, "boom", false},
	{"{\"Err\":\"boom\",\"Interface\":{\"MacAddress\":\"zz\"}}", NDRV_E_INTERNAL, "boom", false},
	{"{\"Err\":5}", NDRV_E_INTERNAL, "Err: expected a string", true},
};

/* What was asked for the row: one CreateEndpoint, and DeleteEndpoint once where it is to be taken back, never twice. */
static void check_asked(const char *what, const char *method, const char *opposite, bool rolled_back)
{
	const char *log = fakeplugin_log(&both->plugin), *first = strstr(log, method);
	const char *back = strstr(log, opposite);

	if (!first || strstr(first + 1, method))
		fail_msg("%s: not asked once: %s", what, log);
	if (!back != !rolled_back || (back && strstr(back + 1, opposite)))
		fail_msg("%s: %srolled back: %s", what, back ? "" : "not ", log);
}

static void check_error(const struct row *row, const struct reply *reply)
{
	if (reply->error.code != row->code)
		fail_msg("%s: error %d: %s", row->body, reply->error.code, reply->error.text);
	if (row->code && !strstr(reply->error.text, row->part))
		fail_msg("%s: \"%s\" lacks \"%s\"", row->body, reply->error.text, row->part);
	if (row->rolled_back && !strstr(reply->error.text, "rolled back"))
		fail_msg("%s: \"%s\" does not say that it was rolled back", row->body, reply->error.text);
}

static void answers_to_create_endpoint(void **state)
{
	(void)state;
	assert_reply_ok(make_network("nid1"));
	for (size_t i = 0; i < sizeof(endpoint_rows) / sizeof(endpoint_rows[0]); i++) {
		const struct row *row = &endpoint_rows[i];
		struct script script = {"NetworkDriver.CreateEndpoint", row->body, 200};
		set_script(&script);
		(void)fakeplugin_log(&both->plugin);
		struct reply reply = make_endpoint("10.10.10.1/24");
		check_error(row, &reply);
		check_asked(row->body, "NetworkDriver.CreateEndpoint", "NetworkDriver.DeleteEndpoint", row->rolled_back);
		if (!row->code)
			assert_reply_ok(rig_op(rig, REQ_ENDPOINT_DELETE, "nid1", "eid1"));
		assert_reply_fails(rig_op(rig, REQ_ENDPOINT_INFO, "nid1", "eid1"), NDRV_E_NO_ENDPOINT, "eid1");
		set_script(NULL);
	}
}

static void an_address_of_the_plugins_choice_goes_to_its_familys_slot(void **state)
{
	struct script script = {
		"NetworkDriver.CreateEndpoint",
		IFACE("\"Address\":\"fd00::5/64\",\"AddressIPv6\":\"10.10.10.7/24\",\"MacAddress\":\"02:00:00:00:00:01\""), 200};

	(void)state;
	assert_reply_ok(make_network("nid1"));
	set_script(&script);
	struct reply reply = make_endpoint(NULL);
	assert_reply_ok(reply);
	assert_int_equal(reply.address.addr.family, 4);
	assert_int_equal(reply.address6.addr.family, 6);
	assert_int_equal(reply.mac.bytes[5], 1);
}

/* --- answers to Join --- */

#define ROUTE(members) "{\"StaticRoutes\":[{" members "}]}"

static const struct row join_rows[] = {
	{"{}", 0, NULL, false},
	{"null", 0, NULL, false},
	{"{\"InterfaceName\":{}}", 0, NULL, false},
	{"{\"InterfaceName\":{\"SrcName\":\"\",\"DstPrefix\":\"eth\"}}", 0, NULL, false},
	{"{\"InterfaceName\":{\"SrcName\":\"veth1\",\"DstPrefix\":\"eth\",\"DstName\":\"mine0\"}}", 0, NULL, false},
	{ROUTE("\"Destination\":\"10.0.0.0/8\",\"RouteType\":0,\"NextHop\":\"10.10.10.1\""), 0, NULL, false},
	{"{\"Gateway\":\"10.10.10.1/24\"}", NDRV_E_INTERNAL, "10.10.10.1/24", true},
	{"{\"Gateway\":\"bad\"}", NDRV_E_INTERNAL, "bad", true},
	{ROUTE("\"Destination\":\"10.0.0.1\",\"RouteType\":0,\"NextHop\":\"1.1.1.1\""), NDRV_E_INTERNAL, "10.0.0.1", true},
	{ROUTE("\"Destination\":\"10.0.0.0/8\",\"RouteType\":0,\"NextHop\":\"x\""), NDRV_E_INTERNAL, "NextHop", true},
	/* Stricter than libnetwork, which takes these and fails later, or panics. */
	{"{\"Gateway\":\"2001:db8::1\"}", NDRV_E_INTERNAL, "2001:db8::1", true},
	{"{\"GatewayIPv6\":\"10.10.10.1\"}", NDRV_E_INTERNAL, "10.10.10.1", true},
	{ROUTE("\"RouteType\":0,\"NextHop\":\"1.1.1.1\""), NDRV_E_INTERNAL, "route", true},
	{ROUTE("\"Destination\":\"10.0.0.0/8\",\"RouteType\":0"), NDRV_E_INTERNAL, "next hop", true},
	{ROUTE("\"Destination\":\"10.0.0.0/8\",\"RouteType\":7,\"NextHop\":\"1.1.1.1\""), NDRV_E_INTERNAL, "type", true},
	{ROUTE("\"Destination\":\"10.0.0.0/8\",\"RouteType\":\"x\""), NDRV_E_INTERNAL, "RouteType", true},
	{"{\"InterfaceName\":{\"SrcName\":\"toolonginterfacename12345\",\"DstPrefix\":\"eth\"}}", NDRV_E_INTERNAL, "toolong", true},
	{"{\"InterfaceName\":{\"SrcName\":\"a/b\",\"DstPrefix\":\"eth\"}}", NDRV_E_INTERNAL, "a/b", true},
	{"{\"InterfaceName\":\"eth0\"}", NDRV_E_INTERNAL, "InterfaceName", true},
	{"{\"DisableGatewayService\":1}", NDRV_E_INTERNAL, "DisableGatewayService", true},
	{"", NDRV_E_INTERNAL, "empty", true},
	{"{\"Err\":\"nope\"}", NDRV_E_INTERNAL, "remote p: nope", false},
};

static void answers_to_join(void **state)
{
	(void)state;
	assert_reply_ok(make_network("nid1"));
	assert_reply_ok(make_endpoint("10.10.10.2/24"));
	for (size_t i = 0; i < sizeof(join_rows) / sizeof(join_rows[0]); i++) {
		const struct row *row = &join_rows[i];
		struct script script = {"NetworkDriver.Join", row->body, 200};
		set_script(&script);
		(void)fakeplugin_log(&both->plugin);
		struct reply reply = rig_join(rig, "nid1", "eid1", "/run/netns/x");
		check_error(row, &reply);
		check_asked(row->body, "NetworkDriver.Join", "NetworkDriver.Leave", row->rolled_back);
		if (!row->code)
			assert_reply_ok(rig_op(rig, REQ_LEAVE, "nid1", "eid1"));
		set_script(NULL);
	}
	/* A sandbox can be joined after all of that. */
	assert_reply_ok(rig_join(rig, "nid1", "eid1", "/run/netns/x"));
}

/* --- statuses --- */

static void a_status_other_than_200_is_an_error_and_404_only_sometimes(void **state)
{
	static const struct {
		const char *path, *body;
		int status, code;
		const char *part;
	} rows[] = {
		{"NetworkDriver.ProgramExternalConnectivity", "404 page not found", 404, 0, NULL},
		{"NetworkDriver.ProgramExternalConnectivity", "{\"Err\":\"port busy\"}", 500, NDRV_E_INTERNAL,
		 "NetworkDriver.ProgramExternalConnectivity: port busy"},
		{"NetworkDriver.ProgramExternalConnectivity", "plain text\n", 500, NDRV_E_INTERNAL, "status 500: plain text"},
		{"NetworkDriver.ProgramExternalConnectivity", "", 204, NDRV_E_INTERNAL, "status 204"},
		{"NetworkDriver.ProgramExternalConnectivity", "{}", 201, NDRV_E_INTERNAL, "status 201"},
		{"NetworkDriver.EndpointOperInfo", "404 page not found", 404, NDRV_E_NOT_FOUND, "status 404: 404 page not found"},
		{"NetworkDriver.EndpointOperInfo", "{\"Err\":\"No endpoint (eid1) exists\"}", 500, NDRV_E_NO_ENDPOINT,
		 "No endpoint (eid1) exists"},
	};

	(void)state;
	assert_reply_ok(make_network("nid1"));
	assert_reply_ok(make_endpoint("10.10.10.2/24"));
	assert_reply_ok(rig_join(rig, "nid1", "eid1", "/run/netns/x"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script script = {rows[i].path, rows[i].body, rows[i].status};
		bool info = strstr(rows[i].path, "Info") != NULL;
		set_script(&script);
		struct reply reply = rig_op(rig, info ? REQ_ENDPOINT_INFO : REQ_PROGRAM_EXTERNAL, "nid1", "eid1");
		if (reply.error.code != rows[i].code || (rows[i].code && !strstr(reply.error.text, rows[i].part)))
			fail_msg("row %zu: error %d: %s", i, reply.error.code, reply.error.text);
		set_script(NULL);
	}
}

static void a_plugin_that_knows_our_extra_keys_can_veto(void **state)
{
	struct script script = {"NetworkDriver.DeleteNetwork", "{\"Err\":\"in use elsewhere\",\"Kind\":\"Forbidden\"}", 200};

	(void)state;
	assert_reply_ok(make_network("nid1"));
	set_script(&script);
	assert_reply_fails(rig_op(rig, REQ_NETWORK_DELETE, "nid1", NULL), NDRV_E_FORBIDDEN, "in use elsewhere");
	set_script(NULL);
	assert_reply_ok(rig_op(rig, REQ_NETWORK_DELETE, "nid1", NULL));
	script = (struct script){"NetworkDriver.CreateNetwork", "{\"Err\":\"restoring\",\"Kind\":\"Forbidden\",\"Maskable\":true}",
				 200};
	set_script(&script);
	assert_reply_ok(make_network("nid2"));
	set_script(NULL);
}

static void discovery_sends_nodes_and_nothing_else(void **state)
{
	struct ndrv_discovery discovery = {.size = sizeof(discovery),
					   .type = NDRV_DISCOVER_NODE,
					   .address = "192.168.1.1",
					   .bind_address = "0.0.0.0",
					   .self = 1};
	struct request request = rig_request(rig, REQ_DISCOVER_NEW);

	(void)state;
	request.type = "p";
	request.discovery = &discovery;
	assert_reply_ok(rig_run(rig, &request));
	assert_asked(both, "NetworkDriver.DiscoverNew {\"DiscoveryType\":1,\"DiscoveryData\":{\"Address\":\"192.168.1.1\","
			   "\"BindAddress\":\"0.0.0.0\",\"Self\":true}}\n");
	discovery.type = NDRV_DISCOVER_KEYS;
	assert_reply_ok(rig_run(rig, &request));
	assert_asked(both, "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(each_op_is_sent_as_libnetwork_sends_it),
		T(a_request_has_dockers_headers),
		T(answers_to_create_endpoint),
		T(an_address_of_the_plugins_choice_goes_to_its_familys_slot),
		T(answers_to_join),
		T(a_status_other_than_200_is_an_error_and_404_only_sometimes),
		T(a_plugin_that_knows_our_extra_keys_can_veto),
		T(discovery_sends_nodes_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
