/* SPDX-License-Identifier: Apache-2.0 */
/* The map of networks. Readers go through the id maps without a lock; the list in order of creation, and every change, is under one
 * mutex, which is never held while anything of somebody else's is called. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/epoch.h"
#include "host/state/record.h"

/* A network's options, pools and labels; what a client may make one hold is bounded. */
#define ARENA_BLOCK 512u
#define ARENA_LIMIT (4u * 1024u * 1024u)
#define SHORTEST_PREFIX 4u

/* A walk in progress: who takes the network out that comes next moves it on. */
struct walk {
	struct walk *other;
	struct network *next;
	uint64_t last; /* serial: networks that come later are none of it */
};

struct records {
	pthread_mutex_t mutex;
	struct idmap ids;
	struct idmap names;
	struct network *oldest, *newest;
	uint64_t last_serial;
	struct walk *walks;
};

struct records *records_new(void)
{
	struct records *records = calloc(1, sizeof(*records));

	if (!records)
		return NULL;
	if (idmap_init(&records->ids)) {
		free(records);
		return NULL;
	}
	if (idmap_init(&records->names)) {
		idmap_done(&records->ids);
		free(records);
		return NULL;
	}
	(void)pthread_mutex_init(&records->mutex, NULL);
	return records;
}

void records_free(struct records *records)
{
	if (!records)
		return;
	struct network *older;
	for (struct network *at = records->newest; at; at = older) {
		older = at->older;
		network_free(at);
	}
	idmap_done(&records->ids);
	idmap_done(&records->names);
	(void)pthread_mutex_destroy(&records->mutex);
	free(records);
}

static struct network *network_by_name(struct idmap_node *node)
{
	return (struct network *)(void *)((char *)node - offsetof(struct network, name_node));
}

static bool copy_texts(struct network *network, const char *id, const char *name, const char *type)
{
	struct ndrv_value *options = arena_alloc(&network->arena, sizeof(*options));

	network->view.id = arena_strdup(&network->arena, id);
	network->view.name = arena_strdup(&network->arena, name ? name : "");
	network->type = arena_strdup(&network->arena, type);
	if (!options || !network->view.id || !network->view.name || !network->type)
		return false;
	options->type = NDRV_MAP;
	network->view.options = options;
	return true;
}

struct network *network_new(const char *id, const char *name, const char *type)
{
	struct network *network = calloc(1, sizeof(*network));

	if (!network)
		return NULL;
	arena_init(&network->arena, ARENA_LIMIT);
	network->arena.block = ARENA_BLOCK;
	turn_init(&network->turn);
	atomic_init(&network->refs, 1);
	network->state = RECORD_CREATING;
	network->view.size = sizeof(network->view);
	network->view.instance = "";
	network->view.ipv4.element_size = sizeof(struct ndrv_ipam_data);
	network->view.ipv6.element_size = sizeof(struct ndrv_ipam_data);
	network->labels.type = NDRV_MAP;
	if (!copy_texts(network, id, name, type) || idmap_init(&network->endpoints) || idmap_init(&network->endpoint_names)) {
		network_free(network);
		return NULL;
	}
	network->node.id = network->view.id;
	return network;
}

void network_free(struct network *network)
{
	if (!network)
		return;
	struct endpoint *newer;
	for (struct endpoint *at = network->first_endpoint; at; at = newer) {
		newer = at->newer;
		endpoint_free(at);
	}
	idmap_done(&network->endpoints);
	idmap_done(&network->endpoint_names);
	turn_done(&network->turn);
	arena_reset(&network->arena);
	free(network->unserved);
	free(network);
}

struct network *records_find(struct records *records, const char *id)
{
	struct idmap_node *node = idmap_find(&records->ids, id);

	return node ? network_of(node) : NULL;
}

struct network *records_find_name(struct records *records, const char *name)
{
	struct idmap_node *node = *name ? idmap_find(&records->names, name) : NULL;

	return node ? network_by_name(node) : NULL;
}

/* Under the mutex. */
static int find_by_beginning(struct records *records, const char *text, struct network **ret, struct ndrv_error *err)
{
	size_t length = strlen(text);
	struct network *found = NULL;

	for (struct network *at = records->oldest; at && length >= SHORTEST_PREFIX; at = at->newer) {
		if (strncmp(at->view.id, text, length) != 0)
			continue;
		if (found)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "several networks' ids begin with %s: give more of the id", text);
		found = at;
	}
	if (!found)
		return ndrv_fail_object(err, NDRV_E_NO_NETWORK, text);
	*ret = found;
	return 0;
}

int records_resolve(struct records *records, const char *id_or_name, struct network **ret, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&records->mutex);
	struct network *found = records_find(records, id_or_name);
	if (!found)
		found = records_find_name(records, id_or_name);
	if (!found)
		rc = find_by_beginning(records, id_or_name, &found, err);
	if (!rc) {
		network_ref(found);
		*ret = found;
	}
	(void)pthread_mutex_unlock(&records->mutex);
	return rc;
}

void network_ref(struct network *network)
{
	(void)atomic_fetch_add_explicit(&network->refs, 1, memory_order_relaxed);
}

static void reap(struct turn_waiter *waiter)
{
	network_free((struct network *)(void *)((char *)waiter - offsetof(struct network, reaper)));
}

/* Nobody can find it any more, but who found it earlier may still have the turn or wait for it without a reference: the one who
 * frees it queues up behind them. */
void network_unref(struct network *network)
{
	if (atomic_fetch_sub_explicit(&network->refs, 1, memory_order_acq_rel) != 1)
		return;
	network->reaper.mine = reap;
	if (turn_take(&network->turn, &network->reaper))
		network_free(network);
}

/* Under the mutex. A record from disk keeps its serial; they are added in order. */
static void link_newest(struct records *records, struct network *network)
{
	if (!network->serial)
		network->serial = records->last_serial + 1;
	if (network->serial > records->last_serial)
		records->last_serial = network->serial;
	network->older = records->newest;
	network->newer = NULL;
	if (records->newest)
		records->newest->newer = network;
	else
		records->oldest = network;
	records->newest = network;
}

/* Under the mutex. */
static void unlink_network(struct records *records, struct network *network)
{
	for (struct walk *walk = records->walks; walk; walk = walk->other)
		if (walk->next == network)
			walk->next = network->newer;
	if (network->older)
		network->older->newer = network->newer;
	else
		records->oldest = network->newer;
	if (network->newer)
		network->newer->older = network->older;
	else
		records->newest = network->older;
}

/* Under the mutex. */
static int add_locked(struct records *records, struct network *network, struct network **ret_existing, struct ndrv_error *err)
{
	struct network *existing = records_find(records, network->view.id);

	if (existing) {
		if (ret_existing) {
			network_ref(existing);
			*ret_existing = existing;
		}
		return ndrv_fail_object(err, NDRV_E_NETWORK_EXISTS, network->view.id);
	}
	if (records_find_name(records, network->view.name))
		return ndrv_fail_object(err, NDRV_E_NAME_EXISTS, network->view.name);
	/* Whoever finds it from here on needs it whole. */
	network_ref(network);
	if (idmap_add(&records->ids, &network->node, network->view.id) == 0) {
		if (!*network->view.name || idmap_add(&records->names, &network->name_node, network->view.name) == 0) {
			link_newest(records, network);
			return 0;
		}
		idmap_del(&records->ids, &network->node);
		epoch_wait();
	}
	(void)atomic_fetch_sub_explicit(&network->refs, 1, memory_order_relaxed);
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for network %s", network->view.id);
}

int records_add(struct records *records, struct network *network, struct network **ret_existing, struct ndrv_error *err)
{
	if (ret_existing)
		*ret_existing = NULL;
	(void)pthread_mutex_lock(&records->mutex);
	int rc = add_locked(records, network, ret_existing, err);
	(void)pthread_mutex_unlock(&records->mutex);
	return rc;
}

void records_del(struct records *records, struct network *network)
{
	atomic_store(&network->gone, true);
	(void)pthread_mutex_lock(&records->mutex);
	idmap_del(&records->ids, &network->node);
	if (*network->view.name)
		idmap_del(&records->names, &network->name_node);
	unlink_network(records, network);
	(void)pthread_mutex_unlock(&records->mutex);
	/* Who found it in a section has its reference or its place in the queue by now. */
	epoch_wait();
	network_unref(network);
}

void records_unname(struct records *records, struct network *network)
{
	(void)pthread_mutex_lock(&records->mutex);
	if (*network->view.name)
		idmap_del(&records->names, &network->name_node);
	network->view.name = "";
	(void)pthread_mutex_unlock(&records->mutex);
}

/* With a reference; NULL at the end. */
static struct network *step(struct records *records, struct walk *walk)
{
	(void)pthread_mutex_lock(&records->mutex);
	struct network *network = walk->next && walk->next->serial <= walk->last ? walk->next : NULL;
	if (network) {
		network_ref(network);
		walk->next = network->newer;
	}
	(void)pthread_mutex_unlock(&records->mutex);
	return network;
}

int records_each(struct records *records, int (*each)(struct network *network, void *data), void *data)
{
	struct walk walk;
	struct network *network;
	int rc = 0;

	(void)pthread_mutex_lock(&records->mutex);
	walk = (struct walk){.other = records->walks, .next = records->oldest, .last = records->last_serial};
	records->walks = &walk;
	(void)pthread_mutex_unlock(&records->mutex);
	while (rc == 0 && (network = step(records, &walk))) {
		rc = each(network, data);
		network_unref(network);
	}
	(void)pthread_mutex_lock(&records->mutex);
	struct walk **at = &records->walks;
	while (*at != &walk)
		at = &(*at)->other;
	*at = walk.other;
	(void)pthread_mutex_unlock(&records->mutex);
	return rc;
}

size_t records_count(struct records *records)
{
	return atomic_load(&records->ids.count);
}
