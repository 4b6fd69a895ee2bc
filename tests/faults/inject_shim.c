/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a real ndrvd: lets the n-th call of a kind fail while the test has it armed. Everything goes to the system call or
 * to the C library's own name, so that nothing here needs dlsym(), which allocates. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/faults/inject.h"

#define NO_SUCH_MESSAGE 0xfff0 /* rtnetlink answers EOPNOTSUPP and does nothing */
#define REFUSED EOPNOTSUPP

static struct inject *shared;
static __thread bool inside, refused;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv(INJECT_ENV);
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)syscall(SYS_close, fd);
	if (map != MAP_FAILED)
		shared = map;
}

static bool armed(uint32_t kind)
{
	return shared && !inside && atomic_load(&shared->armed) && shared->kind == kind;
}

/* Counts a point; true: it fails. */
static bool due(void)
{
	uint64_t number = atomic_fetch_add(&shared->seen, 1) + 1;

	if (number != shared->at && !(shared->sticky && number > shared->at))
		return false;
	(void)atomic_fetch_add(&shared->hits, 1);
	if (shared->error == INJECT_DIE)
		(void)syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
	errno = shared->error;
	return true;
}

/* --- netlink --- */

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_NETLINK;
}

/* The message that is due becomes one that no kernel knows. */
static void spoil(char *bytes, size_t size)
{
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= size;) {
		struct nlmsghdr *message = (struct nlmsghdr *)(void *)(bytes + at);
		if (message->nlmsg_len < sizeof(*message))
			return;
		if (due()) {
			message->nlmsg_type = NO_SUCH_MESSAGE;
			refused = true;
		}
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
}

/* The kernel's answer to it is given the errno that the test wants. */
static void give_reason(char *bytes, ssize_t got, size_t size)
{
	size_t end = got > 0 && (size_t)got < size ? (size_t)got : size;

	for (size_t at = 0; refused && at + NLMSG_HDRLEN + sizeof(struct nlmsgerr) <= end;) {
		struct nlmsghdr *message = (struct nlmsghdr *)(void *)(bytes + at);
		struct nlmsgerr *answer = (struct nlmsgerr *)(void *)(bytes + at + NLMSG_HDRLEN);
		if (message->nlmsg_len < sizeof(*message))
			return;
		if (message->nlmsg_type == NLMSG_ERROR && answer->error == -REFUSED) {
			answer->error = -shared->error;
			refused = shared->sticky;
		}
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
	static __thread char copy[1 << 17];

	if (armed(INJECT_SEND) && is_netlink(fd) && due())
		return -1;
	if (armed(INJECT_REFUSE) && size <= sizeof(copy) && is_netlink(fd)) {
		memcpy(copy, bytes, size);
		spoil(copy, size);
		bytes = copy;
	}
	return syscall(SYS_sendto, fd, bytes, size, flags, to, length);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	return sendto(fd, bytes, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (armed(INJECT_SEND) && is_netlink(fd) && due())
		return -1;
	return syscall(SYS_sendmsg, fd, message, flags);
}

static ssize_t received(ssize_t got)
{
	return got > 0 && due() ? -1 : got;
}

ssize_t recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *length)
{
	if (armed(INJECT_BREAK) && is_netlink(fd) && due())
		return -1;
	bool lost = armed(INJECT_LOST) && is_netlink(fd);
	ssize_t got = syscall(SYS_recvfrom, fd, bytes, size, flags, from, length);
	if (lost)
		return received(got);
	if (got > 0 && refused && armed(INJECT_REFUSE) && is_netlink(fd))
		give_reason(bytes, got, size);
	return got;
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	return recvfrom(fd, bytes, size, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	if (armed(INJECT_BREAK) && is_netlink(fd) && due())
		return -1;
	bool lost = armed(INJECT_LOST) && is_netlink(fd);
	ssize_t got = syscall(SYS_recvmsg, fd, message, flags);
	return lost ? received(got) : got;
}

/* --- files --- */

static bool is_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	return strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_ours(const char *path)
{
	return is_below(path, shared->state) || is_below(path, shared->runtime);
}

static bool is_our_file(int fd)
{
	char link[32] = "/proc/self/fd/", digits[12], path[512];
	size_t count = 0, at = strlen(link);

	if (fd < 0)
		return false;
	do {
		digits[count++] = (char)('0' + fd % 10);
	} while (fd /= 10);
	while (count)
		link[at++] = digits[--count];
	ssize_t length = syscall(SYS_readlink, link, path, sizeof(path) - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	return is_ours(path);
}

static bool write_fails(int fd)
{
	return armed(INJECT_WRITE) && is_our_file(fd) && due();
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	return write_fails(fd) ? -1 : syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	return write_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	return write_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
	return write_fails(to) ? -1 : syscall(SYS_sendfile, to, from, at, size);
}

int fsync(int fd)
{
	return write_fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return write_fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
	return write_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return write_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to)
{
	if (armed(INJECT_WRITE) && is_ours(to) && due())
		return -1;
	return (int)syscall(SYS_rename, from, to);
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);

	if (writes && armed(INJECT_WRITE) && (path[0] == '/' ? is_ours(path) : is_our_file(dir)) && due())
		return -1;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static mode_t mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN_LIKE(name, dir, ...)                       \
	int name(__VA_ARGS__, int flags, ...)           \
	{                                               \
		va_list list;                           \
		va_start(list, flags);                  \
		mode_t mode = mode_of(flags, list);     \
		va_end(list);                           \
		return open_at(dir, path, flags, mode); \
	}

OPEN_LIKE(open, AT_FDCWD, const char *path)
OPEN_LIKE(open64, AT_FDCWD, const char *path)
OPEN_LIKE(openat, from, int from, const char *path)
OPEN_LIKE(openat64, from, int from, const char *path)

/* --- memory --- */

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static bool memory_fails(void)
{
	return armed(INJECT_MEMORY) && due();
}

void *malloc(size_t bytes)
{
	return memory_fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return memory_fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return memory_fails() ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memory_fails() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
	int saved = errno;
	void *memory = memory_fails() ? NULL : __libc_memalign(alignment, bytes);

	errno = saved;
	if (!memory)
		return ENOMEM;
	*ret = memory;
	return 0;
}
