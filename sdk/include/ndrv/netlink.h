/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink as drivers use it: handles passed in with the call (call->host_nl, call->sandbox_nl), libnl messages, batches.
 *
 * A handle is never a bare file descriptor, so that a host may stand between a driver and the kernel. Every wait honours the
 * deadline and the cancellation of the call the handle was given for. One thread uses a handle at a time; it is valid during the
 * call. Answers are believed from the kernel only.
 *
 * Most drivers need only <ndrv/link.h> and <ndrv/route.h>. For the rest: build messages with libnl's nlmsg_ and nla_ calls and send
 * them in a batch, or use libnl-route's rtnl_...() on ndrv_nl_socket(). */
#ifndef NDRV_NETLINK_H
#define NDRV_NETLINK_H

#include <ndrv/call.h>

struct nl_sock;
struct nl_msg;
struct nlmsghdr;

NDRV_BEGIN_DECLS

/* Longest text of the kernel about an error that is kept (its extended ACK), with NUL. */
#define NDRV_NL_TEXT_MAX 128

/* One message and its answer. */
struct ndrv_nl_item {
	/* Complete but for sequence number and port; NLM_F_REQUEST is added, and NLM_F_ACK unless it asks for a dump. */
	struct nlmsghdr *message;
	int32_t sys_errno; /* out: 0, or the errno the kernel answered with; ENOBUFS: its answer was lost */
	uint32_t reserved;
	/* Called for each message of the answer that is not an ACK (an echo, what was asked for, a part of a dump); NULL: they are
	 * dropped. `reply` NULL: the dump was interrupted by a change and starts over; forget what came before. */
	void (*reply)(const struct nlmsghdr *reply, void *data);
	void *data;
	char text[NDRV_NL_TEXT_MAX]; /* out: the kernel's own words on the error, or "" */
};

struct ndrv_nl_ops {
	uint32_t size;
	uint32_t reserved;
	/* Sends all items at once and waits for all answers. 0: every item has its sys_errno. Negative: the exchange as a whole
	 * failed (TIMEOUT, CANCELLED, ...); items without an answer have sys_errno ENOBUFS, and may have been done or not. */
	int (*transact)(struct ndrv_nl *nl, struct ndrv_nl_item *items, uint32_t count, uint32_t item_size, struct ndrv_error *err);
	/* A libnl socket for rtnl_...() calls on this handle. NULL: out of memory, or a host without. */
	struct nl_sock *(*socket)(struct ndrv_nl *nl);
	/* Why the last libnl call on that socket failed in its send or receive, if it did: TIMEOUT or CANCELLED, else 0. */
	int (*socket_error)(struct ndrv_nl *nl);
	/* What ndrv_link_delete_many() does where the host has a quick way. NULL, or NOT_IMPLEMENTED: it has none. */
	int (*delete_links)(struct ndrv_nl *nl, const uint32_t *indexes, uint32_t count, struct ndrv_error *err);
};

struct ndrv_nl {
	const struct ndrv_nl_ops *ops;
};

int ndrv_nl_transact(struct ndrv_nl *nl, struct ndrv_nl_item *items, uint32_t count, struct ndrv_error *err);

/* Owned by the handle. Its dumps are lenient as libnl-route expects them; its callbacks may be changed, but for send and receive.
 */
struct nl_sock *ndrv_nl_socket(struct ndrv_nl *nl);
/* An error from a libnl call (`nle` negative, -NLE_...) on ndrv_nl_socket(nl), as a typed one. */
int ndrv_nl_fail(struct ndrv_nl *nl, struct ndrv_error *err, int nle, const char *fmt, ...) NDRV_PRINTF(4, 5);

/* Sends one message, which it frees (NULL: out of memory, reported). `fmt` says what it does and to which object. */
int ndrv_nl_send(struct ndrv_nl *nl, struct nl_msg *msg, struct ndrv_error *err, const char *fmt, ...) NDRV_PRINTF(4, 5);
/* Asks for a dump and calls `each` for its elements; with NULL when it starts over, as in struct ndrv_nl_item. Frees `msg`. */
int ndrv_nl_dump(struct ndrv_nl *nl, struct nl_msg *msg, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
		 struct ndrv_error *err);

/* --- batches: several changes in one exchange --- */

#define NDRV_NL_BATCH_MAX 96
#define NDRV_NL_WHAT_MAX 64

/* On the caller's stack: ndrv_nl_batch_init(), add..., send, done. The first error of an add is kept and comes back from send, so
 * that adds need no check of their own. */
struct ndrv_nl_batch {
	struct ndrv_nl *nl;
	uint32_t count;
	int32_t failed; /* code of the first failed add; 0: none */
	struct ndrv_nl_batch_item {
		struct nl_msg *msg;
		int32_t ignore;		     /* an errno that counts as success; 0: none */
		char link[16];		     /* interface it is about, for typed errors; "" none */
		char kind[16];		     /* kind of link it creates; "" none */
		char what[NDRV_NL_WHAT_MAX]; /* "add address 10.0.0.2/24 to eth0" */
		struct ndrv_nl_item item;
	} items[NDRV_NL_BATCH_MAX];
};

void ndrv_nl_batch_init(struct ndrv_nl_batch *batch, struct ndrv_nl *nl);
/* Takes `msg` (NULL: out of memory, reported by send). `fmt` says what it does and to which object. Returns the item, or NULL once
 * something failed; its `ignore` and reply callback may be set before send. */
struct ndrv_nl_batch_item *ndrv_nl_batch_add(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *fmt, ...)
	NDRV_PRINTF(3, 4);
/* Names the interface the message is about, and the kind of link it creates (either may be NULL), so that the kernel's refusal
 * becomes NO_LINK, LINK_EXISTS or KERNEL_LACKS. `item` may be NULL. */
void ndrv_nl_batch_about(struct ndrv_nl_batch_item *item, const char *link, const char *kind);
/* Sends all in one go. The kernel does not stop at an error: what follows it has run too, so the caller undoes everything. Returns
 * the first error, which names the operation. The batch can be looked at (items[i].item.sys_errno) until ndrv_nl_batch_done(). */
int ndrv_nl_batch_send(struct ndrv_nl_batch *batch, struct ndrv_error *err);
/* The first error among the answers again, after `ignore` or an answer was changed. */
int ndrv_nl_batch_error(const struct ndrv_nl_batch *batch, struct ndrv_error *err);
void ndrv_nl_batch_done(struct ndrv_nl_batch *batch);

/* --- for hosts and tests: a handle straight to the kernel --- */

/* Called around messages that create links: the kernel makes them one at a time, and waiting here is cheaper than there. */
struct ndrv_nl_guard {
	int (*enter)(void *data, uint64_t deadline_ns); /* 0, or -1: not before the deadline */
	void (*leave)(void *data);
	void *data;
};

/* How links are deleted in numbers. `call` (may be NULL) is the one whose deadline counts. */
struct ndrv_nl_reaper {
	int (*delete_links)(void *data, const struct ndrv_call *call, const uint32_t *indexes, uint32_t count,
			    struct ndrv_error *err);
	void *data;
};

/* An rtnetlink socket of the calling thread's network namespace: connected to the kernel, strict checking, extended ACKs. */
int ndrv_nl_open(struct ndrv_nl **ret, struct ndrv_error *err);
void ndrv_nl_close(struct ndrv_nl *nl);
/* The call whose deadline and cancellation count from now on; NULL: none. For handles of ndrv_nl_open() only, as is the next. */
void ndrv_nl_set_call(struct ndrv_nl *nl, const struct ndrv_call *call);
void ndrv_nl_set_guard(struct ndrv_nl *nl, const struct ndrv_nl_guard *guard);
void ndrv_nl_set_reaper(struct ndrv_nl *nl, const struct ndrv_nl_reaper *reaper);

NDRV_END_DECLS

#endif
