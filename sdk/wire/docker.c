/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's messages as tables: the order of rows is the order of keys on the wire. */
#include "sdk/wire/docker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/wire/shape.h"

/* --- methods --- */

static const struct {
	const char *path;
	bool body;
} methods[WIRE_COUNT] = {
#define ROW(name, path_, body_) [WIRE_##name] = {path_, body_},
	WIRE_METHODS(ROW)
#undef ROW
};

const char *wire_method_path(enum wire_method method)
{
	return methods[method].path;
}

bool wire_method_has_body(enum wire_method method)
{
	return methods[method].body;
}

bool wire_method_is_ipam(enum wire_method method)
{
	return method >= WIRE_IPAM_CAPABILITIES && method <= WIRE_IPAM_RELEASE_ADDRESS;
}

enum wire_method wire_method_find(const char *path)
{
	for (unsigned i = 0; i < WIRE_COUNT; i++)
		if (strcmp(methods[i].path, path) == 0)
			return (enum wire_method)i;
	return WIRE_COUNT;
}

/* --- requests --- */

#define AT(member) .offset = offsetof(struct wire_request, member)
#define END                 \
	{                   \
		.key = NULL \
	}
#define NETWORK_ID                                                \
	{                                                         \
		.key = "NetworkID", .kind = SHAPE_ID, AT(network) \
	}
#define ENDPOINT_ID                                                 \
	{                                                           \
		.key = "EndpointID", .kind = SHAPE_ID, AT(endpoint) \
	}
#define OPTIONS                                                  \
	{                                                        \
		.key = "Options", .kind = SHAPE_MAP, AT(options) \
	}

static const struct shape_field none[] = {END};
static const struct shape_field only_options[] = {OPTIONS, END};
static const struct shape_field only_network[] = {NETWORK_ID, END};
static const struct shape_field both_ids[] = {NETWORK_ID, ENDPOINT_ID, END};
static const struct shape_field create_network[] = {
	NETWORK_ID, OPTIONS, {.key = "IPv4Data", .kind = SHAPE_IPAM, AT(ipv4)}, {.key = "IPv6Data", .kind = SHAPE_IPAM, AT(ipv6)},
	END,
};
static const struct shape_field request_interface[] = {
	{.key = "Address", .kind = SHAPE_PREFIX, AT(interface.address)},
	{.key = "AddressIPv6", .kind = SHAPE_PREFIX, AT(interface.address6)},
	{.key = "MacAddress", .kind = SHAPE_MAC, AT(interface.mac)},
	END,
};
static const struct shape_field create_endpoint[] = {
	NETWORK_ID, ENDPOINT_ID, {.key = "Interface", .kind = SHAPE_OBJECT, .shape = request_interface}, OPTIONS, END,
};
static const struct shape_field join[] = {
	NETWORK_ID, ENDPOINT_ID, {.key = "SandboxKey", .kind = SHAPE_STRING, AT(sandbox_key)}, OPTIONS, END,
};
static const struct shape_field program[] = {NETWORK_ID, ENDPOINT_ID, OPTIONS, END};
static const struct shape_field node[] = {
	{.key = "Address", .kind = SHAPE_STRING, AT(node.address)},
	{.key = "BindAddress", .kind = SHAPE_STRING, AT(node.bind_address)},
	{.key = "Self", .kind = SHAPE_BOOL, AT(node.self)},
	END,
};
static const struct shape_field discover[] = {
	{.key = "DiscoveryType", .kind = SHAPE_INT, AT(node.type)},
	{.key = "DiscoveryData", .kind = SHAPE_OBJECT, .shape = node},
	END,
};

#define POOL_ID                                                         \
	{                                                               \
		.key = "PoolID", .kind = SHAPE_STRING, AT(ipam.pool_id) \
	}
static const struct shape_field request_pool[] = {
	{.key = "AddressSpace", .kind = SHAPE_STRING, AT(ipam.space)},
	{.key = "Pool", .kind = SHAPE_PREFIX, AT(ipam.pool)},
	{.key = "SubPool", .kind = SHAPE_PREFIX, AT(ipam.sub_pool)},
	OPTIONS,
	{.key = "V6", .kind = SHAPE_BOOL, AT(ipam.v6)},
	END,
};
static const struct shape_field only_pool[] = {POOL_ID, END};
static const struct shape_field request_address[] = {
	POOL_ID,
	{.key = "Address", .kind = SHAPE_ADDR, AT(ipam.address)},
	OPTIONS,
	END,
};
static const struct shape_field release_address[] = {
	POOL_ID,
	{.key = "Address", .kind = SHAPE_ADDR, AT(ipam.address)},
	END,
};

const struct shape_field *const shape_requests[WIRE_COUNT] = {
	[WIRE_ACTIVATE] = none,
	[WIRE_CAPABILITIES] = none,
	[WIRE_GW_ALLOC_CHECK] = only_options,
	[WIRE_ALLOCATE_NETWORK] = create_network,
	[WIRE_FREE_NETWORK] = only_network,
	[WIRE_CREATE_NETWORK] = create_network,
	[WIRE_DELETE_NETWORK] = only_network,
	[WIRE_CREATE_ENDPOINT] = create_endpoint,
	[WIRE_DELETE_ENDPOINT] = both_ids,
	[WIRE_ENDPOINT_INFO] = both_ids,
	[WIRE_JOIN] = join,
	[WIRE_LEAVE] = both_ids,
	[WIRE_PROGRAM_EXTERNAL] = program,
	[WIRE_REVOKE_EXTERNAL] = both_ids,
	[WIRE_DISCOVER_NEW] = discover,
	[WIRE_DISCOVER_DELETE] = discover,
	[WIRE_IPAM_CAPABILITIES] = none,
	[WIRE_IPAM_SPACES] = none,
	[WIRE_IPAM_REQUEST_POOL] = request_pool,
	[WIRE_IPAM_RELEASE_POOL] = only_pool,
	[WIRE_IPAM_REQUEST_ADDRESS] = request_address,
	[WIRE_IPAM_RELEASE_ADDRESS] = release_address,
};

/* --- replies --- */

#undef AT
#define AT(member) .offset = offsetof(struct wire_reply, member)

const struct shape_field shape_error[] = {
	{.key = "Err", .kind = SHAPE_STRING, AT(err), .omit = true},
	{.key = "Kind", .kind = SHAPE_STRING, AT(kind), .omit = true},
	{.key = "Code", .kind = SHAPE_STRING, AT(code), .omit = true},
	{.key = "Maskable", .kind = SHAPE_BOOL, AT(maskable), .omit = true},
	END,
};
const struct shape_field shape_ipam_error[] = {
	{.key = "Error", .kind = SHAPE_STRING, AT(err), .omit = true},
	{.key = "Kind", .kind = SHAPE_STRING, AT(kind), .omit = true},
	{.key = "Code", .kind = SHAPE_STRING, AT(code), .omit = true},
	{.key = "Maskable", .kind = SHAPE_BOOL, AT(maskable), .omit = true},
	END,
};
static const struct shape_field activate_reply[] = {
	{.key = "Implements", .kind = SHAPE_LIST, AT(implements)},
	{.key = "Host", .kind = SHAPE_STRING, AT(host), .omit = true},
	END,
};
static const struct shape_field capabilities_reply[] = {
	{.key = "Scope", .kind = SHAPE_STRING, AT(scope)},
	{.key = "ConnectivityScope", .kind = SHAPE_STRING, AT(connectivity_scope), .omit = true},
	{.key = "GwAllocChecker", .kind = SHAPE_BOOL, AT(gw_alloc_checker), .omit = true},
	END,
};
static const struct shape_field gw_alloc_reply[] = {
	{.key = "SkipIPv4", .kind = SHAPE_BOOL, AT(skip_ipv4)},
	{.key = "SkipIPv6", .kind = SHAPE_BOOL, AT(skip_ipv6)},
	END,
};
static const struct shape_field allocate_reply[] = {{.key = "Options", .kind = SHAPE_MAP, AT(options)}, END};
static const struct shape_field info_reply[] = {{.key = "Value", .kind = SHAPE_MAP, AT(value)}, END};
static const struct shape_field reply_interface[] = {
	{.key = "Address", .kind = SHAPE_PREFIX, AT(interface.address), .omit = true},
	{.key = "AddressIPv6", .kind = SHAPE_PREFIX, AT(interface.address6), .omit = true},
	{.key = "MacAddress", .kind = SHAPE_MAC, AT(interface.mac), .omit = true},
	END,
};
static const struct shape_field create_endpoint_reply[] = {
	{.key = "Interface", .kind = SHAPE_OBJECT, AT(has_interface), .is_set = true, .shape = reply_interface},
	END,
};
static const struct shape_field names[] = {
	{.key = "SrcName", .kind = SHAPE_STRING, AT(join.src_name)},
	{.key = "DstPrefix", .kind = SHAPE_STRING, AT(join.prefix)},
	{.key = "DstName", .kind = SHAPE_STRING, AT(join.dst_name), .omit = true},
	END,
};
static const struct shape_field join_reply[] = {
	{.key = "InterfaceName", .kind = SHAPE_OBJECT, AT(join.has_names), .is_set = true, .shape = names},
	{.key = "Gateway", .kind = SHAPE_ADDR, AT(join.gateway), .omit = true},
	{.key = "GatewayIPv6", .kind = SHAPE_ADDR, AT(join.gateway6), .omit = true},
	{.key = "StaticRoutes", .kind = SHAPE_ROUTES, AT(join.routes), .omit = true},
	{.key = "DisableGatewayService", .kind = SHAPE_BOOL, AT(join.disable_gateway_service), .omit = true},
	END,
};

#define DATA                                                    \
	{                                                       \
		.key = "Data", .kind = SHAPE_MAP, AT(ipam.data) \
	}
static const struct shape_field ipam_capabilities_reply[] = {
	{.key = "RequiresMACAddress", .kind = SHAPE_BOOL, AT(ipam.requires_mac)},
	{.key = "RequiresRequestReplay", .kind = SHAPE_BOOL, AT(ipam.requires_replay)},
	END,
};
static const struct shape_field spaces_reply[] = {
	{.key = "LocalDefaultAddressSpace", .kind = SHAPE_STRING, AT(ipam.local_space)},
	{.key = "GlobalDefaultAddressSpace", .kind = SHAPE_STRING, AT(ipam.global_space)},
	END,
};
static const struct shape_field pool_reply[] = {
	{.key = "PoolID", .kind = SHAPE_STRING, AT(ipam.pool_id)},
	{.key = "Pool", .kind = SHAPE_PREFIX, AT(ipam.pool)},
	DATA,
	END,
};
static const struct shape_field address_reply[] = {
	{.key = "Address", .kind = SHAPE_PREFIX, AT(ipam.address)},
	DATA,
	END,
};

#undef AT
#define AT(member) .offset = offsetof(struct shape_route, member)
const struct shape_field shape_routes[] = {
	{.key = "Destination", .kind = SHAPE_PREFIX, AT(destination)},
	{.key = "RouteType", .kind = SHAPE_INT, AT(type)},
	{.key = "NextHop", .kind = SHAPE_ADDR, AT(next_hop), .omit = true},
	END,
};

const struct shape_field *const shape_replies[WIRE_COUNT] = {
	[WIRE_ACTIVATE] = activate_reply,
	[WIRE_CAPABILITIES] = capabilities_reply,
	[WIRE_GW_ALLOC_CHECK] = gw_alloc_reply,
	[WIRE_ALLOCATE_NETWORK] = allocate_reply,
	[WIRE_FREE_NETWORK] = none,
	[WIRE_CREATE_NETWORK] = none,
	[WIRE_DELETE_NETWORK] = none,
	[WIRE_CREATE_ENDPOINT] = create_endpoint_reply,
	[WIRE_DELETE_ENDPOINT] = none,
	[WIRE_ENDPOINT_INFO] = info_reply,
	[WIRE_JOIN] = join_reply,
	[WIRE_LEAVE] = none,
	[WIRE_PROGRAM_EXTERNAL] = none,
	[WIRE_REVOKE_EXTERNAL] = none,
	[WIRE_DISCOVER_NEW] = none,
	[WIRE_DISCOVER_DELETE] = none,
	[WIRE_IPAM_CAPABILITIES] = ipam_capabilities_reply,
	[WIRE_IPAM_SPACES] = spaces_reply,
	[WIRE_IPAM_REQUEST_POOL] = pool_reply,
	[WIRE_IPAM_RELEASE_POOL] = none,
	[WIRE_IPAM_REQUEST_ADDRESS] = address_reply,
	[WIRE_IPAM_RELEASE_ADDRESS] = none,
};

/* --- who we are --- */

/* Boot, pid namespace and pid: no other process of this machine has all three, and a re-exec keeps them. */
const char *wire_host_token(char *text)
{
	struct stat space = {.st_ino = 0};
	char boot[9] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t got = read(fd, boot, sizeof(boot) - 1);
		boot[got > 0 ? got : 0] = '\0';
		(void)close(fd);
	}
	(void)stat("/proc/self/ns/pid", &space);
	(void)snprintf(text, WIRE_HOST_TOKEN, "%s-%llu-%d", boot, (unsigned long long)space.st_ino, (int)getpid());
	return text;
}
