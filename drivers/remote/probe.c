/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin says of itself: Plugin.Activate, then NetworkDriver.GetCapabilities. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/remote/remote.h"

static int is_ours(const char *name, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_FORBIDDEN, "plugin %s is served by this very host: its type is here already", name);
}

/* A socket this process listens on is not asked, since nobody may be there to answer yet. */
static int check_peer(struct plugin *plugin, struct ndrv_call *call)
{
	struct http_way way = {.deadline_ns = call->deadline_ns, .call = call};
	struct ucred peer = {.pid = 0};
	socklen_t length = sizeof(peer);

	int rc = http_connect(plugin->address, &way, call->err);
	if (rc)
		return rc;
	rc = getsockopt(way.fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	(void)close(way.fd);
	return rc == 0 && peer.pid == getpid() ? is_ours(plugin->name, call->err) : 0;
}

static int ask(struct plugin *plugin, struct ndrv_call *call, enum wire_method method, struct outcome *ret)
{
	const struct wire_request request = {.network = ""};

	return plugin_call(plugin, call, method, &request, CALL_ONCE, ret);
}

static bool implements_networks(const struct ndrv_value *list)
{
	for (uint32_t i = 0; list->type == NDRV_LIST && i < list->count; i++)
		if (list->u.items[i].type == NDRV_STRING && !strcmp(list->u.items[i].u.string, NDRV_PLUGIN_ENDPOINT_TYPE))
			return true;
	return false;
}

/* Exactly "local" or "global": what Docker does not take is not taken here either. */
static uint32_t scope_of(const char *text)
{
	if (strcmp(text, "local") == 0)
		return NDRV_SCOPE_LOCAL;
	return strcmp(text, "global") == 0 ? NDRV_SCOPE_GLOBAL : 0;
}

static int take_capabilities(const struct plugin *plugin, const struct wire_reply *reply, struct probe *ret, struct ndrv_error *err)
{
	const char *connectivity = *reply->connectivity_scope ? reply->connectivity_scope : reply->scope;

	ret->data_scope = scope_of(reply->scope);
	ret->connectivity_scope = scope_of(connectivity);
	ret->gw_alloc_checker = reply->gw_alloc_checker;
	if (!ret->data_scope || !ret->connectivity_scope)
		return ndrv_fail(err, NDRV_E_INTERNAL, "plugin %s: invalid capability: expecting 'local' or 'global', got \"%s\"",
				 plugin->name, ret->data_scope ? connectivity : reply->scope);
	return 0;
}

int probe_plugin(struct plugin *plugin, struct ndrv_call *call, struct probe *ret)
{
	char token[WIRE_HOST_TOKEN];
	struct outcome outcome;
	int rc = check_peer(plugin, call);

	*ret = (struct probe){.network_driver = false};
	if (!rc)
		rc = ask(plugin, call, WIRE_ACTIVATE, &outcome);
	if (rc)
		return rc;
	if (strcmp(outcome.reply.host, wire_host_token(token)) == 0)
		return is_ours(plugin->name, call->err);
	ret->network_driver = implements_networks(&outcome.reply.implements);
	if (!ret->network_driver)
		return 0;
	rc = ask(plugin, call, WIRE_CAPABILITIES, &outcome);
	return rc ? rc : take_capabilities(plugin, &outcome.reply, ret, call->err);
}
