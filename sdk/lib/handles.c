/* SPDX-License-Identifier: Apache-2.0 */
/* The callback objects as functions. The host enforces its rules itself; what is seen here already is refused here. */
#include <ndrv/network.h>

/* Leaves the caller with the reason where `handle` has no function `op` to call. A host that takes a handle back clears its ops. */
#define NEED(handle, op, what, err)                                                                               \
	do {                                                                                                      \
		if (!(handle))                                                                                    \
			return ndrv_fail((err), NDRV_E_BAD_REQUEST, "no %s was passed", (what));                  \
		if (!(handle)->ops)                                                                               \
			return ndrv_fail_object((err), NDRV_E_STALE_HANDLE, (what));                              \
		if (!NDRV_HAS((handle)->ops, op))                                                                 \
			return ndrv_fail((err), NDRV_E_NOT_IMPLEMENTED, "this host's %s has no %s", (what), #op); \
	} while (0)

static int no_result(const char *what, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no place for the %s was passed", what);
}

/* --- InterfaceInfo --- */

#define IFINFO "interface info"

int ndrv_ifinfo_set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	NEED(ifinfo, set_mac, IFINFO, err);
	if (!mac || !mac->set)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "tried to set nil MAC address to endpoint interface");
	int rc = ndrv_mac_check(mac, err);
	return rc ? rc : ifinfo->ops->set_mac(ifinfo, mac, err);
}

int ndrv_ifinfo_set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err)
{
	NEED(ifinfo, set_address, IFINFO, err);
	if (!address || address->addr.family == 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "tried to set nil IP address to endpoint interface");
	int rc = ndrv_prefix_check("address of the endpoint interface", address, err);
	return rc ? rc : ifinfo->ops->set_address(ifinfo, address, err);
}

int ndrv_ifinfo_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err)
{
	NEED(ifinfo, get_mac, IFINFO, err);
	return ret ? ifinfo->ops->get_mac(ifinfo, ret, err) : no_result("MAC address", err);
}

static int get_address(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	NEED(ifinfo, get_address, IFINFO, err);
	return ret ? ifinfo->ops->get_address(ifinfo, family, ret, err) : no_result("address", err);
}

int ndrv_ifinfo_address(struct ndrv_ifinfo *ifinfo, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	return get_address(ifinfo, 4, ret, err);
}

int ndrv_ifinfo_address6(struct ndrv_ifinfo *ifinfo, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	return get_address(ifinfo, 6, ret, err);
}

int ndrv_ifinfo_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err)
{
	NEED(ifinfo, get_netns, IFINFO, err);
	return ret_path && ret_fd ? ifinfo->ops->get_netns(ifinfo, ret_path, ret_fd, err) : no_result("network namespace", err);
}

int ndrv_ifinfo_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err)
{
	NEED(ifinfo, get_ifname, IFINFO, err);
	return ret ? ifinfo->ops->get_ifname(ifinfo, ret, err) : no_result("interface name", err);
}

int ndrv_ifinfo_set_created_in_sandbox(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err)
{
	NEED(ifinfo, set_created_in_sandbox, IFINFO, err);
	return ifinfo->ops->set_created_in_sandbox(ifinfo, err);
}

/* --- JoinInfo --- */

#define JOIN "join info"

int ndrv_join_set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err)
{
	NEED(join, set_names, JOIN, err);
	return join->ops->set_names(join, src ? src : "", prefix ? prefix : "", exact ? exact : "", err);
}

/* The gateway as the host is to get it: unset for NULL, and of `family` if it is set. */
static int check_gateway(const struct ndrv_addr *gateway, uint8_t family, struct ndrv_addr *ret, struct ndrv_error *err)
{
	char text[NDRV_ADDR_TEXT];

	*ret = gateway ? *gateway : (struct ndrv_addr){0};
	if (ret->family == 0 || ret->family == family)
		return 0;
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "gateway \"%s\" is not an IPv%u address", ndrv_addr_format(ret, text),
			 (unsigned)family);
}

int ndrv_join_set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	struct ndrv_addr checked;

	NEED(join, set_gateway, JOIN, err);
	int rc = check_gateway(gateway, 4, &checked, err);
	return rc ? rc : join->ops->set_gateway(join, &checked, err);
}

int ndrv_join_set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	struct ndrv_addr checked;

	NEED(join, set_gateway6, JOIN, err);
	int rc = check_gateway(gateway, 6, &checked, err);
	return rc ? rc : join->ops->set_gateway6(join, &checked, err);
}

int ndrv_join_add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err)
{
	NEED(join, add_static_route, JOIN, err);
	int rc = ndrv_route_check(route, err);
	return rc ? rc : join->ops->add_static_route(join, route, err);
}

int ndrv_join_disable_gateway_service(struct ndrv_join *join, struct ndrv_error *err)
{
	NEED(join, disable_gateway_service, JOIN, err);
	return join->ops->disable_gateway_service(join, err);
}

int ndrv_join_force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *err)
{
	NEED(join, force_gateway, JOIN, err);
	if (family != 4 && family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a gateway cannot be forced for family %u, only for 4 or 6",
				 (unsigned)family);
	return join->ops->force_gateway(join, family, err);
}

int ndrv_join_add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			      struct ndrv_error *err)
{
	NEED(join, add_table_entry, JOIN, err);
	if (!table || !key || (!value && bytes))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a table entry needs a table, a key and a value");
	return join->ops->add_table_entry(join, table, key, value, bytes, err);
}

int ndrv_join_add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err)
{
	NEED(join, add_wait_link, JOIN, err);
	if (ifindex == 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "interface index 0 cannot be waited for");
	return join->ops->add_wait_link(join, ifindex, err);
}

int ndrv_join_set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac,
			    struct ndrv_error *err)
{
	NEED(join, set_neighbour, JOIN, err);
	if (!addr || (addr->family != 4 && addr->family != 6))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a neighbour needs an address");
	int rc = ndrv_mac_check(mac, err);
	return rc ? rc : join->ops->set_neighbour(join, addr, mac, err);
}

/* --- NetworkInfo --- */

int ndrv_network_table_register(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err)
{
	NEED(network, table_register, "network", err);
	if (!table || table[0] == '\0')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a table without a name cannot be registered");
	if (object_type < NDRV_OBJECT_OPAQUE || object_type > NDRV_OBJECT_ENDPOINT)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid object type %u in registering table, %s", (unsigned)object_type,
				 table);
	return network->ops->table_register(network, table, object_type, err);
}
