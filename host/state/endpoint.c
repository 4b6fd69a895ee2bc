/* SPDX-License-Identifier: Apache-2.0 */
/* A network's endpoints. Everything here is done under the network's turn. */
#include <stdlib.h>
#include <string.h>

#include "host/state/record.h"

/* Most endpoints need a few hundred bytes; what a client may make one hold is bounded. */
#define ARENA_BLOCK 512u
#define ARENA_LIMIT (1024u * 1024u)

static struct endpoint *endpoint_by_name(struct idmap_node *node)
{
	return (struct endpoint *)(void *)((char *)node - offsetof(struct endpoint, name_node));
}

static bool copy_texts(struct endpoint *endpoint, const char *id, const char *name)
{
	struct ndrv_value *options = arena_alloc(&endpoint->arena, sizeof(*options));

	endpoint->view.id = arena_strdup(&endpoint->arena, id);
	endpoint->name = arena_strdup(&endpoint->arena, name ? name : "");
	if (!options || !endpoint->view.id || !endpoint->name)
		return false;
	options->type = NDRV_MAP;
	endpoint->view.options = options;
	return true;
}

struct endpoint *endpoint_new(struct network *network, const char *id, const char *name)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	arena_init(&endpoint->arena, ARENA_LIMIT);
	arena_init(&endpoint->join_arena, ARENA_LIMIT);
	arena_init(&endpoint->external_arena, ARENA_LIMIT);
	endpoint->arena.block = ARENA_BLOCK;
	endpoint->join_arena.block = ARENA_BLOCK;
	endpoint->external_arena.block = ARENA_BLOCK;
	if (!copy_texts(endpoint, id, name)) {
		endpoint_free(endpoint);
		return NULL;
	}
	endpoint->node.id = endpoint->view.id;
	endpoint->network = network;
	endpoint->state = RECORD_CREATING;
	endpoint->view.size = sizeof(endpoint->view);
	endpoint->view.network = &network->view;
	join_clear(endpoint);
	return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	arena_reset(&endpoint->arena);
	arena_reset(&endpoint->join_arena);
	arena_reset(&endpoint->external_arena);
	free(endpoint);
}

void join_clear(struct endpoint *endpoint)
{
	static char nothing[] = "";

	arena_reset(&endpoint->join_arena);
	arena_reset(&endpoint->external_arena);
	endpoint->join = (struct join_record){.sandbox_key = nothing, .netns_path = nothing};
	endpoint->view.sandbox_key = "";
}

struct endpoint *network_endpoint(struct network *network, const char *id)
{
	struct idmap_node *node = idmap_find(&network->endpoints, id);

	return node ? endpoint_of(node) : NULL;
}

struct endpoint *network_endpoint_named(struct network *network, const char *name)
{
	struct idmap_node *node = *name ? idmap_find(&network->endpoint_names, name) : NULL;

	return node ? endpoint_by_name(node) : NULL;
}

static void link_last(struct network *network, struct endpoint *endpoint)
{
	if (!endpoint->serial)
		endpoint->serial = network->last_endpoint_serial + 1;
	if (endpoint->serial > network->last_endpoint_serial)
		network->last_endpoint_serial = endpoint->serial;
	endpoint->older = network->last_endpoint;
	endpoint->newer = NULL;
	if (network->last_endpoint)
		network->last_endpoint->newer = endpoint;
	else
		network->first_endpoint = endpoint;
	network->last_endpoint = endpoint;
	network->endpoint_count++;
}

static void unlink_endpoint(struct network *network, struct endpoint *endpoint)
{
	if (endpoint->older)
		endpoint->older->newer = endpoint->newer;
	else
		network->first_endpoint = endpoint->newer;
	if (endpoint->newer)
		endpoint->newer->older = endpoint->older;
	else
		network->last_endpoint = endpoint->older;
	network->endpoint_count--;
}

int network_add_endpoint(struct network *network, struct endpoint *endpoint, struct ndrv_error *err)
{
	if (network_endpoint(network, endpoint->view.id))
		return ndrv_fail_object(err, NDRV_E_ENDPOINT_EXISTS, endpoint->view.id);
	if (network_endpoint_named(network, endpoint->name))
		return ndrv_fail(err, NDRV_E_NAME_EXISTS, "endpoint with name %s already exists in network %s", endpoint->name,
				 network->view.id);
	if (idmap_add(&network->endpoints, &endpoint->node, endpoint->view.id))
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for endpoint %s", endpoint->view.id);
	if (*endpoint->name && idmap_add(&network->endpoint_names, &endpoint->name_node, endpoint->name)) {
		idmap_del(&network->endpoints, &endpoint->node);
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for endpoint %s", endpoint->view.id);
	}
	link_last(network, endpoint);
	return 0;
}

void network_unname_endpoint(struct network *network, struct endpoint *endpoint)
{
	if (*endpoint->name)
		idmap_del(&network->endpoint_names, &endpoint->name_node);
	endpoint->name[0] = '\0';
}

void network_del_endpoint(struct network *network, struct endpoint *endpoint)
{
	idmap_del(&network->endpoints, &endpoint->node);
	if (*endpoint->name)
		idmap_del(&network->endpoint_names, &endpoint->name_node);
	unlink_endpoint(network, endpoint);
	endpoint_free(endpoint);
}

int network_each_endpoint(struct network *network, int (*each)(struct endpoint *endpoint, void *data), void *data)
{
	struct endpoint *next;

	for (struct endpoint *at = network->first_endpoint; at; at = next) {
		next = at->newer;
		int rc = each(at, data);
		if (rc)
			return rc;
	}
	return 0;
}
