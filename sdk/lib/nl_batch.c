/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, single messages and dumps over any handle, and the kernel's answers as typed errors. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ndrv/netlink.h>

int ndrv_nl_transact(struct ndrv_nl *nl, struct ndrv_nl_item *items, uint32_t count, struct ndrv_error *err)
{
	if (!nl || !NDRV_HAS(nl->ops, transact))
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the host gave this call no netlink handle");
	return nl->ops->transact(nl, items, count, sizeof(*items), err);
}

struct nl_sock *ndrv_nl_socket(struct ndrv_nl *nl)
{
	return nl && NDRV_HAS(nl->ops, socket) ? nl->ops->socket(nl) : NULL;
}

static int errno_of_nle(int nle)
{
	static const struct {
		int nle, sys_errno;
	} map[] = {
		{NLE_NOMEM, ENOMEM},	     {NLE_EXIST, EEXIST},
		{NLE_OBJ_NOTFOUND, ENOENT},  {NLE_NODEV, ENODEV},
		{NLE_OPNOTSUPP, EOPNOTSUPP}, {NLE_PERM, EPERM},
		{NLE_NOACCESS, EACCES},	     {NLE_INVAL, EINVAL},
		{NLE_RANGE, ERANGE},	     {NLE_BUSY, EBUSY},
		{NLE_NOADDR, EADDRNOTAVAIL}, {NLE_DUMP_INTR, EAGAIN},
		{NLE_AGAIN, EAGAIN},	     {NLE_AF_NOSUPPORT, EAFNOSUPPORT},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].nle == nle)
			return map[i].sys_errno;
	return EIO;
}

int ndrv_nl_fail(struct ndrv_nl *nl, struct ndrv_error *err, int nle, const char *fmt, ...)
{
	int given_up = NDRV_HAS(nl->ops, socket_error) ? nl->ops->socket_error(nl) : 0;
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (given_up)
		return ndrv_fail(err, given_up, "%s: the call was given up while it waited for the kernel", what);
	nle = nle < 0 ? -nle : nle;
	return ndrv_fail_errno(err, errno_of_nle(nle), "%s: %s", what, nl_geterror(nle));
}

void ndrv_nl_batch_init(struct ndrv_nl_batch *batch, struct ndrv_nl *nl)
{
	batch->nl = nl;
	batch->count = 0;
	batch->failed = 0;
}

void ndrv_nl_batch_done(struct ndrv_nl_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		nlmsg_free(batch->items[i].msg);
	batch->count = 0;
}

static struct ndrv_nl_batch_item *batch_vadd(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static struct ndrv_nl_batch_item *batch_vadd(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *fmt, va_list ap)
{
	struct ndrv_nl_batch_item *item;

	if (!batch->failed && !msg)
		batch->failed = ENOMEM;
	if (!batch->failed && batch->count == NDRV_NL_BATCH_MAX)
		batch->failed = E2BIG;
	if (batch->failed) {
		nlmsg_free(msg);
		return NULL;
	}
	item = &batch->items[batch->count++];
	memset(item, 0, sizeof(*item));
	item->msg = msg;
	item->item.message = nlmsg_hdr(msg);
	(void)vsnprintf(item->what, sizeof(item->what), fmt, ap);
	return item;
}

struct ndrv_nl_batch_item *ndrv_nl_batch_add(struct ndrv_nl_batch *batch, struct nl_msg *msg, const char *fmt, ...)
{
	struct ndrv_nl_batch_item *item;
	va_list ap;

	va_start(ap, fmt);
	item = batch_vadd(batch, msg, fmt, ap);
	va_end(ap);
	return item;
}

static void copy_name(char to[16], const char *from)
{
	size_t n = from ? strnlen(from, 15) : 0;

	if (n)
		memcpy(to, from, n);
	to[n] = '\0';
}

void ndrv_nl_batch_about(struct ndrv_nl_batch_item *item, const char *link, const char *kind)
{
	if (!item)
		return;
	copy_name(item->link, link);
	copy_name(item->kind, kind);
}

/* What the kernel answered, as a typed error that says what was tried. */
static int item_error(const struct ndrv_nl_batch_item *item, struct ndrv_error *err)
{
	const char *dash = item->item.text[0] ? ": " : "";
	int e = item->item.sys_errno, code = 0;

	if (e == EXFULL)
		return ndrv_fail(err, NDRV_E_NETWORK_FULL, "%s: the bridge has no free port, 1023 is the kernel's limit",
				 item->what);
	if (e == EOPNOTSUPP && item->kind[0]) {
		(void)ndrv_fail(err, NDRV_E_KERNEL_LACKS, "this kernel has no %s links", item->kind);
		return ndrv_wrap(err, -NDRV_E_KERNEL_LACKS, "%s", item->what);
	}
	if (item->link[0] && e == EEXIST && item->item.message->nlmsg_type == RTM_NEWLINK)
		code = NDRV_E_LINK_EXISTS;
	if (item->link[0] && (e == ENODEV || e == ENXIO))
		code = NDRV_E_NO_LINK;
	if (code) {
		(void)ndrv_fail_object(err, code, item->link);
		if (err)
			err->sys_errno = e;
		return ndrv_wrap(err, -code, "%s", item->what);
	}
	return ndrv_fail_errno(err, e, "%s%s%s", item->what, dash, item->item.text);
}

int ndrv_nl_batch_error(const struct ndrv_nl_batch *batch, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct ndrv_nl_batch_item *item = &batch->items[i];

		if (item->item.sys_errno && item->item.sys_errno != item->ignore)
			return item_error(item, err);
	}
	return 0;
}

int ndrv_nl_batch_send(struct ndrv_nl_batch *batch, struct ndrv_error *err)
{
	int rc = 0;

	if (batch->failed)
		return ndrv_fail_errno(err, batch->failed, "build a netlink message");
	if (!batch->count)
		return 0;
	if (!batch->nl || !NDRV_HAS(batch->nl->ops, transact))
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "the host gave this call no netlink handle");
	rc = batch->nl->ops->transact(batch->nl, &batch->items[0].item, batch->count, sizeof(batch->items[0]), err);
	if (rc)
		return ndrv_wrap(err, rc, "%s", batch->items[0].what);
	return ndrv_nl_batch_error(batch, err);
}

int ndrv_nl_send(struct ndrv_nl *nl, struct nl_msg *msg, struct ndrv_error *err, const char *fmt, ...)
{
	struct ndrv_nl_batch batch;
	va_list ap;
	int rc;

	ndrv_nl_batch_init(&batch, nl);
	va_start(ap, fmt);
	(void)batch_vadd(&batch, msg, fmt, ap);
	va_end(ap);
	rc = ndrv_nl_batch_send(&batch, err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

int ndrv_nl_dump(struct ndrv_nl *nl, struct nl_msg *msg, void (*each)(const struct nlmsghdr *reply, void *data), void *data,
		 struct ndrv_error *err)
{
	struct ndrv_nl_item item = {.reply = each, .data = data};
	int rc;

	if (!msg)
		return ndrv_fail_errno(err, ENOMEM, "build a netlink message");
	item.message = nlmsg_hdr(msg);
	item.message->nlmsg_flags |= NLM_F_DUMP;
	rc = ndrv_nl_transact(nl, &item, 1, err);
	if (!rc && item.sys_errno)
		rc = ndrv_fail_errno(err, item.sys_errno, "list from the kernel%s%s", item.text[0] ? ": " : "", item.text);
	nlmsg_free(msg);
	return rc;
}
