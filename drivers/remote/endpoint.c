/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on endpoints. An answer that cannot be used is rolled back with the opposite method at once, as libnetwork does, so that the
 * plugin does not keep what nobody knows of; the host's own undoing then has nothing left to send. */
#include <stdint.h>
#include <string.h>

#include "drivers/remote/remote.h"

/* An endpoint's priv: what is known for sure of the plugin's side, so that it need not be told again. */
enum { KNOWN_ABSENT = 1u << 0, KNOWN_LEFT = 1u << 1 };

static void know(struct ndrv_endpoint *endpoint, uintptr_t set, uintptr_t clear)
{
	endpoint->priv = (void *)(((uintptr_t)endpoint->priv & ~clear) | set);
}

static bool known(const struct ndrv_endpoint *endpoint, uintptr_t what)
{
	return ((uintptr_t)endpoint->priv & what) != 0;
}

static struct wire_request ids(const struct ndrv_network *network, const struct ndrv_endpoint *endpoint)
{
	return (struct wire_request){.network = network->id, .endpoint = endpoint->id};
}

/* Sends the opposite, with the error of the call kept. True: the plugin agreed. */
static bool roll_back(struct plugin *plugin, struct ndrv_call *call, enum wire_method method, const struct ndrv_network *network,
		      const struct ndrv_endpoint *endpoint)
{
	const struct wire_request request = ids(network, endpoint);
	struct ndrv_error why = *call->err, *err = call->err, ignored = {0};
	struct outcome outcome;

	call->err = &ignored;
	int rc = plugin_call(plugin, call, method, &request, CALL_ONCE, &outcome);
	call->err = err;
	if (rc)
		(void)ndrv_fail(err, why.code, "%.150s; rolling back failed: %.140s", why.text, ignored.text);
	else
		(void)ndrv_fail(err, why.code, "%.300s; rolled back", why.text);
	return !rc;
}

/* --- create --- */

/* What the plugin gives an endpoint that had it already is refused, even the same: it would not know whose it is. */
static int take_interface(const struct wire_interface *interface, struct ndrv_ifinfo *ifinfo, struct ndrv_error *err)
{
	int rc = 0;

	if (interface->mac.set)
		rc = ndrv_wrap(err, ndrv_ifinfo_set_mac(ifinfo, &interface->mac, err), "driver modified interface MAC address");
	if (!rc && interface->address.addr.family)
		rc = ndrv_wrap(err, ndrv_ifinfo_set_address(ifinfo, &interface->address, err), "driver modified interface address");
	if (!rc && interface->address6.addr.family)
		rc = ndrv_wrap(err, ndrv_ifinfo_set_address(ifinfo, &interface->address6, err),
			       "driver modified interface address");
	return rc;
}

static int read_interface(struct ndrv_ifinfo *ifinfo, struct wire_interface *ret, struct ndrv_error *err)
{
	int rc = ndrv_ifinfo_address(ifinfo, &ret->address, err);

	if (!rc)
		rc = ndrv_ifinfo_address6(ifinfo, &ret->address6, err);
	return rc ? rc : ndrv_ifinfo_mac(ifinfo, &ret->mac, err);
}

int remote_endpoint_create(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			   struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options)
{
	struct wire_request request = ids(network, endpoint);
	struct plugin *plugin = self;
	struct outcome outcome;

	know(endpoint, KNOWN_LEFT, KNOWN_ABSENT);
	if (options)
		request.options = *options;
	int rc = read_interface(ifinfo, &request.interface, call->err);
	if (rc)
		return rc;
	rc = plugin_call(plugin, call, WIRE_CREATE_ENDPOINT, &request, 0, &outcome);
	if (rc) { /* what it refuses it has not made; an answer that cannot be read may mean that it has */
		if (outcome.refused || (outcome.settled && roll_back(plugin, call, WIRE_DELETE_ENDPOINT, network, endpoint)))
			know(endpoint, KNOWN_ABSENT, 0);
		return rc;
	}
	rc = take_interface(&outcome.reply.interface, ifinfo, call->err);
	if (!rc)
		return 0;
	if (rc == -NDRV_E_BAD_REQUEST)
		rc = plugin_bad_reply(plugin, call, WIRE_CREATE_ENDPOINT);
	if (roll_back(plugin, call, WIRE_DELETE_ENDPOINT, network, endpoint))
		know(endpoint, KNOWN_ABSENT, 0);
	return rc;
}

int remote_endpoint_delete(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct wire_request request = ids(network, endpoint);
	struct outcome outcome;

	if ((call->flags & NDRV_CALL_UNDO) && known(endpoint, KNOWN_ABSENT))
		return 0;
	int rc = plugin_call(self, call, WIRE_DELETE_ENDPOINT, &request, 0, &outcome);
	if (!rc)
		know(endpoint, KNOWN_ABSENT, 0);
	return rc;
}

int remote_endpoint_info(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			 struct ndrv_value *ret_info)
{
	const struct wire_request request = ids(network, endpoint);
	struct outcome outcome;

	int rc = plugin_call(self, call, WIRE_ENDPOINT_INFO, &request, 0, &outcome);
	if (rc)
		return rc;
	*ret_info = outcome.reply.value;
	if (ret_info->type == NDRV_NULL)
		ret_info->type = NDRV_MAP;
	return 0;
}

/* --- join --- */

static int take_join(const struct wire_reply *reply, struct ndrv_join *join, struct ndrv_error *err)
{
	int rc = 0;

	if (reply->join.has_names && *reply->join.src_name)
		rc = ndrv_join_set_names(join, reply->join.src_name, reply->join.prefix, reply->join.dst_name, err);
	if (!rc && reply->join.gateway.family)
		rc = ndrv_join_set_gateway(join, &reply->join.gateway, err);
	if (!rc && reply->join.gateway6.family)
		rc = ndrv_join_set_gateway6(join, &reply->join.gateway6, err);
	for (uint32_t i = 0; !rc && i < reply->join.routes.count; i++)
		rc = ndrv_join_add_static_route(join, &reply->join.routes.items[i], err);
	if (!rc && reply->join.disable_gateway_service)
		rc = ndrv_join_disable_gateway_service(join, err);
	return rc;
}

int remote_join(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		const struct ndrv_value *sandbox_options)
{
	struct wire_request request = ids(network, endpoint);
	struct plugin *plugin = self;
	struct outcome outcome;

	(void)endpoint_options; /* not on the wire: the plugin had them with CreateEndpoint */
	know(endpoint, 0, KNOWN_LEFT);
	request.sandbox_key = sandbox_key;
	if (sandbox_options)
		request.options = *sandbox_options;
	int rc = plugin_call(plugin, call, WIRE_JOIN, &request, 0, &outcome);
	if (!rc) {
		rc = take_join(&outcome.reply, join, call->err);
		if (!rc)
			return 0;
		if (rc == -NDRV_E_BAD_REQUEST)
			rc = plugin_bad_reply(plugin, call, WIRE_JOIN);
	} else if (!outcome.settled) {
		return rc; /* the host undoes it */
	} else if (outcome.refused) {
		know(endpoint, KNOWN_LEFT, 0);
		return rc;
	}
	if (roll_back(plugin, call, WIRE_LEAVE, network, endpoint))
		know(endpoint, KNOWN_LEFT, 0);
	return rc;
}

int remote_leave(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct wire_request request = ids(network, endpoint);
	struct outcome outcome;

	if ((call->flags & NDRV_CALL_UNDO) && known(endpoint, KNOWN_LEFT))
		return 0;
	int rc = plugin_call(self, call, WIRE_LEAVE, &request, 0, &outcome);
	if (!rc)
		know(endpoint, KNOWN_LEFT, 0);
	return rc;
}

/* --- the way out: a plugin without these methods says 404, which means that there is nothing for it to do --- */

int remote_program(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		   const struct ndrv_gateway_state *gateways, const struct ndrv_value *options)
{
	struct wire_request request = ids(network, endpoint);
	struct plugin *plugin = self;
	struct outcome outcome;

	(void)gateways; /* not on the wire */
	if (options)
		request.options = *options;
	int rc = plugin_call(plugin, call, WIRE_PROGRAM_EXTERNAL, &request, CALL_404_FINE, &outcome);
	if (!rc && outcome.not_there && !atomic_exchange(&plugin->told_no_ports, true))
		ndrv_log(plugin->host, NDRV_LOG_WARNING,
			 "plugin %s has no ProgramExternalConnectivity: whether ports are published is its own affair",
			 plugin->name);
	return rc;
}

int remote_revoke(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint)
{
	const struct wire_request request = ids(network, endpoint);
	struct outcome outcome;

	return plugin_call(self, call, WIRE_REVOKE_EXTERNAL, &request, CALL_404_FINE, &outcome);
}
