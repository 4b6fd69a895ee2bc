/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes, MACs, routes, IPAM data: plain values without pointers into anything, but for ndrv_ipam_data's strings. */
#ifndef NDRV_TYPES_H
#define NDRV_TYPES_H

#include <ndrv/error.h>

NDRV_BEGIN_DECLS

/* Longest interface name the kernel takes, with its NUL (IFNAMSIZ). */
#define NDRV_IFNAME_MAX 16
/* Longest network, endpoint or sandbox id, without NUL. Docker's are 64 hexadecimal digits, but any id of the form
 * [A-Za-z0-9][A-Za-z0-9_.-]* up to this length is legal, one byte included. */
#define NDRV_ID_MAX 128
/* libnetwork's NetworkPluginEndpointType: what Plugin.Activate answers with. */
#define NDRV_PLUGIN_ENDPOINT_TYPE "NetworkDriver"

/* Buffers for the format functions, NUL included. */
#define NDRV_ADDR_TEXT 46
#define NDRV_PREFIX_TEXT 50
#define NDRV_MAC_TEXT 18

/* family 0: unset; 4: bytes[0..3]; 6: bytes[0..15]. Network byte order. Unused bytes are 0, so memcmp compares. */
struct ndrv_addr {
	uint8_t family;
	uint8_t reserved[3];
	uint8_t bytes[16];
};

/* An address with the length of its network part: Go's *net.IPNet as libnetwork uses it, host bits kept. */
struct ndrv_prefix {
	struct ndrv_addr addr; /* family 0: unset */
	uint32_t length;       /* 0..32 or 0..128 */
};

struct ndrv_mac {
	uint8_t set; /* 0: unset */
	uint8_t reserved;
	uint8_t bytes[6];
};

/* types.StaticRoute. NEXTHOP goes via next_hop, CONNECTED is on link. Other types are refused. */
enum { NDRV_ROUTE_NEXTHOP = 0, NDRV_ROUTE_CONNECTED = 1 };

struct ndrv_route {
	struct ndrv_prefix destination; /* required; the default route is 0.0.0.0/0 or ::/0 */
	uint32_t type;
	struct ndrv_addr next_hop; /* NEXTHOP: required, of the destination's family */
};

struct ndrv_aux_address {
	const char *name;
	struct ndrv_prefix address;
};

/* driverapi.IPAMData: what the IPAM gave one pool of a network. Unset prefixes have family 0. */
struct ndrv_ipam_data {
	const char *address_space; /* never NULL in what the host passes; "" allowed */
	struct ndrv_prefix pool;
	struct ndrv_prefix gateway; /* the pool's length; unset: no gateway was reserved */
	uint32_t aux_count;
	uint32_t aux_set; /* 1: the aux map exists, though it may be empty (Go's nil against {}) */
	const struct ndrv_aux_address *aux;
};

/* A list of them as ops get it. Step with ndrv_ipam_at(): a newer host's elements may be longer. */
struct ndrv_ipam_list {
	uint32_t count;
	uint32_t element_size;
	const struct ndrv_ipam_data *items;
};

const struct ndrv_ipam_data *ndrv_ipam_at(const struct ndrv_ipam_list *list, uint32_t index);

/* Text to value. All of the text must be used; leading zeros, scopes (%eth0) and missing masks are refused with BAD_REQUEST. A
 * v4-mapped v6 text becomes v4, as Go's net.ParseCIDR makes it; its mask must cover the mapping (/96 or longer). `ret` is
 * untouched on failure. */
int ndrv_addr_parse(const char *text, struct ndrv_addr *ret, struct ndrv_error *err);
int ndrv_prefix_parse(const char *text, struct ndrv_prefix *ret,
		      struct ndrv_error *err); /* keeps the host bits (types.ParseCIDR) */
/* Six bytes as xx:xx:xx:xx:xx:xx, xx-..., or xxxx.xxxx.xxxx. */
int ndrv_mac_parse(const char *text, struct ndrv_mac *ret, struct ndrv_error *err);

/* Value to text; the buffer must have the size above. Returns the buffer. An unset value gives "". */
const char *ndrv_addr_format(const struct ndrv_addr *addr, char *text);
const char *ndrv_prefix_format(const struct ndrv_prefix *prefix, char *text);
const char *ndrv_mac_format(const struct ndrv_mac *mac, char *text);

int ndrv_addr_equal(const struct ndrv_addr *a, const struct ndrv_addr *b);
int ndrv_prefix_equal(const struct ndrv_prefix *a, const struct ndrv_prefix *b);
int ndrv_prefix_contains(const struct ndrv_prefix *prefix, const struct ndrv_addr *addr); /* 0 for another family */
int ndrv_prefix_overlaps(const struct ndrv_prefix *a, const struct ndrv_prefix *b);
/* The prefix with its host bits cleared. */
struct ndrv_prefix ndrv_prefix_network(const struct ndrv_prefix *prefix);
/* 0.0.0.0 or ::, which an unset address is not. */
int ndrv_addr_is_unspecified(const struct ndrv_addr *addr);

/* Rules of libnetwork.md §9.8, the same for what clients ask and what drivers answer. BAD_REQUEST, naming the value. */
int ndrv_id_check(const char *what, const char *id, struct ndrv_error *err);
int ndrv_ifname_check(const char *name, struct ndrv_error *err); /* ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$, not all, default, lo */
/* A family, and a length within it. `what` is the word for it in the error. */
int ndrv_prefix_check(const char *what, const struct ndrv_prefix *prefix, struct ndrv_error *err);
int ndrv_mac_check(const struct ndrv_mac *mac, struct ndrv_error *err); /* unicast, not zero */
int ndrv_route_check(const struct ndrv_route *route, struct ndrv_error *err);

/* driverapi.IPAMData.Validate, with its texts; BAD_REQUEST where Go panics. */
int ndrv_ipam_validate(const struct ndrv_ipam_data *data, struct ndrv_error *err);
int ndrv_ipam_is_v6(const struct ndrv_ipam_data *data); /* 0 for an unset pool */
/* IPAMData.String(): malloc'ed, the caller frees. NULL: out of memory. */
char *ndrv_ipam_string(const struct ndrv_ipam_data *data);

/* JSON as Go writes and reads it (reference: libnetwork's driverapi/ipamdata.go), byte for byte on output. `ret` is malloc'ed.
 * These two need libjansson: `pkg-config --libs --static ndrv`. */
int ndrv_ipam_to_json(const struct ndrv_ipam_data *data, char **ret, struct ndrv_error *err);
/* On success `ret` owns its strings: ndrv_ipam_clear(). BAD_REQUEST for everything that makes Go panic or fail; `ret` is then
 * untouched. */
int ndrv_ipam_from_json(const char *json, struct ndrv_ipam_data *ret, struct ndrv_error *err);
void ndrv_ipam_clear(struct ndrv_ipam_data *data);

NDRV_END_DECLS

#endif
