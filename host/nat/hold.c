/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ndrv/nat.h>

#include "host/nat/book.h"

#define RESERVE 512u /* descriptors for connections, files, drivers */

uint32_t hold_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit))
			return 0;
	}
	if (limit.rlim_cur <= RESERVE)
		return 0;
	return limit.rlim_cur - RESERVE > UINT32_MAX ? UINT32_MAX : (uint32_t)(limit.rlim_cur - RESERVE);
}

static socklen_t make_address(const struct ndrv_addr *host, int family, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (family == AF_INET6) {
		struct sockaddr_in6 *in6 = (void *)ret;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		if (host->family == 6)
			memcpy(&in6->sin6_addr, host->bytes, 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (void *)ret;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (host->family == 4)
		memcpy(&in->sin_addr, host->bytes, 4);
	return sizeof(*in);
}

/* A server that stopped a moment ago leaves connections that wait for their end; they do not keep us from binding. Yet while we
 * would share the port ourselves, others could listen on it. */
static void set_reuse(int fd, int on)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

/* What is sent to the port past the translation is not to fill a buffer. */
static void drop_all(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &nothing};

	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* The fd, or -errno; -EPROTONOSUPPORT: this kernel has no such sockets, so nobody can have the port. */
static int bind_port(uint32_t protocol, const struct ndrv_addr *host, int family, bool only6, uint16_t port)
{
	int type = protocol == NDRV_PROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(family, type | SOCK_CLOEXEC, (int)protocol), only = only6;
	struct sockaddr_storage address;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (protocol == NDRV_PROTO_TCP)
		set_reuse(fd, 1);
	if (protocol == NDRV_PROTO_UDP)
		drop_all(fd);
	socklen_t length = make_address(host, family, port, &address);
	if (bind(fd, (struct sockaddr *)&address, length)) {
		int sys_errno = errno;
		(void)close(fd);
		return -sys_errno;
	}
	if (protocol == NDRV_PROTO_TCP)
		set_reuse(fd, 0);
	return fd;
}

static int bind_any(uint32_t protocol, const struct ndrv_addr *host, bool v4, bool v6, uint16_t port)
{
	if (!v6)
		return bind_port(protocol, host, AF_INET, false, port);
	int fd = bind_port(protocol, host, AF_INET6, !v4, port);
	/* IPv6 may be off on this host. */
	if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && v4)
		return bind_port(protocol, host, AF_INET, false, port);
	if (fd == -EAFNOSUPPORT)
		return -EPROTONOSUPPORT;
	return fd;
}

static int fail(int sys_errno, uint32_t protocol, const struct ndrv_addr *host, uint16_t port, struct ndrv_error *err)
{
	char text[NDRV_ADDR_TEXT];
	int rc;

	if (host->family)
		(void)ndrv_addr_format(host, text);
	switch (sys_errno) {
	case EADDRINUSE:
		rc = ndrv_fail(err, NDRV_E_PORT_IN_USE, "port %s%s%u/%s is already in use by a process of this host",
			       host->family ? text : "", host->family ? " " : "", port, nat_protocol_name(protocol));
		break;
	case EADDRNOTAVAIL:
	case EINVAL:
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "host address %s cannot be published on: it is not one of this host's",
			       host->family ? text : "any");
		break;
	default:
		return ndrv_fail_errno(err, sys_errno, "hold host port %u/%s", port, nat_protocol_name(protocol));
	}
	if (err)
		err->sys_errno = sys_errno;
	return rc;
}

int hold_port(uint32_t protocol, const struct ndrv_addr *host, bool v4, bool v6, uint16_t port, bool keep, int *ret_fd,
	      struct ndrv_error *err)
{
	int fd = bind_any(protocol, host, v4, v6, port);

	*ret_fd = -1;
	/* Without such sockets nobody can have the port; without descriptors nobody can be asked. */
	if (fd == -EPROTONOSUPPORT || fd == -ESOCKTNOSUPPORT || fd == -EMFILE || fd == -ENFILE)
		return 0;
	if (fd < 0)
		return fail(-fd, protocol, host, port, err);
	if (keep)
		*ret_fd = fd;
	else
		(void)close(fd);
	return 0;
}
