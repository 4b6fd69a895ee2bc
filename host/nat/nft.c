/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_BYTES (64 << 20) /* limit of one transaction; the kernel takes what it needs */
#define RECEIVE_BYTES (4 << 20)
#define MESSAGE_BYTES 66000u /* an element list has at most 64 KiB */
#define REPLY_BYTES 65536u
#define DUMP_TRIES 8

struct nft {
	int fd;
	uint32_t port;
	uint32_t seq;
	struct nl_msg *msg; /* the one being filled */
	unsigned char *out; /* a transaction's messages; kept from one to the next */
	size_t out_room;
	_Alignas(8) unsigned char in[REPLY_BYTES];
};

static int open_socket(struct nft *nft, struct ndrv_error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, own = {.nl_family = AF_NETLINK};
	socklen_t length = sizeof(own);
	int on = 1, out = SEND_BYTES, in = RECEIVE_BYTES;

	nft->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (nft->fd < 0 && errno == EPROTONOSUPPORT)
		return ndrv_fail_object(err, NDRV_E_KERNEL_LACKS, "nf_tables (netlink protocol netfilter)");
	if (nft->fd < 0 || bind(nft->fd, (struct sockaddr *)&own, sizeof(own)) ||
	    connect(nft->fd, (struct sockaddr *)&kernel, sizeof(kernel)) || getsockname(nft->fd, (struct sockaddr *)&own, &length))
		return ndrv_fail_errno(err, errno, "open the netfilter socket");
	nft->port = own.nl_pid;
	/* Without these, errors carry less and only small transactions pass. */
	(void)setsockopt(nft->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(nft->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(nft->fd, SOL_SOCKET, SO_SNDBUFFORCE, &out, sizeof(out));
	(void)setsockopt(nft->fd, SOL_SOCKET, SO_RCVBUFFORCE, &in, sizeof(in));
	return 0;
}

int nft_open(struct nft **ret, struct ndrv_error *err)
{
	struct nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		return ndrv_fail_errno(err, ENOMEM, "open the netfilter socket");
	nft->fd = -1;
	nft->msg = nlmsg_alloc_size(MESSAGE_BYTES);
	int rc = nft->msg ? open_socket(nft, err) : ndrv_fail_errno(err, ENOMEM, "open the netfilter socket");
	if (rc)
		nft_close(nft);
	else
		*ret = nft;
	return rc;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	if (nft->fd >= 0)
		(void)close(nft->fd);
	nlmsg_free(nft->msg);
	free(nft->out);
	free(nft);
}

uint32_t nft_port(const struct nft *nft)
{
	return nft->port;
}

void nft_put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	uint32_t big = htonl(value);

	(void)nla_put(msg, type, sizeof(big), &big);
}

bool nft_parse(const struct nlmsghdr *reply, struct nlattr **attributes, int max)
{
	memset(attributes, 0, sizeof(*attributes) * ((size_t)max + 1));
	if (reply->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return false;
	const char *data = (const char *)reply + NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	int bytes = (int)(reply->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg)));
	return nla_parse(attributes, max, (struct nlattr *)(uintptr_t)data, bytes, NULL) == 0;
}

/* --- transactions --- */

static bool reserve(struct nft_batch *batch, size_t bytes)
{
	struct nft *nft = batch->nft;

	if (batch->failed)
		return false;
	if (batch->used + bytes <= nft->out_room)
		return true;
	size_t room = nft->out_room ? nft->out_room : 4096;
	while (room < batch->used + bytes)
		room *= 2;
	unsigned char *grown = realloc(nft->out, room);
	if (!grown) {
		batch->failed = true;
		return false;
	}
	nft->out = grown;
	nft->out_room = room;
	return true;
}

static void append(struct nft_batch *batch, const struct nlmsghdr *message)
{
	size_t bytes = NLMSG_ALIGN(message->nlmsg_len);

	if (!reserve(batch, bytes))
		return;
	batch->last = batch->used;
	memset(batch->nft->out + batch->used + bytes - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
	memcpy(batch->nft->out + batch->used, message, message->nlmsg_len);
	batch->used += bytes;
	batch->count++;
}

/* What is being filled becomes part of the buffer. */
static void settle(struct nft_batch *batch)
{
	if (batch->filling)
		append(batch, nlmsg_hdr(batch->nft->msg));
	batch->filling = false;
}

static void append_mark(struct nft_batch *batch, uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} mark = {.header = {.nlmsg_len = sizeof(mark), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST},
		  .body = {.res_id = htons(NFNL_SUBSYS_NFTABLES)}};

	mark.header.nlmsg_seq = batch->first_seq + batch->count;
	append(batch, &mark.header);
}

void nft_begin(struct nft_batch *batch, struct nft *nft)
{
	*batch = (struct nft_batch){.nft = nft, .first_seq = nft->seq};
	append_mark(batch, NFNL_MSG_BATCH_BEGIN);
}

struct nl_msg *nft_add(struct nft_batch *batch, int type, uint16_t flags)
{
	struct nl_msg *msg = batch->nft->msg;
	struct nfgenmsg body = {.nfgen_family = NFT_FAMILY, .version = NFNETLINK_V0};

	settle(batch);
	struct nlmsghdr *header = nlmsg_hdr(msg);
	memset(header, 0, NLMSG_HDRLEN);
	header->nlmsg_len = NLMSG_HDRLEN;
	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = batch->first_seq + batch->count;
	(void)nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	batch->filling = true;
	return msg;
}

size_t nft_filled(const struct nft_batch *batch)
{
	return batch->filling ? nlmsg_hdr(batch->nft->msg)->nlmsg_len : 0;
}

/* The kernel's own words, where it gave any. */
static const char *words_of(const struct nlmsghdr *reply)
{
	const struct nlmsgerr *answer = (const void *)((const char *)reply + NLMSG_HDRLEN);
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*answer);

	if (!(reply->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(reply->nlmsg_flags & NLM_F_CAPPED))
		skip += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	if (reply->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(skip) ||
	    nla_parse(attributes, NLMSGERR_ATTR_MAX, (struct nlattr *)((uintptr_t)answer + NLMSG_ALIGN(skip)),
		      (int)(reply->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip)), NULL) ||
	    !attributes[NLMSGERR_ATTR_MSG])
		return "";
	return nla_get_string(attributes[NLMSGERR_ATTR_MSG]);
}

struct outcome {
	bool acked;
	int sys_errno;
	char words[128];
};

static struct nlmsghdr *next_message(struct nlmsghdr *message, size_t *left)
{
	size_t bytes = NLMSG_ALIGN(message->nlmsg_len);

	*left -= bytes < *left ? bytes : *left;
	return (void *)((char *)message + bytes);
}

/* Each message's error is read, that of the end mark behind the last included: without it nothing was done, whatever was
 * acknowledged. The first counts. */
static void read_answers(struct nft *nft, uint32_t first_seq, uint32_t last_seq, struct outcome *outcome)
{
	for (;;) {
		ssize_t n = recv(nft->fd, nft->in, sizeof(nft->in), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS && !outcome->sys_errno)
			outcome->sys_errno = ENOBUFS;
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n <= 0)
			return;
		size_t left = (size_t)n;
		for (struct nlmsghdr *reply = (void *)nft->in; NLMSG_OK(reply, left); reply = next_message(reply, &left)) {
			const struct nlmsgerr *answer = NLMSG_DATA(reply);
			if (reply->nlmsg_type != NLMSG_ERROR || reply->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)) ||
			    reply->nlmsg_seq - first_seq > last_seq + 1 - first_seq)
				continue;
			if (!answer->error && reply->nlmsg_seq == last_seq)
				outcome->acked = true;
			if (answer->error && !outcome->sys_errno) {
				outcome->sys_errno = -answer->error;
				(void)snprintf(outcome->words, sizeof(outcome->words), "%s", words_of(reply));
			}
		}
	}
}

/* 0 or an errno. */
static int send_all(struct nft *nft, const void *bytes, size_t count)
{
	ssize_t n;

	do {
		n = send(nft->fd, bytes, count, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

static int fail(struct ndrv_error *err, int sys_errno, const char *what, const char *words)
{
	const char *dash = words[0] ? ": " : "";

	if (sys_errno == EPERM || sys_errno == EACCES) {
		(void)ndrv_fail(err, NDRV_E_PERMISSION, "%s: nf_tables needs CAP_NET_ADMIN in the host's network namespace", what);
		if (err)
			err->sys_errno = sys_errno;
		return -NDRV_E_PERMISSION;
	}
	return ndrv_fail_errno(err, sys_errno, "%s%s%s", what, dash, words);
}

int nft_commit(struct nft_batch *batch, struct ndrv_error *err, const char *fmt, ...)
{
	struct nft *nft = batch->nft;
	struct outcome outcome = {0};
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	settle(batch);
	if (batch->failed || batch->count < 2)
		return batch->failed ? ndrv_fail_errno(err, ENOMEM, "%s", what) : 0;
	/* The kernel answers a refused message anyway; one word for the last tells that the rest went well. */
	struct nlmsghdr *last = (void *)(batch->nft->out + batch->last);
	last->nlmsg_flags |= NLM_F_ACK;
	uint32_t last_seq = last->nlmsg_seq;
	append_mark(batch, NFNL_MSG_BATCH_END);
	int sys_errno = batch->failed ? ENOMEM : send_all(nft, batch->nft->out, batch->used);
	nft->seq = batch->first_seq + batch->count;
	if (!sys_errno)
		read_answers(nft, batch->first_seq, last_seq, &outcome);
	if (sys_errno || outcome.sys_errno)
		return fail(err, sys_errno ? sys_errno : outcome.sys_errno, what, outcome.words);
	if (!outcome.acked)
		return fail(err, ENOBUFS, what, "the kernel's answer was lost");
	return 0;
}

/* --- questions --- */

struct nl_msg *nft_question(int type)
{
	struct nfgenmsg body = {.nfgen_family = NFT_FAMILY, .version = NFNETLINK_V0};
	struct nl_msg *msg = nlmsg_alloc_size(512);

	if (!msg)
		return NULL;
	nlmsg_hdr(msg)->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	(void)nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	return msg;
}

enum { MORE, DONE, INTERRUPTED };

static int read_reply(struct nft *nft, ssize_t n, uint32_t seq, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
		      int *ret_errno)
{
	size_t left = (size_t)n;

	for (struct nlmsghdr *reply = (void *)nft->in; NLMSG_OK(reply, left); reply = next_message(reply, &left)) {
		if (reply->nlmsg_seq != seq)
			continue;
		if (reply->nlmsg_flags & NLM_F_DUMP_INTR)
			return INTERRUPTED;
		if (reply->nlmsg_type == NLMSG_DONE)
			return DONE;
		if (reply->nlmsg_type == NLMSG_ERROR) {
			*ret_errno = -((const struct nlmsgerr *)NLMSG_DATA(reply))->error;
			return DONE;
		}
		if (each)
			each(reply, data);
	}
	return MORE;
}

static void drain(struct nft *nft)
{
	while (recv(nft->fd, nft->in, sizeof(nft->in), MSG_DONTWAIT) > 0)
		;
}

static int ask_once(struct nft *nft, struct nlmsghdr *question, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
		    int *ret_errno)
{
	int state = MORE;

	drain(nft);
	question->nlmsg_seq = ++nft->seq;
	*ret_errno = send_all(nft, question, question->nlmsg_len);
	while (!*ret_errno && state == MORE) {
		ssize_t n = recv(nft->fd, nft->in, sizeof(nft->in), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			*ret_errno = errno == EAGAIN ? ENOBUFS : errno;
		else
			state = read_reply(nft, n, question->nlmsg_seq, each, data, ret_errno);
	}
	return state;
}

int nft_ask(struct nft *nft, struct nl_msg *msg, bool dump, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
	    struct ndrv_error *err)
{
	int sys_errno = 0, state = INTERRUPTED;

	if (!msg)
		return ndrv_fail_errno(err, ENOMEM, "ask nf_tables");
	struct nlmsghdr *question = nlmsg_hdr(msg);
	question->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dump ? NLM_F_DUMP : NLM_F_ACK));
	for (int tries = 0; tries < DUMP_TRIES && state == INTERRUPTED; tries++) {
		if (tries && each)
			each(NULL, data);
		state = ask_once(nft, question, each, data, &sys_errno);
		if (sys_errno)
			break;
	}
	nlmsg_free(msg);
	if (sys_errno)
		return fail(err, sys_errno, "ask nf_tables", "");
	if (state == INTERRUPTED)
		return ndrv_fail(err, NDRV_E_RETRY, "nf_tables keeps changing while it is listed, try again");
	return 0;
}
