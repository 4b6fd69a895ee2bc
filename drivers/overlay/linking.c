/* SPDX-License-Identifier: Apache-2.0 */
/* When links are made: as soon as this node's address is known, when it changes, and when somebody took one away. */
#include "drivers/overlay/overlay.h"

#include <string.h>

struct indexes {
	uint32_t count, list[2 * SUBNETS_MAX];
};

static void indexes_of(const struct net *net, struct indexes *ret)
{
	ret->count = 0;
	for (uint32_t i = 0; i < net->subnet_count; i++) {
		ret->list[ret->count++] = net->subnets[i].bridge_index;
		ret->list[ret->count++] = net->subnets[i].vxlan_index;
	}
}

/* One exchange for all of them. */
static int are_there(struct ndrv_call *call, const struct net *net, bool *ret)
{
	struct ndrv_link links[2 * SUBNETS_MAX];
	struct indexes indexes;
	int rc;

	indexes_of(net, &indexes);
	rc = ndrv_link_get_many(call->host_nl, indexes.list, indexes.count, links, call->err);
	*ret = true;
	for (uint32_t i = 0; i < indexes.count && !rc; i++) {
		bool vxlan = i % 2;

		*ret = *ret && links[i].index && (!vxlan || links[i].master == indexes.list[i - 1]);
	}
	return rc;
}

static int look(struct ndrv_call *call, const struct net *net, const struct node *here, bool *ret_fine)
{
	*ret_fine = net->linked && (!here->address.family || ndrv_addr_equal(&net->vtep, &here->address));
	return *ret_fine ? are_there(call, net, ret_fine) : 0;
}

/* New links have no entries, and no ports. */
static void fill(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *net)
{
	struct ndrv_error why = {0}, *err = call->err;
	int rc;

	call->err = &why;
	net->flooded = 0;
	peers_lost(&net->peers, net->vtep.family);
	rc = net_program(call, net);
	for (struct ep *ep = net->eps; ep; ep = ep->next) {
		int failed = veth_check(call, network, net, ep);

		rc = rc ? rc : failed;
	}
	call->err = err;
	if (rc)
		ndrv_log(overlay->host, NDRV_LOG_WARNING, "network %.64s: %s", net->id, why.text);
}

static int relink(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *net,
		  struct node *here)
{
	struct indexes before, after;
	bool found = false, had = net->linked;
	int rc;

	/* Until somebody says who this node is, it is who it was. */
	if (!here->address.family)
		here->address = net->vtep;
	indexes_of(net, &before);
	rc = net_make_links(call, network, net, here, &found);
	if (rc)
		return rc;
	net->linked = found;
	indexes_of(net, &after);
	if (found && (!had || memcmp(before.list, after.list, before.count * sizeof(before.list[0])) != 0))
		fill(overlay, call, network, net);
	return 0;
}

int net_link(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_network *network, struct net *net, bool required)
{
	struct node here;
	bool fine = false;
	int rc;

	rc = nodes_load(overlay, call);
	if (rc)
		return rc;
	node_here(overlay, &here);
	(void)pthread_mutex_lock(&net->lock);
	rc = look(call, net, &here, &fine);
	if (!rc && !fine)
		rc = relink(overlay, call, network, net, &here);
	if (!rc)
		rc = net_flood(overlay, call, net);
	if (!rc && required && (!net->linked || !net->vtep.family))
		rc = ndrv_fail(call->err, NDRV_E_NO_SERVICE,
			       "this node's address is not known yet: set node.address in ndrvd.yaml, or local_address in the "
			       "driver's configuration");
	(void)pthread_mutex_unlock(&net->lock);
	return rc;
}
