/* SPDX-License-Identifier: Apache-2.0 */
/* What the service needs of the kernel beside its table. /proc/sys/net shows the calling thread's namespace. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/nat/nat_internal.h"

#define CONF6 "/proc/sys/net/ipv6/conf"

static int read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, room - 1);
	int rc = n < 0 ? -errno : 0;
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return rc;
}

/* 0 or an errno. */
static int set(const char *path, const char *value)
{
	char now[16];
	int rc = read_text(path, now, sizeof(now));

	if (rc)
		return -rc;
	now[strcspn(now, "\n")] = '\0';
	if (!strcmp(now, value))
		return 0;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	rc = write(fd, value, strlen(value)) < 0 ? errno : 0;
	(void)close(fd);
	return rc;
}

void sysctl_port_range(uint16_t *ret_first, uint16_t *ret_last)
{
	unsigned long first, last;
	char text[32], *end;

	*ret_first = 32768;
	*ret_last = 60999;
	if (read_text("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text)))
		return;
	first = strtoul(text, &end, 10);
	last = strtoul(end, NULL, 10);
	if (first < 1 || last > 65535 || first > last)
		return;
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
}

bool sysctl_tracks_sctp(void)
{
	return access("/proc/sys/net/netfilter/nf_conntrack_sctp_timeout_established", F_OK) == 0;
}

static bool forwards6(void)
{
	char text[8];

	return !read_text(CONF6 "/all/forwarding", text, sizeof(text)) && text[0] == '1';
}

/* An interface that learns its addresses and routes from router advertisements (accept_ra 1) stops when the host forwards; with 2
 * it goes on. Else turning forwarding on would cost the host its default route. */
static void keep_router_advertisements(void)
{
	DIR *dir = opendir(CONF6);
	char path[320], text[8];

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "all") || !strcmp(entry->d_name, "default"))
			continue;
		(void)snprintf(path, sizeof(path), CONF6 "/%s/accept_ra", entry->d_name);
		if (!read_text(path, text, sizeof(text)) && text[0] == '1')
			(void)set(path, "2");
	}
	if (dir)
		(void)closedir(dir);
}

static int forward(int family, struct ndrv_error *err)
{
	int sys_errno = 0;

	if (family == 4)
		sys_errno = set("/proc/sys/net/ipv4/ip_forward", "1");
	else if (!forwards6()) {
		keep_router_advertisements();
		sys_errno = set(CONF6 "/all/forwarding", "1");
	}
	if (!sys_errno)
		return 0;
	return ndrv_fail_errno(err, sys_errno, "turn IPv%d forwarding on: set %s to 1", family,
			       family == 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding");
}

int sysctl_network(const struct nat_network *network, struct ndrv_error *err)
{
	char path[96];
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++)
		if (network->has[i] && !(network->flags[i] & NDRV_NAT_INTERNAL))
			rc = forward(i ? 6 : 4, err);
	if (rc || !network->has[0] || (network->flags[0] & (NDRV_NAT_INTERNAL | NDRV_NAT_ROUTED)))
		return rc;
	/* So that this host reaches published ports at 127.0.0.1. The table keeps the link's others from its 127.0.0.0/8. A link
	 * that is not there yet, or that does not want it, is just not reached that way. */
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", network->link);
	(void)set(path, "1");
	return 0;
}
