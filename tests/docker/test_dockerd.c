/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's own dockerd and docker on our drivers. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/docker/box.h"
#include "tests/lib/test.h"

static struct box box;

#define DOCKER(...) box_run(&box, 0, "exec 2>&1; " __VA_ARGS__)
#define CTL(words) box_run(&box, 0, TEST_NDRVCTL " --socket %s " words, box.world.daemon.socket)

/* From that namespace: a page of the server at that address, which may have just been started. */
#define GET                                                                                               \
	"for i in 1 2 3 4 5 6 7 8 9 10; do nsenter --net=%s bash -c 'exec 3<>/dev/tcp/%s/8080 && printf " \
	"\"GET / HTTP/1.0\\r\\n\\r\\n\" >&3 && timeout 5 cat <&3' 2>/dev/null && break; sleep 0.3; done"

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

/* Every test leaves Docker without containers and networks, and the host without links of ours. */
static int nothing_is_left(void **state)
{
	(void)state;
	box_empty(&box);
	box_expect_endpoints(&box, 0);
	box_expect_links(&box, 0);
	return 0;
}

static void containers_talk_and_reach_out(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name one --network blue box:1 sleep 300");
	const char *said = DOCKER("docker run --rm --network blue box:1 sh -c 'ping -c 1 -W 3 one && ping -c 1 -W 3 " WORLD_OUTSIDE4
				  " && ip route && ip addr show eth0'");
	assert_has(said, "default via 10.9.0.1 dev eth0");
	assert_has(said, "10.9.0.3/24");
	box_expect_endpoints(&box, 1);
	said = DOCKER("docker network inspect blue");
	assert_has(said, "\"IPv4Address\": \"10.9.0.2/24\"");
	said = DOCKER("docker inspect -f '{{.NetworkSettings.Networks.blue.Gateway}}' one");
	assert_has(said, "10.9.0.1");
}

static void a_published_port_is_reached_from_outside(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name web --network blue -p 8080:80 box:1 sh -c "
	       "'mkdir /w && echo hello >/w/index.html && httpd -f -p 80 -h /w'");
	assert_has(box_run(&box, 0, GET, box.world.outside.path, WORLD_HOST4), "hello");
	assert_has(box_run(&box, 0, GET, "/proc/self/ns/net", "127.0.0.1"), "hello");
	/* The same port again is refused, with the holder's name, and leaves nothing. */
	assert_has(box_run(&box, -1, "docker run --rm --network blue -p 8080:80 box:1 sleep 0 2>&1"), "8080");
	box_expect_endpoints(&box, 1);
	DOCKER("docker rm -f web");
	DOCKER("docker run --rm --network blue -p 8080:80 box:1 sleep 0");
}

static void networks_of_every_kind_are_made(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --ipv6 --subnet 10.19.0.0/24 --subnet fd19::/64 dual");
	DOCKER("docker run -d --name d1 --network dual box:1 sleep 300");
	assert_has(DOCKER("docker run --rm --network dual box:1 sh -c 'ping -6 -c 1 -W 3 fd19::2 && ip -6 route'"),
		   "default via fd19::1");
	DOCKER("docker network create -d ndrv-bridge --internal --subnet 10.29.0.0/24 inside");
	assert_has(box_run(&box, -1, "docker run --rm --network inside box:1 ping -c 1 -W 2 " WORLD_OUTSIDE4 " 2>&1"),
		   "unreachable");
	DOCKER("docker network create -d ndrv-bridge --subnet 10.39.0.0/16 --ip-range 10.39.5.0/24 --gateway 10.39.0.254 "
	       "--aux-address other=10.39.5.1 -o com.docker.network.driver.mtu=1400 options");
	const char *said = DOCKER("docker run --rm --network options --ip 10.39.5.77 box:1 sh -c 'ip addr show eth0; ip route'");
	assert_has(said, "10.39.5.77/16");
	assert_has(said, "mtu 1400");
	assert_has(said, "default via 10.39.0.254");
	/* Into a running container and out again. */
	DOCKER("docker network connect options d1");
	assert_has(DOCKER("docker exec d1 ip route"), "10.39.0.0/16 dev eth1");
	DOCKER("docker network disconnect options d1");
	assert_null(strstr(DOCKER("docker exec d1 ip addr"), "10.39."));
}

static void macvlan_containers_talk(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-macvlan --subnet 10.59.0.0/24 -o parent=p0 mac");
	DOCKER("docker run -d --name m1 --network mac box:1 sleep 300");
	DOCKER("docker run --rm --network mac box:1 ping -c 1 -W 3 10.59.0.2");
}

static void twenty_at_once(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("for i in $(seq 20); do docker run -d --name many$i --network blue box:1 sleep 300 & done; wait");
	box_expect_endpoints(&box, 20);
	DOCKER("docker exec many1 sh -c 'for i in 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do ping -c 1 -W 3 10.9.0.$i "
	       ">/dev/null || exit 1; done'");
	DOCKER("docker ps -aq | xargs -P 8 -n 1 docker rm -f");
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	assert_has(box_run(&box, -1,
			   "docker network create -d ndrv-bridge -o com.docker.network.driver.mtu=x --subnet 10.9.0.0/24 bad 2>&1"),
		   "com.docker.network.driver.mtu");
	assert_has(box_run(&box, -1, "docker network create -d ndrv-macvlan -o parent=nosuch0 --subnet 10.9.0.0/24 bad 2>&1"),
		   "nosuch0");
	assert_has(CTL("network ls"), "ID");
}

/* --- bad days --- */

/* Containers come and go, one after the other, while `event` happens; the first failure of either ends it. */
static void run_loop_while(const char *event)
{
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name one --network blue box:1 sleep 300");
	box_run(&box, 0,
		"(for i in 1 2 3 4 5 6 7 8 9 10; do docker run --rm --network blue box:1 ping -c 1 -W 5 one || exit 1; done) "
		">%s/loop 2>&1 & loop=$!; sleep 1; %s; wait $loop || { cat %s/loop; exit 1; }",
		box.dir, event, box.dir);
	assert_has(DOCKER("docker exec one ping -c 1 -W 3 10.9.0.1"), "1 packets received");
	box_expect_endpoints(&box, 1);
}

static void a_host_is_replaced_in_a_run_loop(void **state)
{
	char event[512];

	(void)state;
	(void)snprintf(event, sizeof(event),
		       "for i in 1 2 3; do " TEST_NDRVCTL " --socket %s reexec >/dev/null || exit 9; sleep 0.5; done",
		       box.world.daemon.socket);
	run_loop_while(event);
}

static void a_driver_is_swapped_in_a_run_loop(void **state)
{
	char event[512];

	(void)state;
	(void)snprintf(event, sizeof(event),
		       "for i in 1 2 3 4 5; do cp " BUILT_DRIVERS "/bridge.so %s/next.so && echo $i >>%s/next.so && " TEST_NDRVCTL
		       " --socket %s driver swap bridge %s/next.so >/dev/null || exit 9; sleep 0.3; done",
		       box.world.daemon.dir, box.world.daemon.dir, box.world.daemon.socket, box.world.daemon.dir);
	run_loop_while(event);
}

static void a_killed_host_comes_back_and_all_agree(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name one --network blue box:1 sleep 300");
	(void)daemon_stop(&box.world.daemon, SIGKILL);
	/* Down: running containers go on. */
	DOCKER("docker exec one ping -c 1 -W 3 10.9.0.1");
	daemon_start(&box.world.daemon);
	DOCKER("docker run --rm --network blue box:1 ping -c 1 -W 5 one");
	box_expect_endpoints(&box, 1);
}

static void a_killed_dockerd_starts_its_container_again(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name one --network blue --ip 10.9.0.7 box:1 sleep 300");
	box_stop_dockerd(&box, SIGKILL);
	box_start_dockerd(&box, "");
	/* Docker never told us that the old endpoint is gone, and comes with another of the same address. */
	DOCKER("docker start one");
	assert_has(DOCKER("docker exec one ip addr show eth0"), "10.9.0.7/24");
	DOCKER("docker run --rm --network blue box:1 ping -c 1 -W 5 10.9.0.7");
	box_expect_endpoints(&box, 1);
	box_expect_links(&box, 2);
}

static void live_restore_keeps_containers_and_the_network(void **state)
{
	(void)state;
	box_stop_dockerd(&box, SIGTERM);
	box_start_dockerd(&box, "--live-restore");
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name one --network blue box:1 sleep 300");
	box_stop_dockerd(&box, SIGKILL);
	box_start_dockerd(&box, "--live-restore");
	DOCKER("docker exec one ping -c 1 -W 3 10.9.0.1");
	DOCKER("docker run --rm --network blue box:1 ping -c 1 -W 5 10.9.0.2");
	box_expect_endpoints(&box, 1);
	DOCKER("docker rm -f one");
	box_stop_dockerd(&box, SIGTERM);
	box_start_dockerd(&box, "");
}

static void a_plugin_that_is_down_is_bounded_and_works_once_it_is_up(void **state)
{
	(void)state;
	box_stop_dockerd(&box, SIGTERM);
	(void)daemon_stop(&box.world.daemon, SIGTERM);
	box_start_dockerd(&box, "");
	box_run(&box, -1, "timeout 60 docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue 2>&1");
	daemon_start(&box.world.daemon);
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run --rm --network blue box:1 ping -c 1 -W 3 10.9.0.1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)
	const struct CMUnitTest tests[] = {
		TEST(containers_talk_and_reach_out),
		TEST(a_published_port_is_reached_from_outside),
		TEST(networks_of_every_kind_are_made),
		TEST(macvlan_containers_talk),
		TEST(twenty_at_once),
		TEST(what_is_wrong_is_said),
		TEST(a_host_is_replaced_in_a_run_loop),
		TEST(a_driver_is_swapped_in_a_run_loop),
		TEST(a_killed_host_comes_back_and_all_agree),
		TEST(a_killed_dockerd_starts_its_container_again),
		TEST(live_restore_keeps_containers_and_the_network),
		TEST(a_plugin_that_is_down_is_bounded_and_works_once_it_is_up),
	};

	box_open(&box);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	box_close(&box);
	return failed;
}
