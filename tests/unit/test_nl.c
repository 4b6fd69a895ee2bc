/* SPDX-License-Identifier: Apache-2.0 */
/* The netlink handle, links, addresses, routes, against the real kernel in namespaces of the test's own. */
#include "tests/lib/test.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/netns.h"

static struct ndrv_nl *nl;

static int fresh(void **state)
{
	(void)state;
	netns_enter_fresh();
	nl = netns_nl(NULL);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	ndrv_nl_close(nl);
	return 0;
}

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_prefix p = {0};
	struct ndrv_error err = {0};

	assert_ok(ndrv_prefix_parse(text, &p, &err), &err);
	return p;
}

static struct ndrv_addr addr(const char *text)
{
	return prefix(text).addr;
}

static void make_bridge(const char *name, struct ndrv_link *ret)
{
	struct ndrv_error err = {0};
	struct ndrv_link_spec spec = {.kind = "bridge", .name = name, .group = 77, .up = 1};

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, ret, &err), &err);
}

static void a_created_link_has_what_was_asked_for(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_mac mac = {.set = 1, .bytes = {2, 0x42, 1, 2, 3, 4}};
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br0", .group = 77, .mtu = 1400, .mac = mac, .up = 1};
	struct ndrv_link made, found;

	(void)state;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &made, &err), &err);
	assert_ok(ndrv_link_get(nl, "br0", 0, &found, &err), &err);
	assert_int_equal(made.index, found.index);
	assert_int_equal(found.group, 77);
	assert_int_equal(found.mtu, 1400);
	assert_string_equal(found.kind, "bridge");
	assert_memory_equal(found.mac.bytes, mac.bytes, 6);
	assert_true(found.flags & IFF_UP);
	assert_ok(ndrv_link_get(nl, NULL, made.index, &found, &err), &err);
	assert_string_equal(found.name, "br0");
}

static void a_veth_is_born_in_two_namespaces(void **state)
{
	struct ndrv_error err = {0};
	struct netns ns;
	struct ndrv_link bridge, made, inside;
	struct ndrv_link_peer peer = {.name = "eth0", .mtu = 1300, .mac = {.set = 1, .bytes = {2, 0, 0, 0, 0, 9}}};
	struct ndrv_link_spec spec = {.kind = "veth", .name = "v0", .mtu = 1300, .queues = 1, .up = 1, .peer = &peer};

	(void)state;
	netns_new(&ns);
	make_bridge("br0", &bridge);
	peer.netns_fd = ns.fd;
	spec.master = bridge.index;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, &made, &err), &err);
	assert_true(netns_has_link(&ns, "eth0", &inside));
	assert_int_equal(inside.index, made.link);
	assert_int_equal(inside.mtu, 1300);
	assert_memory_equal(inside.mac.bytes, peer.mac.bytes, 6);
	assert_true(netns_has_link(NULL, "v0", &made));
	assert_int_equal(made.master, bridge.index);
	assert_true(made.port_state >= 0);
	assert_int_equal(bridge.port_state, -1);
	netns_free(&ns);
}

static void errors_are_typed_and_name_the_interface(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_link link;
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br0"};

	(void)state;
	make_bridge("br0", NULL);
	assert_fails(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err, NDRV_E_LINK_EXISTS, "br0");
	assert_int_equal(err.sys_errno, EEXIST);
	spec.kind = "nosuchkind", spec.name = "x0";
	assert_fails(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err, NDRV_E_KERNEL_LACKS,
		     "this kernel has no nosuchkind links");
	assert_fails(ndrv_link_get(nl, "gone0", 0, &link, &err), &err, NDRV_E_NO_LINK, "gone0");
	assert_fails(ndrv_link_set(nl, "gone0", 0, &(struct ndrv_link_change){.up = 1}, &err), &err, NDRV_E_NO_LINK, "gone0");
	assert_ok(ndrv_link_delete(nl, "gone0", 0, &err), &err);
	assert_ok(ndrv_link_delete(nl, "br0", 0, &err), &err);
	assert_false(netns_has_link(NULL, "br0", NULL));
}

static void a_batch_reports_an_error_that_is_not_its_last(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_nl_batch batch;
	struct ndrv_link bridge;
	struct ndrv_prefix good = prefix("10.0.0.1/24");
	struct ndrv_route bad = {
		.destination = prefix("10.9.0.0/24"), .type = NDRV_ROUTE_NEXTHOP, .next_hop = addr("192.0.2.1/32")};

	(void)state;
	make_bridge("br0", &bridge);
	ndrv_nl_batch_init(&batch, nl);
	assert_non_null(ndrv_address_batch(&batch, "br0", bridge.index, &good));
	assert_non_null(ndrv_route_batch(&batch, "br0", bridge.index, &bad, 0));
	assert_non_null(ndrv_link_set_batch(&batch, "br0", bridge.index, &(struct ndrv_link_change){.mtu = 1400}));
	assert_fails(ndrv_nl_batch_send(&batch, &err), &err, ndrv_error_from_errno(ENETUNREACH),
		     "add route to 10.9.0.0/24 via 192.0.2.1 on br0");
	/* The kernel's own words are in it. */
	assert_non_null(strstr(err.text, "Nexthop has invalid gateway"));
	assert_int_equal(batch.items[0].item.sys_errno, 0);
	assert_int_equal(batch.items[2].item.sys_errno, 0);
	ndrv_nl_batch_done(&batch);
	assert_true(netns_has_address(NULL, "br0", "10.0.0.1/24"));
	assert_true(netns_has_link(NULL, "br0", &bridge));
	assert_int_equal(bridge.mtu, 1400);
}

static void addresses_routes_and_neighbours_come_and_go(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_link b;
	struct ndrv_prefix v4 = prefix("10.0.0.1/24"), v6 = prefix("fd00::1/64");
	struct ndrv_route via = {.destination = prefix("10.9.0.0/24"), .next_hop = addr("10.0.0.7/32")};
	struct ndrv_route on_link = {.destination = prefix("10.8.0.0/24"), .type = NDRV_ROUTE_CONNECTED};
	struct ndrv_route via6 = {.destination = prefix("::/0"), .next_hop = addr("fd00::7/128")};
	struct ndrv_addr other = addr("10.0.0.7/32");
	struct ndrv_mac mac = {.set = 1, .bytes = {2, 0, 0, 0, 0, 7}};

	(void)state;
	make_bridge("br0", &b);
	for (int twice = 0; twice < 2; twice++) {
		assert_ok(ndrv_address_add(nl, "br0", b.index, &v4, &err), &err);
		assert_ok(ndrv_address_add(nl, "br0", b.index, &v6, &err), &err);
		assert_ok(ndrv_neighbour_add(nl, "br0", b.index, &other, &mac, 199, &err), &err);
	}
	assert_ok(ndrv_route_add(nl, "br0", b.index, &via, 199, &err), &err);
	assert_ok(ndrv_route_add(nl, "br0", b.index, &on_link, 0, &err), &err);
	assert_ok(ndrv_route_add(nl, "br0", b.index, &via6, 0, &err), &err);
	assert_true(netns_has_address(NULL, "br0", "10.0.0.1/24"));
	assert_true(netns_has_address(NULL, "br0", "fd00::1/64"));
	assert_true(netns_has_route(NULL, "10.9.0.0/24", "10.0.0.7", "br0"));
	assert_true(netns_has_route(NULL, "10.8.0.0/24", NULL, "br0"));
	assert_true(netns_has_route(NULL, "::/0", "fd00::7", "br0"));
	assert_true(netns_has_neighbour(NULL, "10.0.0.7"));
	for (int twice = 0; twice < 2; twice++) {
		assert_ok(ndrv_neighbour_delete(nl, "br0", b.index, &other, &err), &err);
		assert_ok(ndrv_route_delete(nl, "br0", b.index, &via6, &err), &err);
		assert_ok(ndrv_route_delete(nl, "br0", b.index, &on_link, &err), &err);
		assert_ok(ndrv_route_delete(nl, "br0", b.index, &via, &err), &err);
		assert_ok(ndrv_address_delete(nl, "br0", b.index, &v6, &err), &err);
		assert_ok(ndrv_address_delete(nl, "br0", b.index, &v4, &err), &err);
	}
	assert_false(netns_has_address(NULL, "br0", "10.0.0.1/24"));
	assert_false(netns_has_route(NULL, "10.9.0.0/24", "10.0.0.7", "br0"));
	assert_false(netns_has_neighbour(NULL, "10.0.0.7"));
}

static void a_second_route_to_a_destination_is_refused(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_link b;
	struct ndrv_prefix v4 = prefix("10.0.0.1/24");
	struct ndrv_route one = {.destination = prefix("10.9.0.0/24"), .next_hop = addr("10.0.0.7/32")};
	struct ndrv_route two = {.destination = prefix("10.9.0.0/24"), .next_hop = addr("10.0.0.8/32")};

	(void)state;
	make_bridge("br0", &b);
	assert_ok(ndrv_address_add(nl, "br0", b.index, &v4, &err), &err);
	assert_ok(ndrv_route_add(nl, "br0", b.index, &one, 0, &err), &err);
	assert_fails(ndrv_route_add(nl, "br0", b.index, &two, 0, &err), &err, ndrv_error_from_errno(EEXIST), "10.9.0.0/24");
}

static int always(const struct ndrv_call *call)
{
	(void)call;
	return 1;
}

static void a_call_past_its_deadline_changes_nothing(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_call call = {.size = sizeof(call), .deadline_ns = 1};
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br0"};
	struct rtnl_link *link = NULL;
	int nle;

	(void)state;
	ndrv_nl_set_call(nl, &call);
	assert_fails(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err, NDRV_E_TIMEOUT, "br0");
	/* libnl-route on the same handle ends as well. */
	nle = rtnl_link_get_kernel(ndrv_nl_socket(nl), 0, "lo", &link);
	assert_true(nle < 0);
	assert_fails(ndrv_nl_fail(nl, &err, nle, "look at lo"), &err, NDRV_E_TIMEOUT, "look at lo");
	call.deadline_ns = 0;
	call.cancelled = always;
	assert_fails(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err, NDRV_E_CANCELLED, "br0");
	ndrv_nl_set_call(nl, NULL);
	assert_false(netns_has_link(NULL, "br0", NULL));
	assert_int_equal(rtnl_link_get_kernel(ndrv_nl_socket(nl), 0, "lo", &link), 0);
	rtnl_link_put(link);
}

static int entered, left;

static int enter(void *data, uint64_t deadline_ns)
{
	(void)deadline_ns;
	entered++;
	return *(int *)data;
}

static void leave(void *data)
{
	(void)data;
	left++;
}

static void only_link_creation_takes_turns(void **state)
{
	int refuse = 0;
	struct ndrv_nl_guard guard = {.enter = enter, .leave = leave, .data = &refuse};
	struct ndrv_error err = {0};
	struct ndrv_link_spec spec = {.kind = "bridge", .name = "br1"};
	struct ndrv_link link;
	struct rtnl_link *vendors = rtnl_link_alloc();

	(void)state;
	entered = left = 0;
	ndrv_nl_set_guard(nl, &guard);
	make_bridge("br0", &link);
	assert_int_equal(entered, 1);
	assert_int_equal(left, 1);
	assert_ok(ndrv_link_set(nl, "br0", 0, &(struct ndrv_link_change){.mtu = 1400}, &err), &err);
	assert_ok(ndrv_link_delete(nl, "br0", 0, &err), &err);
	assert_int_equal(entered, 1);
	/* Not in time: nothing is sent. */
	refuse = -1;
	assert_fails(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err, NDRV_E_TIMEOUT, "br1");
	assert_false(netns_has_link(NULL, "br1", NULL));
	assert_int_equal(left, 1);
	/* A vendor's own rtnl_...() as well. */
	rtnl_link_set_name(vendors, "br2");
	assert_int_equal(rtnl_link_set_type(vendors, "bridge"), 0);
	assert_true(rtnl_link_add(ndrv_nl_socket(nl), vendors, NLM_F_CREATE | NLM_F_EXCL) < 0);
	refuse = 0;
	assert_int_equal(rtnl_link_add(ndrv_nl_socket(nl), vendors, NLM_F_CREATE | NLM_F_EXCL), 0);
	assert_int_equal(left, 2);
	rtnl_link_put(vendors);
}

static void libnl_route_works_on_the_same_handle(void **state)
{
	struct nl_sock *sock = ndrv_nl_socket(nl);
	struct nl_cache *links, *addresses;
	struct rtnl_link *link;
	struct ndrv_link bridge;
	struct ndrv_error err = {0};
	struct ndrv_prefix v4 = prefix("10.0.0.1/24");

	(void)state;
	assert_non_null(sock);
	assert_ptr_equal(sock, ndrv_nl_socket(nl));
	make_bridge("br0", &bridge);
	assert_ok(ndrv_address_add(nl, "br0", bridge.index, &v4, &err), &err);
	assert_int_equal(rtnl_link_alloc_cache(sock, AF_UNSPEC, &links), 0);
	link = rtnl_link_get_by_name(links, "br0");
	assert_non_null(link);
	assert_int_equal(rtnl_link_get_ifindex(link), bridge.index);
	rtnl_link_put(link);
	nl_cache_free(links);
	/* Strict checking would refuse libnl's short header here. */
	assert_int_equal(rtnl_addr_alloc_cache(sock, &addresses), 0);
	assert_true(nl_cache_nitems(addresses) >= 2);
	nl_cache_free(addresses);
	make_bridge("br1", NULL);
	link = rtnl_link_alloc();
	rtnl_link_set_name(link, "br1");
	assert_int_equal(rtnl_link_delete(sock, link), 0);
	assert_int_equal(rtnl_link_delete(sock, link), -NLE_NODEV);
	rtnl_link_put(link);
}

static void count_link(const struct nlmsghdr *reply, void *data)
{
	int *count = data;

	*count = reply ? *count + 1 : 0;
}

static void a_list_has_every_link(void **state)
{
	struct ndrv_error err = {0};
	struct ndrv_link *links = NULL;
	uint32_t count = 0, found = 0;
	struct ifinfomsg ifi = {0};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	int messages = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "br%d", i);
		make_bridge(name, NULL);
	}
	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++)
		found += links[i].group == 77 && !strcmp(links[i].kind, "bridge");
	assert_int_equal(found, 100);
	free(links);
	assert_int_equal(nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO), 0);
	assert_ok(ndrv_nl_dump(nl, msg, count_link, &messages, &err), &err);
	assert_int_equal(messages, count);
}

/* Anybody with CAP_NET_ADMIN in the namespace, a container's root for one, can send to our port. */
static void a_forged_answer_does_not_reach_us(void **state)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK}, self = {.nl_family = AF_NETLINK};
	struct nlmsgerr ack = {0};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr ack;
	} forged = {.header = {.nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_ERROR}, .ack = ack};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct nl_sock *plain = nl_socket_alloc();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
	to.nl_pid = nl_socket_get_local_port(ndrv_nl_socket(nl));
	assert_true(to.nl_pid != 0);
	assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	/* The same reaches a libnl socket that is not connected: the attack is a real one. */
	assert_int_equal(nl_connect(plain, NETLINK_ROUTE), 0);
	to.nl_pid = nl_socket_get_local_port(plain);
	assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(forged));
	nl_socket_free(plain);
	(void)close(fd);
}

/* The namespace of the other end as the kernel tells it; NULL: not at all. */
static int32_t netnsid_of(const int32_t *told)
{
	struct ifinfomsg ifi = {.ifi_index = 5};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct ndrv_link link;

	assert_non_null(msg);
	assert_int_equal(nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO), 0);
	assert_int_equal(nla_put_string(msg, IFLA_IFNAME, "nvx"), 0);
	assert_int_equal(nla_put_u32(msg, IFLA_LINK, 2), 0);
	if (told)
		assert_int_equal(nla_put_s32(msg, IFLA_LINK_NETNSID, *told), 0);
	assert_int_equal(ndrv_link_parse(nlmsg_hdr(msg), &link), 0);
	nlmsg_free(msg);
	return link.netnsid;
}

/* Its number must not be looked up here: somebody else has it. */
static void a_peer_in_a_namespace_that_ends_is_told_from_one_of_here(void **state)
{
	int32_t none = -1, zero = 0;

	(void)state;
	assert_int_equal(netnsid_of(NULL), -1);
	assert_int_equal(netnsid_of(&zero), 0);
	assert_int_equal(netnsid_of(&none), NDRV_LINK_NETNS_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_created_link_has_what_was_asked_for, fresh, finish),
		cmocka_unit_test_setup_teardown(a_veth_is_born_in_two_namespaces, fresh, finish),
		cmocka_unit_test_setup_teardown(errors_are_typed_and_name_the_interface, fresh, finish),
		cmocka_unit_test_setup_teardown(a_batch_reports_an_error_that_is_not_its_last, fresh, finish),
		cmocka_unit_test_setup_teardown(addresses_routes_and_neighbours_come_and_go, fresh, finish),
		cmocka_unit_test_setup_teardown(a_second_route_to_a_destination_is_refused, fresh, finish),
		cmocka_unit_test_setup_teardown(a_call_past_its_deadline_changes_nothing, fresh, finish),
		cmocka_unit_test_setup_teardown(only_link_creation_takes_turns, fresh, finish),
		cmocka_unit_test_setup_teardown(libnl_route_works_on_the_same_handle, fresh, finish),
		cmocka_unit_test_setup_teardown(a_list_has_every_link, fresh, finish),
		cmocka_unit_test(a_peer_in_a_namespace_that_ends_is_told_from_one_of_here),
		cmocka_unit_test_setup_teardown(a_forged_answer_does_not_reach_us, fresh, finish),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
