/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of network and container that a user of docker can ask for, on our drivers: what the container gets, what docker says
 * of it and what ndrvctl does are the same. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/docker/box.h"
#include "tests/lib/test.h"

static struct box box;

#define DOCKER(...) box_run(&box, 0, "exec 2>&1; " __VA_ARGS__)
#define REFUSED(...) box_run(&box, -1, "exec 2>&1; " __VA_ARGS__)

/* A newer docker does not ask an older dockerd for a MAC address. */
#define OLD_CLI "$([ -x /usr/bin/docker ] && echo /usr/bin/docker || echo docker)"

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

/* Nothing is left, dockerd made no network of its own, and new containers start. */
static int nothing_is_left(void **state)
{
	(void)state;
	box_run(&box, 0, "! docker network ls --format '{{.Name}}' | grep gwbridge && ! ip link show docker_gwbridge 2>/dev/null");
	box_empty(&box);
	box_expect_endpoints(&box, 0);
	box_expect_links(&box, 0);
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 again && docker run --rm --network again box:1 ping -c 1 "
	       "-W 3 "
	       "10.9.0.1");
	box_empty(&box);
	return 0;
}

/* What docker and ndrvctl say of the only endpoint of a network: addresses and MAC. */
static void assert_agree(const char *network)
{
	char docker[256];
	const char *said =
		DOCKER("docker network inspect -f '{{range .Containers}}{{.IPv4Address}} {{.IPv6Address}} {{.MacAddress}}"
		       "{{end}}' %s | tr -d '\\n'",
		       network);

	(void)snprintf(docker, sizeof(docker), "%s", said);
	said = box_run(&box, 0,
		       TEST_NDRVCTL " --socket %s --json network inspect $(docker network inspect -f '{{.Id}}' %s) | tr -d ' \\n'",
		       box.world.daemon.socket, network);
	for (char *at = docker, *end; *at; at = end) {
		at += strspn(at, " ");
		end = at + strcspn(at, " ");
		char *part = strndup(at, (size_t)(end - at));
		assert_non_null(part);
		assert_has(said, part);
		free(part);
	}
}

/* From `where` ("docker exec c", or a namespace): a page. */
#define PAGE                                                                                                    \
	"for i in 1 2 3 4 5 6 7 8 9 10; do nsenter --net=%s bash -c 'exec 3<>/dev/tcp/%s/%s && printf \"GET / " \
	"HTTP/1.0\\r\\n\\r\\n\""                                                                                \
	" >&3 && timeout 5 cat <&3' 2>/dev/null && break; sleep 0.3; done"
#define SERVER "sh -c 'mkdir /w && echo hello >/w/index.html && httpd -f -p 80 -h /w'"

static void a_container_has_the_address_and_mac_it_asked_for(void **state)
{
	static const char *const drivers[] = {"ndrv-bridge", "ndrv-macvlan -o parent=p0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		DOCKER("docker network create -d %s --subnet 10.9.0.0/24 --gateway 10.9.0.9 --ip-range 10.9.0.128/25 --aux-address "
		       "a=10.9.0.130 n",
		       drivers[i]);
		DOCKER(OLD_CLI " run -d --name one --network n --ip 10.9.0.200 --mac-address 02:11:22:33:44:55 box:1 sleep 300");
		const char *said = DOCKER("docker exec one sh -c 'ip addr show eth0; ip route'");
		assert_has(said, "10.9.0.200/24");
		assert_has(said, "02:11:22:33:44:55");
		assert_has(said, "default via 10.9.0.9 dev eth0");
		assert_agree("n");
		/* In the range, and not the aux address. */
		said = DOCKER(
			"docker run --rm --network n box:1 ip addr show eth0; docker run --rm --network n box:1 ip addr show eth0");
		assert_has(said, "10.9.0.12");
		assert_null(strstr(said, "10.9.0.130"));
		assert_has(REFUSED("docker run --rm --network n --ip 10.9.0.200 box:1 sleep 0"), "Address already in use");
		assert_has(REFUSED("docker run --rm --network n --ip 10.8.0.1 box:1 sleep 0"), "10.8.0.1");
		box_empty(&box);
	}
}

static void dual_stack_containers_talk_by_both(void **state)
{
	static const char *const drivers[] = {"ndrv-bridge", "ndrv-macvlan -o parent=p0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		DOCKER("docker network create -d %s --ipv6 --subnet 10.19.0.0/24 --subnet fd19::/64 dual", drivers[i]);
		DOCKER("docker run -d --name one --network dual --ip 10.19.0.7 --ip6 fd19::7 box:1 sleep 300");
		DOCKER("docker run --rm --network dual box:1 sh -c 'ping -c 1 -W 3 10.19.0.7 && ping -6 -c 1 -W 3 fd19::7'");
		assert_agree("dual");
		box_empty(&box);
	}
}

/* dockerd 20.10 gives every network an IPv4 pool of its own: there is none of IPv6 alone. Without a pool of its IPAM's there is one
 * without any address. */
static void ipv6_alone_is_not_for_this_dockerd(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --ipv6 --subnet fd29::/64 six");
	const char *said = DOCKER("docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}' six");
	if (!strchr(said, '.'))
		DOCKER("docker run --rm --network six box:1 sh -c 'ip -6 route | grep default && ! ip -4 addr show eth0 | grep "
		       "inet'");
	else
		print_message("skipped: dockerd adds an IPv4 pool to a network of IPv6 alone: %s\n", said);
}

static void internal_networks_lead_nowhere(void **state)
{
	static const char *const drivers[] = {"ndrv-bridge", "ndrv-macvlan -o parent=p0"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		DOCKER("docker network create -d %s --internal --subnet 10.29.0.0/24 in", drivers[i]);
		DOCKER("docker run -d --name one --network in box:1 sleep 300");
		assert_has(DOCKER("docker run --rm --network in box:1 sh -c 'ping -c 1 -W 3 10.29.0.2; ip route; ip link'"),
			   "1 packets received");
		assert_null(strstr(DOCKER("docker exec one ip route"), "default"));
		assert_null(strstr(DOCKER("docker exec one ip link"), "eth1"));
		(void)REFUSED("docker exec one ping -c 1 -W 1 " WORLD_OUTSIDE4);
		box_run(&box, 0, "! ip link show docker_gwbridge 2>/dev/null");
		box_empty(&box);
	}
}

/* Ways out and none: dockerd adds docker_gwbridge to whatever does not say that it wants none. */
static void no_gwbridge_appears_for_any_driver(void **state)
{
	static const char *const kinds[] = {
		"ndrv-bridge --subnet 10.39.0.0/24",
		"ndrv-bridge --ipv6 --subnet 10.39.0.0/24 --subnet fd39::/64",
		"ndrv-macvlan --subnet 10.39.0.0/24 -o parent=p0",
		"ndrv-macvlan --ipam-driver null -o parent=p0",
		"ndrv-ipvlan --subnet 10.39.0.0/24 -o parent=p0",
		"ndrv-ipvlan --subnet 10.39.0.0/24 -o parent=p0 -o ipvlan_mode=l3",
		"ndrv-overlay --subnet 10.39.0.0/24 -o com.docker.network.driver.overlay.vxlanid_list=4097",
		"ndrv-null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *said = box_run(&box, 0, "docker network create -d %s k 2>&1 || true", kinds[i]);
		if (strstr(said, "this kernel has no")) {
			print_message("skipped: %s: %s", kinds[i], said);
			continue;
		}
		if (strstr(said, "rror"))
			fail_msg("%s: %s", kinds[i], said);
		DOCKER("docker run -d --name one --network k box:1 sleep 300");
		assert_null(strstr(DOCKER("docker exec one ip link"), "eth1"));
		box_run(&box, 0,
			"! docker network ls --format '{{.Name}}' | grep gwbridge && ! ip link show docker_gwbridge 2>/dev/null");
		box_empty(&box);
	}
}

static void published_ports_are_shown_and_reached(void **state)
{
	char port[16];

	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker run -d --name web --network blue -p 8080:80 -p 8053:53/udp box:1 " SERVER);
	assert_has(box_run(&box, 0, PAGE, box.world.outside.path, WORLD_HOST4, "8080"), "hello");
	struct netns inside = {.fd = -1};
	(void)snprintf(inside.path, sizeof(inside.path), "%s", DOCKER("docker inspect -f '{{.NetworkSettings.SandboxKey}}' web"));
	inside.path[strcspn(inside.path, "\n")] = '\0';
	inside.fd = open(inside.path, O_RDONLY | O_CLOEXEC);
	assert_true(inside.fd >= 0);
	assert_true(world_talks(SOCK_DGRAM, &box.world.outside, WORLD_HOST4, 8053, &inside, 53, NULL));
	assert_int_equal(close(inside.fd), 0);
	/* dockerd takes ports from its own drivers alone: `docker port` is empty for every plugin. What was asked for it shows. */
	const char *said = DOCKER("docker inspect -f '{{json .HostConfig.PortBindings}}' web; docker port web");
	assert_has(said, "\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]");
	/* One that the host chooses: dockerd cannot be told which it is. */
	DOCKER("docker run -d --name any --network blue -p 80 box:1 " SERVER);
	said = box_run(&box, 0,
		       TEST_NDRVCTL
		       " --socket %s --json network inspect $(docker network inspect -f '{{.Id}}' blue) | tr -d ' \\n' | "
		       "grep -o '\"host_port\":[0-9]*' | cut -d: -f2 | grep -vE '^(8080|8053|8054)$' | head -n 1",
		       box.world.daemon.socket);
	(void)snprintf(port, sizeof(port), "%.*s", (int)strcspn(said, "\n"), said);
	assert_true(port[0] != '\0');
	assert_has(box_run(&box, 0, PAGE, box.world.outside.path, WORLD_HOST4, port), "hello");
}

static void a_running_container_moves_between_networks(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 blue");
	DOCKER("docker network create -d ndrv-bridge --subnet 10.10.0.0/24 red");
	DOCKER("docker network create -d ndrv-macvlan --subnet 10.11.0.0/24 -o parent=p0 mac");
	DOCKER("docker create --name one --network blue box:1 sleep 300");
	DOCKER("docker network connect mac one && docker start one");
	DOCKER("docker network connect --ip 10.10.0.77 red one");
	const char *said = DOCKER("docker exec one ip addr");
	assert_has(said, "10.9.0.2/24");
	assert_has(said, "10.11.0.2/24");
	assert_has(said, "10.10.0.77/24");
	box_expect_endpoints(&box, 3);
	assert_agree("red");
	assert_agree("mac");
	DOCKER("docker network disconnect blue one");
	said = DOCKER("docker exec one sh -c 'ip addr; ip route'");
	assert_null(strstr(said, "10.9.0.2/24"));
	assert_has(said, "default via 10.1");
	DOCKER("docker network disconnect mac one && docker exec one ping -c 1 -W 3 " WORLD_OUTSIDE4);
	DOCKER("docker network connect blue one && docker network disconnect red one");
	box_expect_endpoints(&box, 1);
}

static void options_are_taken_and_wrong_ones_refused(void **state)
{
	(void)state;
	DOCKER("docker network create -d ndrv-bridge --subnet 10.9.0.0/24 -o com.docker.network.bridge.name=mybr0 -o "
	       "com.docker.network.driver.mtu=1300 -o com.docker.network.bridge.enable_icc=false named");
	assert_has(DOCKER("ip link show mybr0"), "mtu 1300");
	DOCKER("docker run -d --name one --network named box:1 sleep 300");
	(void)REFUSED("docker run --rm --network named box:1 ping -c 1 -W 1 10.9.0.2");
	assert_has(DOCKER("docker network inspect named"), "\"com.docker.network.bridge.name\": \"mybr0\"");
	assert_has(REFUSED("docker network create -d ndrv-bridge -o com.docker.network.bridge.name=mybr0 --subnet 10.8.0.0/24 bad"),
		   "mybr0");
	assert_has(REFUSED("docker network create -d ndrv-bridge -o com.docker.network.driver.mtu=x --subnet 10.8.0.0/24 bad"),
		   "mtu");
	assert_has(REFUSED("docker network create -d ndrv-macvlan -o parent=nosuch0 --subnet 10.8.0.0/24 bad"), "nosuch0");
	assert_has(REFUSED("docker network create -d ndrv-macvlan -o parent=p0 -o macvlan_mode=odd --subnet 10.8.0.0/24 bad"),
		   "odd");
	assert_has(REFUSED("docker network create -d ndrv-nosuch --subnet 10.8.0.0/24 bad"), "plugin \"ndrv-nosuch\" not found");
}

#define TYPES                                                                                                        \
	"docker: {expose: {ndrv-bridge: bridge, ndrv-macvlan: macvlan, ndrv-ipvlan: ipvlan, ndrv-overlay: overlay, " \
	"ndrv-null: \"null\"}}\nnode: {address: " WORLD_HOST4 "}\n"

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)
	const struct CMUnitTest tests[] = {
		TEST(a_container_has_the_address_and_mac_it_asked_for),
		TEST(dual_stack_containers_talk_by_both),
		TEST(ipv6_alone_is_not_for_this_dockerd),
		TEST(internal_networks_lead_nowhere),
		TEST(no_gwbridge_appears_for_any_driver),
		TEST(published_ports_are_shown_and_reached),
		TEST(a_running_container_moves_between_networks),
		TEST(options_are_taken_and_wrong_ones_refused),
	};

	box_open(&box);
	daemon_add_driver(&box.world.daemon, "ipvlan", BUILT_DRIVERS "/ipvlan.so", NULL);
	daemon_add_driver(&box.world.daemon, "overlay", BUILT_DRIVERS "/overlay.so", NULL);
	daemon_add_driver(&box.world.daemon, "null", BUILT_DRIVERS "/null.so", NULL);
	box_configure(&box, TYPES);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	box_close(&box);
	return failed;
}
