/* SPDX-License-Identifier: Apache-2.0 */
/* nf_tables over netlink: transactions, single questions, dumps. The kernel answers while it is asked, so nothing here waits.
 * Messages are libnl's; a transaction is one buffer of them in one send. Not thread-safe: one owner at a time. */
#ifndef HOST_NAT_NFT_H
#define HOST_NAT_NFT_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>

#include <ndrv/error.h>

/* The table's family: v4 and v6 in one (NFPROTO_INET). */
#define NFT_FAMILY 1

struct nft;

/* A socket of the calling thread's network namespace, connected to the kernel: what others send to it is not received. KERNEL_LACKS
 * without nf_tables, PERMISSION. */
int nft_open(struct nft **ret, struct ndrv_error *err);
void nft_close(struct nft *nft);
/* By which the kernel's notifications say who made a change. */
uint32_t nft_port(const struct nft *nft);

/* --- transactions --- */

/* One at a time. Adds keep their failure (out of memory); nft_commit() reports it. One that is not committed is just forgotten. */
struct nft_batch {
	struct nft *nft;
	size_t used;
	size_t last; /* where the last message begins */
	uint32_t first_seq, count;
	bool filling; /* a message is being filled */
	bool failed;
};

void nft_begin(struct nft_batch *batch, struct nft *nft);
/* A message of the transaction, NFT_MSG_...; its attributes are put into what is returned until the next call. There is room for
 * 64 KiB of them. */
struct nl_msg *nft_add(struct nft_batch *batch, int type, uint16_t flags);
/* Bytes of the message being filled. */
size_t nft_filled(const struct nft_batch *batch);
/* All or nothing. `fmt` says what it does. An error has the kernel's errno in sys_errno: ENOENT
 * and EEXIST mean that somebody else changed the table. */
int nft_commit(struct nft_batch *batch, struct ndrv_error *err, const char *fmt, ...) NDRV_PRINTF(3, 4);

/* --- questions --- */

/* Sends `msg` (which it frees; NULL: out of memory) and calls `each` for every message of the answer. `dump`: all there are; one
 * that was interrupted by a change is asked for again after `each` was called with NULL. RETRY when it never comes through. */
int nft_ask(struct nft *nft, struct nl_msg *msg, bool dump, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
	    struct ndrv_error *err);
/* A question of type NFT_MSG_GET...; NULL: out of memory. */
struct nl_msg *nft_question(int type);

/* nf_tables numbers are big-endian. */
void nft_put_u32(struct nl_msg *msg, int type, uint32_t value);
/* Attributes of a reply, by type up to `max`. False: malformed. */
bool nft_parse(const struct nlmsghdr *reply, struct nlattr **attributes, int max);

#endif
