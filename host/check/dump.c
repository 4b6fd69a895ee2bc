/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a namespace, as sorted lines, so that two looks can be compared. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ndrv/link.h>
#include <ndrv/route.h>

#include "host/check/space.h"

#define PATIENCE_MS 5000 /* a reaper may be at work behind an answer */

struct dump {
	char **lines;
	size_t count, room;
	bool failed;
	const struct ndrv_link *links;
	uint32_t link_count;
};

static void add(struct dump *dump, const char *fmt, ...) NDRV_PRINTF(2, 3);
static void add(struct dump *dump, const char *fmt, ...)
{
	char *line;
	va_list ap;

	if (dump->count == dump->room) {
		size_t room = dump->room ? dump->room * 2 : 64;
		char **lines = realloc(dump->lines, room * sizeof(*lines));
		if (!lines) {
			dump->failed = true;
			return;
		}
		dump->lines = lines;
		dump->room = room;
	}
	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		dump->failed = true;
	else
		dump->lines[dump->count++] = line;
	va_end(ap);
}

static void start_over(struct dump *dump, size_t count)
{
	while (dump->count > count)
		free(dump->lines[--dump->count]);
}

/* By name: indexes change when a link is made anew. */
static const char *link_name(const struct dump *dump, uint32_t index)
{
	for (uint32_t i = 0; i < dump->link_count; i++)
		if (dump->links[i].index == index)
			return dump->links[i].name;
	return index ? "?" : "-";
}

static void add_links(struct dump *dump)
{
	char mac[NDRV_MAC_TEXT];

	for (uint32_t i = 0; i < dump->link_count; i++) {
		const struct ndrv_link *link = &dump->links[i];
		add(dump, "link %s kind %s master %s mtu %u group %u %s mac %s", link->name, link->kind,
		    link_name(dump, link->master), link->mtu, link->group, link->flags & IFF_UP ? "up" : "down",
		    ndrv_mac_format(&link->mac, mac));
	}
}

static void add_addresses(struct dump *dump, struct ndrv_nl *nl)
{
	struct ndrv_address *addresses;
	char text[NDRV_PREFIX_TEXT];
	uint32_t count;

	if (ndrv_address_list(nl, 0, &addresses, &count, NULL)) {
		dump->failed = true;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		/* The kernel's own link-local ones come and go with the carrier. */
		if (ndrv_prefix_format(&addresses[i].address, text) && strncmp(text, "fe80:", 5) != 0)
			add(dump, "address %s on %s", text, link_name(dump, addresses[i].index));
	}
	free(addresses);
}

static const char *address_text(int family, struct nlattr *attr, char *text)
{
	if (!attr || !inet_ntop(family, nla_data(attr), text, INET6_ADDRSTRLEN))
		return "any";
	return text;
}

struct part {
	struct dump *dump;
	size_t from;
};

static void each_route(const struct nlmsghdr *message, void *data)
{
	struct part *part = data;
	struct nlattr *attrs[RTA_MAX + 1];
	char to[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];

	if (!message) {
		start_over(part->dump, part->from);
		return;
	}
	struct rtmsg *route = nlmsg_data(message);
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*route), attrs, RTA_MAX, NULL) < 0 ||
	    route->rtm_protocol == RTPROT_KERNEL || route->rtm_protocol == RTPROT_RA || route->rtm_flags & RTM_F_CLONED)
		return;
	add(part->dump, "route %s/%u via %s dev %s table %u protocol %u", address_text(route->rtm_family, attrs[RTA_DST], to),
	    route->rtm_dst_len, address_text(route->rtm_family, attrs[RTA_GATEWAY], via),
	    link_name(part->dump, attrs[RTA_OIF] ? nla_get_u32(attrs[RTA_OIF]) : 0), route->rtm_table, route->rtm_protocol);
}

static void each_rule(const struct nlmsghdr *message, void *data)
{
	struct part *part = data;
	struct nlattr *attrs[FRA_MAX + 1];
	char from[INET6_ADDRSTRLEN];

	if (!message) {
		start_over(part->dump, part->from);
		return;
	}
	struct fib_rule_hdr *rule = nlmsg_data(message);
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*rule), attrs, FRA_MAX, NULL) < 0)
		return;
	add(part->dump, "rule family %u priority %u from %s/%u table %u action %u", rule->family,
	    attrs[FRA_PRIORITY] ? nla_get_u32(attrs[FRA_PRIORITY]) : 0, address_text(rule->family, attrs[FRA_SRC], from),
	    rule->src_len, rule->table, rule->action);
}

static void each_neighbour(const struct nlmsghdr *message, void *data)
{
	struct part *part = data;
	struct nlattr *attrs[NDA_MAX + 1];
	char to[INET6_ADDRSTRLEN];

	if (!message) {
		start_over(part->dump, part->from);
		return;
	}
	struct ndmsg *neighbour = nlmsg_data(message);
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*neighbour), attrs, NDA_MAX, NULL) < 0 ||
	    !(neighbour->ndm_state & NUD_PERMANENT))
		return;
	add(part->dump, "neighbour %s dev %s", address_text(neighbour->ndm_family, attrs[NDA_DST], to),
	    link_name(part->dump, (uint32_t)neighbour->ndm_ifindex));
}

static void add_part(struct dump *dump, struct ndrv_nl *nl, int type, int family, size_t header,
		     void (*each)(const struct nlmsghdr *message, void *data))
{
	struct part part = {.dump = dump, .from = dump->count};
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	unsigned char *head = msg ? nlmsg_reserve(msg, header, NLMSG_ALIGNTO) : NULL;

	if (head) {
		memset(head, 0, header);
		*head = (unsigned char)family; /* the first member of all of them */
	}
	if (ndrv_nl_dump(nl, msg, each, &part, NULL))
		dump->failed = true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *joined(struct dump *dump)
{
	size_t bytes = 1, at = 0;
	char *text;

	if (dump->count)
		qsort(dump->lines, dump->count, sizeof(*dump->lines), by_text);
	for (size_t i = 0; i < dump->count; i++)
		bytes += strlen(dump->lines[i]) + 1;
	text = dump->failed ? NULL : malloc(bytes);
	for (size_t i = 0; text && i < dump->count; i++)
		at += (size_t)sprintf(text + at, "%s\n", dump->lines[i]);
	if (text)
		text[at] = '\0';
	start_over(dump, 0);
	free(dump->lines);
	return text;
}

char *space_dump(void)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct dump dump = {0};
	struct ndrv_link *links;
	struct ndrv_nl *nl;

	if (ndrv_nl_open(&nl, NULL))
		return NULL;
	if (ndrv_link_list(nl, &links, &dump.link_count, NULL)) {
		ndrv_nl_close(nl);
		return NULL;
	}
	dump.links = links;
	add_links(&dump);
	add_addresses(&dump, nl);
	for (int i = 0; i < 2; i++) {
		add_part(&dump, nl, RTM_GETROUTE, families[i], sizeof(struct rtmsg), each_route);
		add_part(&dump, nl, RTM_GETRULE, families[i], sizeof(struct fib_rule_hdr), each_rule);
		add_part(&dump, nl, RTM_GETNEIGH, families[i], sizeof(struct ndmsg), each_neighbour);
	}
	ndrv_nl_close(nl);
	free(links);
	return joined(&dump);
}

char *space_dump_of(const char *path)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (home >= 0 && there >= 0 && !setns(there, CLONE_NEWNET)) {
		text = space_dump();
		(void)setns(home, CLONE_NEWNET);
	}
	if (home >= 0)
		(void)close(home);
	if (there >= 0)
		(void)close(there);
	return text;
}

unsigned space_interfaces(const char *path, char *name, size_t room)
{
	char *text = space_dump_of(path), *state = NULL;
	unsigned count = 0;

	for (char *line = text ? strtok_r(text, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
		char found[NDRV_IFNAME_MAX];
		if (sscanf(line, "link %15s", found) != 1 || strcmp(found, "lo") == 0)
			continue;
		if (!count++ && name)
			(void)snprintf(name, room, "%s", found);
	}
	free(text);
	return count;
}

bool space_is_empty(const char *path)
{
	for (int waited = 0; waited <= PATIENCE_MS; waited += 20) {
		if (!space_interfaces(path, NULL, 0))
			return true;
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	return false;
}

static bool has_line(const char *text, const char *line, size_t length)
{
	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

/* The first line of `a` that `b` has not. */
static bool first_missing(const char *a, const char *b, char *line, size_t room)
{
	for (const char *at = a, *end; (end = strchr(at, '\n')); at = end + 1) {
		(void)snprintf(line, room, "%.*s", (int)(end - at), at);
		if (!has_line(b, line, strlen(line)))
			return true;
	}
	return false;
}

bool space_is_as(const char *before, char *difference, size_t room)
{
	char line[256];

	(void)snprintf(difference, room, "no answer from the kernel");
	for (int waited = 0; before && waited <= PATIENCE_MS; waited += 20) {
		char *now = space_dump();
		if (now && strcmp(now, before) == 0) {
			free(now);
			return true;
		}
		if (now && first_missing(now, before, line, sizeof(line)))
			(void)snprintf(difference, room, "\"%.200s\" is there", line);
		else if (now && first_missing(before, now, line, sizeof(line)))
			(void)snprintf(difference, room, "\"%.200s\" is gone", line);
		free(now);
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	return false;
}
