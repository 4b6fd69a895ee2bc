/* SPDX-License-Identifier: Apache-2.0 */
#include "host/check/space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ndrv/link.h>
#include <ndrv/route.h>

/* --- the calling thread's namespace --- */

static int here(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Goes into the namespace at `path`; the way back, or -1. */
static int visit(const char *path)
{
	int home = here(), there = open(path, O_RDONLY | O_CLOEXEC);

	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
		if (home >= 0)
			(void)close(home);
		home = -1;
	}
	if (there >= 0)
		(void)close(there);
	return home;
}

static void go_home(int home)
{
	(void)setns(home, CLONE_NEWNET);
	(void)close(home);
}

static int set_up(struct ndrv_nl *nl, const char *name, const char *address, const char *address6, struct ndrv_error *err)
{
	const char *const texts[] = {address, address6};
	int rc = ndrv_link_set(nl, name, 0, &(struct ndrv_link_change){.up = 1}, err);

	for (int i = 0; !rc && i < 2 && texts[i]; i++) {
		struct ndrv_prefix prefix;
		struct ndrv_link link;
		rc = ndrv_link_get(nl, name, 0, &link, err);
		rc = rc ? rc : ndrv_prefix_parse(texts[i], &prefix, err);
		rc = rc ? rc : ndrv_address_add(nl, name, link.index, &prefix, err);
	}
	return rc;
}

static int lo_up(struct ndrv_error *err)
{
	struct ndrv_nl *nl;
	int rc = ndrv_nl_open(&nl, err);

	if (rc)
		return rc;
	rc = set_up(nl, "lo", NULL, NULL, err);
	ndrv_nl_close(nl);
	return rc;
}

static int lay_cable(struct space *space, struct ndrv_error *err)
{
	const char *outside = space_sandbox(space, SPACE_SANDBOXES - 1);
	int fd = outside ? open(outside, O_RDONLY | O_CLOEXEC) : -1, home, rc;
	const struct ndrv_link_peer peer = {.name = "outside0", .netns_fd = fd};
	const struct ndrv_link_spec spec = {.kind = "veth", .name = SPACE_UPLINK, .peer = &peer};
	struct ndrv_nl *nl;

	if (fd < 0)
		return ndrv_fail_errno(err, errno, "a namespace for the machine outside");
	rc = ndrv_nl_open(&nl, err);
	if (!rc) {
		rc = ndrv_link_create(nl, &spec, NULL, NULL, NULL, err);
		rc = rc ? rc : set_up(nl, SPACE_UPLINK, "198.18.0.1/24", "fd18::1/64", err);
		ndrv_nl_close(nl);
	}
	(void)close(fd);
	home = rc ? -1 : visit(outside);
	if (home < 0)
		return rc ? rc : ndrv_fail_errno(err, errno, "the machine outside");
	rc = ndrv_nl_open(&nl, err);
	if (!rc) {
		rc = set_up(nl, "outside0", "198.18.0.2/24", "fd18::2/64", err);
		ndrv_nl_close(nl);
	}
	go_home(home);
	return rc;
}

int space_enter(struct space *space, const char *dir, struct ndrv_error *err)
{
	*space = (struct space){.dir = dir};
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return ndrv_fail_errno(err, errno, "namespaces of its own (this needs root)");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return ndrv_fail_errno(err, errno, "a private mount namespace");
	int rc = lo_up(err);
	return rc ? rc : lay_cable(space, err);
}

/* --- sandboxes --- */

static int make_sandbox(const char *path)
{
	int home = here(), file = open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0600), rc = -1;

	if (file >= 0)
		(void)close(file);
	if (home < 0)
		return -1;
	if (file >= 0 && !unshare(CLONE_NEWNET)) {
		rc = mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) || lo_up(NULL) ? -1 : 0;
		(void)setns(home, CLONE_NEWNET);
	}
	(void)close(home);
	return rc;
}

const char *space_sandbox(struct space *space, unsigned number)
{
	char *path = space->path[number];

	if (path[0])
		return path;
	(void)snprintf(path, sizeof(space->path[0]), "%s/sandbox%u", space->dir, number);
	if (make_sandbox(path)) {
		path[0] = '\0';
		return NULL;
	}
	return path;
}

void space_drop(struct space *space, unsigned number)
{
	if (!space->path[number][0])
		return;
	(void)umount2(space->path[number], MNT_DETACH);
	(void)unlink(space->path[number]);
	space->path[number][0] = '\0';
}

void space_leave(struct space *space)
{
	for (unsigned i = 0; i < SPACE_SANDBOXES; i++)
		space_drop(space, i);
}

/* --- traffic --- */

/* A UDP socket born in that namespace; it stays there. */
static int socket_in(const char *path, int family)
{
	int home = visit(path), fd;

	if (home < 0)
		return -1;
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go_home(home);
	return fd;
}

static socklen_t socket_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(7777);
		return sizeof(*in4);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(7777);
	return sizeof(*in6);
}

bool space_talks(const char *from, const char *to, const char *address)
{
	struct sockaddr_storage name;
	socklen_t size = socket_address(address, &name);
	int out = size ? socket_in(from, name.ss_family) : -1, in = size ? socket_in(to, name.ss_family) : -1;
	bool arrived = false;

	if (out >= 0 && in >= 0 && !bind(in, (struct sockaddr *)&name, size))
		for (int i = 0; !arrived && i < 20; i++) {
			struct pollfd wait = {.fd = in, .events = POLLIN};
			(void)sendto(out, "hello", 5, 0, (struct sockaddr *)&name, size);
			arrived = poll(&wait, 1, 100) == 1;
		}
	if (out >= 0)
		(void)close(out);
	if (in >= 0)
		(void)close(in);
	return arrived;
}
