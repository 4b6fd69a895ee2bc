/* SPDX-License-Identifier: Apache-2.0 */
/* Plugging a sandbox is all or nothing. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/sandbox/plug.h"
#include "host/sandbox/ready.h"
#include "tests/lib/netns.h"

static struct hostns *hostns;
static struct ndrv_nl *nl;
static struct netns ns;
static struct ndrv_error err;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	netns_new(&ns);
	assert_ok(hostns_open(&hostns, &err), &err);
	assert_ok(hostns_nl_take(hostns, NULL, &nl, &err), &err);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	hostns_nl_give(hostns, nl);
	hostns_close(hostns);
	netns_free(&ns);
	return 0;
}

/* --- plugging --- */

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix p = {0};

	assert_ok(ndrv_prefix_parse(text, &p, &err), &err);
	return p;
}

static struct ndrv_addr addr(const char *text)
{
	struct ndrv_addr a = {0};

	assert_ok(ndrv_addr_parse(text, &a, &err), &err);
	return a;
}

/* A pair "h0" (host) and `name`, in the sandbox or here. */
static void make_pair(const char *name, bool in_sandbox)
{
	struct ndrv_link_peer peer = {.name = name, .netns_fd = in_sandbox ? ns.fd : -1};
	struct ndrv_link_spec spec = {.kind = "veth", .name = "h0", .queues = 1, .up = 1, .peer = &peer};

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
}

static struct plug full_plug(const char *src, const char *name)
{
	static struct ndrv_route routes[2];
	static struct plug_neighbour neighbour;

	routes[0] = (struct ndrv_route){.destination = prefix("10.9.0.0/16"), .next_hop = addr("10.5.0.9")};
	routes[1] = (struct ndrv_route){.destination = prefix("10.8.0.0/16"), .type = NDRV_ROUTE_CONNECTED};
	neighbour = (struct plug_neighbour){addr("10.5.0.1"), {.set = 1, .bytes = {2, 0, 0, 0, 0, 1}}};
	return (struct plug){
		.src = src,
		.name = name,
		.prefix = "eth",
		.address = prefix("10.5.0.2/24"),
		.address6 = prefix("fd05::2/64"),
		.gateway4 = addr("10.5.0.1"),
		.gateway6 = addr("fd05::1"),
		.route_count = 2,
		.routes = routes,
		.neighbour_count = 1,
		.neighbours = &neighbour,
	};
}

static int do_plug(const struct plug *plug, struct plug_result *ret)
{
	struct sandbox sandbox;
	int rc;

	assert_ok(sandbox_open(hostns, ns.path, NULL, &sandbox, &err), &err);
	rc = plug_in(&sandbox, nl, plug, ret, &err);
	sandbox_close(&sandbox);
	return rc;
}

static void assert_plugged(const char *name)
{
	struct ndrv_link lo;

	assert_true(netns_has_address(&ns, name, "10.5.0.2/24"));
	assert_true(netns_has_address(&ns, name, "fd05::2/64"));
	assert_true(netns_has_route(&ns, "0.0.0.0/0", "10.5.0.1", name));
	assert_true(netns_has_route(&ns, "::/0", "fd05::1", name));
	assert_true(netns_has_route(&ns, "10.9.0.0/16", "10.5.0.9", name));
	assert_true(netns_has_route(&ns, "10.8.0.0/16", NULL, name));
	assert_true(netns_has_neighbour(&ns, "10.5.0.1"));
	assert_true(netns_has_link(&ns, "lo", &lo));
	assert_true(lo.flags & 1);
}

static void an_interface_born_inside_is_set_up(void **state)
{
	struct plug plug = full_plug(NULL, "eth0");
	struct plug_result result;

	(void)state;
	make_pair("eth0", true);
	assert_ok(do_plug(&plug, &result), &err);
	assert_string_equal(result.name, "eth0");
	assert_false(result.ipv6_off);
	assert_plugged("eth0");
}

static void an_interface_is_moved_and_gets_the_first_free_name(void **state)
{
	struct plug plug = full_plug("p0", "");
	struct ndrv_link_spec taken = {.kind = "bridge", .name = "eth0"};
	struct ndrv_nl *inside = netns_nl(&ns);
	struct plug_result result;
	struct ndrv_link link;

	(void)state;
	assert_ok(ndrv_link_create(inside, &taken, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(inside);
	make_pair("p0", false);
	plug.mac = (struct ndrv_mac){.set = 1, .bytes = {2, 0x42, 10, 5, 0, 2}};
	plug.mtu = 1300;
	assert_ok(do_plug(&plug, &result), &err);
	assert_string_equal(result.name, "eth1");
	assert_plugged("eth1");
	assert_true(netns_has_link(&ns, "eth1", &link));
	assert_int_equal(link.mtu, 1300);
	assert_memory_equal(link.mac.bytes, plug.mac.bytes, 6);
	assert_false(netns_has_link(NULL, "p0", NULL));
	/* And back, without its addresses. */
	assert_ok(plug_out_path(hostns, ns.path, 0, 0, NULL, "eth1", "p0", &err), &err);
	assert_true(netns_has_link(NULL, "p0", NULL));
	assert_false(netns_has_address(NULL, "p0", "10.5.0.2/24"));
	assert_false(netns_has_link(&ns, "eth1", NULL));
}

static void an_interface_without_ipv6_makes_no_link_local_address(void **state)
{
	struct plug plug = {.name = "eth0", .address = prefix("10.5.0.2/24")};
	struct plug_result result;
	struct ndrv_nl *inside;
	struct ndrv_address *list = NULL;
	uint32_t count = 0;

	(void)state;
	make_pair("eth0", true);
	assert_ok(do_plug(&plug, &result), &err);
	inside = netns_nl(&ns);
	assert_ok(ndrv_address_list(inside, result.index, &list, &count, &err), &err);
	assert_int_equal(count, 1);
	free(list);
	ndrv_nl_close(inside);
}

/* Every step made to fail in turn; src "p0" is moved, NULL is born inside. */
static void fails_and_is_undone(const struct plug *plug, const char *part)
{
	struct plug_result result = {.name = "untouched"};
	struct ndrv_link link;
	int rc = do_plug(plug, &result);

	if (rc >= 0 || !strstr(err.text, part))
		fail_msg("gave %d \"%s\", not \"%s\"", rc, err.text, part);
	assert_string_equal(result.name, "untouched");
	if (plug->src) {
		assert_true(netns_has_link(NULL, "p0", &link));
		assert_false(netns_has_address(NULL, "p0", "10.5.0.2/24"));
		assert_int_equal(netns_link_count(&ns), 1);
	} else {
		assert_true(netns_has_link(&ns, "eth0", &link));
		assert_false(link.flags & 1);
	}
}

static void each_step_fails(const char *src)
{
	struct ndrv_route bad = {.destination = prefix("10.7.0.0/16"), .next_hop = addr("192.0.2.1")};
	struct ndrv_route bad6 = {.destination = prefix("fd07::/64"), .next_hop = addr("2001:db8::1")};
	struct plug_neighbour odd = {addr("10.5.0.1"), {.set = 1}};
	struct plug plug = full_plug(src, "eth0");

	plug.address = prefix("10.5.0.2/24"), plug.address.length = 33;
	fails_and_is_undone(&plug, "on eth0");
	plug = full_plug(src, "eth0");
	plug.address6 = prefix("ff02::1/64");
	fails_and_is_undone(&plug, "set address ff02::1/64 on eth0");
	plug = full_plug(src, "eth0");
	plug.route_count = 1, plug.routes = &bad;
	fails_and_is_undone(&plug, "add route to 10.7.0.0/16 via 192.0.2.1 on eth0");
	plug.routes = &bad6;
	fails_and_is_undone(&plug, "add route to fd07::/64 via 2001:db8::1 on eth0");
	plug = full_plug(src, "eth0");
	plug.gateway4 = addr("192.0.2.1");
	fails_and_is_undone(&plug, "add route to 0.0.0.0/0 via 192.0.2.1 on eth0");
	plug = full_plug(src, "eth0");
	plug.gateway6 = addr("2001:db8::1");
	fails_and_is_undone(&plug, "add route to ::/0 via 2001:db8::1 on eth0");
	plug = full_plug(src, "eth0");
	odd.addr = addr("224.0.0.1");
	plug.neighbours = &odd;
	plug.neighbour_count = PLUG_NEIGHBOURS_MAX + 1;
	fails_and_is_undone(&plug, "more than an interface may have");
}

static void a_moved_interface_is_back_after_any_failure(void **state)
{
	struct plug plug = full_plug("p0", "eth0");
	struct plug_result result;

	(void)state;
	make_pair("p0", false);
	each_step_fails("p0");
	plug.mtu = 70000;
	fails_and_is_undone(&plug, "change interface eth0");
	plug.mtu = 0;
	plug.name = "lo";
	fails_and_is_undone(&plug, "interface lo already exists");
	plug.name = "", plug.prefix = "";
	fails_and_is_undone(&plug, "given no name");
	plug.src = "gone0", plug.name = "eth0";
	assert_fails(do_plug(&plug, &result), &err, NDRV_E_NO_LINK, "gone0");
	/* And after all that it can still be plugged. */
	plug = full_plug("p0", "eth0");
	assert_ok(do_plug(&plug, &result), &err);
	assert_plugged("eth0");
}

static void an_interface_born_inside_is_down_after_any_failure(void **state)
{
	(void)state;
	make_pair("eth0", true);
	/* A first failure of each kind starts from a link that was up: routes of a former try must not make the next one fail. */
	each_step_fails(NULL);
}

static void switch_ipv6_off(void *data)
{
	int fd = open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_WRONLY | O_CLOEXEC);

	*(bool *)data = fd >= 0 && write(fd, "1", 1) == 1;
	if (fd >= 0)
		(void)close(fd);
}

static void a_sandbox_with_ipv6_off_gets_ipv4_alone(void **state)
{
	struct plug plug = full_plug(NULL, "eth0");
	struct plug_result result;
	bool off = false;

	(void)state;
	netns_run(&ns, switch_ipv6_off, &off);
	if (!off)
		skip();
	make_pair("eth0", true);
	assert_ok(do_plug(&plug, &result), &err);
	assert_true(result.ipv6_off);
	assert_true(netns_has_address(&ns, "eth0", "10.5.0.2/24"));
	assert_true(netns_has_route(&ns, "0.0.0.0/0", "10.5.0.1", "eth0"));
	/* Where IPv6 is all there is, that is an error. */
	plug = (struct plug){.name = "eth0", .address6 = prefix("fd05::2/64")};
	assert_true(do_plug(&plug, &result) < 0);
	assert_int_equal(err.sys_errno, EACCES);
}

static void unplugging_what_is_gone_is_success(void **state)
{
	struct stat st;

	(void)state;
	assert_ok(plug_out_path(hostns, ns.path, 0, 0, NULL, "eth0", "p0", &err), &err);
	assert_ok(plug_out_path(hostns, "/run/netns/no-such-one", 0, 0, NULL, "eth0", "p0", &err), &err);
	make_pair("eth0", true);
	/* Another namespace stands there by now: what is in it is not ours. */
	assert_int_equal(fstat(ns.fd, &st), 0);
	assert_ok(plug_out_path(hostns, ns.path, st.st_dev, st.st_ino + 1, NULL, "eth0", "p0", &err), &err);
	assert_true(netns_has_link(&ns, "eth0", NULL));
	assert_ok(plug_out_path(hostns, ns.path, st.st_dev, st.st_ino, NULL, "eth0", "p0", &err), &err);
	assert_false(netns_has_link(&ns, "eth0", NULL));
	assert_true(netns_has_link(NULL, "p0", NULL));
}

static int is_cancelled(const struct ndrv_call *call)
{
	(void)call;
	return 1;
}

static void a_call_that_was_given_up_plugs_nothing(void **state)
{
	struct ndrv_call call = {.size = sizeof(call), .cancelled = is_cancelled};
	struct plug plug = full_plug("p0", "eth0");
	struct plug_result result;
	struct sandbox sandbox;

	(void)state;
	make_pair("p0", false);
	/* The host's handle moves the interface; then the sandbox's finds the call cancelled. */
	assert_ok(sandbox_open(hostns, ns.path, &call, &sandbox, &err), &err);
	assert_fails(plug_in(&sandbox, nl, &plug, &result, &err), &err, NDRV_E_CANCELLED, "");
	sandbox_close(&sandbox);
	assert_true(netns_has_link(NULL, "p0", NULL));
	assert_int_equal(netns_link_count(&ns), 1);
}

/* --- readiness --- */

static void links_are_waited_for(void **state)
{
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br0", .up = 1};
	struct ndrv_link bridge, port;
	struct ndrv_link_change in = {.master = 0};
	struct plug plug = {.name = "eth0", .address = prefix("10.5.0.2/24")};
	struct plug_result result;
	uint32_t waits[2];
	bool ready = true;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &bridge, &err), &err);
	make_pair("eth0", true);
	in.master = bridge.index;
	assert_ok(ndrv_link_set(nl, "h0", 0, &in, &err), &err);
	assert_true(netns_has_link(NULL, "h0", &port));
	waits[0] = port.index, waits[1] = bridge.index;
	/* The other end is down: it takes longer than anybody waits. */
	assert_ok(ready_wait(nl, waits, 2, 5 * NSEC_PER_MSEC, &ready, &err), &err);
	assert_false(ready);
	assert_ok(do_plug(&plug, &result), &err);
	assert_ok(ready_wait(nl, waits, 2, 5000 * NSEC_PER_MSEC, &ready, &err), &err);
	assert_true(ready);
	assert_ok(ndrv_link_delete(nl, "h0", 0, &err), &err);
	assert_fails(ready_wait(nl, waits, 2, 5 * NSEC_PER_MSEC, &ready, &err), &err, NDRV_E_NO_LINK, "went away");
	assert_fails(ready_wait(nl, waits, READY_MAX + 1, 0, &ready, &err), &err, NDRV_E_BAD_REQUEST, "5 links");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_interface_born_inside_is_set_up),
		TEST(an_interface_is_moved_and_gets_the_first_free_name),
		TEST(an_interface_without_ipv6_makes_no_link_local_address),
		TEST(a_moved_interface_is_back_after_any_failure),
		TEST(an_interface_born_inside_is_down_after_any_failure),
		TEST(a_sandbox_with_ipv6_off_gets_ipv4_alone),
		TEST(unplugging_what_is_gone_is_success),
		TEST(a_call_that_was_given_up_plugs_nothing),
		TEST(links_are_waited_for),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
