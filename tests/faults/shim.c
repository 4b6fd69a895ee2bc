/* SPDX-License-Identifier: Apache-2.0 */
/* Put before the C library of a running ndrvd (LD_PRELOAD): makes one system call of a kind, or one allocation, fail, and forgets
 * writes of a kind, so that nothing in the host itself knows of it. What fails when is said on a board that the test shares. */
#include "tests/faults/shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static struct shim_board *board;
static const char *forget;

__attribute__((constructor)) static void open_board(void)
{
	const char *path = getenv(SHIM_BOARD_VARIABLE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory != MAP_FAILED)
		board = memory;
	if (fd >= 0)
		(void)close(fd);
	forget = getenv("NDRV_SHIM_FORGET");
}

/* The turn of this call to fail? */
static bool fails(enum shim_kind kind)
{
	if (!board || atomic_load(&board->kind) != (int)kind)
		return false;
	long number = atomic_fetch_add(&board->count, 1) + 1, target = atomic_load(&board->target);
	if (!target || (atomic_load(&board->sticky) ? number < target : number != target))
		return false;
	atomic_fetch_add(&board->failed, 1);
	return true;
}

/* --- netlink --- */

static bool is_netlink(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_NETLINK;
}

static bool armed(enum shim_kind kind)
{
	return board && atomic_load(&board->kind) == (int)kind;
}

ssize_t send(int fd, const void *bytes, size_t count, int flags)
{
	if (armed(SHIM_NETLINK_SEND) && is_netlink(fd) && fails(SHIM_NETLINK_SEND)) {
		errno = atomic_load(&board->error);
		return -1;
	}
	return syscall(SYS_sendto, fd, bytes, count, flags, NULL, 0);
}

/* The kernel has done what was asked, and its answer is lost. */
ssize_t recv(int fd, void *bytes, size_t count, int flags)
{
	ssize_t got = syscall(SYS_recvfrom, fd, bytes, count, flags, NULL, NULL);

	if (got < 0 || (flags & MSG_PEEK) || !armed(SHIM_NETLINK_RECEIVE) || !is_netlink(fd) || !fails(SHIM_NETLINK_RECEIVE))
		return got;
	errno = atomic_load(&board->error);
	return -1;
}

/* --- disk --- */

static bool is_state(int fd)
{
	char link[64], path[512];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	return strstr(path, ".db") != NULL;
}

static bool disk_fails(int fd)
{
	if (!armed(SHIM_DISK) || !is_state(fd) || !fails(SHIM_DISK))
		return false;
	errno = atomic_load(&board->error);
	return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
	return disk_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
	return disk_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
	return disk_fails(fd) ? -1 : syscall(SYS_write, fd, bytes, count);
}

int fsync(int fd)
{
	return disk_fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return disk_fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length)
{
	return disk_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length)
{
	return disk_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

/* --- memory --- */

extern void *__libc_malloc(size_t bytes);		 /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c) */
extern void *__libc_calloc(size_t count, size_t bytes);	 /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c) */
extern void *__libc_realloc(void *memory, size_t bytes); /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c) */

static bool memory_fails(void)
{
	if (!fails(SHIM_MEMORY))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return memory_fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return memory_fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return memory_fails() ? NULL : __libc_realloc(memory, bytes);
}

/* --- a host with a bug --- */

/* "creating": no intent is ever written. "live": a call's end is never written. The host believes that both were. */
static bool is_forgotten(sqlite3_stmt *statement)
{
	const char *sql = sqlite3_sql(statement);

	if (!sql || (strncmp(sql, "INSERT INTO endpoint", 20) != 0 && strncmp(sql, "INSERT INTO network", 19) != 0))
		return false;
	char *expanded = sqlite3_expanded_sql(statement);
	const char *state = expanded ? strstr(expanded, "\"state\":") : NULL;
	bool same = state && state[8] == (!strcmp(forget, "creating") ? '1' : '2');
	sqlite3_free(expanded);
	return same;
}

int sqlite3_step(sqlite3_stmt *statement)
{
	static int (*step)(sqlite3_stmt * statement);

	if (!step)
		step = NEXT(sqlite3_step);
	return forget && is_forgotten(statement) ? SQLITE_DONE : step(statement);
}
