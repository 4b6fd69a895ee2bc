/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/child.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

#define VLAN_ID_MAX 4094

/* --- made by us --- */

static int fill_vlan(struct nl_msg *msg, const void *data)
{
	return nla_put_u16(msg, IFLA_VLAN_ID, *(const uint16_t *)data);
}

/* Up if what it sits on is up; if not, it follows when an administrator says so. */
static int set_up(struct ndrv_call *call, const char *name, uint32_t index)
{
	struct ndrv_link_change up = {.up = 1};
	struct ndrv_nl_batch batch;
	struct ndrv_nl_batch_item *item;
	int rc;

	ndrv_nl_batch_init(&batch, call->host_nl);
	item = ndrv_link_set_batch(&batch, name, index, &up);
	if (item)
		item->ignore = ENETDOWN;
	rc = ndrv_nl_batch_send(&batch, call->err);
	ndrv_nl_batch_done(&batch);
	return rc;
}

static int make(struct ndrv_call *call, const struct ndrv_link_spec *spec, ndrv_link_fill fill, const void *data)
{
	struct ndrv_link made;
	int rc = ndrv_link_create(call->host_nl, spec, fill, data, &made, call->err);

	if (rc)
		return rc;
	rc = set_up(call, spec->name, made.index);
	if (rc)
		(void)ndrv_link_delete(call->host_nl, spec->name, made.index, NULL);
	return rc;
}

/* "eth0.10": VLAN 10 on eth0. */
static int make_vlan(struct ndrv_call *call, const struct ndrv_network *network, const char *name)
{
	struct ndrv_link_spec spec = {.kind = "vlan", .name = name, .group = network->link_group};
	const char *dot = strrchr(name, '.');
	char below[NDRV_IFNAME_MAX] = "";
	struct ndrv_link link;
	char *end = NULL;
	long id;
	uint16_t vlan;
	int rc;

	if (!dot)
		return ndrv_fail_object(call->err, NDRV_E_NO_LINK, name);
	id = strtol(dot + 1, &end, 10);
	if (dot == name || !dot[1] || dot[1] == '-' || *end)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "invalid subinterface vlan name %s, example formatting is eth0.10",
				 name);
	if (id < 1 || id > VLAN_ID_MAX)
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "vlan id must be between 1-4094, received: %ld", id);
	memcpy(below, name, (size_t)(dot - name));
	rc = ndrv_link_get(call->host_nl, below, 0, &link, call->err);
	if (rc)
		return rc;
	vlan = (uint16_t)id;
	spec.link = link.index;
	return make(call, &spec, fill_vlan, &vlan);
}

static int make_dummy(struct ndrv_call *call, const struct ndrv_network *network, const char *name)
{
	struct ndrv_link_spec spec = {.kind = "dummy", .name = name, .group = network->link_group};

	return make(call, &spec, NULL, NULL);
}

/* --- found --- */

int child_parent_set_up(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			const struct child_net *net, bool *ret_made)
{
	const char *type = driver->kind->type;
	struct ndrv_link found;
	int rc = ndrv_link_get(call->host_nl, net->parent, 0, &found, call->err);

	*ret_made = false;
	if (rc && rc != -NDRV_E_NO_LINK)
		return rc;
	if (!rc && (found.flags & IFF_LOOPBACK))
		return ndrv_fail(call->err, NDRV_E_BAD_REQUEST, "loopback interface is not a valid %s parent link", type);
	if (!rc && net->dummy && !child_is_ours(network, &found, "dummy"))
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists and is not ours", net->parent);
	if (!rc)
		return 0;
	ndrv_error_clear(call->err);
	rc = net->dummy ? make_dummy(call, network, net->parent) : make_vlan(call, network, net->parent);
	*ret_made = rc == 0;
	return ndrv_wrap(call->err, rc, "parent interface %s", net->parent);
}

int child_parent_remove(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			const struct child_net *net)
{
	struct ndrv_link found;
	int rc;

	for (const struct child_net *other = driver->networks; other; other = other->next)
		if (!strcmp(other->parent, net->parent))
			return 0;
	rc = ndrv_link_get(call->host_nl, net->parent, 0, &found, call->err);
	if (rc == -NDRV_E_NO_LINK) {
		ndrv_error_clear(call->err);
		return 0;
	}
	if (rc || !child_is_ours(network, &found, net->dummy ? "dummy" : "vlan"))
		return rc;
	return ndrv_link_delete(call->host_nl, net->parent, found.index, call->err);
}

int child_parent_try(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		     const struct child_net *net)
{
	struct child_ep ep = {0};
	int rc;

	child_name(ep.alias, driver->kind->endpoint_prefix, network, "");
	rc = child_link_make(driver, call, network, net, &ep, -1);
	return rc ? rc : ndrv_link_delete(call->host_nl, ep.alias, ep.index, call->err);
}
