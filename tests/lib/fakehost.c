/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fakehost.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "tests/lib/test.h"

/* --- host --- */

static int register_driver(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			   const struct ndrv_capability *capability, struct ndrv_error *err)
{
	struct fakehost *fake;

	(void)err;
	memcpy(&fake, &host, sizeof(fake));
	fake->ops = ops;
	fake->self = self;
	fake->capability = *capability;
	(void)snprintf(fake->type, sizeof(fake->type), "%s", type);
	return 0;
}

static int unregister_driver(const struct ndrv_host *host, const char *type, struct ndrv_error *err)
{
	(void)host, (void)type, (void)err;
	return 0;
}

static void log_line(const struct ndrv_host *host, int level, const char *text)
{
	struct fakehost *fake;

	(void)level, (void)text;
	memcpy(&fake, &host, sizeof(fake));
	fake->log_lines++;
}

static int never(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

static void load(struct fakehost *host)
{
	ndrv_driver_entry entry;
	void *symbol = dlsym(host->module, NDRV_ENTRY_V1);

	assert_non_null(symbol);
	memcpy(&entry, &symbol, sizeof(entry));
	assert_ok(entry(&host->host, &host->err), &host->err);
	assert_non_null(host->ops);
}

void fakehost_open(struct fakehost *host, const char *name)
{
	char path[512];

	*host = (struct fakehost){
		.host =
			{
				.size = sizeof(host->host),
				.abi_major = NDRV_ABI_MAJOR,
				.abi_minor = NDRV_ABI_MINOR,
				.register_driver = register_driver,
				.unregister_driver = unregister_driver,
				.log = log_line,
			},
	};
	arena_init(&host->arena, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/%s.so", BUILT_DRIVERS, name);
	host->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!host->module)
		fail_msg("%s", dlerror());
	assert_ok(hostns_open(&host->hostns, &host->err), &host->err);
	hostns_set_dead_groups(host->hostns, FAKE_GROUP + 1, NDRV_LINK_GROUPS - 1, 4);
	load(host);
}

static void put_handle(struct fakehost *host)
{
	hostns_nl_give(host->hostns, host->call.host_nl);
	host->call.host_nl = NULL;
}

void fakehost_release(struct fakehost *host)
{
	for (uint32_t i = 0; i < host->ep_count; i++)
		if (host->eps[i]->view.priv && host->ops->release)
			host->ops->release(host->self, &host->eps[i]->net->view, &host->eps[i]->view);
	for (uint32_t i = 0; i < host->net_count; i++)
		if (host->nets[i]->view.priv && host->ops->release)
			host->ops->release(host->self, &host->nets[i]->view, NULL);
}

void fakehost_close(struct fakehost *host)
{
	fakehost_release(host);
	put_handle(host);
	if (host->ops && host->ops->destroy)
		host->ops->destroy(host->self);
	hostns_close(host->hostns);
	arena_reset(&host->arena);
	(void)dlclose(host->module);
}

void fakehost_restart(struct fakehost *host)
{
	fakehost_release(host);
	host->ops->destroy(host->self);
	load(host);
}

struct ndrv_call *fakehost_call(struct fakehost *host, uint32_t flags)
{
	put_handle(host);
	ndrv_error_clear(&host->err);
	host->call = (struct ndrv_call){
		.size = sizeof(host->call),
		.flags = flags,
		.err = &host->err,
		.arena = &host->arena.ndrv,
		.cancelled = never,
		.requester = "a test",
		.front = host->front,
		.request_id = "",
	};
	assert_ok(hostns_nl_take(host->hostns, &host->call, &host->call.host_nl, &host->err), &host->err);
	return &host->call;
}

void fakehost_name_node(struct fakehost *host, const char *address)
{
	const struct ndrv_discovery self = {.size = sizeof(self),
					    .type = NDRV_DISCOVER_NODE,
					    .address = address,
					    .bind_address = "",
					    .self = 1,
					    .provider = "",
					    .store_address = ""};

	if (host->ops->discover_new)
		assert_ok(host->ops->discover_new(host->self, fakehost_call(host, 0), &self), &host->err);
}

/* --- networks --- */

static struct ndrv_prefix prefix_of(const char *text)
{
	struct ndrv_prefix prefix = {0};
	struct ndrv_error err = {0};

	if (text)
		assert_ok(ndrv_prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

/* Rows go nowhere. */
static int table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err)
{
	(void)network, (void)table, (void)object_type, (void)err;
	return 0;
}

static const struct ndrv_network_ops network_ops = {.size = sizeof(network_ops), .table_register = table_register};

void fakenet_init(struct fakenet *net, struct fakehost *host, const char *id, const char *pool4, const char *gateway4,
		  const char *pool6, const char *gateway6)
{
	*net = (struct fakenet){.host = host};
	net->ipv4 = (struct ndrv_ipam_data){.address_space = "local", .pool = prefix_of(pool4), .gateway = prefix_of(gateway4)};
	net->ipv6 = (struct ndrv_ipam_data){.address_space = "local", .pool = prefix_of(pool6), .gateway = prefix_of(gateway6)};
	net->view = (struct ndrv_network){
		.size = sizeof(net->view),
		.ops = &network_ops,
		.flags = (pool4 ? NDRV_NETWORK_IPV4 : 0) | (pool6 ? NDRV_NETWORK_IPV6 : 0),
		.id = id,
		.name = "",
		.instance = "test",
		.options = &net->options,
		.ipv4 = {.count = pool4 ? 1 : 0, .element_size = sizeof(net->ipv4), .items = &net->ipv4},
		.ipv6 = {.count = pool6 ? 1 : 0, .element_size = sizeof(net->ipv6), .items = &net->ipv6},
		.link_group = FAKE_GROUP,
		.route_protocol = FAKE_PROTOCOL,
	};
}

void fakenet_label(struct fakenet *net, const char *key, const char *value)
{
	struct ndrv_arena *arena = &net->host->arena.ndrv;
	struct ndrv_error err = {0};

	assert_ok(ndrv_map_set(arena, &net->labels, key, ndrv_string(value), &err), &err);
	assert_ok(ndrv_map_set(arena, &net->options, NDRV_OPT_GENERIC, net->labels, &err), &err);
}

static void know_net(struct fakenet *net)
{
	struct fakehost *host = net->host;

	for (uint32_t i = 0; i < host->net_count; i++)
		if (host->nets[i] == net)
			return;
	assert_true(host->net_count < sizeof(host->nets) / sizeof(*host->nets));
	host->nets[host->net_count++] = net;
}

static void forget_net(struct fakenet *net)
{
	struct fakehost *host = net->host;

	for (uint32_t i = 0; i < host->net_count; i++)
		if (host->nets[i] == net)
			host->nets[i--] = host->nets[--host->net_count];
}

int fakenet_create(struct fakenet *net)
{
	struct fakehost *host = net->host;

	know_net(net);
	return host->ops->network_create(host->self, fakehost_call(host, 0), &net->view);
}

int fakenet_delete(struct fakenet *net, uint32_t flags)
{
	struct fakehost *host = net->host;
	int rc = host->ops->network_delete(host->self, fakehost_call(host, flags), &net->view);

	if (!rc)
		forget_net(net);
	return rc;
}

/* --- InterfaceInfo --- */

static struct fakeep *of_ifinfo(struct ndrv_ifinfo *ifinfo)
{
	return (struct fakeep *)(void *)((char *)ifinfo - offsetof(struct fakeep, ifinfo));
}

static int set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	if (of_ifinfo(ifinfo)->mac.set)
		return ndrv_fail_object(err, NDRV_E_ALREADY_SET, "MAC address");
	of_ifinfo(ifinfo)->mac = *mac;
	return 0;
}

static int set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err)
{
	struct ndrv_prefix *slot = address->addr.family == 6 ? &of_ifinfo(ifinfo)->address6 : &of_ifinfo(ifinfo)->address;

	if (slot->addr.family)
		return ndrv_fail_object(err, NDRV_E_ALREADY_SET, "address");
	*slot = *address;
	return 0;
}

static int get_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err)
{
	(void)err;
	*ret = of_ifinfo(ifinfo)->mac;
	return 0;
}

static int get_address(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	(void)err;
	*ret = family == 6 ? of_ifinfo(ifinfo)->address6 : of_ifinfo(ifinfo)->address;
	return 0;
}

static int get_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err)
{
	(void)err;
	*ret_path = of_ifinfo(ifinfo)->path;
	*ret_fd = of_ifinfo(ifinfo)->netns_fd;
	return 0;
}

static int get_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err)
{
	(void)err;
	*ret = of_ifinfo(ifinfo)->ifname;
	return 0;
}

static int set_created(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err)
{
	(void)err;
	of_ifinfo(ifinfo)->created_in_sandbox = true;
	return 0;
}

static const struct ndrv_ifinfo_ops ifinfo_ops = {
	.size = sizeof(ifinfo_ops),
	.set_mac = set_mac,
	.set_address = set_address,
	.get_mac = get_mac,
	.get_address = get_address,
	.get_netns = get_netns,
	.get_ifname = get_ifname,
	.set_created_in_sandbox = set_created,
};

/* --- endpoints --- */

static void forget_ep(struct fakeep *ep)
{
	struct fakehost *host = ep->net->host;

	for (uint32_t i = 0; i < host->ep_count; i++)
		if (host->eps[i] == ep)
			host->eps[i--] = host->eps[--host->ep_count];
}

static void know_ep(struct fakeep *ep)
{
	struct fakehost *host = ep->net->host;

	forget_ep(ep);
	assert_true(host->ep_count < FAKE_RECORDS_MAX);
	host->eps[host->ep_count++] = ep;
}

int fakeep_create(struct fakeep *ep, struct fakenet *net, const char *id, const char *address, const char *address6,
		  const struct netns *ns, const char *ifname)
{
	struct fakehost *host = net->host;
	int rc;

	*ep = (struct fakeep){.net = net, .path = ns ? ns->path : "", .netns_fd = ns ? ns->fd : -1, .ifname = ifname ? ifname : ""};
	ep->ifinfo.ops = &ifinfo_ops;
	ep->join.ops = &fake_join_ops;
	ep->address = prefix_of(address);
	ep->address6 = prefix_of(address6);
	ep->view = (struct ndrv_endpoint){.size = sizeof(ep->view), .id = id, .network = &net->view, .sandbox_key = ""};
	know_ep(ep);
	struct ndrv_call *call = fakehost_call(host, 0);
	call->sandbox_nl = ns ? netns_nl(ns) : NULL;
	rc = host->ops->endpoint_create(host->self, call, &net->view, &ep->view, &ep->ifinfo, net->endpoint_options);
	if (call->sandbox_nl)
		ndrv_nl_close(call->sandbox_nl);
	call->sandbox_nl = NULL;
	ep->view.address = ep->address;
	ep->view.address6 = ep->address6;
	ep->view.mac = ep->mac;
	return rc;
}

int fakeep_join(struct fakeep *ep)
{
	struct fakehost *host = ep->net->host;

	return host->ops->join(host->self, fakehost_call(host, 0), &ep->net->view, &ep->view, "key", &ep->join, NULL, NULL);
}

int fakeep_plug(struct fakeep *ep, const struct netns *ns)
{
	struct fakehost *host = ep->net->host;
	struct ndrv_call *call = fakehost_call(host, 0);
	struct plug plug = {
		.src = ep->created_in_sandbox ? "" : ep->src,
		.name = ep->created_in_sandbox ? ep->ifname : ep->exact,
		.prefix = ep->prefix,
		.address = ep->address,
		.address6 = ep->address6,
		.gateway4 = ep->gateway4,
		.gateway6 = ep->gateway6,
		.route_count = ep->route_count,
		.routes = ep->routes,
		.neighbour_count = ep->neighbour_count,
		.neighbours = ep->neighbours,
		.route_protocol = FAKE_PROTOCOL,
	};
	struct sandbox sandbox;
	bool ready = false;
	int rc = sandbox_open(host->hostns, ns->path, call, &sandbox, call->err);

	if (rc)
		return rc;
	rc = plug_in(&sandbox, call->host_nl, &plug, &ep->plugged, call->err);
	sandbox_close(&sandbox);
	if (!rc)
		rc = ready_wait(call->host_nl, ep->waits, ep->wait_count, UINT64_C(2000000000), &ready, call->err);
	if (!rc && !ready)
		fail_msg("the links of endpoint %s are not ready after 2 s", ep->view.id);
	return rc;
}

int fakeep_connect(struct fakeep *ep, struct fakenet *net, const char *id, const char *address, const char *address6,
		   const struct netns *ns, const char *ifname)
{
	int rc = fakeep_create(ep, net, id, address, address6, ns, ifname);

	if (!rc)
		rc = fakeep_join(ep);
	return rc ? rc : fakeep_plug(ep, ns);
}

int fakeep_unplug(struct fakeep *ep, const struct netns *ns)
{
	struct fakehost *host = ep->net->host;
	struct ndrv_call *call = fakehost_call(host, 0);
	int rc;

	if (host->ops->leave)
		assert_ok(host->ops->leave(host->self, call, &ep->net->view, &ep->view), &host->err);
	rc = plug_out_path(host->hostns, ns->path, 0, 0, call, ep->plugged.name, ep->created_in_sandbox ? "" : ep->src, call->err);
	return rc;
}

int fakeep_delete(struct fakeep *ep, uint32_t flags)
{
	struct fakehost *host = ep->net->host;
	int rc = host->ops->endpoint_delete(host->self, fakehost_call(host, flags), &ep->net->view, &ep->view);

	if (!rc)
		forget_ep(ep);
	return rc;
}
