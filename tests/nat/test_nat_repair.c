/* SPDX-License-Identifier: Apache-2.0 */
/* The NAT service over restarts, and beside others who change its table. */
#include "tests/lib/test.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "tests/nat/rig.h"

#define USUAL (NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE | NDRV_NAT_HAIRPIN)

static int setup(void **state)
{
	struct rig *rig = rig_new();

	(void)rig_bridge_netfilter(false);
	rig_open(rig, false);
	*state = rig;
	return 0;
}

static int setup_watched(void **state)
{
	struct rig *rig = rig_new();

	(void)rig_bridge_netfilter(false);
	rig_open(rig, true);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* --- memory --- */

static void a_restart_finds_everything_and_changes_nothing(void **state)
{
	struct rig *rig = *state;
	char before[4096];

	set_network(rig, 'a', USUAL, USUAL | NDRV_NAT_ROUTED);
	set_network_source(rig, 'b', USUAL, HOST4_OTHER);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	(void)publish(rig, "b1", UDP, HOST4, 53, 53);
	(void)snprintf(before, sizeof(before), "%s", output("nft -s -a list table inet ndrv-test | grep -v elements | md5sum"));
	rig_restart(rig, false);
	assert_string_equal(before, output("nft -s -a list table inet ndrv-test | grep -v elements | md5sum"));
	assert_right(rig);
	assert_int_equal(rig->said, 0);
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	unpublish(rig, "a1");
	assert_int_equal(count("any4") + count("open6"), 0);
}

static void a_restart_repairs_both_ways(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	(void)publish(rig, "a2", TCP, NULL, 8081, 80);
	nat_close(rig->nat);
	run("nft delete element inet ndrv-test any4 '{ tcp . 8080 }'");
	run("nft delete element inet ndrv-test any4 '{ tcp . 8081 }'");
	run("nft add element inet ndrv-test any4 '{ tcp . 8081 : 10.1.0.9 . 99 }'");
	run("nft add element inet ndrv-test any4 '{ tcp . 9999 : 10.1.0.2 . 22 }'");
	run("nft add element inet ndrv-test isolated4 '{ \"eth7\" }'");
	rig_open(rig, false);
	assert_int_equal(rig->said, 1);
	assert_non_null(strstr(rig->last, "3 strays"));
	assert_non_null(strstr(rig->last, "2 entries"));
	assert_right(rig);
	assert_int_equal(count("any4"), 2);
	/* A table of another program's making is made anew. */
	nat_close(rig->nat);
	run("nft delete chain inet ndrv-test version-1; nft add chain inet ndrv-test version-0");
	rig_open(rig, false);
	assert_right(rig);
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
}

static bool knows_only_a1(void *data, const char *nid, const char *eid)
{
	(void)data;
	return !strcmp(nid, "net-a") && (!eid[0] || !strcmp(eid, "a1"));
}

static void what_has_no_record_is_swept(void **state)
{
	struct rig *rig = *state;
	struct ndrv_error err = {0};
	uint32_t swept;

	set_network(rig, 'a', USUAL, USUAL);
	set_network(rig, 'b', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	(void)publish(rig, "a2", TCP, NULL, 8081, 80);
	(void)publish(rig, "b1", TCP, NULL, 8082, 80);
	assert_ok(nat_sweep(rig->nat, false, knows_only_a1, NULL, &swept, &err), &err);
	assert_int_equal(swept, 2);
	assert_int_equal(count("any4"), 3);
	assert_ok(nat_sweep(rig->nat, true, knows_only_a1, NULL, &swept, &err), &err);
	assert_int_equal(count("any4"), 1);
	assert_int_equal(count("to4"), 1);
	assert_right(rig);
}

/* --- others at the table --- */

static bool comes_back(struct rig *rig, int ms)
{
	struct ndrv_error err = {0};
	struct nat_report report = {.table = true};

	for (uint64_t end = clock_ns() + (uint64_t)ms * NSEC_PER_MSEC; clock_ns() < end;) {
		assert_ok(nat_check(rig->nat, false, &report, &err), &err);
		if (!report.table && !report.missing && !report.strays)
			return true;
		(void)usleep(10000);
	}
	return false;
}

static void a_flushed_ruleset_is_put_back(void **state)
{
	struct rig *rig = *state;
	struct nat_counts counts;

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	run("nft add table inet theirs");
	run("nft flush ruleset");
	assert_true(comes_back(rig, 3000));
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
	nat_count(rig->nat, &counts);
	assert_int_equal(counts.restored, 1);
	assert_int_equal(__atomic_load_n(&rig->said, __ATOMIC_SEQ_CST), 1);
	assert_string_equal(output("nft list table inet theirs 2>&1 | head -c 5"), "Error");
	/* Rules alone, and entries alone. */
	run("nft flush table inet ndrv-test");
	assert_true(comes_back(rig, 5000));
	run("nft flush map inet ndrv-test any4");
	assert_true(comes_back(rig, 5000));
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, NULL));
}

static void who_flushes_again_and_again_is_answered_ever_later_and_logged_once(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	for (int i = 0; i < 5; i++) {
		run("nft flush ruleset");
		assert_true(comes_back(rig, 8000));
	}
	assert_in_range(__atomic_load_n(&rig->said, __ATOMIC_SEQ_CST), 1, 2);
	assert_int_equal(count("to4"), 1);
}

static void a_call_that_meets_a_flushed_table_makes_it_anew(void **state)
{
	struct rig *rig = *state;

	set_network(rig, 'a', USUAL, USUAL);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	run("nft flush ruleset");
	(void)publish(rig, "a2", TCP, NULL, 8081, 80);
	assert_right(rig);
	assert_int_equal(count("any4"), 2);
	run("nft delete element inet ndrv-test any4 '{ tcp . 8080 }'");
	unpublish(rig, "a1");
	assert_right(rig);
	assert_true(talk(&rig->outside, HOST4, TCP, 8081, &rig->a2, 80, NULL));
}

/* Our own calls wake nobody, nor do lies from another process. */
static void forged_notifications_are_not_believed(void **state)
{
	struct rig *rig = *state;
	struct nat_counts counts;
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} lie = {.header = {.nlmsg_len = sizeof(lie), .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE}};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	set_network(rig, 'a', USUAL, USUAL);
	/* To every port a process of this test could have. */
	for (uint32_t i = 0; i < 64; i++) {
		struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)getpid() + i};
		(void)sendto(fd, &lie, sizeof(lie), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	}
	(void)close(fd);
	(void)publish(rig, "a1", TCP, NULL, 8080, 80);
	(void)usleep(200000);
	assert_right(rig);
	nat_count(rig->nat, &counts);
	assert_int_equal(counts.restored, 0);
	assert_int_equal(rig->said, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WATCHED(name) cmocka_unit_test_setup_teardown(name, setup_watched, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_restart_finds_everything_and_changes_nothing),
		TEST(a_restart_repairs_both_ways),
		TEST(what_has_no_record_is_swept),
		TEST(a_call_that_meets_a_flushed_table_makes_it_anew),
		WATCHED(a_flushed_ruleset_is_put_back),
		WATCHED(who_flushes_again_and_again_is_answered_ever_later_and_logged_once),
		WATCHED(forged_notifications_are_not_believed),
	};

	rig_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
