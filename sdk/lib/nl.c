/* SPDX-License-Identifier: Apache-2.0 */
/* The netlink handle that talks straight to the kernel: opening, waiting, and the exchange of a batch. */
#include "sdk/lib/nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_MAX 64	  /* messages in one send: their ACKs fit the receive buffer with room to spare */
#define DUMP_TRIES 8	  /* of a dump that keeps being interrupted */
#define SEND_TRIES 5	  /* while the kernel has no memory */
#define WAIT_SLICE_MS 20  /* how late a cancellation may be noticed */
#define PENDING INT32_MIN /* sys_errno of an item without an answer yet */

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int direct_check(const struct direct *nl, struct ndrv_error *err)
{
	const struct ndrv_call *call = nl->call;

	if (!call)
		return 0;
	if (call->cancelled && call->cancelled(call))
		return ndrv_fail(err, NDRV_E_CANCELLED, "the call was given up while it waited for the kernel");
	if (call->deadline_ns && now_ns() >= call->deadline_ns)
		return ndrv_fail(err, NDRV_E_TIMEOUT, "the call's deadline passed while it waited for the kernel");
	return 0;
}

int direct_wait(struct direct *nl, struct ndrv_error *err)
{
	for (;;) {
		struct pollfd p = {.fd = nl->fd, .events = POLLIN};
		int rc = direct_check(nl, err), ms = WAIT_SLICE_MS;

		if (rc)
			return rc;
		if (nl->call && nl->call->deadline_ns) {
			uint64_t now = now_ns(), end = nl->call->deadline_ns;
			uint64_t left = end > now ? (end - now) / 1000000u + 1 : 0;

			if (left < WAIT_SLICE_MS)
				ms = (int)left;
		}
		if (poll(&p, 1, ms) > 0)
			return 0;
	}
}

static void set_strict(struct direct *nl, bool strict)
{
	int on = strict;

	if (nl->strict == strict)
		return;
	/* An old kernel without it checks less; nothing here depends on its checks. */
	(void)setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	nl->strict = strict;
}

void direct_prepare(struct direct *nl, bool strict)
{
	if (nl->dirty) {
		ssize_t n;

		do {
			n = recv(nl->fd, nl->in, sizeof(nl->in), MSG_DONTWAIT);
		} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
		nl->dirty = false;
	}
	set_strict(nl, strict);
}

int direct_send(struct direct *nl, const void *data, size_t bytes, struct ndrv_error *err)
{
	for (int try = 0;; try++) {
		ssize_t n = send(nl->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc;

		if (n >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if ((errno != ENOBUFS && errno != EAGAIN && errno != ENOMEM) || try == SEND_TRIES)
			return ndrv_fail_errno(err, errno, "send to the kernel");
		(void)poll(NULL, 0, 1 << try);
		rc = direct_check(nl, err);
		if (rc)
			return rc;
	}
}

int direct_guard_enter(struct direct *nl, struct ndrv_error *err)
{
	if (nl->guard.enter && nl->guard.enter(nl->guard.data, nl->call ? nl->call->deadline_ns : 0))
		return ndrv_fail(err, NDRV_E_TIMEOUT, "the call's deadline passed while other links were being created");
	return 0;
}

void direct_guard_leave(struct direct *nl)
{
	if (nl->guard.leave)
		nl->guard.leave(nl->guard.data);
}

bool message_creates_link(const struct nlmsghdr *message)
{
	return message->nlmsg_type == RTM_NEWLINK && (message->nlmsg_flags & NLM_F_CREATE);
}

/* GET requests only: the same bits mean REPLACE and EXCL in others. */
static bool is_dump(const struct nlmsghdr *message)
{
	return (message->nlmsg_type & 3) == 2 && (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

static struct ndrv_nl_item *item_at(struct ndrv_nl_item *items, uint32_t item_size, uint32_t index)
{
	return (struct ndrv_nl_item *)(void *)((char *)items + (size_t)item_size * index);
}

/* One exchange under way. */
struct exchange {
	struct direct *nl;
	struct ndrv_nl_item *items;
	uint32_t item_size, count, pending, seq;
	bool interrupted, lost;
};

static struct ndrv_nl_item *exchange_item(const struct exchange *x, uint32_t index)
{
	return item_at(x->items, x->item_size, index);
}

static void answer(struct exchange *x, struct ndrv_nl_item *item, int sys_errno)
{
	if (item->sys_errno == PENDING)
		x->pending--;
	item->sys_errno = sys_errno;
}

static const void *message_data(const struct nlmsghdr *message)
{
	return (const char *)message + NLMSG_HDRLEN;
}

static void copy_text(struct ndrv_nl_item *item, const struct nlmsghdr *message, size_t offset)
{
	const char *at = (const char *)message;

	while (offset + sizeof(struct nlattr) <= message->nlmsg_len) {
		struct nlattr attr;

		memcpy(&attr, at + offset, sizeof(attr));
		if (attr.nla_len < sizeof(attr) || offset + attr.nla_len > message->nlmsg_len)
			return;
		if ((attr.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
			size_t n = attr.nla_len - sizeof(attr);

			if (n >= sizeof(item->text))
				n = sizeof(item->text) - 1;
			memcpy(item->text, at + offset + sizeof(attr), n);
			item->text[n] = '\0';
		}
		offset += (size_t)NLA_ALIGN(attr.nla_len);
	}
}

static void take_error(struct exchange *x, struct ndrv_nl_item *item, const struct nlmsghdr *message)
{
	const struct nlmsgerr *e = message_data(message);
	size_t offset = NLMSG_HDRLEN + sizeof(*e);

	if (message->nlmsg_len < offset) {
		answer(x, item, EPROTO);
		return;
	}
	if ((message->nlmsg_flags & NLM_F_ACK_TLVS) && e->error) {
		if (!(message->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > NLMSG_HDRLEN)
			offset += NLMSG_ALIGN(e->msg.nlmsg_len - NLMSG_HDRLEN);
		copy_text(item, message, offset);
	}
	answer(x, item, -e->error);
}

static void take_message(struct exchange *x, const struct nlmsghdr *message)
{
	uint32_t index = message->nlmsg_seq - x->seq;
	struct ndrv_nl_item *item;
	int code = 0;

	if (index >= x->count)
		return; /* an answer to something given up earlier */
	item = exchange_item(x, index);
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	switch (message->nlmsg_type) {
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		return;
	case NLMSG_ERROR:
		take_error(x, item, message);
		return;
	case NLMSG_DONE:
		if (message->nlmsg_len >= NLMSG_HDRLEN + sizeof(code))
			memcpy(&code, message_data(message), sizeof(code));
		answer(x, item, code < 0 ? -code : 0);
		return;
	default:
		if (item->reply)
			item->reply(message, item->data);
	}
}

/* Reads until every item has its answer. */
static int collect(struct exchange *x, struct ndrv_error *err)
{
	struct direct *nl = x->nl;

	while (x->pending) {
		ssize_t n = recv(nl->fd, nl->in, sizeof(nl->in), MSG_DONTWAIT | MSG_TRUNC);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			x->lost = true; /* the rest can still be read; what is then missing never comes */
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			if (x->lost)
				return 0;
			rc = direct_wait(nl, err);
			if (rc)
				return rc;
			continue;
		}
		if (n < 0)
			return ndrv_fail_errno(err, errno, "receive from the kernel");
		if ((size_t)n > sizeof(nl->in))
			return ndrv_fail(err, NDRV_E_INTERNAL, "an answer of the kernel has %zd bytes, more than are expected", n);
		for (struct nlmsghdr *m = (void *)nl->in; NLMSG_OK(m, (size_t)n);) {
			size_t step = NLMSG_ALIGN(m->nlmsg_len);

			take_message(x, m);
			if (step >= (size_t)n)
				break;
			n -= (ssize_t)step;
			m = (void *)((char *)m + step);
		}
	}
	return 0;
}

/* Numbers the messages of an exchange and puts them behind each other in the handle's buffer. */
static int assemble(struct exchange *x, size_t *ret_bytes, struct ndrv_error *err)
{
	struct direct *nl = x->nl;
	size_t bytes = 0, at = 0;

	for (uint32_t i = 0; i < x->count; i++)
		bytes += NLMSG_ALIGN(exchange_item(x, i)->message->nlmsg_len);
	if (bytes > nl->out_bytes) {
		char *grown = realloc(nl->out, bytes);

		if (!grown)
			return ndrv_fail_errno(err, ENOMEM, "netlink message of %zu bytes", bytes);
		nl->out = grown;
		nl->out_bytes = bytes;
	}
	for (uint32_t i = 0; i < x->count; i++) {
		struct ndrv_nl_item *item = exchange_item(x, i);
		struct nlmsghdr *m = item->message;

		m->nlmsg_flags |= NLM_F_REQUEST;
		if (!is_dump(m))
			m->nlmsg_flags |= NLM_F_ACK;
		m->nlmsg_seq = x->seq + i;
		m->nlmsg_pid = 0;
		item->sys_errno = PENDING;
		item->text[0] = '\0';
		memset(nl->out + at + m->nlmsg_len, 0, NLMSG_ALIGN(m->nlmsg_len) - m->nlmsg_len);
		memcpy(nl->out + at, m, m->nlmsg_len);
		at += NLMSG_ALIGN(m->nlmsg_len);
	}
	*ret_bytes = bytes;
	return 0;
}

/* What asked for something has perhaps not got all of it though the end has come: "it is not there" would be wrong. */
static void mark_lost(const struct exchange *x, struct ndrv_nl_item *item)
{
	if (item->sys_errno == PENDING || (x->lost && item->reply && !item->sys_errno))
		item->sys_errno = ENOBUFS;
}

static int exchange_run(struct exchange *x, struct ndrv_error *err)
{
	struct direct *nl = x->nl;
	size_t bytes = 0;
	int rc;

	x->seq = nl->seq;
	nl->seq += x->count;
	x->pending = x->count;
	x->interrupted = x->lost = false;
	rc = assemble(x, &bytes, err);
	if (!rc)
		rc = direct_send(nl, nl->out, bytes, err);
	if (!rc)
		rc = collect(x, err);
	if (x->pending)
		nl->dirty = true;
	for (uint32_t i = 0; i < x->count; i++)
		mark_lost(x, exchange_item(x, i));
	return rc;
}

/* A dump is repeated while changes interrupt it, or answers are lost: reading twice does no harm. */
static int run_dump(struct exchange *x, struct ndrv_error *err)
{
	struct ndrv_nl_item *item = x->items;

	for (int try = 0; try < DUMP_TRIES; try++) {
		int rc;

		if (try && item->reply)
			item->reply(NULL, item->data);
		direct_prepare(x->nl, true);
		rc = exchange_run(x, err);
		if (rc || (!x->interrupted && item->sys_errno != ENOBUFS))
			return rc;
	}
	return ndrv_fail(err, NDRV_E_RETRY, "the kernel's list kept changing while it was read, try again");
}

static int direct_transact(struct ndrv_nl *base, struct ndrv_nl_item *items, uint32_t count, uint32_t item_size,
			   struct ndrv_error *err)
{
	struct direct *nl = (struct direct *)(void *)base;
	bool creates = false;
	int rc = direct_check(nl, err);

	for (uint32_t i = 0; i < count; i++) {
		struct ndrv_nl_item *item = item_at(items, item_size, i);

		item->sys_errno = ENOBUFS;
		creates |= message_creates_link(item->message);
		if (is_dump(item->message) && count > 1 && !rc)
			rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "a dump must be alone in its exchange");
	}
	if (rc || !count)
		return rc;
	direct_prepare(nl, true);
	if (is_dump(items->message))
		return run_dump(&(struct exchange){.nl = nl, .items = items, .item_size = item_size, .count = 1}, err);
	if (creates && (rc = direct_guard_enter(nl, err)))
		return rc;
	for (uint32_t done = 0; done < count && !rc;) {
		struct exchange x = {.nl = nl, .items = item_at(items, item_size, done), .item_size = item_size};

		x.count = count - done < CHUNK_MAX ? count - done : CHUNK_MAX;
		rc = exchange_run(&x, err);
		done += x.count;
	}
	if (creates)
		direct_guard_leave(nl);
	return rc;
}

static int direct_delete_links(struct ndrv_nl *base, const uint32_t *indexes, uint32_t count, struct ndrv_error *err)
{
	struct direct *nl = (struct direct *)(void *)base;

	if (!nl->reaper.delete_links)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "this handle deletes links one by one");
	return nl->reaper.delete_links(nl->reaper.data, nl->call, indexes, count, err);
}

static const struct ndrv_nl_ops direct_ops = {
	.size = sizeof(direct_ops),
	.transact = direct_transact,
	.socket = direct_socket,
	.socket_error = direct_socket_error,
	.delete_links = direct_delete_links,
};

/* Connected to the kernel: an answer forged by another process of the namespace is refused at its sender. */
static int socket_open(int *ret, struct ndrv_error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int on = 1, saved, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return ndrv_fail_errno(err, errno, "open a netlink socket");
	if (bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)) || connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on))) {
		saved = errno;
		(void)close(fd);
		return ndrv_fail_errno(err, saved, "set up a netlink socket");
	}
	*ret = fd;
	return 0;
}

int ndrv_nl_open(struct ndrv_nl **ret, struct ndrv_error *err)
{
	struct direct *nl = malloc(sizeof(*nl));
	int rc;

	if (!nl)
		return ndrv_fail_errno(err, ENOMEM, "open a netlink socket");
	memset(nl, 0, offsetof(struct direct, in));
	nl->base.ops = &direct_ops;
	rc = socket_open(&nl->fd, err);
	if (rc) {
		free(nl);
		return rc;
	}
	if (getrandom(&nl->seq, sizeof(nl->seq), GRND_NONBLOCK) != sizeof(nl->seq))
		nl->seq = (uint32_t)now_ns();
	set_strict(nl, true);
	*ret = &nl->base;
	return 0;
}

void ndrv_nl_close(struct ndrv_nl *base)
{
	struct direct *nl = (struct direct *)(void *)base;

	if (!nl)
		return;
	if (nl->sock)
		direct_socket_free(nl);
	else
		(void)close(nl->fd);
	free(nl->out);
	free(nl);
}

void ndrv_nl_set_call(struct ndrv_nl *base, const struct ndrv_call *call)
{
	((struct direct *)(void *)base)->call = call;
}

void ndrv_nl_set_guard(struct ndrv_nl *base, const struct ndrv_nl_guard *guard)
{
	((struct direct *)(void *)base)->guard = *guard;
}

void ndrv_nl_set_reaper(struct ndrv_nl *base, const struct ndrv_nl_reaper *reaper)
{
	((struct direct *)(void *)base)->reaper = *reaper;
}
