/* SPDX-License-Identifier: Apache-2.0 */
/* The same handle as a libnl socket, for libnl-route's rtnl_...() calls: its sends and receives go through the handle, so that they
 * too end at the call's deadline and believe nobody but the kernel. */
#include "sdk/lib/nl.h"

#include <errno.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* libnl hands its callbacks the socket and nothing of ours, so the handle is looked up. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct direct *list;

static struct direct *find(const struct nl_sock *sock)
{
	struct direct *nl;

	(void)pthread_mutex_lock(&list_lock);
	for (nl = list; nl && nl->sock != sock; nl = nl->next)
		;
	(void)pthread_mutex_unlock(&list_lock);
	return nl;
}

static int note(struct direct *nl, int rc)
{
	nl->socket_error = -rc;
	nl->dirty = true;
	return -NLE_AGAIN;
}

static int send_message(struct nl_sock *sock, struct nl_msg *msg)
{
	struct direct *nl = find(sock);
	struct nlmsghdr *message = nlmsg_hdr(msg);
	struct ndrv_error err = {0};
	bool creates = message_creates_link(message);
	int rc;

	if (!nl)
		return -NLE_BAD_SOCK;
	nl->socket_error = 0;
	rc = direct_check(nl, &err);
	if (rc)
		return note(nl, rc);
	direct_prepare(nl, false);
	if (creates && (rc = direct_guard_enter(nl, &err)))
		return note(nl, rc);
	rc = direct_send(nl, message, message->nlmsg_len, &err);
	if (creates)
		direct_guard_leave(nl);
	if (rc)
		return err.sys_errno ? -nl_syserr2nlerr(err.sys_errno) : note(nl, rc);
	return (int)message->nlmsg_len;
}

static int receive(struct nl_sock *sock, struct sockaddr_nl *from, unsigned char **ret, struct ucred **creds)
{
	struct direct *nl = find(sock);
	unsigned char *buffer;
	ssize_t n;
	int rc;

	(void)creds;
	if (!nl)
		return -NLE_BAD_SOCK;
	for (;;) {
		n = recv(nl->fd, nl->in, sizeof(nl->in), MSG_DONTWAIT | MSG_TRUNC);
		if (n >= 0)
			break;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -nl_syserr2nlerr(errno);
		rc = direct_wait(nl, NULL);
		if (rc)
			return note(nl, rc);
	}
	if ((size_t)n > sizeof(nl->in))
		return -NLE_MSG_TRUNC;
	buffer = malloc((size_t)n ? (size_t)n : 1);
	if (!buffer)
		return -NLE_NOMEM;
	memcpy(buffer, nl->in, (size_t)n);
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	*ret = buffer;
	return (int)n;
}

struct nl_sock *direct_socket(struct ndrv_nl *base)
{
	struct direct *nl = (struct direct *)(void *)base;
	struct nl_sock *sock;
	struct nl_cb *cb;

	if (nl->sock)
		return nl->sock;
	sock = nl_socket_alloc();
	if (!sock)
		return NULL;
	if (nl_socket_set_fd(sock, NETLINK_ROUTE, nl->fd)) {
		nl_socket_free(sock);
		return NULL;
	}
	/* A send that was given up leaves libnl's count of answers behind for ever. Stale answers are thrown away before each send.
	 */
	nl_socket_disable_seq_check(sock);
	cb = nl_socket_get_cb(sock);
	nl_cb_overwrite_send(cb, send_message);
	nl_cb_overwrite_recv(cb, receive);
	nl_cb_put(cb);
	nl->sock = sock;
	(void)pthread_mutex_lock(&list_lock);
	nl->next = list;
	list = nl;
	(void)pthread_mutex_unlock(&list_lock);
	return sock;
}

int direct_socket_error(struct ndrv_nl *base)
{
	return ((struct direct *)(void *)base)->socket_error;
}

void direct_socket_free(struct direct *nl)
{
	struct direct **at = &list;

	(void)pthread_mutex_lock(&list_lock);
	while (*at != nl)
		at = &(*at)->next;
	*at = nl->next;
	(void)pthread_mutex_unlock(&list_lock);
	nl_socket_free(nl->sock);
}
