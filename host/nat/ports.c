/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing and unpublishing: the store, the kernel, the book, in this order and back in the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/nat/nat_internal.h"
#include "host/nat/watch.h"

static bool is_among(const struct nat_mapping *mapping, const struct nat_endpoint *endpoint)
{
	for (uint32_t i = 0; endpoint && i < endpoint->count; i++) {
		const struct nat_mapping *other = &endpoint->mappings[i];
		if (other->family == mapping->family && other->protocol == mapping->protocol && other->open == mapping->open &&
		    other->host_port == mapping->host_port && other->port == mapping->port &&
		    ndrv_addr_equal(&other->host, &mapping->host) && ndrv_addr_equal(&other->address, &mapping->address))
			return true;
	}
	return false;
}

/* Flows that no longer go where they should. */
void nat_note_flows(struct nat *nat, const struct nat_endpoint *from, const struct nat_endpoint *to)
{
	size_t before = nat->stale.count;

	for (uint32_t i = 0; from && i < from->count; i++)
		if (from->mappings[i].protocol == NDRV_PROTO_UDP && !is_among(&from->mappings[i], to))
			conntrack_note(&nat->stale, &from->mappings[i], true);
	for (uint32_t i = 0; to && i < to->count; i++)
		if (to->mappings[i].protocol == NDRV_PROTO_UDP && !is_among(&to->mappings[i], from))
			conntrack_note(&nat->stale, &to->mappings[i], false);
	if (nat->stale.count > before)
		nat_watch_flows(nat);
}

static int keep_endpoint(struct nat *nat, const char *nid, const char *eid, const struct nat_endpoint *endpoint,
			 struct ndrv_error *err)
{
	char *text = endpoint ? endpoint_text(endpoint) : NULL;

	if (endpoint && !text)
		return ndrv_fail_errno(err, ENOMEM, "keep the ports of endpoint %s", eid);
	int rc = nat_keep_text(nat, nid, eid, text, err);
	free(text);
	return rc;
}

static int change_endpoint(struct nat *nat, const struct nat_endpoint *from, const struct nat_endpoint *to, struct ndrv_error *err)
{
	struct nat_element small[16], *elements = small;
	size_t before = from ? from->count : 0, after = to ? to->count : 0;

	if (!from && !to)
		return 0;
	if (before + after > 16)
		elements = malloc((before + after) * sizeof(*elements));
	if (!elements)
		return ndrv_fail_errno(err, ENOMEM, "publish ports");
	if (from)
		endpoint_elements(from, elements);
	if (to)
		endpoint_elements(to, elements + before);
	int rc = nat_change(nat, elements, before, elements + before, after, err, "%s ports of endpoint %s",
			    to ? "publish" : "unpublish", (to ? to : from)->eid);
	if (elements != small)
		free(elements);
	return rc;
}

static int publish(struct nat *nat, const char *nid, const char *eid, const struct ndrv_addr *addresses,
		   struct ndrv_port_binding *bindings, uint32_t count, struct ndrv_error *err)
{
	struct nat_network *network = book_network(&nat->book, nid);
	struct nat_endpoint *former = book_endpoint(&nat->book, nid, eid), *made;
	struct ndrv_error ignored = {0};

	if (!network)
		return ndrv_fail(err, NDRV_E_NOT_FOUND, "ports of endpoint %s cannot be published: network %s has set no NAT", eid,
				 nid);
	int rc = plan_mappings(nat, network, former, eid, addresses, bindings, count, &made, err);
	if (rc)
		return rc;
	rc = keep_endpoint(nat, nid, eid, made, err);
	if (!rc) {
		rc = change_endpoint(nat, former, made, err);
		if (!rc) {
			plan_done(made);
			nat_note_flows(nat, former, made);
			rc = book_put_endpoint(&nat->book, made) ? ndrv_fail_errno(err, ENOMEM, "publish ports of endpoint %s", eid)
								 : 0;
			if (!rc) {
				plan_hold_again(nat, book_endpoint(&nat->book, nid, eid), true);
				return 0;
			}
			(void)change_endpoint(nat, made, former, &ignored);
		}
		(void)keep_endpoint(nat, nid, eid, former, &ignored);
	}
	plan_undo(made);
	return rc;
}

int nat_unpublish_locked(struct nat *nat, struct nat_endpoint *endpoint, struct ndrv_error *err)
{
	int rc = change_endpoint(nat, endpoint, NULL, err);

	if (rc)
		return rc;
	nat_note_flows(nat, endpoint, NULL);
	rc = nat_keep_text(nat, endpoint->network->nid, endpoint->eid, NULL, err);
	/* What is kept of it still has to go: it stays in the book without a port, to be swept. */
	struct nat_endpoint *blank = rc ? book_new_endpoint(endpoint->network, endpoint->eid, 0) : NULL;
	if (blank && !book_put_endpoint(&nat->book, blank)) {
		endpoint->doomed = true;
		return rc;
	}
	if (blank)
		book_free_endpoint(blank);
	book_del_endpoint(&nat->book, endpoint);
	return rc;
}

int nat_publish(struct nat *nat, const char *nid, const char *eid, const struct ndrv_addr *address,
		const struct ndrv_addr *address6, struct ndrv_port_binding *bindings, uint32_t count, struct ndrv_error *err)
{
	struct ndrv_addr addresses[2] = {*address, *address6};
	struct ndrv_port_binding *binding = bindings;
	uint32_t *asked = malloc((count + 1) * sizeof(*asked));
	struct ndrv_error error = {0};
	int rc;

	if (!asked)
		return ndrv_fail_errno(err, ENOMEM, "publish ports of endpoint %s", eid);
	for (uint32_t i = 0; i < count; i++, binding = (void *)((char *)binding + binding->size))
		asked[i] = binding->host_port;
	if (!count)
		rc = nat_unpublish(nat, nid, eid, &error);
	else {
		(void)pthread_mutex_lock(&nat->lock);
		rc = publish(nat, nid, eid, addresses, bindings, count, &error);
		(void)pthread_mutex_unlock(&nat->lock);
	}
	/* Nothing was picked after all. */
	binding = bindings;
	for (uint32_t i = 0; i < count && rc; i++, binding = (void *)((char *)binding + binding->size))
		binding->host_port = asked[i];
	free(asked);
	if (rc && err)
		*err = error;
	return rc;
}

int nat_unpublish(struct nat *nat, const char *nid, const char *eid, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&nat->lock);
	struct nat_endpoint *endpoint = book_endpoint(&nat->book, nid, eid);
	if (endpoint)
		rc = nat_unpublish_locked(nat, endpoint, err);
	if (rc && book_endpoint(&nat->book, nid, eid))
		endpoint->doomed = true;
	(void)pthread_mutex_unlock(&nat->lock);
	return rc;
}
