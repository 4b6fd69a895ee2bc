/* SPDX-License-Identifier: Apache-2.0 */
/* Every transaction that changes nf_tables ends with a notification that names its maker. A filter in the kernel lets only those of
 * others through, so that our own calls wake nobody. */
#include "host/nat/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ndrv/host.h>

#include "host/base/clock.h"
#include "host/nat/nat_internal.h"

#define QUIET_MS 50		     /* after a change of others, until the table is looked at: reloads come in bursts */
#define FLOWS_MS 20		     /* so that many at once are one dump */
#define DEEP_MS 2000		     /* until its elements are */
#define FIGHT_NS (10 * NSEC_PER_SEC) /* taken away again within this: wait longer each time */
#define WAIT_MAX_MS 60000

struct nat_watch {
	struct nat *nat;
	pthread_t thread;
	int fd, stop_fd, flows_fd;
	uint64_t flows_due_ns; /* 0: none are */
	uint64_t last_restore_ns;
	int wait_ms; /* before the next restore, while somebody fights us */
};

/* Only NFT_MSG_NEWGEN whose port is not ours. Offsets of struct nlmsghdr; the header is in host order, and BPF loads big-endian. */
static int filter(int fd, uint32_t own_port)
{
	uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_port), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffffu),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int open_watch(struct nat_watch *watch, struct ndrv_error *err)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK}, kernel = {.nl_family = AF_NETLINK};
	int group = NFNLGRP_NFTABLES;

	watch->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	watch->stop_fd = eventfd(0, EFD_CLOEXEC);
	watch->flows_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->fd < 0 || watch->stop_fd < 0 || watch->flows_fd < 0 || filter(watch->fd, nft_port(watch->nat->nft)) ||
	    bind(watch->fd, (struct sockaddr *)&own, sizeof(own)) ||
	    connect(watch->fd, (struct sockaddr *)&kernel, sizeof(kernel)) ||
	    setsockopt(watch->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return ndrv_fail_errno(err, errno, "watch nf_tables for changes");
	return 0;
}

/* ENOBUFS means that there was more than fits: there was a change. */
static void drain(int fd)
{
	char buffer[8192];

	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return;
	}
}

static void count_restore(struct nat_watch *watch, const char *what)
{
	struct nat *nat = watch->nat;
	uint64_t now = clock_ns();
	bool fight = watch->last_restore_ns && now - watch->last_restore_ns < FIGHT_NS + (uint64_t)watch->wait_ms * NSEC_PER_MSEC;

	nat->restored++;
	watch->last_restore_ns = now;
	if (!fight) {
		watch->wait_ms = 0;
		nat_say(nat, NDRV_LOG_WARNING, "table %s %s by somebody else and was put back", nat->table, what);
		return;
	}
	if (!watch->wait_ms)
		nat_say(nat, NDRV_LOG_WARNING,
			"table %s is changed again and again; it is put back each time, but ever later: see docs/nat.md",
			nat->table);
	watch->wait_ms = watch->wait_ms ? watch->wait_ms * 2 : 200;
	if (watch->wait_ms > WAIT_MAX_MS)
		watch->wait_ms = WAIT_MAX_MS;
}

static void look(struct nat_watch *watch, bool deep)
{
	struct nat *nat = watch->nat;
	struct ndrv_error err = {0};
	struct nat_report report = {0};
	int rc = 0;

	(void)pthread_mutex_lock(&nat->lock);
	if (deep) {
		rc = nat_check_locked(nat, true, &report, &err);
	} else if (!nat_stands(nat)) {
		report.table = true;
		rc = nat_rebuild(nat, &err);
	}
	if (rc)
		nat_say(nat, NDRV_LOG_ERROR, "table %s was changed by somebody else and cannot be put back: %s", nat->table,
			err.text);
	else if (report.table)
		count_restore(watch, "was taken away or changed");
	else if (report.missing || report.strays)
		count_restore(watch, "had entries changed");
	nat_beside(nat);
	(void)pthread_mutex_unlock(&nat->lock);
}

/* --- flows --- */

void nat_watch_flows(struct nat *nat)
{
	uint64_t one = 1;

	/* Not read before all is done: one wake-up is enough. */
	if (nat->watch)
		(void)!write(nat->watch->flows_fd, &one, sizeof(one));
	else
		conntrack_flush(&nat->stale);
}

static void flush_flows(struct nat_watch *watch)
{
	struct conntrack taken;

	watch->flows_due_ns = 0;
	(void)pthread_mutex_lock(&watch->nat->lock);
	taken = watch->nat->stale;
	watch->nat->stale = (struct conntrack){0};
	(void)pthread_mutex_unlock(&watch->nat->lock);
	conntrack_flush(&taken);
	conntrack_done(&taken);
}

static void flows_noted(struct nat_watch *watch)
{
	uint64_t count;

	(void)!read(watch->flows_fd, &count, sizeof(count));
	if (!watch->flows_due_ns)
		watch->flows_due_ns = clock_ns() + FLOWS_MS * NSEC_PER_MSEC;
}

/* --- the thread --- */

/* Milliseconds until the earlier of both; 0: never. */
static int until(uint64_t a, uint64_t b)
{
	uint64_t now = clock_ns(), first = !a || (b && b < a) ? b : a;

	if (!first)
		return -1;
	return now >= first ? 0 : (int)((first - now) / NSEC_PER_MSEC) + 1;
}

/* Until `ms` have passed (-1: for ever), or `changes` and there is one. Flows are seen to meanwhile. True: the thread is to end. */
static bool wait_for(struct nat_watch *watch, bool changes, int ms, bool *ret_changed)
{
	struct pollfd fds[3] = {{.fd = watch->stop_fd, .events = POLLIN},
				{.fd = watch->flows_fd, .events = POLLIN},
				{.fd = watch->fd, .events = POLLIN}};
	uint64_t end = ms < 0 ? 0 : clock_ns() + (uint64_t)ms * NSEC_PER_MSEC;

	*ret_changed = false;
	for (;;) {
		int n = poll(fds, changes ? 3 : 2, until(end, watch->flows_due_ns));
		if (n > 0 && fds[0].revents)
			return true;
		if (n > 0 && fds[1].revents)
			flows_noted(watch);
		if (watch->flows_due_ns && clock_ns() >= watch->flows_due_ns)
			flush_flows(watch);
		*ret_changed = changes && n > 0 && fds[2].revents;
		if (*ret_changed || (end && clock_ns() >= end))
			return false;
	}
}

static void *run(void *data)
{
	struct nat_watch *watch = data;
	bool changed, deep = false;

	(void)pthread_setname_np(pthread_self(), "ndrv-nat");
	for (;;) {
		if (wait_for(watch, true, deep ? DEEP_MS : -1, &changed))
			return NULL;
		if (!changed) {
			look(watch, true);
			deep = false;
			drain(watch->fd);
			continue;
		}
		int ms = watch->wait_ms > QUIET_MS ? watch->wait_ms : QUIET_MS;
		if (wait_for(watch, false, ms, &changed))
			return NULL;
		drain(watch->fd);
		look(watch, false);
		deep = true;
	}
}

static void free_watch(struct nat_watch *watch)
{
	const int fds[] = {watch->fd, watch->stop_fd, watch->flows_fd};

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	free(watch);
}

int nat_watch_start(struct nat *nat, struct nat_watch **ret, struct ndrv_error *err)
{
	struct nat_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return ndrv_fail_errno(err, ENOMEM, "watch nf_tables for changes");
	watch->nat = nat;
	watch->fd = watch->stop_fd = watch->flows_fd = -1;
	int rc = open_watch(watch, err);
	if (!rc) {
		int sys_errno = pthread_create(&watch->thread, NULL, run, watch);
		rc = sys_errno ? ndrv_fail_errno(err, sys_errno, "start the thread that watches nf_tables") : 0;
	}
	if (rc) {
		free_watch(watch);
		return rc;
	}
	*ret = watch;
	return 0;
}

void nat_watch_stop(struct nat_watch *watch)
{
	uint64_t one = 1;

	if (!watch)
		return;
	while (write(watch->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	(void)pthread_join(watch->thread, NULL);
	free_watch(watch);
}
