/* SPDX-License-Identifier: Apache-2.0 */
/* The callback objects: libnetwork.md §1.3 and §9 rule 8, and what happens to a handle that is used too late. */
#include "tests/conformance/rig.h"

#include <stdlib.h>

static const char *const drivers[] = {"rec", "recglobal", NULL};

struct results {
	const char *op;
	void (*act)(struct results *results, struct recorded *recorded);
	struct ndrv_error errs[16];
	int rcs[16];
	uint32_t count;
	struct ndrv_ifinfo *kept_ifinfo;
	struct ndrv_join *kept_join;
	struct ndrv_network *kept_network;
};

static int act(struct rig *rig, struct recorded *recorded)
{
	struct results *results = rig->act_data;

	if (!strcmp(recorded->op, results->op))
		results->act(results, recorded);
	return 0;
}

/* Notes the outcome of a setter. */
#define TRY(results, call_)                                                  \
	do {                                                                 \
		struct ndrv_error *err = &(results)->errs[(results)->count]; \
		(results)->rcs[(results)->count] = (call_);                  \
		(results)->count++;                                          \
	} while (0)
#define assert_tried(results, index, code_, part) assert_fails((results)->rcs[index], &(results)->errs[index], (code_), (part))
#define assert_tried_ok(results, index) assert_ok((results)->rcs[index], &(results)->errs[index])

static struct rig *open_rig(struct results *results, const char *op, void (*run)(struct results *, struct recorded *))
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	memset(results, 0, sizeof(*results));
	results->op = op;
	results->act = run;
	rig_open(rig, RIG_QUIET, drivers);
	rig->act = act;
	rig->act_data = results;
	return rig;
}

static void close_rig(struct rig *rig)
{
	rig_close(rig);
	free(rig);
}

static const struct ndrv_mac mac1 = {.set = 1, .bytes = {2, 0x42, 10, 0, 0, 2}};

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix ret = {0};
	struct ndrv_error err = {0};

	assert_ok(ndrv_prefix_parse(text, &ret, &err), &err);
	return ret;
}

static void set_everything_twice(struct results *results, struct recorded *recorded)
{
	struct ndrv_ifinfo *ifinfo = recorded->ifinfo;
	struct ndrv_prefix taken = prefix("10.100.0.9/24"), six = prefix("fd00::2/64");
	struct ndrv_mac zero = {.set = 1}, group = {.set = 1, .bytes = {1, 0, 0x5e, 0, 0, 1}};

	TRY(results, ndrv_ifinfo_set_mac(ifinfo, NULL, err));
	TRY(results, ndrv_ifinfo_set_mac(ifinfo, &zero, err));
	TRY(results, ndrv_ifinfo_set_mac(ifinfo, &group, err));
	TRY(results, ndrv_ifinfo_set_mac(ifinfo, &mac1, err));
	TRY(results, ndrv_ifinfo_set_mac(ifinfo, &mac1, err));
	TRY(results, ndrv_ifinfo_set_address(ifinfo, &taken, err));
	TRY(results, ndrv_ifinfo_set_address(ifinfo, NULL, err));
	TRY(results, ndrv_ifinfo_set_address(ifinfo, &six, err));
	TRY(results, ndrv_ifinfo_set_address(ifinfo, &six, err));
	TRY(results, ndrv_ifinfo_set_created_in_sandbox(ifinfo, err));
	memset(&six, 0, sizeof(six)); /* it was copied */
}

static void interface_info_is_set_once_with_libnetworks_texts(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "endpoint_create", set_everything_twice);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	struct reply reply = rig_endpoint(rig, "n1", "e1");
	assert_reply_ok(reply);
	assert_tried(results, 0, NDRV_E_BAD_REQUEST, "tried to set nil MAC address to endpoint interface");
	assert_tried(results, 1, NDRV_E_BAD_REQUEST, "00:00:00:00:00:00");
	assert_tried(results, 2, NDRV_E_BAD_REQUEST, "01:00:5e:00:00:01");
	assert_tried_ok(results, 3);
	assert_tried(results, 4, NDRV_E_ALREADY_SET,
		     "endpoint interface MAC address present (02:42:0a:00:00:02). Cannot be modified with 02:42:0a:00:00:02.");
	assert_tried(results, 5, NDRV_E_ALREADY_SET,
		     "endpoint interface IP present (10.100.0.2/24). Cannot be modified with (10.100.0.9/24).");
	assert_tried(results, 6, NDRV_E_BAD_REQUEST, "tried to set nil IP address to endpoint interface");
	assert_tried_ok(results, 7);
	assert_tried(results, 8, NDRV_E_ALREADY_SET, "endpoint interface IP present (fd00::2/64)");
	assert_tried(results, 9, NDRV_E_FORBIDDEN, "sandbox of this endpoint is not known");
	assert_true(reply.mac_changed && reply.address6_changed && !reply.address_changed);
	char text[NDRV_PREFIX_TEXT];
	assert_string_equal(ndrv_prefix_format(&reply.address6, text), "fd00::2/64");
	close_rig(rig);
	free(results);
}

static void set_wrong_addresses(struct results *results, struct recorded *recorded)
{
	static const char *const wrong[] = {"224.0.0.1/24", "0.0.0.0/0"};

	for (size_t i = 0; i < 2; i++) {
		struct ndrv_prefix address = prefix(wrong[i]);
		TRY(results, ndrv_ifinfo_set_address(recorded->ifinfo, &address, err));
	}
	struct ndrv_prefix address = prefix("10.1.2.3/24");
	address.length = 40;
	TRY(results, ndrv_ifinfo_set_address(recorded->ifinfo, &address, err));
	address.addr.family = 5;
	TRY(results, ndrv_ifinfo_set_address(recorded->ifinfo, &address, err));
}

static void addresses_no_interface_can_have_are_refused(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "endpoint_create", set_wrong_addresses);
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	request.network = "n1";
	request.endpoint = "e1";
	request.address_given = true; /* and none is: the driver may set one */
	assert_reply_ok(rig_run(rig, &request));
	assert_tried(results, 0, NDRV_E_BAD_REQUEST, "224.0.0.1");
	assert_tried(results, 1, NDRV_E_BAD_REQUEST, "0.0.0.0");
	assert_tried(results, 2, NDRV_E_BAD_REQUEST, "40");
	assert_tried(results, 3, NDRV_E_BAD_REQUEST, "family");
	close_rig(rig);
	free(results);
}

static void set_foreign_address(struct results *results, struct recorded *recorded)
{
	struct ndrv_prefix address = prefix("192.168.99.5/24");

	TRY(results, ndrv_ifinfo_set_address(recorded->ifinfo, &address, err));
}

static void an_address_outside_the_pools_undoes_the_endpoint_and_names_the_driver(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "endpoint_create", set_foreign_address);
	struct request request = rig_request(rig, REQ_ENDPOINT_CREATE);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	(void)rig_calls(rig);
	request.network = "n1";
	request.endpoint = "e1";
	request.address_given = true;
	assert_reply_fails(rig_run(rig, &request), NDRV_E_INTERNAL, "driver \"rec\" answered endpoint_create");
	assert_calls(rig, "endpoint_create n1 e1; endpoint_delete n1 e1 UNDO");
	close_rig(rig);
	free(results);
}

static void say_join(struct results *results, struct recorded *recorded)
{
	struct ndrv_join *join = recorded->join;
	struct ndrv_prefix four = prefix("10.100.0.1/24"), six = prefix("fd00::1/64"), any = prefix("0.0.0.0/0");
	struct ndrv_route route = {.destination = prefix("10.9.0.0/16"), .type = NDRV_ROUTE_CONNECTED};

	TRY(results, ndrv_join_set_names(join, "veth0", "x", "", err));
	TRY(results, ndrv_join_set_names(join, "veth1", "eth", "", err));
	TRY(results, ndrv_join_set_names(join, "a/b", "eth", "", err));
	TRY(results, ndrv_join_set_names(join, "veth1", "muchtoolongname", "", err));
	TRY(results, ndrv_join_set_gateway(join, &six.addr, err));
	TRY(results, ndrv_join_set_gateway6(join, &four.addr, err));
	TRY(results, ndrv_join_set_gateway(join, &any.addr, err));
	TRY(results, ndrv_join_set_gateway(join, &six.addr, err));
	TRY(results, ndrv_join_set_gateway(join, &four.addr, err));
	TRY(results, ndrv_join_set_gateway6(join, &six.addr, err));
	TRY(results, ndrv_join_set_gateway6(join, NULL, err));
	TRY(results, ndrv_join_disable_gateway_service(join, err));
	TRY(results, ndrv_join_force_gateway(join, 5, err));
	for (int i = 0; i < 64; i++)
		if (ndrv_join_add_static_route(join, &route, NULL))
			results->kept_join = join;
	TRY(results, ndrv_join_add_static_route(join, &route, err));
	route.type = 2;
	TRY(results, ndrv_join_add_static_route(join, &route, err));
}

static void join_info_takes_the_last_call_and_checks_families(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "join", say_join);
	char text[NDRV_ADDR_TEXT];

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	struct reply reply = rig_join(rig, "n1", "e1", "s");
	assert_reply_ok(reply);
	assert_tried_ok(results, 0);
	assert_tried_ok(results, 1);
	assert_tried(results, 2, NDRV_E_BAD_REQUEST, "a/b");
	assert_tried(results, 3, NDRV_E_BAD_REQUEST, "muchtoolong");
	assert_tried(results, 4, NDRV_E_BAD_REQUEST, "IPv4");
	assert_tried(results, 5, NDRV_E_BAD_REQUEST, "IPv6");
	assert_tried(results, 6, NDRV_E_BAD_REQUEST, "unspecified");
	assert_tried_ok(results, 8);
	assert_tried_ok(results, 9);
	assert_tried_ok(results, 10);
	assert_tried_ok(results, 11);
	assert_tried(results, 12, NDRV_E_BAD_REQUEST, "family");
	assert_null(results->kept_join); /* 64 routes fit */
	assert_tried(results, 13, NDRV_E_BAD_REQUEST, "64");
	assert_tried(results, 14, NDRV_E_BAD_REQUEST, "2");
	assert_string_equal(reply.join.src_name, "veth1");
	assert_string_equal(reply.join.prefix, "eth");
	assert_string_equal(ndrv_addr_format(&reply.join.gateway4, text), "10.100.0.1");
	assert_int_equal(reply.join.gateway6.family, 0);
	assert_int_equal(reply.join.route_count, 64);
	assert_true(reply.join.disable_gateway_service);
	close_rig(rig);
	free(results);
}

static void keep(struct results *results, struct recorded *recorded)
{
	results->kept_ifinfo = recorded->ifinfo;
	results->kept_join = recorded->join;
	results->kept_network = recorded->network;
}

static void a_handle_used_after_its_call_is_stale(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "endpoint_create", keep);
	struct ndrv_error err = {0};
	struct ndrv_mac mac;

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_fails(ndrv_ifinfo_set_mac(results->kept_ifinfo, &mac1, &err), &err, NDRV_E_STALE_HANDLE,
		     "after its call had returned");
	assert_fails(ndrv_ifinfo_mac(results->kept_ifinfo, &mac, &err), &err, NDRV_E_STALE_HANDLE, "after");
	struct ndrv_ifinfo *old = results->kept_ifinfo;
	results->op = "join";
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_fails(ndrv_join_set_gateway(results->kept_join, NULL, &err), &err, NDRV_E_STALE_HANDLE, "after");
	/* No later call gets the old one for as long as the host can tell. */
	results->op = "endpoint_create";
	for (int i = 0; i < 200; i++) {
		char eid[16];
		(void)snprintf(eid, sizeof(eid), "x%d", i);
		assert_reply_ok(rig_endpoint(rig, "n1", eid));
		assert_ptr_not_equal(results->kept_ifinfo, old);
	}
	close_rig(rig);
	free(results);
}

static void register_tables(struct results *results, struct recorded *recorded)
{
	TRY(results, ndrv_network_table_register(recorded->network, "peers", NDRV_OBJECT_ENDPOINT, err));
	TRY(results, ndrv_network_table_register(recorded->network, "peers", NDRV_OBJECT_ENDPOINT, err));
	TRY(results, ndrv_network_table_register(recorded->network, "peers", 9, err));
	TRY(results, ndrv_network_table_register(recorded->network, "", NDRV_OBJECT_OPAQUE, err));
}

static void tables_are_registered_while_the_network_is_made_and_not_later(void **state)
{
	static const char *const types[] = {"rec", "recglobal"};
	struct results *results = calloc(1, sizeof(*results));

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rig *rig = open_rig(results, "network_create", register_tables);
		assert_reply_ok(rig_network(rig, types[i], "n1"));
		assert_tried_ok(results, 0);
		assert_tried_ok(results, 1);
		assert_tried(results, 2, NDRV_E_BAD_REQUEST, "invalid object type 9 in registering table, peers");
		assert_tried(results, 3, NDRV_E_BAD_REQUEST, "name");
		results->op = "endpoint_create";
		results->count = 0;
		assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
		assert_tried(results, 0, NDRV_E_STALE_HANDLE, "table_register");
		close_rig(rig);
	}
	free(results);
}

static void add_rows(struct results *results, struct recorded *recorded)
{
	static char big[(64u << 10) + 1], key[257];

	memset(key, 'k', 256);
	TRY(results, ndrv_join_add_table_entry(recorded->join, "peers", "k", "v", 1, err));
	TRY(results, ndrv_join_add_table_entry(recorded->join, "peers", key, "v", 1, err));
	TRY(results, ndrv_join_add_table_entry(recorded->join, "peers", "k", big, sizeof(big), err));
	TRY(results, ndrv_join_add_wait_link(recorded->join, 0, err));
	for (uint32_t i = 1; i <= 5; i++)
		TRY(results, ndrv_join_add_wait_link(recorded->join, i, err));
}

static void rows_and_links_of_a_join_have_limits(void **state)
{
	struct results *results = calloc(1, sizeof(*results));
	struct rig *rig = open_rig(results, "join", add_rows);

	(void)state;
	assert_reply_ok(rig_network(rig, "rec", "n1"));
	assert_reply_ok(rig_endpoint(rig, "n1", "e1"));
	assert_reply_ok(rig_join(rig, "n1", "e1", "s"));
	assert_tried_ok(results, 0);
	assert_tried(results, 1, NDRV_E_BAD_REQUEST, "255");
	assert_tried(results, 2, NDRV_E_BAD_REQUEST, "65536");
	assert_tried(results, 3, NDRV_E_BAD_REQUEST, "0");
	assert_tried_ok(results, 7);
	assert_tried(results, 8, NDRV_E_BAD_REQUEST, "4");
	close_rig(rig);
	free(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_info_is_set_once_with_libnetworks_texts),
		cmocka_unit_test(addresses_no_interface_can_have_are_refused),
		cmocka_unit_test(an_address_outside_the_pools_undoes_the_endpoint_and_names_the_driver),
		cmocka_unit_test(join_info_takes_the_last_call_and_checks_families),
		cmocka_unit_test(a_handle_used_after_its_call_is_stale),
		cmocka_unit_test(tables_are_registered_while_the_network_is_made_and_not_later),
		cmocka_unit_test(rows_and_links_of_a_join_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
