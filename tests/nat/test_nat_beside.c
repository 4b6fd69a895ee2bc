/* SPDX-License-Identifier: Apache-2.0 */
/* Beside Docker's rules, as iptables makes them: its filter drops what it does not know. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/nat/rig.h"

#define USUAL (NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE | NDRV_NAT_HAIRPIN)
#define GROUP 4711

static void docker_comes(const char *iptables)
{
	run("%s -N DOCKER-USER && %s -A DOCKER-USER -j RETURN", iptables, iptables);
	run("%s -P FORWARD DROP && %s -I FORWARD -j DOCKER-USER", iptables, iptables);
}

static int setup(void **state)
{
	struct rig *rig = rig_new();

	/* Only the first bridge is one of ours. */
	run("ip link set br-a group %d", GROUP);
	rig->link_group = GROUP;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static long rules(const char *iptables)
{
	return number("%s -S DOCKER-USER | grep -c 'ndrv-test'", iptables);
}

static void ours_pass_dockers_filter_and_others_do_not(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	docker_comes("iptables");
	docker_comes("ip6tables");
	rig_open(rig, false);
	set_network(rig, 'a', USUAL, USUAL);
	set_network(rig, 'b', USUAL, USUAL);
	assert_true(talk(&rig->a1, OUTSIDE4, TCP, 7000, &rig->outside, 7000, seen));
	assert_true(talk(&rig->a1, OUTSIDE6, TCP, 7000, &rig->outside, 7000, seen));
	assert_false(talk(&rig->b1, OUTSIDE4, TCP, 7001, &rig->outside, 7001, seen));
	/* Our own rules still judge: what is not published is not reached. */
	assert_int_equal(publish(rig, "a1", TCP, NULL, 8080, 80), 8080);
	assert_true(talk(&rig->outside, HOST4, TCP, 8080, &rig->a1, 80, seen));
}

static void frames_between_ports_pass_too(void **state)
{
	struct rig *rig = *state;
	char seen[INET6_ADDRSTRLEN] = "";

	if (!rig_bridge_netfilter(true))
		skip();
	docker_comes("iptables");
	rig_open(rig, false);
	set_network(rig, 'a', USUAL, USUAL);
	assert_true(talk(&rig->a1, "10.1.0.3", TCP, 7000, &rig->a2, 7000, seen));
}

static void there_are_two_rules_however_often_the_host_starts(void **state)
{
	struct rig *rig = *state;

	docker_comes("iptables");
	rig_open(rig, false);
	rig_restart(rig, false);
	rig_restart(rig, false);
	assert_int_equal(rules("iptables"), 2);
	/* iptables reads what stands there, and works on. */
	run("iptables -A DOCKER-USER -s 192.0.2.1 -j DROP && iptables -D DOCKER-USER -s 192.0.2.1 -j DROP");
	run("iptables-save | iptables-restore");
	rig_restart(rig, false);
	assert_int_equal(rules("iptables"), 2);
}

static void a_docker_that_comes_later_is_seen(void **state)
{
	struct rig *rig = *state;

	rig_open(rig, true);
	docker_comes("iptables");
	for (int i = 0; i < 100 && rules("iptables") != 2; i++)
		(void)usleep(50000);
	assert_int_equal(rules("iptables"), 2);
	/* Taken away, they come back. */
	run("iptables -F DOCKER-USER");
	for (int i = 0; i < 100 && rules("iptables") != 2; i++)
		(void)usleep(50000);
	assert_int_equal(rules("iptables"), 2);
}

static void without_docker_nothing_is_made(void **state)
{
	rig_open(*state, false);
	assert_int_equal(number("nft list tables | grep -c 'filter'"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ours_pass_dockers_filter_and_others_do_not),
		TEST(frames_between_ports_pass_too),
		TEST(there_are_two_rules_however_often_the_host_starts),
		TEST(a_docker_that_comes_later_is_seen),
		TEST(without_docker_nothing_is_made),
	};

	rig_need();
	if (system("iptables --version 2>/dev/null | grep -q nf_tables")) { /* NOLINT(cert-env33-c): a test's own command */
		fprintf(stderr, "skipped: no iptables of the nf_tables kind here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
