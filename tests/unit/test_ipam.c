/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "host/base/arena.h"
#include "host/state/ipam.h"

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_error err;
	struct ndrv_prefix prefix = {0};

	if (text)
		assert_ok(ndrv_prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

static struct ndrv_addr addr(const char *text)
{
	struct ndrv_error err;
	struct ndrv_addr addr;

	assert_ok(ndrv_addr_parse(text, &addr, &err), &err);
	return addr;
}

static struct ipam_pool *lease_pool(struct ipam *ipam, const char *text, const char *range)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix want = prefix(text), part = prefix(range);
	struct ipam_pool *pool = NULL;

	assert_ok(ipam_pool_request(ipam, 0, &want, &part, NULL, NULL, &pool, &err), &err);
	return pool;
}

static void expect_next(struct ipam *ipam, struct ipam_pool *pool, const char *expected)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	char text[NDRV_PREFIX_TEXT];

	assert_ok(ipam_address_request(ipam, pool, NULL, &got, &err), &err);
	assert_string_equal(ndrv_prefix_format(&got, text), expected);
}

static void expect_full(struct ipam *ipam, struct ipam_pool *pool, const char *text)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix got;

	assert_fails(ipam_address_request(ipam, pool, NULL, &got, &err), &err, NDRV_E_POOL_EXHAUSTED, text);
}

static void release(struct ipam *ipam, struct ipam_pool *pool, const char *text)
{
	struct ndrv_addr address = addr(text);

	ipam_address_release(ipam, pool, &address);
}

static void network_and_broadcast_are_never_given(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.0.0.0/30", NULL);

	expect_next(ipam, pool, "10.0.0.1/30");
	expect_next(ipam, pool, "10.0.0.2/30");
	expect_full(ipam, pool, "10.0.0.0/30");
	struct ndrv_addr network = addr("10.0.0.0"), broadcast = addr("10.0.0.3");
	assert_fails(ipam_address_request(ipam, pool, &network, &got, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE, "network address");
	assert_fails(ipam_address_request(ipam, pool, &broadcast, &got, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE,
		     "broadcast address");
	/* Nor do they come free. */
	release(ipam, pool, "10.0.0.0");
	release(ipam, pool, "10.0.0.3");
	expect_full(ipam, pool, "10.0.0.0/30");
	ipam_free(ipam);
}

static void the_smallest_pools_have_no_reserved_addresses(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.0.0.4/31", NULL);

	expect_next(ipam, pool, "10.0.0.4/31");
	expect_next(ipam, pool, "10.0.0.5/31");
	expect_full(ipam, pool, "10.0.0.4/31");
	pool = lease_pool(ipam, "10.0.0.9/32", NULL);
	expect_next(ipam, pool, "10.0.0.9/32");
	expect_full(ipam, pool, "10.0.0.9/32");
	pool = lease_pool(ipam, "fd00::2/127", NULL);
	expect_next(ipam, pool, "fd00::2/127");
	expect_next(ipam, pool, "fd00::3/127");
	expect_full(ipam, pool, "fd00::2/127");
	pool = lease_pool(ipam, "fd00::8/128", NULL);
	expect_next(ipam, pool, "fd00::8/128");
	expect_full(ipam, pool, "fd00::8/128");
	ipam_free(ipam);
}

static void v6_pools_keep_their_all_zero_address_only(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "fd00::/126", NULL);

	expect_next(ipam, pool, "fd00::1/126");
	expect_next(ipam, pool, "fd00::2/126");
	expect_next(ipam, pool, "fd00::3/126");
	expect_full(ipam, pool, "fd00::/126");
	struct ndrv_addr zero = addr("fd00::");
	assert_fails(ipam_address_request(ipam, pool, &zero, &got, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE, "network address");
	ipam_free(ipam);
}

static void host_bits_of_a_pool_are_cleared(void **state)
{
	(void)state;
	char text[NDRV_PREFIX_TEXT];
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "192.168.5.77/24", "192.168.5.130/25");

	assert_string_equal(ndrv_prefix_format(ipam_pool_prefix(pool), text), "192.168.5.0/24");
	assert_string_equal(ndrv_prefix_format(ipam_pool_range(pool), text), "192.168.5.128/25");
	struct ndrv_prefix same = prefix("192.168.5.9/24"), longer = prefix("192.168.5.0/25");
	assert_ptr_equal(ipam_pool_find(ipam, &same), pool);
	assert_null(ipam_pool_find(ipam, &longer));
	ipam_free(ipam);
}

static void addresses_come_from_the_range_and_requested_ones_from_the_pool(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.1.0.0/16", "10.1.2.4/31");
	struct ndrv_addr outside_range = addr("10.1.9.9"), outside = addr("10.2.0.1"), other_family = addr("fd00::1");

	assert_ok(ipam_address_request(ipam, pool, &outside_range, &got, &err), &err);
	assert_int_equal(got.length, 16);
	assert_fails(ipam_address_request(ipam, pool, &outside_range, &got, &err), &err, NDRV_E_ADDRESS_IN_USE, "10.1.9.9");
	assert_fails(ipam_address_request(ipam, pool, &outside, &got, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE, "10.2.0.1");
	assert_fails(ipam_address_request(ipam, pool, &other_family, &got, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE, "fd00::1");
	expect_next(ipam, pool, "10.1.2.4/16");
	expect_next(ipam, pool, "10.1.2.5/16");
	expect_full(ipam, pool, "range 10.1.2.4/31");
	release(ipam, pool, "10.1.2.5");
	expect_next(ipam, pool, "10.1.2.5/16");
	ipam_free(ipam);
}

static void freed_addresses_are_reused_last(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.0.0.0/29", NULL);

	expect_next(ipam, pool, "10.0.0.1/29");
	expect_next(ipam, pool, "10.0.0.2/29");
	release(ipam, pool, "10.0.0.1");
	expect_next(ipam, pool, "10.0.0.3/29");
	expect_next(ipam, pool, "10.0.0.4/29");
	expect_next(ipam, pool, "10.0.0.5/29");
	expect_next(ipam, pool, "10.0.0.6/29");
	expect_next(ipam, pool, "10.0.0.1/29");
	expect_full(ipam, pool, "10.0.0.0/29");
	ipam_free(ipam);
}

static void pools_that_overlap_are_refused(void **state)
{
	(void)state;
	const char *const overlapping[] = {"10.1.0.0/16", "10.1.2.0/24", "10.0.0.0/8", "0.0.0.0/0", "10.1.255.255/32"};
	const char *const beside[] = {"10.0.0.0/16", "10.2.0.0/16", "fd00::/8"};
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *first = lease_pool(ipam, "10.1.0.0/16", NULL), *pool;
	struct ndrv_error err = {0};

	for (size_t i = 0; i < 3; i++)
		(void)lease_pool(ipam, beside[i], NULL);
	for (size_t i = 0; i < 5; i++) {
		struct ndrv_prefix want = prefix(overlapping[i]);
		assert_fails(ipam_pool_request(ipam, 0, &want, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_POOL_OVERLAP,
			     "overlaps with other one on this address space: 10.");
	}
	ipam_pool_release(ipam, first);
	(void)lease_pool(ipam, "10.1.0.0/17", NULL);
	(void)lease_pool(ipam, "10.1.128.0/17", NULL);
	ipam_free(ipam);
}

static void pools_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = NULL;
	struct ndrv_error err = {0};
	struct ndrv_prefix v4 = prefix("10.0.0.0/24"), bad = v4, range = prefix("10.0.1.0/25"), wider = prefix("10.0.0.0/23");

	assert_fails(ipam_pool_request(ipam, 6, &v4, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_BAD_REQUEST, "not an IPv6");
	bad.length = 33;
	assert_fails(ipam_pool_request(ipam, 4, &bad, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_BAD_REQUEST, "33 bits");
	bad = v4;
	bad.addr.family = 5;
	assert_fails(ipam_pool_request(ipam, 0, &bad, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_BAD_REQUEST, "family 5");
	assert_fails(ipam_pool_request(ipam, 0, NULL, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_BAD_REQUEST, "family 0");
	assert_fails(ipam_pool_request(ipam, 4, &v4, &range, NULL, NULL, &pool, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE,
		     "10.0.1.0/25");
	assert_fails(ipam_pool_request(ipam, 4, &v4, &wider, NULL, NULL, &pool, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE,
		     "10.0.0.0/23");
	range = prefix("fd00::/120");
	assert_fails(ipam_pool_request(ipam, 4, &v4, &range, NULL, NULL, &pool, &err), &err, NDRV_E_ADDRESS_OUT_OF_RANGE, "fd00::");
	assert_null(pool);
	ipam_free(ipam);
}

static bool host_has(const struct ndrv_prefix *candidate, void *data)
{
	return ndrv_prefix_overlaps(candidate, data);
}

static void expect_automatic(struct ipam *ipam, uint32_t family, const char *host, const char *expected, struct ipam_pool **ret)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix route = prefix(host);
	char text[NDRV_PREFIX_TEXT];

	assert_ok(ipam_pool_request(ipam, family, NULL, NULL, host ? host_has : NULL, &route, ret, &err), &err);
	assert_string_equal(ndrv_prefix_format(ipam_pool_prefix(*ret), text), expected);
}

static void automatic_pools_avoid_leased_ones_and_the_hosts(void **state)
{
	(void)state;
	struct ipam_source sources[] = {{prefix("10.0.0.0/22"), 24}, {prefix("192.168.0.0/24"), 25}, {prefix("fd00::/62"), 64}};
	struct ipam *ipam = ipam_new(sources, 3);
	struct ipam_pool *first, *pool;
	struct ndrv_error err = {0};

	(void)lease_pool(ipam, "10.0.1.64/26", NULL);
	expect_automatic(ipam, 4, NULL, "10.0.0.0/24", &first);
	expect_automatic(ipam, 4, "10.0.2.9/32", "10.0.3.0/24", &pool);
	expect_automatic(ipam, 4, NULL, "10.0.2.0/24", &pool); /* the host's route is gone */
	expect_automatic(ipam, 4, NULL, "192.168.0.0/25", &pool);
	ipam_pool_release(ipam, first);
	expect_automatic(ipam, 4, NULL, "10.0.0.0/24", &first);
	expect_automatic(ipam, 6, NULL, "fd00::/64", &pool);
	expect_automatic(ipam, 4, NULL, "192.168.0.128/25", &pool);
	assert_fails(ipam_pool_request(ipam, 4, NULL, NULL, NULL, NULL, &pool, &err), &err, NDRV_E_POOL_EXHAUSTED,
		     "no automatic IPv4 pool is left");
	ipam_pool_release(ipam, first);
	expect_automatic(ipam, 4, NULL, "10.0.0.0/24", &first);
	ipam_free(ipam);
}

static void a_route_over_a_whole_v6_source_is_not_asked_about_for_ever(void **state)
{
	(void)state;
	struct ipam_source sources[] = {{prefix("fd00::/8"), 64}, {prefix("fc00::/48"), 64}, {prefix("::/0"), 128}};
	struct ipam *ipam = ipam_new(sources, 3);
	struct ipam_pool *pool;

	expect_automatic(ipam, 6, "fd00::/8", "fc00::/64", &pool);
	expect_automatic(ipam, 6, "f000::/4", "::/128", &pool);
	ipam_free(ipam);
}

static void the_largest_pools_cost_nothing(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ndrv_value described;
	struct arena arena;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *all6 = lease_pool(ipam, "::/0", NULL), *all4 = lease_pool(ipam, "0.0.0.0/0", NULL);
	struct ndrv_addr top = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), high = addr("255.255.255.254");

	arena_init(&arena, 65536);
	expect_next(ipam, all6, "::1/0");
	assert_ok(ipam_address_request(ipam, all6, &top, &got, &err), &err);
	assert_fails(ipam_address_request(ipam, all6, &top, &got, &err), &err, NDRV_E_ADDRESS_IN_USE, "ffff:ffff");
	expect_next(ipam, all4, "0.0.0.1/0");
	assert_ok(ipam_address_request(ipam, all4, &high, &got, &err), &err);
	assert_ok(ipam_pool_describe(ipam, all6, &arena.ndrv, &described, &err), &err);
	assert_string_equal(ndrv_map_get(&described, "size")->u.string, "340282366920938463463374607431768211455");
	assert_int_equal(ndrv_map_get(&described, "used")->u.integer, 2);
	assert_ok(ipam_pool_describe(ipam, all4, &arena.ndrv, &described, &err), &err);
	assert_int_equal(ndrv_map_get(&described, "size")->u.integer, 4294967294);
	assert_string_equal(ndrv_map_get(&described, "pool")->u.string, "0.0.0.0/0");
	arena_reset(&arena);
	ipam_free(ipam);
}

static void the_end_of_the_v6_space_is_reached_and_wrapped(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "ffff:ffff:ffff:ffff::/64", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");

	expect_next(ipam, pool, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/64");
	expect_next(ipam, pool, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/64");
	expect_full(ipam, pool, "ffff:ffff:ffff:ffff::/64");
	release(ipam, pool, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
	expect_next(ipam, pool, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/64");
	ipam_free(ipam);
}

static void a_pool_of_65534_addresses_gives_each_once(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.5.0.0/16", NULL);
	static bool seen[65536];

	for (unsigned i = 0; i < 65534; i++) {
		assert_ok(ipam_address_request(ipam, pool, NULL, &got, &err), &err);
		unsigned at = (unsigned)got.addr.bytes[2] << 8 | got.addr.bytes[3];
		assert_false(seen[at]);
		seen[at] = true;
	}
	expect_full(ipam, pool, "10.5.0.0/16");
	release(ipam, pool, "10.5.77.7");
	expect_next(ipam, pool, "10.5.77.7/16");
	expect_full(ipam, pool, "10.5.0.0/16");
	ipam_free(ipam);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network_and_broadcast_are_never_given),
		cmocka_unit_test(the_smallest_pools_have_no_reserved_addresses),
		cmocka_unit_test(v6_pools_keep_their_all_zero_address_only),
		cmocka_unit_test(host_bits_of_a_pool_are_cleared),
		cmocka_unit_test(addresses_come_from_the_range_and_requested_ones_from_the_pool),
		cmocka_unit_test(freed_addresses_are_reused_last),
		cmocka_unit_test(pools_that_overlap_are_refused),
		cmocka_unit_test(pools_that_make_no_sense_are_refused),
		cmocka_unit_test(automatic_pools_avoid_leased_ones_and_the_hosts),
		cmocka_unit_test(a_route_over_a_whole_v6_source_is_not_asked_about_for_ever),
		cmocka_unit_test(the_largest_pools_cost_nothing),
		cmocka_unit_test(the_end_of_the_v6_space_is_reached_and_wrapped),
		cmocka_unit_test(a_pool_of_65534_addresses_gives_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
