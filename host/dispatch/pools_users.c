/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses a platform's pool, as far as the records and the kernel tell. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/dispatch/pools_held.h"

#define TURN_NS (2 * NSEC_PER_SEC)

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

	if (!turn_wait(&network->turn, clock_ns() + TURN_NS))
		return 0;
	if (!atomic_load(&network->gone) && uses(network, search->pool)) {
		if (search->user == USER_UNKNOWN)
			search->user = USER_NONE;
		if (search->addr)
			(void)network_each_endpoint(network, look_at_endpoint, search);
	}
	turn_pass(&network->turn);
	return search->user == USER_DEAD || (search->user == USER_NONE && !search->addr);
}

/* Docker keeps the namespaces of dead containers mounted, so that the path alone says nothing. */
static bool has_process(const char *key)
{
	struct stat wanted, found;
	bool any = false;
	DIR *proc = key[0] == '/' && stat(key, &wanted) == 0 ? opendir("/proc") : NULL;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream */
	for (struct dirent *entry = NULL; proc && !any && (entry = readdir(proc));) {
		char path[64];
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name) >= (int)sizeof(path))
			continue;
		any = stat(path, &found) == 0 && found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev;
	}
	if (proc)
		(void)closedir(proc);
	return any;
}

static enum user look(struct dispatch *dispatch, struct search *search)
{
	(void)records_each(dispatch->parts.records, look_at_network, search);
	if (search->user == USER_DEAD && has_process(search->key))
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
