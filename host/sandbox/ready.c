/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sandbox/ready.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "host/base/clock.h"

#define FIRST_PAUSE_NS 10000
#define LAST_PAUSE_NS (2 * NSEC_PER_MSEC)

/* A look, then pauses that double, until `end`. */
struct patience {
	uint64_t end;
	struct timespec pause;
};

static struct patience patience_for(uint64_t cap_ns)
{
	return (struct patience){.end = clock_ns() + cap_ns, .pause = {.tv_nsec = FIRST_PAUSE_NS}};
}

static bool patience_wait(struct patience *patience)
{
	if (clock_ns() >= patience->end)
		return false;
	(void)nanosleep(&patience->pause, NULL);
	if (patience->pause.tv_nsec * 2 <= (long)LAST_PAUSE_NS)
		patience->pause.tv_nsec *= 2;
	return true;
}

bool ready_link(const struct ndrv_link *link)
{
	if (!(link->flags & IFF_UP) || !strcmp(link->qdisc, "noop"))
		return false;
	if (link->operstate != IF_OPER_UP && link->operstate != IF_OPER_UNKNOWN)
		return false;
	return link->port_state < 0 || link->port_state == BR_STATE_FORWARDING;
}

int ready_wait(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, uint64_t cap_ns, bool *ret_ready,
	       struct ndrv_error *err)
{
	struct patience patience = patience_for(cap_ns);
	struct ndrv_link links[READY_MAX];

	if (count > READY_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%u links to wait for are more than %d", count, READY_MAX);
	do {
		uint32_t ready = 0;
		int rc = ndrv_link_get_many(nl, indexes, count, links, err);

		if (rc)
			return ndrv_wrap(err, rc, "wait for the links");
		for (uint32_t i = 0; i < count; i++) {
			if (!links[i].index)
				return ndrv_fail(err, NDRV_E_NO_LINK, "interface number %u went away before it was ready",
						 indexes[i]);
			ready += ready_link(&links[i]);
		}
		*ret_ready = ready == count;
	} while (!*ret_ready && patience_wait(&patience));
	return 0;
}

/* --- IPv6 addresses --- */

struct group {
	uint8_t bytes[16];
	bool joined;
};

static void look_at_group(const struct nlmsghdr *reply, void *data)
{
	struct group *group = data;
	struct nlattr *attrs[IFA_MAX + 1];
	struct nlmsghdr *m;

	memcpy(&m, &reply, sizeof(m)); /* libnl's parser has no const, and writes nothing */
	if (!m || nlmsg_parse(m, sizeof(struct ifaddrmsg), attrs, IFA_MAX, NULL) || !attrs[IFA_MULTICAST])
		return;
	if (nla_len(attrs[IFA_MULTICAST]) == 16 && !memcmp(nla_data(attrs[IFA_MULTICAST]), group->bytes, 16))
		group->joined = true;
}

int ready_address6(struct ndrv_nl *nl, uint32_t index, const struct ndrv_addr *addr, uint64_t cap_ns, bool *ret_ready,
		   struct ndrv_error *err)
{
	/* ff02::1:ffXX:XXXX, where neighbours ask for an address that ends so. */
	struct group group = {.bytes = {0xff, 2, [11] = 1, 0xff, addr->bytes[13], addr->bytes[14], addr->bytes[15]}};
	struct ifaddrmsg ifa = {.ifa_family = AF_INET6, .ifa_index = index};
	struct patience patience = patience_for(cap_ns);
	int rc;

	do {
		struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETMULTICAST, 0);

		if (msg && nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO)) {
			nlmsg_free(msg);
			msg = NULL;
		}
		rc = ndrv_nl_dump(nl, msg, look_at_group, &group, err);
		if (rc)
			return ndrv_wrap(err, rc, "wait for the IPv6 address");
	} while (!group.joined && patience_wait(&patience));
	*ret_ready = group.joined;
	return 0;
}
