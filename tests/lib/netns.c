/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/sandbox/ready.h"
#include "tests/lib/test.h"

#define SETTLE_NS UINT64_C(5000000000)

#define DIE(what)                                                                        \
	do {                                                                             \
		fprintf(stderr, "%s: %s: %s\n", __func__, what, strerrordesc_np(errno)); \
		abort();                                                                 \
	} while (0)

static int thread_ns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		DIE("open the thread's namespace");
	return fd;
}

static void go(int fd)
{
	if (setns(fd, CLONE_NEWNET))
		DIE("setns");
}

void netns_need(void)
{
	int home = thread_ns();

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "skipped: cannot make network namespaces here (%s)\n", strerrordesc_np(errno));
		exit(77);
	}
	go(home);
	(void)close(home);
}

static void lo_up(void)
{
	struct ndrv_error err = {0};
	struct ndrv_nl *nl;

	if (ndrv_nl_open(&nl, &err) || ndrv_link_set(nl, "lo", 0, &(struct ndrv_link_change){.up = 1}, &err)) {
		fprintf(stderr, "lo: %s\n", err.text);
		abort();
	}
	ndrv_nl_close(nl);
}

void netns_enter_fresh(void)
{
	if (unshare(CLONE_NEWNET))
		DIE("unshare");
	lo_up();
}

/* Bind mounts in a mount namespace would not be seen by programs a test starts, so the path is a plain bind in a private directory.
 */
void netns_new(struct netns *ns)
{
	static unsigned serial;
	int home = thread_ns(), file;

	/* A test of the same number that was killed may have left one. */
	do {
		(void)snprintf(ns->path, sizeof(ns->path), "/tmp/ndrv-netns.%d.%u", (int)getpid(),
			       __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
		file = open(ns->path, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);
	} while (file < 0 && errno == EEXIST);
	if (file < 0)
		DIE(ns->path);
	(void)close(file);
	if (unshare(CLONE_NEWNET))
		DIE("unshare");
	if (mount("/proc/thread-self/ns/net", ns->path, NULL, MS_BIND, NULL))
		DIE("mount");
	go(home);
	(void)close(home);
	ns->fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	if (ns->fd < 0)
		DIE(ns->path);
}

void netns_free(struct netns *ns)
{
	if (ns->fd >= 0)
		(void)close(ns->fd);
	ns->fd = -1;
	(void)umount2(ns->path, MNT_DETACH);
	(void)unlink(ns->path);
}

void netns_run(const struct netns *ns, void (*work)(void *data), void *data)
{
	int home;

	if (!ns) {
		work(data);
		return;
	}
	home = thread_ns();
	go(ns->fd);
	work(data);
	go(home);
	(void)close(home);
}

static void open_nl(void *data)
{
	struct ndrv_error err = {0};

	if (ndrv_nl_open(data, &err)) {
		fprintf(stderr, "netlink: %s\n", err.text);
		abort();
	}
}

struct ndrv_nl *netns_nl(const struct netns *ns)
{
	struct ndrv_nl *nl = NULL;

	netns_run(ns, open_nl, (void *)&nl);
	return nl;
}

bool netns_has_link(const struct netns *ns, const char *name, struct ndrv_link *ret)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_link link;
	int rc = ndrv_link_get(nl, name, 0, &link, NULL);

	ndrv_nl_close(nl);
	if (!rc && ret)
		*ret = link;
	return rc == 0;
}

uint32_t netns_link_count(const struct netns *ns)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct ndrv_link *links = NULL;
	uint32_t count = 0;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	free(links);
	ndrv_nl_close(nl);
	return count;
}

void netns_settle(const struct netns *ns)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct ndrv_link *links = NULL;
	uint32_t count = 0;
	bool ready;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	for (uint32_t i = 0; i < count; i++) {
		bool carries = links[i].master != 0;

		for (uint32_t j = 0; !carries && j < count; j++)
			carries = links[j].master == links[i].index;
		if (carries && (links[i].flags & IFF_UP) && ndrv_link_name_is_ours(links[i].name))
			assert_ok(ready_wait(nl, &links[i].index, 1, SETTLE_NS, &ready, &err), &err);
	}
	free(links);
	ndrv_nl_close(nl);
}

bool netns_has_address(const struct netns *ns, const char *name, const char *address)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct ndrv_address *list = NULL;
	struct ndrv_prefix want;
	struct ndrv_link link;
	uint32_t count = 0;
	bool found = false;

	assert_ok(ndrv_prefix_parse(address, &want, &err), &err);
	if (!ndrv_link_get(nl, name, 0, &link, NULL)) {
		assert_ok(ndrv_address_list(nl, link.index, &list, &count, &err), &err);
		for (uint32_t i = 0; i < count; i++)
			found |= ndrv_prefix_equal(&list[i].address, &want) != 0;
	}
	free(list);
	ndrv_nl_close(nl);
	return found;
}

/* --- routes and neighbours, read by hand so that the code under test is not its own judge --- */

struct wanted {
	struct ndrv_prefix destination;
	struct ndrv_addr via;
	uint32_t index;
	bool found;
};

static struct ndrv_addr addr_of(const struct nlattr *attr, int family)
{
	struct ndrv_addr addr = {0};

	if (attr) {
		addr.family = family == AF_INET6 ? 6 : 4;
		memcpy(addr.bytes, nla_data(attr), family == AF_INET6 ? 16 : 4);
	}
	return addr;
}

static void look_at_route(const struct nlmsghdr *reply, void *data)
{
	struct wanted *wanted = data;
	struct nlattr *attrs[RTA_MAX + 1];
	struct ndrv_prefix dst = {0};
	struct ndrv_addr via;
	const struct rtmsg *rtm;
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m));
	if (!m || nlmsg_parse(m, sizeof(*rtm), attrs, RTA_MAX, NULL))
		return;
	rtm = nlmsg_data(m);
	if (rtm->rtm_table != RT_TABLE_MAIN || !attrs[RTA_OIF] || nla_get_u32(attrs[RTA_OIF]) != wanted->index)
		return;
	dst.addr = addr_of(attrs[RTA_DST], rtm->rtm_family);
	dst.addr.family = rtm->rtm_family == AF_INET6 ? 6 : 4;
	dst.length = rtm->rtm_dst_len;
	via = addr_of(attrs[RTA_GATEWAY], rtm->rtm_family);
	if (ndrv_prefix_equal(&dst, &wanted->destination) && ndrv_addr_equal(&via, &wanted->via))
		wanted->found = true;
}

bool netns_has_route(const struct netns *ns, const char *destination, const char *via, const char *name)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct wanted wanted = {0};
	struct ndrv_link link = {0};
	struct rtmsg rtm = {0};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);

	assert_ok(ndrv_prefix_parse(destination, &wanted.destination, &err), &err);
	if (via)
		assert_ok(ndrv_addr_parse(via, &wanted.via, &err), &err);
	if (!ndrv_link_get(nl, name, 0, &link, NULL)) {
		wanted.index = link.index;
		rtm.rtm_family = wanted.destination.addr.family == 6 ? AF_INET6 : AF_INET;
		assert_int_equal(nlmsg_append(msg, &rtm, sizeof(rtm), NLMSG_ALIGNTO), 0);
		assert_ok(ndrv_nl_dump(nl, msg, look_at_route, &wanted, &err), &err);
	} else {
		nlmsg_free(msg);
	}
	ndrv_nl_close(nl);
	return wanted.found;
}

struct sending {
	struct ndrv_addr to, source;
};

/* The kernel picks route and address when a datagram socket is connected; nothing is sent. */
static void pick_source(void *data)
{
	struct sending *sending = data;
	bool v6 = sending->to.family == 6;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = {0}, from = {0};
	socklen_t size = v6 ? sizeof(to.v6) : sizeof(to.v4);
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	to.any.sa_family = v6 ? AF_INET6 : AF_INET;
	to.v4.sin_port = htons(9); /* at the same place in both */
	memcpy(v6 ? (void *)&to.v6.sin6_addr : &to.v4.sin_addr, sending->to.bytes, v6 ? 16 : 4);
	if (!connect(fd, &to.any, size) && !getsockname(fd, &from.any, &size)) {
		sending->source.family = sending->to.family;
		memcpy(sending->source.bytes, v6 ? (const void *)&from.v6.sin6_addr : &from.v4.sin_addr, v6 ? 16 : 4);
	}
	(void)close(fd);
}

bool netns_sends_from(const struct netns *ns, const char *to, const char *source)
{
	struct ndrv_error err = {0};
	struct sending sending = {0};
	struct ndrv_addr wanted;

	assert_ok(ndrv_addr_parse(to, &sending.to, &err), &err);
	assert_ok(ndrv_addr_parse(source, &wanted, &err), &err);
	netns_run(ns, pick_source, &sending);
	return ndrv_addr_equal(&wanted, &sending.source);
}

static void look_at_neighbour(const struct nlmsghdr *reply, void *data)
{
	struct wanted *wanted = data;
	struct nlattr *attrs[NDA_MAX + 1];
	const struct ndmsg *nd;
	struct ndrv_addr addr;
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m));
	if (!m || nlmsg_parse(m, sizeof(*nd), attrs, NDA_MAX, NULL))
		return;
	nd = nlmsg_data(m);
	addr = addr_of(attrs[NDA_DST], nd->ndm_family);
	if ((nd->ndm_state & NUD_PERMANENT) && ndrv_addr_equal(&addr, &wanted->via))
		wanted->found = true;
}

bool netns_has_neighbour(const struct netns *ns, const char *addr)
{
	struct ndrv_nl *nl = netns_nl(ns);
	struct ndrv_error err = {0};
	struct wanted wanted = {0};
	struct ndmsg nd = {0};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_DUMP);

	assert_ok(ndrv_addr_parse(addr, &wanted.via, &err), &err);
	nd.ndm_family = wanted.via.family == 6 ? AF_INET6 : AF_INET;
	assert_int_equal(nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO), 0);
	assert_ok(ndrv_nl_dump(nl, msg, look_at_neighbour, &wanted, &err), &err);
	ndrv_nl_close(nl);
	return wanted.found;
}
