/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/claim.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/base/log.h"

static socklen_t address_of(const char *instance, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "ndrv/instance/%s", instance);
	size_t used = length < (int)sizeof(ret->sun_path) - 1 ? (size_t)length : sizeof(ret->sun_path) - 2;

	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + used);
}

/* The configured instance may be another one by now. */
static int still_ours(int fd, const struct sockaddr_un *addr, socklen_t length)
{
	struct sockaddr_un has = {0};
	socklen_t got = sizeof(has);

	return getsockname(fd, (struct sockaddr *)&has, &got) == 0 && got == length && memcmp(&has, addr, length) == 0;
}

/* Whoever has the name. 0: it is one whom we do not have to believe. */
static int judge_holder(const char *instance, const struct sockaddr_un *addr, socklen_t length, struct ndrv_error *err)
{
	struct ucred holder = {.uid = (uid_t)-1};
	socklen_t size = sizeof(holder);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return ndrv_fail_errno(err, errno, "instance \"%s\": who has it", instance);
	bool known = connect(fd, (const struct sockaddr *)addr, length) == 0 &&
		     getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &size) == 0;
	(void)close(fd);
	if (known && holder.uid != 0 && holder.uid != geteuid()) {
		log_warning("host", "process %d of uid %u holds the name of instance \"%s\", but is not believed to be a host",
			    (int)holder.pid, (unsigned)holder.uid, instance);
		return 0;
	}
	if (!known)
		return ndrv_fail(
			err, NDRV_E_FORBIDDEN,
			"another host of instance \"%s\" runs or ends in this network namespace: stop it, or give this one an "
			"instance of its own",
			instance);
	return ndrv_fail(
		err, NDRV_E_FORBIDDEN,
		"another host of instance \"%s\" runs in this network namespace (pid %d): stop that one, or give this one an "
		"instance of its own",
		instance, (int)holder.pid);
}

int claim_instance(const char *instance, int left, int *ret, struct ndrv_error *err)
{
	struct sockaddr_un addr;
	socklen_t length = address_of(instance, &addr);

	*ret = -1;
	if (left >= 0 && still_ours(left, &addr, length)) {
		*ret = left;
		return 0;
	}
	if (left >= 0)
		(void)close(left);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&addr, length) == 0 && listen(fd, 1) == 0) {
		*ret = fd;
		return 0;
	}
	int saved = errno;
	if (fd >= 0)
		(void)close(fd);
	if (saved == EADDRINUSE)
		return judge_holder(instance, &addr, length, err);
	return ndrv_fail_errno(err, saved, "claim instance \"%s\"", instance);
}
