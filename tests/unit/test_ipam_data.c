/* SPDX-License-Identifier: Apache-2.0 */
/* IPAMData against what libnetwork itself was seen to do (docs/abi.md names the recording). */
#include "tests/lib/test.h"

#include <ndrv/types.h>

#include <stdlib.h>

static struct ndrv_error err;

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix ret = {0};

	if (text)
		assert_ok(ndrv_prefix_parse(text, &ret, &err), &err);
	return ret;
}

static void assert_json(const struct ndrv_ipam_data *data, const char *wanted)
{
	char *json = NULL;

	assert_ok(ndrv_ipam_to_json(data, &json, &err), &err);
	assert_string_equal(json, wanted);
	free(json);
}

static void json_goes_out_as_go_writes_it(void **state)
{
	struct ndrv_aux_address router[] = {{"router", prefix("10.10.10.9/24")}};
	struct ndrv_aux_address none[] = {{"k", prefix(NULL)}};
	struct ndrv_ipam_data full = {.address_space = "LocalDefault",
				      .pool = prefix("10.10.10.0/24"),
				      .gateway = prefix("10.10.10.1/24"),
				      .aux_count = 1,
				      .aux_set = 1,
				      .aux = router};
	struct ndrv_ipam_data v6 = {
		.address_space = "LocalDefault", .pool = prefix("2001:db8::/64"), .gateway = prefix("2001:db8::1/64")};
	struct ndrv_ipam_data data = {0};

	(void)state;
	assert_json(&full, "{\"AddressSpace\":\"LocalDefault\",\"AuxAddresses\":{\"router\":\"10.10.10.9/24\"},"
			   "\"Gateway\":\"10.10.10.1/24\",\"Pool\":\"10.10.10.0/24\"}");
	assert_json(&v6, "{\"AddressSpace\":\"LocalDefault\",\"Gateway\":\"2001:db8::1/64\",\"Pool\":\"2001:db8::/64\"}");
	assert_json(&data, "{\"AddressSpace\":\"\"}");
	data.aux_set = 1;
	assert_json(&data, "{\"AddressSpace\":\"\",\"AuxAddresses\":{}}");
	data = (struct ndrv_ipam_data){.address_space = "a", .pool = prefix("10.0.0.5/8")};
	assert_json(&data, "{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.5/8\"}");
	data = (struct ndrv_ipam_data){.address_space = "a", .aux_count = 1, .aux = none};
	assert_json(&data, "{\"AddressSpace\":\"a\",\"AuxAddresses\":{\"k\":\"\\u003cnil\\u003e\"}}");
	data = (struct ndrv_ipam_data){.address_space = "", .pool = prefix("0.0.0.0/0"), .gateway = prefix("0.0.0.0/0")};
	assert_json(&data, "{\"AddressSpace\":\"\",\"Gateway\":\"0.0.0.0/0\",\"Pool\":\"0.0.0.0/0\"}");
}

static void keys_are_sorted_by_bytes_and_texts_escaped_as_go_does(void **state)
{
	struct ndrv_aux_address aux[] = {{"b", prefix("1.2.3.4/32")},
					 {"\xc3\xa4", prefix("1.2.3.4/32")},
					 {"B", prefix("1.2.3.4/32")},
					 {"", prefix("1.2.3.4/32")}};
	struct ndrv_ipam_data data = {
		.address_space = "<&>\"\\/\n\r\t\b\f\x01\x7f\xe2\x80\xa8\xe2\x80\xa9\xff\xc3(\xed\xa0\x80\xf0\x9f\x90\xb3",
		.aux_count = 4,
		.aux = aux};

	(void)state;
	assert_json(
		&data,
		"{\"AddressSpace\":\"\\u003c\\u0026\\u003e\\\"\\\\/\\n\\r\\t\\u0008\\u000c\\u0001\x7f\\u2028\\u2029\\ufffd\\ufffd("
		"\\ufffd\\ufffd\\ufffd\xf0\x9f\x90\xb3\",\"AuxAddresses\":{\"\":\"1.2.3.4/32\",\"B\":\"1.2.3.4/32\","
		"\"b\":\"1.2.3.4/32\",\"\xc3\xa4\":\"1.2.3.4/32\"}}");
}

static void lists_that_are_no_go_map_are_refused(void **state)
{
	struct ndrv_aux_address twice[] = {{"x", prefix("1.2.3.4/32")}, {"y", prefix(NULL)}, {"x", prefix(NULL)}};
	struct ndrv_aux_address nameless[] = {{NULL, prefix("1.2.3.4/32")}};
	struct ndrv_ipam_data data = {.aux_count = 3, .aux = twice};
	char *json = NULL;

	(void)state;
	assert_fails(ndrv_ipam_to_json(&data, &json, &err), &err, NDRV_E_BAD_REQUEST, "\"x\" is there twice");
	data = (struct ndrv_ipam_data){.aux_count = 1, .aux = nameless};
	assert_fails(ndrv_ipam_to_json(&data, &json, &err), &err, NDRV_E_BAD_REQUEST, "has no name");
	assert_null(json);
}

static void json_comes_in_and_goes_out_again_as_with_go(void **state)
{
	static const struct {
		const char *in, *text, *out;
	} rows[] = {
		{"{\"AddressSpace\":\"a\"}", "AddressSpace: a\nPool: <nil>\nGateway: <nil>\nAddresses: map[]",
		 "{\"AddressSpace\":\"a\"}"},
		{"{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.5/8\"}",
		 "AddressSpace: a\nPool: 10.0.0.5/8\nGateway: <nil>\nAddresses: map[]",
		 "{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.5/8\"}"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":null}", "AddressSpace: a\nPool: <nil>\nGateway: <nil>\nAddresses: map[]",
		 "{\"AddressSpace\":\"a\",\"AuxAddresses\":{}}"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":{}}", "AddressSpace: a\nPool: <nil>\nGateway: <nil>\nAddresses: map[]",
		 "{\"AddressSpace\":\"a\",\"AuxAddresses\":{}}"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":{\"k\":\"1.2.3.4/32\"}}",
		 "AddressSpace: a\nPool: <nil>\nGateway: <nil>\nAddresses: map[k:1.2.3.4/32]",
		 "{\"AddressSpace\":\"a\",\"AuxAddresses\":{\"k\":\"1.2.3.4/32\"}}"},
		{"{\"AddressSpace\":\"a\",\"Pool\":\"::ffff:10.0.0.0/104\"}",
		 "AddressSpace: a\nPool: 10.0.0.0/8\nGateway: <nil>\nAddresses: map[]",
		 "{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.0/8\"}"},
		{" {\"Extra\": [1, 99999999999999999999, {}], \"Pool\":\"2001:DB8::/64\", \"AddressSpace\":\"\\u003ca\",\n"
		 "\"Gateway\":\"2001:db8::1/64\",\"AuxAddresses\":{\"z\":\"2001:db8::2/64\",\"y\":\"2001:db8::3/64\"}}\n",
		 "AddressSpace: <a\nPool: 2001:db8::/64\nGateway: 2001:db8::1/64\nAddresses: map[y:2001:db8::3/64 "
		 "z:2001:db8::2/64]",
		 "{\"AddressSpace\":\"\\u003ca\",\"AuxAddresses\":{\"y\":\"2001:db8::3/64\",\"z\":\"2001:db8::2/64\"},"
		 "\"Gateway\":\"2001:db8::1/64\",\"Pool\":\"2001:db8::/64\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_ipam_data data;
		assert_ok(ndrv_ipam_from_json(rows[i].in, &data, &err), &err);
		char *text = ndrv_ipam_string(&data);
		assert_string_equal(text, rows[i].text);
		free(text);
		assert_json(&data, rows[i].out);
		ndrv_ipam_clear(&data);
		assert_null(data.address_space);
	}
}

static void what_makes_go_panic_or_fail_is_a_bad_request(void **state)
{
	static const char *const rows[][2] = {
		{"{}", "AddressSpace of IPAM data is not a string"},
		{"null", "IPAM data is not an object"},
		{"[]", "IPAM data is not an object"},
		{"\"x\"", "IPAM data is not an object"},
		{"", "IPAM data is not JSON"},
		{"{\"AddressSpace\":\"a\"", "IPAM data is not JSON"},
		{"{\"AddressSpace\":\"a\"} x", "IPAM data is not JSON"},
		{"{\"AddressSpace\":\"a\\u0000b\"}", "IPAM data is not JSON"},
		{"{\"AddressSpace\":1}", "AddressSpace of IPAM data is not a string"},
		{"{\"AddressSpace\":null}", "AddressSpace of IPAM data is not a string"},
		{"{\"addressspace\":\"a\",\"pool\":\"10.0.0.0/8\"}", "AddressSpace of IPAM data is not a string"},
		{"{\"AddressSpace\":\"a\",\"Pool\":null}", "Pool of IPAM data is not a string"},
		{"{\"AddressSpace\":\"a\",\"Gateway\":{}}", "Gateway of IPAM data is not a string"},
		{"{\"AddressSpace\":\"a\",\"Pool\":\"\"}", "Pool: invalid CIDR address: "},
		{"{\"AddressSpace\":\"a\",\"Pool\":\"10.0.0.0\"}", "Pool: invalid CIDR address: 10.0.0.0"},
		{"{\"AddressSpace\":\"a\",\"Pool\":\"010.0.0.0/8\"}", "Pool: invalid CIDR address: 010.0.0.0/8"},
		{"{\"AddressSpace\":\"a\",\"Gateway\":\"x\"}", "Gateway: invalid CIDR address: x"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":{\"k\":\"1.2.3.4\"}}", "AuxAddresses k: invalid CIDR address: 1.2.3.4"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":{\"j\":\"1.2.3.4/8\",\"k\":5}}",
		 "AuxAddresses: k of IPAM data is not a string"},
		{"{\"AddressSpace\":\"a\",\"AuxAddresses\":[]}", "AuxAddresses of IPAM data is not an object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_ipam_data data = {.aux_count = 77};
		assert_fails(ndrv_ipam_from_json(rows[i][0], &data, &err), &err, NDRV_E_BAD_REQUEST, rows[i][1]);
		assert_int_equal(data.aux_count, 77);
		assert_null(data.address_space);
	}
	assert_int_equal(ndrv_ipam_from_json(NULL, NULL, NULL), -NDRV_E_BAD_REQUEST);
}

static void validation_has_the_sentences_of_libnetwork(void **state)
{
	static const struct {
		const char *pool, *gateway, *aux, *sentence;
	} rows[] = {
		{NULL, "10.0.0.1/8", NULL, "invalid pool"},
		{"10.0.0.0/8", NULL, NULL, "invalid gateway address"},
		{"10.0.0.0/8", "fe80::1/64", NULL, "incongruent ip versions for pool and gateway"},
		{"fe80::/64", "10.0.0.1/8", NULL, "incongruent ip versions for pool and gateway"},
		{"10.0.0.0/8", "10.0.0.1/8", "fe80::1/64", "incongruent ip versions for pool and secondary ip address ip"},
		{"10.0.0.0/8", "11.0.0.1/8", NULL, "invalid gateway address (11.0.0.1/8) does not belong to the pool (10.0.0.0/8)"},
		{"10.0.0.0/8", "10.0.0.1/8", "11.0.0.2/8",
		 "invalid secondary address ip (11.0.0.2/8) does not belong to the pool (10.0.0.0/8)"},
		{"10.0.0.0/8", "10.0.0.1/8", "", "invalid secondary address ip"},
		{"10.0.0.0/8", "10.0.0.1/8", "10.0.0.2/8", NULL},
		{"2001:db8::/33", "2001:db8::1/64", "2001:db8::2/64", NULL},
		{"10.0.0.0/8", "10.0.0.1/8", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndrv_aux_address aux = {"ip", prefix(rows[i].aux && rows[i].aux[0] ? rows[i].aux : NULL)};
		struct ndrv_ipam_data data = {.pool = prefix(rows[i].pool),
					      .gateway = prefix(rows[i].gateway),
					      .aux_count = rows[i].aux != NULL,
					      .aux = &aux};
		int rc = ndrv_ipam_validate(&data, &err);
		if (!rows[i].sentence) {
			assert_ok(rc, &err);
			continue;
		}
		assert_int_equal(rc, -NDRV_E_BAD_REQUEST);
		assert_string_equal(err.text, rows[i].sentence);
	}
	assert_fails(ndrv_ipam_validate(NULL, &err), &err, NDRV_E_BAD_REQUEST, "invalid pool");
}

static void a_pool_knows_its_family_even_when_unset(void **state)
{
	struct ndrv_ipam_data data = {.pool = prefix("::/0")};

	(void)state;
	assert_true(ndrv_ipam_is_v6(&data));
	data.pool = prefix("0.0.0.0/0");
	assert_false(ndrv_ipam_is_v6(&data));
	assert_false(ndrv_ipam_is_v6(&(struct ndrv_ipam_data){0}));
	assert_false(ndrv_ipam_is_v6(NULL));
}

static void lists_of_a_newer_host_are_stepped_by_its_element_size(void **state)
{
	struct {
		struct ndrv_ipam_data data;
		uint64_t later;
	} items[2] = {{.data = {.address_space = "a"}}, {.data = {.address_space = "b"}}};
	struct ndrv_ipam_list list = {.count = 2, .element_size = sizeof(items[0]), .items = &items[0].data};

	(void)state;
	assert_string_equal(ndrv_ipam_at(&list, 1)->address_space, "b");
	assert_null(ndrv_ipam_at(&list, 2));
	assert_null(ndrv_ipam_at(NULL, 0));
	assert_null(ndrv_ipam_at(&(struct ndrv_ipam_list){0}, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_goes_out_as_go_writes_it),
		cmocka_unit_test(keys_are_sorted_by_bytes_and_texts_escaped_as_go_does),
		cmocka_unit_test(lists_that_are_no_go_map_are_refused),
		cmocka_unit_test(json_comes_in_and_goes_out_again_as_with_go),
		cmocka_unit_test(what_makes_go_panic_or_fail_is_a_bad_request),
		cmocka_unit_test(validation_has_the_sentences_of_libnetwork),
		cmocka_unit_test(a_pool_knows_its_family_even_when_unset),
		cmocka_unit_test(lists_of_a_newer_host_are_stepped_by_its_element_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
