/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for a platform's pool and who uses it, as far as the records and the kernel tell. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/dispatch/pools_held.h"
#include "host/dispatch/sandboxes.h"

#define TURN_NS (2 * NSEC_PER_SEC)

/* --- who asks --- */

static size_t read_file(const char *path, char *into, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, into, room - 1);

	if (fd >= 0)
		(void)close(fd);
	into[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

/* Boot, pid and the time it was started: the 22nd word, counted behind its name, which may have blanks. A dead one that nobody has
 * reaped yet is no process. */
void holder_name(uint32_t pid, char to[HOLDER_MAX])
{
	char path[64], text[1024], boot[40], *at;

	to[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (!pid || !read_file(path, text, sizeof(text)) || !(at = strrchr(text, ')')) || strlen(at) < 3 || strchr("ZX", at[2]))
		return;
	for (int word = 2; at && word < 22; word++)
		at = strchr(at + 1, ' ');
	if (!at || !read_file("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)))
		return;
	(void)snprintf(to, HOLDER_MAX, "%.8s-%u-%.*s", boot, pid, (int)strcspn(at + 1, " "), at + 1);
}

bool holder_lives(const char *holder)
{
	const char *dash = strchr(holder, '-');
	char now[HOLDER_MAX];

	if (!dash)
		return false;
	holder_name((uint32_t)strtoul(dash + 1, NULL, 10), now);
	return strcmp(now, holder) == 0;
}

/* --- who uses it --- */

struct search {
	const struct ndrv_prefix *pool;
	const struct ndrv_addr *addr; /* NULL: only whether a network uses the pool */
	enum user user;
	char key[256];
};

static bool uses(const struct network *network, const struct ndrv_prefix *pool)
{
	for (uint32_t i = 0; i < network->pool_count; i++)
		if (!network->pools[i].ours && ndrv_prefix_equal(&network->pools[i].pool, pool))
			return true;
	return false;
}

static int look_at_endpoint(struct endpoint *endpoint, void *data)
{
	struct search *search = data;

	if (!ndrv_addr_equal(&endpoint->view.address.addr, search->addr) &&
	    !ndrv_addr_equal(&endpoint->view.address6.addr, search->addr))
		return 0;
	search->user = USER_DEAD;
	const char *key = endpoint->join.sandbox_key ? endpoint->join.sandbox_key : "";
	(void)snprintf(search->key, sizeof(search->key), "%s", key);
	return 1;
}

/* A network that is busy for long is in use. */
static int look_at_network(struct network *network, void *data)
{
	struct search *search = data;

	if (!turn_wait(&network->turn, clock_ns() + TURN_NS)) {
		search->user = USER_LIVES;
		return 1;
	}
	if (!atomic_load(&network->gone) && uses(network, search->pool)) {
		if (search->user == USER_UNKNOWN)
			search->user = USER_NONE;
		if (search->addr)
			(void)network_each_endpoint(network, look_at_endpoint, search);
	}
	turn_pass(&network->turn);
	return search->user == USER_DEAD || (search->user == USER_NONE && !search->addr);
}

static enum user look(struct dispatch *dispatch, struct search *search)
{
	(void)records_each(dispatch->parts.records, look_at_network, search);
	if (search->user == USER_DEAD && sandbox_may_live(search->key))
		search->user = USER_LIVES;
	return search->user;
}

bool pool_is_used(struct dispatch *dispatch, const struct ndrv_prefix *pool)
{
	struct search search = {.pool = pool};

	return look(dispatch, &search) != USER_UNKNOWN;
}

enum user pool_user(struct dispatch *dispatch, const struct ndrv_prefix *pool, const struct ndrv_addr *addr)
{
	struct search search = {.pool = pool, .addr = addr};

	return look(dispatch, &search);
}
