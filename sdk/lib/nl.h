/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the netlink part of libndrv: the handle that talks straight to the kernel. */
#ifndef SDK_LIB_NL_H
#define SDK_LIB_NL_H

#include <linux/netlink.h>
#include <stdbool.h>

#include <ndrv/netlink.h>

#define NL_IN_BYTES 32768 /* the kernel's largest part of a dump */

struct direct {
	struct ndrv_nl base; /* first: a pointer to it is a pointer to this */
	int fd;
	bool strict; /* NETLINK_GET_STRICT_CHK is on: off while libnl-route, which sends short headers, is at work */
	bool dirty;  /* an exchange was given up: answers to it may still come */
	int socket_error;
	uint32_t seq;
	const struct ndrv_call *call;
	struct ndrv_nl_guard guard;
	struct ndrv_nl_reaper reaper;
	struct nl_sock *sock; /* made when first asked for; owns fd from then on */
	struct direct *next;  /* of those with a sock */
	char *out;
	size_t out_bytes;
	_Alignas(8) char in[NL_IN_BYTES];
};

/* Waits until the socket can be read. TIMEOUT, CANCELLED. */
int direct_wait(struct direct *nl, struct ndrv_error *err);
/* The call may still go on: deadline not passed, not cancelled. */
int direct_check(const struct direct *nl, struct ndrv_error *err);
/* Makes the socket strict or lenient and throws stale answers away. */
void direct_prepare(struct direct *nl, bool strict);
/* Sends one buffer of messages. */
int direct_send(struct direct *nl, const void *data, size_t bytes, struct ndrv_error *err);
int direct_guard_enter(struct direct *nl, struct ndrv_error *err);
void direct_guard_leave(struct direct *nl);
bool message_creates_link(const struct nlmsghdr *message);

struct nl_sock *direct_socket(struct ndrv_nl *base);
int direct_socket_error(struct ndrv_nl *base);
void direct_socket_free(struct direct *nl);

#endif
