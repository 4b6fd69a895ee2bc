/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's own dockerd with our pools: --ipam-driver. */
#include <signal.h>
#include <stdlib.h>

#include "tests/docker/box.h"
#include "tests/lib/test.h"

static struct box box;

#define DOCKER(...) box_run(&box, 0, "exec 2>&1; " __VA_ARGS__)
#define REFUSED(...) box_run(&box, -1, "exec 2>&1; " __VA_ARGS__)
#define POOLS() box_run(&box, 0, TEST_NDRVCTL " --socket %s pool ls | tail -n +2", box.world.daemon.socket)
#define CREATE "docker network create -d ndrv-bridge --ipam-driver ndrv-bridge "

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static int nothing_is_left(void **state)
{
	(void)state;
	box_empty(&box);
	box_expect_endpoints(&box, 0);
	box_expect_links(&box, 0);
	assert_string_equal(POOLS(), "");
	return 0;
}

static void a_network_without_a_subnet_gets_a_pool_of_ours(void **state)
{
	(void)state;
	DOCKER(CREATE "one");
	DOCKER(CREATE "two");
	/* The allocator is the one of our own networks. */
	box_run(&box, 0, TEST_NDRVCTL " --socket %s network create own -d bridge", box.world.daemon.socket);
	const char *said = box_run(&box, 0,
				   "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' one two; " TEST_NDRVCTL
				   " --socket %s --json network inspect own | grep -oE '[0-9.]+/[0-9]+' | head -n 1",
				   box.world.daemon.socket);
	char first[64], second[64], own[64];
	assert_int_equal(sscanf(said, "%63s %63s %63s", first, second, own), 3);
	assert_string_not_equal(first, second);
	assert_string_not_equal(first, own);
	assert_string_not_equal(second, own);
	box_run(&box, 0, TEST_NDRVCTL " --socket %s network rm own", box.world.daemon.socket);
	DOCKER("docker run -d --name aa --network one box:1 sleep 300");
	DOCKER("docker run --rm --network one box:1 sh -c 'ping -c 1 -W 3 aa && ping -c 1 -W 3 " WORLD_OUTSIDE4 "'");
	assert_has(DOCKER("docker network inspect one"), "\"Name\": \"aa\"");
}

static void what_is_asked_for_is_given(void **state)
{
	(void)state;
	DOCKER(CREATE "--subnet 10.77.0.0/16 --ip-range 10.77.5.0/24 --gateway 10.77.0.254 --aux-address other=10.77.5.1 net");
	DOCKER("docker run -d --name aa --network net box:1 sleep 300");
	/* The first of the range that is neither the network's nor aux. */
	const char *said = DOCKER("docker exec aa ip addr show eth0; docker exec aa ip route");
	assert_null(strstr(said, "10.77.5.1/16"));
	assert_has(said, " 10.77.5.");
	assert_has(said, "default via 10.77.0.254");
	assert_has(DOCKER("docker run --rm --network net --ip 10.77.9.9 box:1 ip addr show eth0"), "10.77.9.9/16");
	/* Given back, so it can be had again; held, so it cannot. */
	DOCKER("docker run -d --name bb --network net --ip 10.77.9.9 box:1 sleep 300");
	assert_has(REFUSED("docker run --rm --network net --ip 10.77.9.9 box:1 sleep 0"), "already in use");
	assert_has(REFUSED("docker run --rm --network net --ip 10.77.5.1 box:1 sleep 0"), "already in use");
	DOCKER("docker exec aa ping -c 1 -W 3 10.77.9.9");
	DOCKER(CREATE "--ipv6 --subnet 10.78.0.0/24 --subnet fd78::/64 dual");
	assert_has(DOCKER("docker run --rm --network dual box:1 sh -c 'ip addr show eth0; ping -6 -c 1 -W 3 fd78::1'"),
		   "fd78::2/64");
}

static void what_is_wrong_is_said_and_leaves_nothing(void **state)
{
	(void)state;
	DOCKER(CREATE "--subnet 10.77.0.0/24 net");
	assert_has(REFUSED(CREATE "--subnet 10.77.0.0/24 same"), "overlaps");
	assert_has(REFUSED(CREATE "--subnet 10.77.0.0/16 wider"), "overlaps");
	assert_has(REFUSED(CREATE "--subnet 127.1.0.0/24 loop"), "loopback");
	assert_has(REFUSED(CREATE "--subnet 10.79.0.0/24 --gateway 10.80.0.1 outside"), "10.80.0.1");
	/* A /29 has five addresses beside its gateway. */
	DOCKER(CREATE "--subnet 10.81.0.0/29 small");
	DOCKER("for i in 1 2 3 4 5; do docker run -d --name s$i --network small box:1 sleep 300 || exit 1; done");
	assert_has(REFUSED("docker run --rm --network small box:1 sleep 0"), "no available addresses");
	DOCKER("docker rm -f s3; docker run --rm --network small box:1 sleep 0");
	/* The first network is whole after all that. */
	DOCKER("docker run --rm --network net box:1 ping -c 1 -W 3 10.77.0.1");
}

static void a_restart_of_dockerd_repeats_what_it_holds(void **state)
{
	(void)state;
	DOCKER(CREATE "--subnet 10.77.0.0/24 net");
	DOCKER(CREATE "auto");
	DOCKER("docker run -d --name fixed --network net --ip 10.77.0.7 box:1 sleep 300");
	DOCKER("docker run -d --name any --network auto box:1 sleep 300");
	for (int i = 0; i < 2; i++) {
		box_stop_dockerd(&box, i ? SIGKILL : SIGTERM);
		box_start_dockerd(&box, "");
		assert_has(REFUSED(CREATE "--subnet 10.77.0.0/24 same"), "overlaps");
		DOCKER("docker start fixed any");
		assert_has(DOCKER("docker exec fixed ip addr show eth0"), "10.77.0.7/24");
		DOCKER("docker run --rm --network net box:1 ping -c 1 -W 5 10.77.0.7");
		DOCKER("docker run --rm --network auto box:1 ping -c 1 -W 5 any");
		box_expect_endpoints(&box, 2);
	}
}

static void ipv6_and_dockers_own_driver_are_served(void **state)
{
	(void)state;
	DOCKER(CREATE "--ipv6 both");
	assert_has(DOCKER("docker run --rm --network both box:1 sh -c 'ip addr show eth0; ip -6 route'"), "default via fd");
	DOCKER("docker network create -d bridge --ipam-driver ndrv-bridge theirs");
	DOCKER("docker run -d --name aa --network theirs box:1 sleep 300");
	assert_has(POOLS(), "ndrv-local/");
	DOCKER("docker run --rm --network theirs box:1 ping -c 1 -W 3 aa");
	/* No endpoint of theirs is known here, and none of its addresses is taken for stale. */
	box_run(&box, 0, TEST_NDRVCTL " --socket %s network prune >/dev/null", box.world.daemon.socket);
	assert_has(DOCKER("docker run --rm --network theirs box:1 ip addr show eth0"), "inet ");
	assert_null(strstr(POOLS(), "address"));
}

/* Docker repeats the addresses of containers that live on, and gets them. */
static void live_restore_keeps_addresses(void **state)
{
	(void)state;
	box_stop_dockerd(&box, SIGTERM);
	box_start_dockerd(&box, "--live-restore");
	DOCKER(CREATE "--subnet 10.77.0.0/24 net");
	DOCKER("docker run -d --name aa --network net --ip 10.77.0.7 box:1 sleep 300");
	DOCKER("docker run -d --name bb --network net box:1 sleep 300");
	box_stop_dockerd(&box, SIGKILL);
	box_start_dockerd(&box, "--live-restore");
	assert_null(strstr(box_run(&box, 0, "grep -i 'failed to reserve' %s/dockerd.log || true", box.dir), "address"));
	assert_has(REFUSED("docker run --rm --network net --ip 10.77.0.7 box:1 sleep 0"), "already in use");
	assert_has(DOCKER("docker run --rm --network net box:1 sh -c 'ip addr show eth0; ping -c 1 -W 3 10.77.0.7'"),
		   "10.77.0.3/24");
	DOCKER("docker exec bb ping -c 1 -W 3 10.77.0.7");
	DOCKER("docker rm -f aa bb");
	box_stop_dockerd(&box, SIGTERM);
	box_start_dockerd(&box, "");
}

static void the_host_remembers_over_its_own_restarts(void **state)
{
	(void)state;
	DOCKER(CREATE "--subnet 10.77.0.0/24 --aux-address other=10.77.0.2 net");
	DOCKER("docker run -d --name aa --network net box:1 sleep 300");
	assert_has(DOCKER("docker exec aa ip addr show eth0"), "10.77.0.3/24");
	for (int i = 0; i < 2; i++) {
		(void)daemon_stop(&box.world.daemon, i ? SIGTERM : SIGKILL);
		daemon_start(&box.world.daemon);
		assert_has(DOCKER("docker run --rm --network net box:1 sh -c 'ip addr show eth0; ping -c 1 -W 5 aa'"),
			   "10.77.0.4/24");
	}
	box_run(&box, 0, TEST_NDRVCTL " --socket %s reexec", box.world.daemon.socket);
	assert_has(REFUSED(CREATE "--subnet 10.77.0.0/24 same"), "overlaps");
	DOCKER("docker run --rm --network net box:1 ping -c 1 -W 5 aa");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)
	const struct CMUnitTest tests[] = {
		TEST(a_network_without_a_subnet_gets_a_pool_of_ours), TEST(what_is_asked_for_is_given),
		TEST(what_is_wrong_is_said_and_leaves_nothing),	      TEST(ipv6_and_dockers_own_driver_are_served),
		TEST(a_restart_of_dockerd_repeats_what_it_holds),     TEST(live_restore_keeps_addresses),
		TEST(the_host_remembers_over_its_own_restarts),
	};

	box_open(&box);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	box_close(&box);
	return failed;
}
