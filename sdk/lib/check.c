/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for what clients ask and what drivers answer: one place for both directions. */
#include <ndrv/types.h>

#include <string.h>

/* How much of a value that is refused is shown. */
#define SHOWN 64

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

int ndrv_id_check(const char *what, const char *id, struct ndrv_error *err)
{
	if (!id || id[0] == '\0')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s is empty", what);
	if (strnlen(id, NDRV_ID_MAX + 1) > NDRV_ID_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s \"%.*s...\" is longer than %d characters", what, SHOWN, id,
				 NDRV_ID_MAX);
	if (!is_one_of(id[0], LETTERS DIGITS) || id[strspn(id, LETTERS DIGITS "_.-")] != '\0')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST,
				 "%s \"%.*s\" is not letters, digits, '_', '.' and '-' after a letter or digit", what, SHOWN, id);
	return 0;
}

int ndrv_ifname_check(const char *name, struct ndrv_error *err)
{
	static const char *const reserved[] = {"all", "default", "lo"};

	if (!name || name[0] == '\0')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "interface name is empty");
	if (strnlen(name, NDRV_IFNAME_MAX) >= NDRV_IFNAME_MAX)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "interface name \"%.*s\" is longer than %d characters", SHOWN, name,
				 NDRV_IFNAME_MAX - 1);
	if (!is_one_of(name[0], LETTERS DIGITS "_") || name[strspn(name, LETTERS DIGITS "_.-")] != '\0')
		return ndrv_fail(err, NDRV_E_BAD_REQUEST,
				 "interface name \"%s\" is not letters, digits, '_', '.' and '-' after a letter, digit or '_'",
				 name);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(name, reserved[i]) == 0)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "interface name \"%s\" means something else to the kernel", name);
	return 0;
}

int ndrv_mac_check(const struct ndrv_mac *mac, struct ndrv_error *err)
{
	static const uint8_t zero[6];
	char text[NDRV_MAC_TEXT];

	if (!mac || !mac->set)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "MAC address is not set");
	if (memcmp(mac->bytes, zero, sizeof(zero)) == 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "MAC address %s is all zero", ndrv_mac_format(mac, text));
	if (mac->bytes[0] & 1u)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "MAC address %s is not that of a single interface (multicast bit)",
				 ndrv_mac_format(mac, text));
	return 0;
}

int ndrv_prefix_check(const char *what, const struct ndrv_prefix *prefix, struct ndrv_error *err)
{
	char text[NDRV_PREFIX_TEXT];

	if (!prefix || prefix->addr.family == 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s is not set", what);
	if (prefix->addr.family != 4 && prefix->addr.family != 6)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s has address family %u, which is neither 4 nor 6", what,
				 (unsigned)prefix->addr.family);
	if (prefix->length > (prefix->addr.family == 4 ? 32u : 128u))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s %s has %u bits of network, more than its family has", what,
				 ndrv_addr_format(&prefix->addr, text), (unsigned)prefix->length);
	return 0;
}

int ndrv_route_check(const struct ndrv_route *route, struct ndrv_error *err)
{
	char destination[NDRV_PREFIX_TEXT], next_hop[NDRV_ADDR_TEXT];

	if (!route)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no route was passed");
	int rc = ndrv_prefix_check("destination of a route", &route->destination, err);
	if (rc)
		return rc;
	ndrv_prefix_format(&route->destination, destination);
	if (route->type == NDRV_ROUTE_CONNECTED)
		return 0;
	if (route->type != NDRV_ROUTE_NEXTHOP)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "route to %s has type %u, which is neither NEXTHOP (0) nor CONNECTED (1)",
				 destination, (unsigned)route->type);
	if (route->next_hop.family == 0 || ndrv_addr_is_unspecified(&route->next_hop))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "route to %s needs a next hop", destination);
	if (route->next_hop.family != route->destination.addr.family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "route to %s has a next hop of the other family: %s", destination,
				 ndrv_addr_format(&route->next_hop, next_hop));
	return 0;
}
