/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sdk/lib/far.h"

/* What the kernel says of a parent that already serves for something else. */
static int explain(struct ndrv_call *call, const struct child_net *net, const struct child_ep *ep, int netns_fd,
		   const struct ndrv_error *why, int rc)
{
	if (why->sys_errno == EBUSY)
		return ndrv_fail(
			call->err, NDRV_E_FORBIDDEN,
			"parent interface %s is in use by links of another kind: macvlan, ipvlan, bridges and bonds do not "
			"share one",
			net->parent);
	if (why->sys_errno == EINVAL && (net->traits & NDRV_CHILD_SINGLE))
		return ndrv_fail(call->err, NDRV_E_NETWORK_FULL,
				 "parent interface %s has a link already, and one of network %.64s needs it for itself",
				 net->parent, net->id);
	if (rc == -NDRV_E_LINK_EXISTS && netns_fd >= 0)
		return ndrv_fail(call->err, NDRV_E_LINK_EXISTS, "interface %s already exists in the sandbox", ep->name);
	if (call->err)
		*call->err = *why;
	return rc;
}

static int create(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		  const struct child_net *net, const struct child_ep *ep, int netns_fd)
{
	struct ndrv_link_spec spec = {
		.kind = driver->kind->type,
		.name = ep->name,
		.mac = ep->mac,
		.mtu = (uint32_t)net->options.mtu,
		.group = network->link_group,
		.netns_fd = netns_fd,
	};
	struct ndrv_error why = {0};
	struct ndrv_link parent;
	int rc = ndrv_link_get(call->host_nl, net->parent, 0, &parent, call->err);

	if (rc)
		return ndrv_wrap(call->err, rc, "parent interface %s", net->parent);
	spec.link = parent.index;
	rc = ndrv_link_create(call->host_nl, &spec, driver->kind->fill, &net->options, NULL, &why);
	return rc ? explain(call, net, ep, netns_fd, &why, rc) : 0;
}

/* Left by a call that was broken off: under that name, with our mark. */
static int delete_leftover(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
			   const struct child_ep *ep)
{
	struct ndrv_link found;
	char alias[64];

	if (far_get(call->host_nl, ep->number, ep->name, 0, &found, alias, NULL))
		return 0;
	if (!child_is_ours(network, &found, driver->kind->type) || (strcmp(alias, ep->alias) != 0 && ep->number != FAR_HERE))
		return 0;
	return far_delete(call->host_nl, ep->number, found.index, ep->name, call->err);
}

/* Knows what was made: its index, which nobody echoes from there, and its address; marks it. */
static int take(struct ndrv_call *call, struct child_ep *ep)
{
	struct ndrv_link made;
	char alias[64];
	int rc = far_get(call->host_nl, ep->number, ep->name, 0, &made, alias, call->err);

	if (rc)
		return rc;
	ep->index = made.index;
	ep->mac = made.mac;
	return far_set_alias(ep->number == FAR_HERE ? call->host_nl : call->sandbox_nl, ep->index, ep->alias, call->err);
}

int child_link_make(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		    const struct child_net *net, struct child_ep *ep, int netns_fd)
{
	int rc = 0;

	ep->number = FAR_HERE;
	if (netns_fd >= 0)
		rc = far_number(call->host_nl, netns_fd, &ep->number, call->err);
	else
		memcpy(ep->name, ep->alias, sizeof(ep->name));
	if (!rc)
		rc = create(driver, call, network, net, ep, netns_fd);
	if (rc == -NDRV_E_LINK_EXISTS) {
		int failed = delete_leftover(driver, call, network, ep);

		if (!failed) {
			ndrv_error_clear(call->err);
			rc = create(driver, call, network, net, ep, netns_fd);
		}
	}
	if (rc)
		return rc;
	rc = take(call, ep);
	if (rc) {
		(void)far_delete(call->host_nl, ep->number, ep->index, ep->name, NULL);
		ep->index = 0;
	}
	return rc;
}

/* The sandbox's number, by its path; a Docker key may name nothing yet, or nothing any more. */
static int sandbox_number(struct ndrv_call *call, const char *path, int32_t *ret)
{
	int fd, rc;

	if (!path || path[0] != '/')
		return ndrv_fail_object(call->err, NDRV_E_NO_SANDBOX, path ? path : "");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ndrv_fail_object(call->err, NDRV_E_NO_SANDBOX, path);
	rc = far_number(call->host_nl, fd, ret, call->err);
	(void)close(fd);
	return rc;
}

int child_link_find(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		    const char *sandbox_key, struct child_ep *ep)
{
	struct ndrv_error *err = call->err, ignored = {0};
	struct ndrv_link found;
	int32_t number = FAR_HERE;
	int rc = ndrv_link_get(call->host_nl, ep->alias, 0, &found, err);

	if (rc == -NDRV_E_NO_LINK && sandbox_key && sandbox_key[0]) {
		call->err = &ignored;
		if (!sandbox_number(call, sandbox_key, &number) && !far_find(call->host_nl, number, ep->alias, &found, &ignored))
			rc = 0;
		call->err = err;
	}
	if (!rc && !child_is_ours(network, &found, driver->kind->type))
		rc = ndrv_fail(err, NDRV_E_NO_LINK, "no interface %s: the one of that name is not ours", ep->alias);
	if (rc)
		return rc;
	ndrv_error_clear(err);
	ep->index = found.index;
	ep->number = number;
	ep->mac = found.mac;
	(void)snprintf(ep->name, sizeof(ep->name), "%s", found.name);
	return 0;
}

int child_link_delete(const struct child_driver *driver, struct ndrv_call *call, const struct ndrv_network *network,
		      struct child_ep *ep)
{
	struct ndrv_link found;
	char alias[64] = "";
	uint32_t index = ep->index;

	ep->index = 0;
	if (!index)
		return 0;
	/* The number may be another namespace's by now, and so may the index. */
	if (far_get(call->host_nl, ep->number, NULL, index, &found, alias, NULL) || strcmp(alias, ep->alias) != 0 ||
	    !child_is_ours(network, &found, driver->kind->type))
		return 0;
	return far_delete(call->host_nl, ep->number, index, found.name, call->err);
}
