/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints live as long as the kernel's objects: until the next boot, in the network namespace they were made in. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/state/store_internal.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

static void read_boot_id(char *ret, size_t bytes)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, ret, bytes - 1);

	if (fd >= 0)
		(void)close(fd);
	ret[got > 0 ? got : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

/* The cookie is never used again during a boot; where the kernel does not tell it, the inode is what there is. */
static void read_netns(char *ret, size_t bytes)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;

	if (fd >= 0)
		(void)close(fd);
	*ret = '\0';
	if (known)
		(void)snprintf(ret, bytes, "cookie %" PRIu64, cookie);
	else if (stat("/proc/thread-self/ns/net", &st) == 0)
		(void)snprintf(ret, bytes, "inode %ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

/* An identity that cannot be read is not the same one. */
static bool is_same(struct db *live, const char *key, const char *present)
{
	char sql[96], stored[128];

	(void)snprintf(sql, sizeof(sql), "SELECT value FROM meta WHERE key = '%s'", key);
	return db_query_text(live, sql, stored, sizeof(stored)) == SQLITE_OK && *present && strcmp(stored, present) == 0;
}

static int remember(struct db *live, const char *boot, const char *netns, bool empty)
{
	char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s INSERT OR REPLACE INTO meta VALUES('boot_id', %Q), ('netns', %Q); COMMIT",
				    empty ? live->spec->empty : "", boot, netns);
	int rc = sql ? db_exec(live, sql) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (rc && !sqlite3_get_autocommit(live->sql))
		(void)db_exec(live, "ROLLBACK");
	return rc;
}

int live_check_identity(struct db *live, bool *ret_continued, struct ndrv_error *err)
{
	char boot[64], netns[64], count[32];
	const char *reason = NULL;

	read_boot_id(boot, sizeof(boot));
	read_netns(netns, sizeof(netns));
	if (!is_same(live, "boot_id", boot))
		reason = "the machine has booted since";
	else if (!is_same(live, "netns", netns))
		reason = "it was written in another network namespace";
	int rc = db_query_text(live, live->spec->count, count, sizeof(count));
	rc = rc ? rc : remember(live, boot, netns, reason != NULL);
	if (rc)
		return db_fail(live, rc, "write", "boot id and namespace", err);
	*ret_continued = reason == NULL;
	/* A new file is no news. */
	if (reason && strcmp(count, "0") != 0)
		(void)snprintf(live->report.emptied_because, sizeof(live->report.emptied_because), "%s", reason);
	return 0;
}

int live_check_missing(struct db *state, struct db *live, bool continued, struct ndrv_error *err)
{
	char boot[64], netns[64];

	read_boot_id(boot, sizeof(boot));
	read_netns(netns, sizeof(netns));
	bool same = is_same(state, "boot_id", boot) && is_same(state, "netns", netns);
	if (same && !continued && !live->report.emptied_because[0] && !live->report.why[0])
		(void)snprintf(live->report.emptied_because, sizeof(live->report.emptied_because),
			       "it was not there any more, though a host has had it since the machine booted");
	int rc = same ? 0 : remember(state, boot, netns, false);
	return rc ? db_fail(state, rc, "write", "boot id and namespace", err) : 0;
}
