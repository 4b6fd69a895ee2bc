/* SPDX-License-Identifier: Apache-2.0 */
/* From bindings to mappings: which families, which host port, and who has it already. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/nat/nat_internal.h"

#define PORT_MAX 65535u

struct plan {
	struct nat *nat;
	struct nat_network *network;
	const struct nat_endpoint *former;
	const struct ndrv_addr *addresses; /* the endpoint's, v4 and v6 */
	struct nat_endpoint *made;
	size_t holds;
	struct ndrv_error *err;
};

/* One binding, looked at. */
struct asked {
	struct ndrv_port_binding *binding;
	struct ndrv_addr host;	       /* unset: any */
	const struct ndrv_addr *to[2]; /* v4, v6; NULL: not in this family */
	bool open[2];
	bool nat[2];
};

/* --- checks --- */

static int check_protocol(const struct ndrv_port_binding *binding, struct ndrv_error *err)
{
	if (protocol_index(binding->protocol) < 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST,
				 "invalid protocol %u of a published port: tcp (6), udp (17) or sctp (132)", binding->protocol);
	if (binding->protocol == NDRV_PROTO_SCTP && !sysctl_tracks_sctp())
		return ndrv_fail(err, NDRV_E_KERNEL_LACKS,
				 "this kernel has no connection tracking of sctp: port %u/sctp cannot be published", binding->port);
	return 0;
}

static int check_ports(const struct ndrv_port_binding *binding, struct ndrv_error *err)
{
	if (binding->port < 1 || binding->port > PORT_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid port %u of a published port: 1 to 65535", binding->port);
	if (binding->host_port > PORT_MAX || binding->host_port_end > PORT_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid host port %u of published port %u: at most 65535",
				 binding->host_port > PORT_MAX ? binding->host_port : binding->host_port_end, binding->port);
	if (binding->host_port_end && (!binding->host_port || binding->host_port_end < binding->host_port))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid host port range %u-%u of published port %u", binding->host_port,
				 binding->host_port_end, binding->port);
	return 0;
}

static int check_host(const struct ndrv_port_binding *binding, struct ndrv_error *err)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	const struct ndrv_addr *host = &binding->host_address;
	char text[NDRV_ADDR_TEXT];

	if (host->family && host->family != 4 && host->family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid host address of published port %u: family %u", binding->port,
				 host->family);
	if (host->family == 6 && !memcmp(host->bytes, loopback6, sizeof(loopback6)))
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED,
				 "port %u cannot be published on ::1: the kernel does not let packets from there leave lo",
				 binding->port);
	if ((host->family == 4 && (host->bytes[0] & 0xf0) == 0xe0) || (host->family == 6 && host->bytes[0] == 0xff))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid host address %s of published port %u: it is a multicast address",
				 ndrv_addr_format(host, text), binding->port);
	return 0;
}

static int look_at(const struct plan *plan, struct ndrv_port_binding *binding, struct asked *ret)
{
	struct ndrv_error *err = plan->err;
	int rc = check_protocol(binding, err);
	bool any = false;

	*ret = (struct asked){.binding = binding};
	rc = rc ? rc : check_ports(binding, err);
	rc = rc ? rc : check_host(binding, err);
	if (rc)
		return rc;
	if (!ndrv_addr_is_unspecified(&binding->host_address))
		ret->host = binding->host_address;
	for (int i = 0; i < 2; i++) {
		uint8_t family = i ? 6 : 4;
		uint32_t flags = plan->network->flags[i];
		const struct ndrv_addr *to = binding->address.family ? &binding->address : &plan->addresses[i];
		if (to->family != family || !plan->network->has[i] || (flags & NDRV_NAT_INTERNAL))
			continue;
		ret->open[i] = flags & NDRV_NAT_ROUTED;
		if (!ret->open[i] && binding->host_address.family && binding->host_address.family != family)
			continue;
		ret->nat[i] = !ret->open[i];
		ret->to[i] = to;
		any = true;
	}
	if (any)
		return 0;
	return ndrv_fail(
		err, NDRV_E_BAD_REQUEST,
		"port %u/%s cannot be published: the endpoint has no address of the host address's family in a network that is "
		"not internal",
		binding->port, nat_protocol_name(binding->protocol));
}

/* --- holding --- */

static struct nat_mapping *add(struct plan *plan, const struct asked *asked, int i, uint16_t host_port)
{
	struct nat_mapping *mapping = &plan->made->mappings[plan->made->count++];

	*mapping = (struct nat_mapping){.family = i ? 6 : 4,
					.protocol = (uint8_t)asked->binding->protocol,
					.open = asked->open[i],
					.host_port = host_port,
					.port = (uint16_t)asked->binding->port,
					.host = asked->open[i] ? (struct ndrv_addr){0} : asked->host,
					.address = *asked->to[i],
					.fd = -1};
	return mapping;
}

/* Among those of this very call. */
static const struct nat_mapping *made_holder(const struct plan *plan, const struct asked *asked, int i, uint16_t port)
{
	for (uint32_t k = 0; k < plan->made->count; k++) {
		const struct nat_mapping *mapping = &plan->made->mappings[k];
		if (!mapping->open && mapping->protocol == asked->binding->protocol && mapping->host_port == port &&
		    mapping->family == (i ? 6 : 4) &&
		    (!mapping->host.family || !asked->host.family || ndrv_addr_equal(&mapping->host, &asked->host)))
			return mapping;
	}
	return NULL;
}

static int in_use(const struct plan *plan, const struct asked *asked, const struct nat_mapping *holder, uint16_t port)
{
	const char *protocol = nat_protocol_name(asked->binding->protocol);

	if (!holder->endpoint)
		return ndrv_fail(plan->err, NDRV_E_PORT_IN_USE, "port %u/%s is published twice for endpoint %s", port, protocol,
				 plan->made->eid);
	return ndrv_fail(plan->err, NDRV_E_PORT_IN_USE, "port %u/%s is already in use by endpoint %s of network %s", port, protocol,
			 holder->endpoint->eid, holder->endpoint->network->nid);
}

/* The former mapping of this endpoint that has this very port, in whichever way. */
static struct nat_mapping *former_mapping(const struct plan *plan, const struct asked *asked, uint16_t port, bool *ret_some)
{
	struct nat_mapping *same = NULL;

	*ret_some = false;
	for (uint32_t k = 0; plan->former && k < plan->former->count; k++) {
		struct nat_mapping *mapping = &plan->former->mappings[k];
		if (mapping->open || mapping->protocol != asked->binding->protocol || mapping->host_port != port)
			continue;
		*ret_some = true;
		if (mapping->fd >= 0 && ndrv_addr_equal(&mapping->host, &asked->host) && asked->nat[mapping->family == 6])
			same = mapping;
	}
	return same;
}

/* PORT_IN_USE: another may be tried. */
static int claim(struct plan *plan, const struct asked *asked, uint16_t port)
{
	const struct nat_mapping *holder = NULL;
	struct nat *nat = plan->nat;
	bool some, rebind = false;
	int fd = -1, rc = 0;

	for (int i = 0; i < 2; i++) {
		if (!asked->nat[i])
			continue;
		holder = book_holder(&nat->book, i ? 6 : 4, asked->binding->protocol, port, &asked->host, plan->former);
		holder = holder ? holder : made_holder(plan, asked, i, port);
		if (holder)
			return in_use(plan, asked, holder, port);
	}
	struct nat_mapping *from = former_mapping(plan, asked, port, &some);
	uint8_t holds = (uint8_t)((asked->nat[0] ? HOLDS_V4 : 0) | (asked->nat[1] ? HOLDS_V6 : 0));
	if (from) {
		fd = from->fd;
		holds = from->holds;
	} else if (some)
		rebind = true;
	else
		rc = hold_port(asked->binding->protocol, &asked->host, asked->nat[0], asked->nat[1], port,
			       nat->book.held + plan->holds < nat->hold_limit, &fd, plan->err);
	if (rc)
		return rc;
	plan->holds += fd >= 0 && !from;
	for (int i = 0; i < 2; i++) {
		if (!asked->nat[i])
			continue;
		struct nat_mapping *mapping = add(plan, asked, i, port);
		mapping->fd = fd;
		mapping->holds = holds;
		mapping->from = from;
		mapping->rebind = rebind;
		fd = -1;
		from = NULL;
		rebind = false;
	}
	return 0;
}

static int no_port(const struct plan *plan, const struct asked *asked, uint32_t first, uint32_t last)
{
	return ndrv_fail(
		plan->err, NDRV_E_PORT_IN_USE,
		"no port for %u/%s is left: all host ports from %u to %u are in use, publish on another port or unpublish some",
		asked->binding->port, nat_protocol_name(asked->binding->protocol), first, last);
}

static int claim_range(struct plan *plan, const struct asked *asked, uint32_t first, uint32_t last)
{
	for (uint32_t port = first; port <= last; port++) {
		int rc = claim(plan, asked, (uint16_t)port);
		if (rc != -NDRV_E_PORT_IN_USE)
			return rc;
	}
	return no_port(plan, asked, first, last);
}

/* The same one as before, if there was one; else the next behind the last that was picked. */
static int claim_any(struct plan *plan, const struct asked *asked)
{
	struct nat *nat = plan->nat;
	uint16_t *next = &nat->next_port[protocol_index(asked->binding->protocol)];
	uint32_t count = (uint32_t)nat->last_port - nat->first_port + 1u;

	for (uint32_t k = 0; plan->former && k < plan->former->count; k++) {
		const struct nat_mapping *mapping = &plan->former->mappings[k];
		if (!mapping->open && mapping->protocol == asked->binding->protocol && mapping->port == asked->binding->port &&
		    ndrv_addr_equal(&mapping->host, &asked->host) && !claim(plan, asked, mapping->host_port))
			return 0;
	}
	for (uint32_t k = 0; k < count; k++) {
		uint16_t port = *next;
		*next = port == nat->last_port ? nat->first_port : (uint16_t)(port + 1);
		int rc = claim(plan, asked, port);
		if (rc != -NDRV_E_PORT_IN_USE)
			return rc;
	}
	return no_port(plan, asked, nat->first_port, nat->last_port);
}

static int plan_one(struct plan *plan, struct ndrv_port_binding *binding)
{
	struct asked asked;
	int rc = look_at(plan, binding, &asked);

	if (rc)
		return rc;
	for (int i = 0; i < 2; i++)
		if (asked.open[i])
			(void)add(plan, &asked, i, 0);
	if (!asked.nat[0] && !asked.nat[1]) {
		binding->host_port = 0;
		return 0;
	}
	if (!binding->host_port)
		rc = claim_any(plan, &asked);
	else if (binding->host_port_end > binding->host_port)
		rc = claim_range(plan, &asked, binding->host_port, binding->host_port_end);
	else
		rc = claim(plan, &asked, (uint16_t)binding->host_port);
	if (rc)
		return rc;
	binding->host_port = plan->made->mappings[plan->made->count - 1].host_port;
	ndrv_error_clear(plan->err);
	return 0;
}

/* The same binding twice is asked for once. */
static bool opened_twice(const struct nat_endpoint *endpoint, const struct nat_mapping **ret)
{
	for (uint32_t i = 0; i < endpoint->count; i++)
		for (uint32_t k = 0; k < i && endpoint->mappings[i].open; k++)
			if (endpoint->mappings[k].open && endpoint->mappings[k].protocol == endpoint->mappings[i].protocol &&
			    endpoint->mappings[k].port == endpoint->mappings[i].port &&
			    ndrv_addr_equal(&endpoint->mappings[k].address, &endpoint->mappings[i].address)) {
				*ret = &endpoint->mappings[i];
				return true;
			}
	return false;
}

static int plan_all(struct plan *plan, struct ndrv_port_binding *bindings, uint32_t count)
{
	struct ndrv_port_binding *binding = bindings;
	int rc = 0;

	for (uint32_t i = 0; i < count && !rc; i++) {
		rc = plan_one(plan, binding);
		binding = (void *)((char *)binding + binding->size);
	}
	return rc;
}

int plan_mappings(struct nat *nat, struct nat_network *network, const struct nat_endpoint *former, const char *eid,
		  const struct ndrv_addr *addresses, struct ndrv_port_binding *bindings, uint32_t count, struct nat_endpoint **ret,
		  struct ndrv_error *err)
{
	struct plan plan = {.nat = nat, .network = network, .former = former, .addresses = addresses, .err = err};
	const struct nat_mapping *twice;

	plan.made = book_new_endpoint(network, eid, 2 * count);
	if (!plan.made)
		return ndrv_fail_errno(err, ENOMEM, "publish ports of endpoint %s", eid);
	int rc = plan_all(&plan, bindings, count);
	if (!rc && opened_twice(plan.made, &twice))
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "port %u/%s of endpoint %s is published twice", twice->port,
			       nat_protocol_name(twice->protocol), eid);
	if (rc)
		plan_undo(plan.made);
	else
		*ret = plan.made;
	return rc;
}

void plan_done(struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		struct nat_mapping *mapping = &endpoint->mappings[i];
		if (mapping->from)
			mapping->from->fd = -1;
		mapping->from = NULL;
	}
}

void plan_undo(struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->count; i++)
		if (endpoint->mappings[i].from)
			endpoint->mappings[i].fd = -1;
	book_free_endpoint(endpoint);
}

/* Both families of a port that is held for any address share one socket. */
static const struct nat_mapping *other_family(const struct nat_endpoint *endpoint, const struct nat_mapping *mapping)
{
	for (uint32_t i = 0; i < endpoint->count && !mapping->host.family; i++) {
		const struct nat_mapping *other = &endpoint->mappings[i];
		if (!other->open && other->family != mapping->family && other->protocol == mapping->protocol &&
		    other->host_port == mapping->host_port && !other->host.family)
			return other;
	}
	return NULL;
}

static void hold_again(struct nat *nat, struct nat_endpoint *endpoint, struct nat_mapping *mapping, bool share)
{
	const struct nat_mapping *other = other_family(endpoint, mapping);
	uint8_t own = mapping->family == 4 ? HOLDS_V4 : HOLDS_V6;
	struct ndrv_error err = {0};

	if (other && other->fd >= 0 && (other->holds & own))
		return;
	mapping->holds = other && share && other->fd < 0 ? HOLDS_V4 | HOLDS_V6 : own;
	if (hold_port(mapping->protocol, &mapping->host, mapping->holds & HOLDS_V4, mapping->holds & HOLDS_V6, mapping->host_port,
		      nat->book.held < nat->hold_limit, &mapping->fd, &err))
		nat_say(nat, NDRV_LOG_WARNING, "endpoint %s of network %s keeps its published port all the same: %s", endpoint->eid,
			endpoint->network->nid, err.text);
	nat->book.held += mapping->fd >= 0;
}

void plan_hold_again(struct nat *nat, struct nat_endpoint *endpoint, bool only_rebind)
{
	for (uint32_t i = 0; i < endpoint->count; i++) {
		struct nat_mapping *mapping = &endpoint->mappings[i];
		if (!mapping->open && mapping->fd < 0 && (mapping->rebind || !only_rebind))
			hold_again(nat, endpoint, mapping, !only_rebind);
		mapping->rebind = false;
	}
}
