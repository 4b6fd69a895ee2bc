/* SPDX-License-Identifier: Apache-2.0 */
/* InterfaceInfo: set-if-unset, libnetwork's texts (libnetwork.md §1.3). */
#include "host/dispatch/handles.h"

#define WHAT "interface info"

static int set_mac(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	struct ifinfo_state *state = handle_open(part, WHAT, err);
	int rc = 0;

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	char has[NDRV_MAC_TEXT], wanted[NDRV_MAC_TEXT];
	if (!mac || !mac->set)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "tried to set nil MAC address to endpoint interface");
	else if (state->mac.set)
		rc = ndrv_fail(err, NDRV_E_ALREADY_SET, "endpoint interface MAC address present (%s). Cannot be modified with %s.",
			       ndrv_mac_format(&state->mac, has), ndrv_mac_format(mac, wanted));
	else
		rc = ndrv_mac_check(mac, err);
	if (!rc) {
		state->mac = *mac;
		state->mac_set = true;
	}
	handle_close(part);
	return rc;
}

/* An address an interface can have: of a known family, with a mask that fits, neither unspecified nor multicast. */
static int check_address(const struct ndrv_prefix *address, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT];
	uint8_t first = address->addr.bytes[0];

	if (address->addr.family != 4 && address->addr.family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "an address is of family 4 or 6, not %u", address->addr.family);
	if (address->length > (address->addr.family == 4 ? 32u : 128u))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a mask of %u bits does not fit an address of family %u", address->length,
				 address->addr.family);
	bool multicast = address->addr.family == 4 ? (first & 0xf0) == 0xe0 : first == 0xff;
	if (multicast || ndrv_addr_is_unspecified(&address->addr))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s cannot be an interface's address", ndrv_prefix_format(address, text));
	return 0;
}

static int set_address(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	struct ifinfo_state *state = handle_open(part, WHAT, err);
	char has[NDRV_PREFIX_TEXT], wanted[NDRV_PREFIX_TEXT];
	int rc = 0;

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	bool six = address && address->addr.family == 6;
	struct ndrv_prefix *slot = six ? &state->address6 : &state->address;
	if (!address || !address->addr.family)
		rc = ndrv_fail(err, NDRV_E_BAD_REQUEST, "tried to set nil IP address to endpoint interface");
	else if (slot->addr.family)
		rc = ndrv_fail(err, NDRV_E_ALREADY_SET, "endpoint interface IP present (%s). Cannot be modified with (%s).",
			       ndrv_prefix_format(slot, has), ndrv_prefix_format(address, wanted));
	else
		rc = check_address(address, err);
	if (!rc) {
		*slot = *address;
		*(six ? &state->address6_set : &state->address_set) = true;
	}
	handle_close(part);
	return rc;
}

static int get_mac(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	const struct ifinfo_state *state = handle_open(part, WHAT, err);

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	*ret = state->mac;
	handle_close(part);
	return 0;
}

static int get_address(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);

	if (family != 4 && family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "an address is of family 4 or 6, not %u", family);
	const struct ifinfo_state *state = handle_open(part, WHAT, err);
	if (!state)
		return -NDRV_E_STALE_HANDLE;
	*ret = family == 6 ? state->address6 : state->address;
	handle_close(part);
	return 0;
}

static int get_netns(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	const struct ifinfo_state *state = handle_open(part, WHAT, err);

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	if (ret_path)
		*ret_path = state->netns_path;
	if (ret_fd)
		*ret_fd = state->netns_fd;
	handle_close(part);
	return 0;
}

static int get_ifname(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	const struct ifinfo_state *state = handle_open(part, WHAT, err);

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	*ret = state->ifname;
	handle_close(part);
	return 0;
}

static int set_created_in_sandbox(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err)
{
	struct handle_part *part = handle_part_of_ifinfo(ifinfo);
	struct ifinfo_state *state = handle_open(part, WHAT, err);
	int rc = 0;

	if (!state)
		return -NDRV_E_STALE_HANDLE;
	if (!state->netns_path[0] || !state->ifname[0])
		rc = ndrv_fail(err, NDRV_E_FORBIDDEN,
			       "the sandbox of this endpoint is not known yet: nothing can be created in it");
	else
		state->created_in_sandbox = true;
	handle_close(part);
	return rc;
}

const struct ndrv_ifinfo_ops handles_ifinfo_ops = {
	.size = sizeof(handles_ifinfo_ops),
	.set_mac = set_mac,
	.set_address = set_address,
	.get_mac = get_mac,
	.get_address = get_address,
	.get_netns = get_netns,
	.get_ifname = get_ifname,
	.set_created_in_sandbox = set_created_in_sandbox,
};
