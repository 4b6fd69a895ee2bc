/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The kernel's own macros for walking attributes mix int and unsigned, and drop const. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"

static void die(const char *what, int e)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerrordesc_np(e));
	exit(1);
}

/* --- messages, one after the other in one buffer --- */

struct out {
	_Alignas(8) char data[2048];
	size_t bytes;
	unsigned count;
};

static struct nlmsghdr *begin(struct out *out, int type, int flags, const void *body, size_t bytes)
{
	struct nlmsghdr *m = (void *)(out->data + out->bytes);

	memset(m, 0, NLMSG_SPACE(bytes));
	m->nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
	m->nlmsg_type = (uint16_t)type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->nlmsg_seq = ++out->count;
	memcpy(NLMSG_DATA(m), body, bytes);
	return m;
}

static void end(struct out *out, const struct nlmsghdr *m)
{
	out->bytes += NLMSG_ALIGN(m->nlmsg_len);
}

static struct rtattr *put(struct nlmsghdr *m, int type, const void *data, size_t bytes)
{
	struct rtattr *a = (void *)((char *)m + NLMSG_ALIGN(m->nlmsg_len));

	a->rta_type = (uint16_t)type;
	a->rta_len = (uint16_t)RTA_LENGTH(bytes);
	if (bytes)
		memcpy(RTA_DATA(a), data, bytes);
	m->nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->nlmsg_len) + RTA_SPACE(bytes));
	return a;
}

static void put_u32(struct nlmsghdr *m, int type, uint32_t value)
{
	(void)put(m, type, &value, sizeof(value));
}

static void put_string(struct nlmsghdr *m, int type, const char *text)
{
	(void)put(m, type, text, strlen(text) + 1);
}

static void close_nest(const struct nlmsghdr *m, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((const char *)m + m->nlmsg_len - (char *)nest);
}

/* --- the exchange --- */

struct answer {
	uint32_t index, peer; /* of an echoed link */
	unsigned ready;	      /* links that carry packets, of those asked for */
};

/* up, with a queue, and forwarding if a port: what host/sandbox/ready.c asks */
static int is_ready(const struct nlmsghdr *m)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(m);
	int left = (int)IFLA_PAYLOAD(m), up = 0, noop = 0, state = BR_STATE_FORWARDING;

	for (struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_OPERSTATE)
			up = *(uint8_t *)RTA_DATA(a) == IF_OPER_UP || *(uint8_t *)RTA_DATA(a) == IF_OPER_UNKNOWN;
		else if (a->rta_type == IFLA_QDISC)
			noop = !strcmp(RTA_DATA(a), "noop");
		if (a->rta_type != IFLA_LINKINFO)
			continue;
		int info_left = (int)RTA_PAYLOAD(a);
		for (struct rtattr *i = RTA_DATA(a); RTA_OK(i, info_left); i = RTA_NEXT(i, info_left)) {
			int port_left = (int)RTA_PAYLOAD(i);
			if (i->rta_type != IFLA_INFO_SLAVE_DATA)
				continue;
			for (struct rtattr *p = RTA_DATA(i); RTA_OK(p, port_left); p = RTA_NEXT(p, port_left))
				if (p->rta_type == IFLA_BRPORT_STATE)
					state = *(uint8_t *)RTA_DATA(p);
		}
	}
	return (ifi->ifi_flags & IFF_UP) && up && !noop && state == BR_STATE_FORWARDING;
}

static void take(const struct nlmsghdr *m, struct answer *answer)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(m);
	int left = (int)IFLA_PAYLOAD(m);

	if (m->nlmsg_type != RTM_NEWLINK)
		return;
	answer->index = (uint32_t)ifi->ifi_index;
	answer->ready += (unsigned)is_ready(m);
	for (struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_LINK)
			memcpy(&answer->peer, RTA_DATA(a), sizeof(answer->peer));
}

static void exchange(int fd, const struct out *out, struct answer *answer, const char *what)
{
	static _Alignas(8) char in[32768];
	unsigned acks = 0;

	if (send(fd, out->data, out->bytes, 0) < 0)
		die(what, errno);
	while (acks < out->count) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0)
			die(what, errno);
		for (struct nlmsghdr *m = (void *)in; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
			if (m->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(m);
				if (e->error)
					die(what, -e->error);
				acks++;
			} else if (answer) {
				take(m, answer);
			}
		}
	}
}

static int open_socket(void)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)))
		die("socket", errno);
	return fd;
}

void floor_open(struct floor *floor)
{
	floor->host = open_socket();
	floor->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (floor->home < 0)
		die("open", errno);
}

void floor_close(struct floor *floor)
{
	(void)close(floor->host);
	(void)close(floor->home);
}

/* --- the messages --- */

static void add_up(struct out *out, uint32_t index, const char *name)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct nlmsghdr *m = begin(out, RTM_NEWLINK, 0, &ifi, sizeof(ifi));

	if (name)
		put_string(m, IFLA_IFNAME, name);
	end(out, m);
}

static void add_quiet(struct out *out, uint32_t index)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index};
	struct nlmsghdr *m = begin(out, RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	struct rtattr *spec = put(m, IFLA_AF_SPEC, NULL, 0), *inet6 = put(m, AF_INET6, NULL, 0);
	uint8_t none = IN6_ADDR_GEN_MODE_NONE;

	(void)put(m, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	close_nest(m, inet6);
	close_nest(m, spec);
	end(out, m);
}

static void add_address(struct out *out, uint32_t index, const uint8_t address[4], uint8_t length)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_INET, .ifa_prefixlen = length, .ifa_index = index};
	struct nlmsghdr *m = begin(out, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof(ifa));

	(void)put(m, IFA_LOCAL, address, 4);
	(void)put(m, IFA_ADDRESS, address, 4);
	end(out, m);
}

static void add_default_route(struct out *out, uint32_t index, const uint8_t gateway[4], uint8_t protocol)
{
	struct rtmsg rtm = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = protocol, .rtm_type = RTN_UNICAST};
	struct nlmsghdr *m = begin(out, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &rtm, sizeof(rtm));

	(void)put(m, RTA_GATEWAY, gateway, 4);
	put_u32(m, RTA_OIF, index);
	end(out, m);
}

static void add_neighbour(struct out *out, uint32_t index, const uint8_t addr[4], const uint8_t mac[6], uint8_t protocol)
{
	struct ndmsg nd = {.ndm_family = AF_INET, .ndm_ifindex = (int)index, .ndm_state = NUD_PERMANENT};
	struct nlmsghdr *m = begin(out, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &nd, sizeof(nd));

	(void)put(m, NDA_DST, addr, 4);
	(void)put(m, NDA_LLADDR, mac, 6);
	(void)put(m, NDA_PROTOCOL, &protocol, sizeof(protocol));
	end(out, m);
}

static void add_get(struct out *out, uint32_t index)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index};
	struct nlmsghdr *m = begin(out, RTM_GETLINK, 0, &ifi, sizeof(ifi));

	put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	end(out, m);
}

static void add_pair(struct out *out, const struct floor_endpoint *e)
{
	struct ifinfomsg blank = {0};
	struct nlmsghdr *m = begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, &blank, sizeof(blank));
	struct rtattr *info, *data, *peer;

	put_string(m, IFLA_IFNAME, e->outer);
	put_u32(m, IFLA_MASTER, e->bridge);
	put_u32(m, IFLA_GROUP, e->group);
	put_u32(m, IFLA_NUM_TX_QUEUES, 1);
	put_u32(m, IFLA_NUM_RX_QUEUES, 1);
	info = put(m, IFLA_LINKINFO, NULL, 0);
	put_string(m, IFLA_INFO_KIND, "veth");
	data = put(m, IFLA_INFO_DATA, NULL, 0);
	peer = put(m, VETH_INFO_PEER, &blank, sizeof(blank));
	put_string(m, IFLA_IFNAME, e->inner);
	(void)put(m, IFLA_ADDRESS, e->mac, 6);
	put_u32(m, IFLA_NET_NS_FD, (uint32_t)e->netns_fd);
	put_u32(m, IFLA_NUM_TX_QUEUES, 1);
	put_u32(m, IFLA_NUM_RX_QUEUES, 1);
	close_nest(m, peer);
	close_nest(m, data);
	close_nest(m, info);
	end(out, m);
}

uint32_t floor_bridge(struct floor *floor, const char *name, const uint8_t mac[6], const uint8_t address[4], uint8_t length)
{
	struct ifinfomsg blank = {0};
	struct answer answer = {0};
	struct out make = {0}, up = {0};
	struct nlmsghdr *m = begin(&make, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, &blank, sizeof(blank));
	struct rtattr *info;

	put_string(m, IFLA_IFNAME, name);
	(void)put(m, IFLA_ADDRESS, mac, 6);
	info = put(m, IFLA_LINKINFO, NULL, 0);
	put_string(m, IFLA_INFO_KIND, "bridge");
	close_nest(m, info);
	end(&make, m);
	exchange(floor->host, &make, &answer, "bridge");
	add_quiet(&up, answer.index);
	add_address(&up, answer.index, address, length);
	add_up(&up, answer.index, NULL);
	exchange(floor->host, &up, NULL, "bridge up");
	return answer.index;
}

uint32_t floor_connect(struct floor *floor, const struct floor_endpoint *e)
{
	struct answer made = {0};
	struct out pair = {0}, start = {0}, inside = {0}, ask = {0};
	int fd;

	add_pair(&pair, e);
	exchange(floor->host, &pair, &made, "pair");
	add_quiet(&start, made.index);
	add_up(&start, made.index, NULL);
	exchange(floor->host, &start, NULL, "port");
	if (setns(e->netns_fd, CLONE_NEWNET))
		die("setns", errno);
	fd = open_socket();
	if (setns(floor->home, CLONE_NEWNET))
		die("setns", errno);
	add_quiet(&inside, made.peer);
	add_address(&inside, made.peer, e->address, e->length);
	add_up(&inside, made.peer, NULL);
	add_up(&inside, 0, "lo");
	if (e->gateway[0]) {
		add_default_route(&inside, made.peer, e->gateway, e->protocol);
		add_neighbour(&inside, made.peer, e->gateway, e->bridge_mac, e->protocol);
	}
	exchange(fd, &inside, NULL, "sandbox");
	(void)close(fd);
	add_get(&ask, made.index);
	add_get(&ask, e->bridge);
	for (;;) {
		struct timespec pause = {.tv_nsec = 10000};
		struct answer answer = {0};

		exchange(floor->host, &ask, &answer, "wait");
		if (answer.ready == 2)
			return made.index;
		(void)nanosleep(&pause, NULL);
	}
}

void floor_delete(struct floor *floor, uint32_t index)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index};
	struct out out = {0};

	end(&out, begin(&out, RTM_DELLINK, 0, &ifi, sizeof(ifi)));
	exchange(floor->host, &out, NULL, "delete");
}
