/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces for the fake host. */
#include "sdk/test/fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <ndrv/link.h>

#define TRIES 20
#define TRY_MS 100

static int current(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int lo_up(struct ndrv_nl *nl, struct ndrv_error *err)
{
	const struct ndrv_link_change up = {.up = 1};

	return ndrv_link_set(nl, "lo", 0, &up, err);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text);
	int good = fd >= 0 && write(fd, text, (size_t)length) == length;

	if (fd >= 0)
		(void)close(fd);
	return good ? 0 : -1;
}

/* Without rights on this machine, root in a user namespace has them in there. */
static int become_root(void)
{
	char line[64];
	unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -1;
	(void)write_file("/proc/self/setgroups", "deny"); /* older kernels have none, and want none */
	(void)snprintf(line, sizeof(line), "0 %u 1\n", uid);
	if (write_file("/proc/self/uid_map", line))
		return -1;
	(void)snprintf(line, sizeof(line), "0 %u 1\n", gid);
	return write_file("/proc/self/gid_map", line);
}

int ndrv_fakehost_isolate(void)
{
	struct ndrv_error err = {.code = 0};
	struct ndrv_nl *nl;

	if (unshare(CLONE_NEWNET) && become_root()) {
		(void)fprintf(stderr, "skipped: no network namespace can be made here (%m)\n");
		return -1;
	}
	if (ndrv_nl_open(&nl, &err) == 0) {
		(void)lo_up(nl, &err);
		ndrv_nl_close(nl);
	}
	if (err.code)
		(void)fprintf(stderr, "skipped: lo: %s\n", err.text);
	return err.code ? -1 : 0;
}

int ndrv_fakebox_open(struct ndrv_fakebox *box, struct ndrv_fakehost *host)
{
	int home = current();
	int rc;

	*box = (struct ndrv_fakebox){.fd = -1};
	if (home < 0 || unshare(CLONE_NEWNET)) {
		rc = ndrv_fail_errno(&host->err, errno, "a network namespace");
	} else {
		box->fd = current();
		rc = ndrv_nl_open(&box->nl, &host->err);
		if (rc == 0)
			rc = lo_up(box->nl, &host->err);
		if (setns(home, CLONE_NEWNET) && rc == 0)
			rc = ndrv_fail_errno(&host->err, errno, "the way back from a network namespace");
	}
	if (home >= 0)
		(void)close(home);
	(void)snprintf(box->path, sizeof(box->path), "/proc/%ld/fd/%d", (long)getpid(), box->fd);
	if (rc)
		ndrv_fakebox_close(box);
	return rc;
}

void ndrv_fakebox_close(struct ndrv_fakebox *box)
{
	if (box->nl)
		ndrv_nl_close(box->nl);
	box->nl = NULL;
	if (box->fd >= 0)
		(void)close(box->fd);
	box->fd = -1;
}

/* --- a datagram --- */

/* A socket of that namespace; it stays there. */
static int udp_in(const struct ndrv_fakebox *box, int family)
{
	int home = current(), fd = -1;

	if (home < 0)
		return -1;
	if (!box || setns(box->fd, CLONE_NEWNET) == 0)
		fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (box && setns(home, CLONE_NEWNET) && fd >= 0) {
		(void)close(fd);
		fd = -1;
	}
	(void)close(home);
	return fd;
}

static int exchange(int to, int from, const struct sockaddr *where, socklen_t length)
{
	struct sockaddr_storage bound;
	socklen_t room = sizeof(bound);
	struct pollfd waiting = {.fd = to, .events = POLLIN};

	if (bind(to, where, length) || getsockname(to, (struct sockaddr *)&bound, &room))
		return 0;
	for (int i = 0; i < TRIES; i++) {
		(void)sendto(from, "?", 1, 0, (struct sockaddr *)&bound, room);
		if (poll(&waiting, 1, TRY_MS) > 0)
			return 1;
	}
	return 0;
}

int ndrv_fakebox_reaches(const struct ndrv_fakebox *from, const struct ndrv_fakebox *to, const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int is_v6 = inet_pton(AF_INET, address, &v4.sin_addr) != 1;

	if (is_v6 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return 0;
	int family = is_v6 ? AF_INET6 : AF_INET;
	int server = udp_in(to, family), client = udp_in(from, family);
	int arrived = 0;
	if (server >= 0 && client >= 0)
		arrived = is_v6 ? exchange(server, client, (struct sockaddr *)&v6, sizeof(v6))
				: exchange(server, client, (struct sockaddr *)&v4, sizeof(v4));
	if (server >= 0)
		(void)close(server);
	if (client >= 0)
		(void)close(client);
	return arrived;
}
