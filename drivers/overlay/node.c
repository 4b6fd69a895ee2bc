/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/overlay/overlay.h"

#include <string.h>

/* --- this node --- */

void node_here(struct overlay *overlay, struct node *ret)
{
	(void)pthread_mutex_lock(&overlay->lock);
	*ret = overlay->discovered;
	if (overlay->configured.family)
		*ret = (struct node){.address = overlay->configured};
	(void)pthread_mutex_unlock(&overlay->lock);
}

static int parse_node(struct ndrv_call *call, const struct ndrv_discovery *discovery, struct node *ret)
{
	const char *bind = discovery->bind_address ? discovery->bind_address : "";
	int rc = ndrv_addr_parse(discovery->address ? discovery->address : "", &ret->address, call->err);

	if (!rc && bind[0])
		rc = ndrv_addr_parse(bind, &ret->bind, call->err);
	if (rc)
		return ndrv_wrap(call->err, rc, "node");
	if (ndrv_addr_is_unspecified(&ret->address))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "node: %s is no address other nodes could send to",
				 discovery->address);
	/* "Listens on all of them" says nothing. */
	if (ret->bind.family != ret->address.family || ndrv_addr_is_unspecified(&ret->bind))
		ret->bind = (struct ndrv_addr){0};
	return 0;
}

/* --- others --- */

/* Entries to a node that is gone would be a hole traffic falls into until the rows go, and another's row for the same address may
 * be waiting. */
static int hide(struct overlay *overlay, struct ndrv_call *call, const struct ndrv_addr *vtep, bool hidden)
{
	int rc = nodes_change(overlay, call, vtep, hidden);

	for (struct net *net = net_next(overlay, NULL); net; net = net_next(overlay, net)) {
		(void)pthread_mutex_lock(&net->lock);
		int failed = peers_hide(&net->peers, vtep, hidden) ? net_program(call, net) : 0;

		net->gone = hidden ? *vtep : (struct ndrv_addr){0};
		if (!failed)
			failed = net_flood(overlay, call, net);
		if (failed)
			ndrv_log(overlay->host, NDRV_LOG_WARNING, "network %.64s: %s", net->id, call->err ? call->err->text : "");
		rc = rc ? rc : failed;
		(void)pthread_mutex_unlock(&net->lock);
	}
	return rc;
}

int overlay_discover_new(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	struct overlay *overlay = self;
	struct node node = {0};
	int rc;

	if (discovery->type != NDRV_DISCOVER_NODE)
		return 0;
	rc = parse_node(call, discovery, &node);
	if (rc || !discovery->self)
		return rc ? rc : hide(overlay, call, &node.address, false);
	return nodes_put_self(overlay, call, &node);
}

int overlay_discover_delete(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery)
{
	struct overlay *overlay = self;
	struct node node = {0};
	int rc;

	if (discovery->type != NDRV_DISCOVER_NODE)
		return 0;
	rc = parse_node(call, discovery, &node);
	if (rc || !discovery->self)
		return rc ? rc : hide(overlay, call, &node.address, true);
	return nodes_drop_self(overlay, call, &node);
}

/* --- configuration --- */

int overlay_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	struct overlay *overlay = self;
	struct config parsed = {0};
	int rc = config_parse(call, config, &parsed);

	if (!rc && parsed.local_address.family && ndrv_addr_is_unspecified(&parsed.local_address))
		rc = ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "local_address: the unspecified address is none to send to");
	if (rc)
		return rc;
	(void)pthread_mutex_lock(&overlay->lock);
	overlay->configured = parsed.local_address;
	overlay->port = (uint16_t)parsed.port;
	(void)pthread_mutex_unlock(&overlay->lock);
	return 0;
}
