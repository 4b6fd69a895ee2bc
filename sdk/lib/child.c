/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- names --- */

void child_name(char ret[NDRV_IFNAME_MAX], const char *prefix, const struct ndrv_network *network, const char *eid)
{
	ndrv_link_name(ret, prefix, network->instance, network->id, eid);
}

bool child_is_ours(const struct ndrv_network *network, const struct ndrv_link *link, const char *kind)
{
	return link->group == network->link_group && !strcmp(link->kind, kind);
}

/* --- the list of networks, with the lock held --- */

static int list_add(struct child_driver *driver, struct child_net *net, struct ndrv_error *err)
{
	for (const struct child_net *other = driver->networks; other; other = other->next)
		if (!strcmp(net->parent, other->parent) && ((net->traits | other->traits) & NDRV_CHILD_EXCLUSIVE))
			return ndrv_fail(err, NDRV_E_FORBIDDEN, "network %.64s is already using parent interface %s", other->id,
					 net->parent);
	net->next = driver->networks;
	driver->networks = net;
	return 0;
}

static void list_remove(struct child_driver *driver, const struct child_net *net)
{
	struct child_net **at = &driver->networks;

	while (*at && *at != net)
		at = &(*at)->next;
	if (*at)
		*at = net->next;
}

/* --- networks --- */

/* What is there and right stays, what is missing is made. A parent that is not there yet when the host starts is no reason to lose
 * the network: endpoints look for it again. */
static int set_up_parent(struct child_driver *driver, struct ndrv_call *call, struct ndrv_network *network, struct child_net *net)
{
	struct ndrv_error why = {0}, *err = call->err;
	bool made = false, restored = (call->flags & NDRV_CALL_RESTORE) != 0;
	int rc;

	call->err = &why;
	rc = child_parent_set_up(driver, call, network, net, &made);
	if (!rc && !restored)
		rc = child_parent_try(driver, call, network, net);
	call->err = err;
	if (rc && restored) {
		ndrv_log(driver->host, NDRV_LOG_WARNING, "network %.64s goes without its parent for now: %s", net->id, why.text);
		return 0;
	}
	if (rc && err)
		*err = why;
	if (rc && made) {
		call->err = &why;
		list_remove(driver, net);
		(void)child_parent_remove(driver, call, network, net);
		call->err = err;
	}
	return rc;
}

static int network_set_up(struct child_driver *driver, struct ndrv_call *call, struct ndrv_network *network)
{
	struct child_net *net = calloc(1, sizeof(*net));
	int rc;

	if (!net)
		return ndrv_fail_errno(call->err, ENOMEM, "record");
	rc = child_parse(driver, call, network, net);
	if (!rc) {
		(void)pthread_mutex_lock(&driver->lock);
		rc = list_add(driver, net, call->err);
		if (!rc) {
			rc = set_up_parent(driver, call, network, net);
			if (rc)
				list_remove(driver, net);
		}
		(void)pthread_mutex_unlock(&driver->lock);
	}
	if (rc) {
		free(net);
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	}
	network->priv = net;
	return 0;
}

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	return network->priv ? 0 : network_set_up(self, call, network);
}

/* Without priv there is only what a creation that was broken off may have left: its own dummy. A VLAN may by now be another's,
 * which the host has not told us of yet, and stays. */
static int network_clean_up(struct child_driver *driver, struct ndrv_call *call, struct ndrv_network *network)
{
	struct child_net net = {.dummy = true};

	child_name(net.parent, driver->kind->dummy_prefix, network, "");
	return child_parent_remove(driver, call, network, &net);
}

static int network_delete(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	struct child_driver *driver = self;
	struct child_net *net = network->priv;
	int rc;

	(void)pthread_mutex_lock(&driver->lock);
	if (net)
		list_remove(driver, net);
	rc = net ? child_parent_remove(driver, call, network, net) : network_clean_up(driver, call, network);
	if (rc && net) {
		net->next = driver->networks;
		driver->networks = net;
	}
	(void)pthread_mutex_unlock(&driver->lock);
	if (rc)
		return ndrv_wrap(call->err, rc, "network %.64s", network->id);
	free(net);
	network->priv = NULL;
	return 0;
}

static int adopt(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		 const struct ndrv_blob *blob)
{
	(void)blob;
	if (endpoint)
		return child_endpoint_adopt(self, call, network, endpoint);
	return network->priv ? 0 : network_set_up(self, call, network);
}

static void release(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	struct child_driver *driver = self;

	if (endpoint) {
		free(endpoint->priv);
		endpoint->priv = NULL;
	} else if (network->priv) {
		(void)pthread_mutex_lock(&driver->lock);
		list_remove(driver, network->priv);
		(void)pthread_mutex_unlock(&driver->lock);
		free(network->priv);
		network->priv = NULL;
	}
}

/* --- the instance --- */

static void destroy(void *self)
{
	struct child_driver *driver = self;

	(void)pthread_mutex_destroy(&driver->lock);
	free(driver);
}

int ndrv_child_open(const struct ndrv_host *host, const struct ndrv_child_kind *kind, void **ret_self, struct ndrv_error *err)
{
	struct child_driver *driver = calloc(1, sizeof(*driver));

	if (!driver)
		return ndrv_fail_errno(err, ENOMEM, "record");
	driver->host = host;
	driver->kind = kind;
	(void)pthread_mutex_init(&driver->lock, NULL);
	*ret_self = driver;
	return 0;
}

static int ipv6_release(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	(void)self, (void)call, (void)network, (void)endpoint;
	return 0;
}

/* program_external is absent: ports cannot be published on a network that is the outside itself. */
const struct ndrv_ops ndrv_child_ops = {
	.size = sizeof(ndrv_child_ops),
	.network_create = network_create,
	.network_delete = network_delete,
	.endpoint_create = child_endpoint_create,
	.endpoint_delete = child_endpoint_delete,
	.endpoint_info = child_endpoint_info,
	.join = child_join,
	.leave = child_leave,
	.gw_alloc_check = child_gw_alloc_check,
	.ipv6_release = ipv6_release,
	.configure = child_configure,
	.adopt = adopt,
	.release = release,
	.destroy = destroy,
	.options = child_options,
};
