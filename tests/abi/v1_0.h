/* SPDX-License-Identifier: Apache-2.0 */
/* The structs of driver ABI 1.0 as they were when it was published. Never edited: what a later minor appends gets a file of its
 * own. Written with the present types of members, so that layout.h also sees a changed type or signature. */
#ifndef TESTS_ABI_V1_0_H
#define TESTS_ABI_V1_0_H

#include <ndrv/driver.h>
#include <ndrv/netlink.h>

struct v1_error {
	int32_t code;
	uint32_t kind;
	uint32_t flags;
	int32_t sys_errno;
	char text[320];
};

struct v1_value {
	uint32_t type;
	uint32_t count;
	union {
		uint64_t boolean;
		int64_t integer;
		const char *string;
		const struct ndrv_value *items;
		const struct ndrv_pair *pairs;
	} u;
};

struct v1_pair {
	const char *key;
	struct ndrv_value value;
};

struct v1_arena {
	uint32_t size;
	uint32_t reserved;
	void *(*alloc)(struct ndrv_arena *arena, size_t bytes);
};

struct v1_addr {
	uint8_t family;
	uint8_t reserved[3];
	uint8_t bytes[16];
};

struct v1_prefix {
	struct ndrv_addr addr;
	uint32_t length;
};

struct v1_mac {
	uint8_t set;
	uint8_t reserved;
	uint8_t bytes[6];
};

struct v1_route {
	struct ndrv_prefix destination;
	uint32_t type;
	struct ndrv_addr next_hop;
};

struct v1_aux_address {
	const char *name;
	struct ndrv_prefix address;
};

struct v1_ipam_data {
	const char *address_space;
	struct ndrv_prefix pool;
	struct ndrv_prefix gateway;
	uint32_t aux_count;
	uint32_t aux_set;
	const struct ndrv_aux_address *aux;
};

struct v1_ipam_list {
	uint32_t count;
	uint32_t element_size;
	const struct ndrv_ipam_data *items;
};

struct v1_call {
	uint32_t size;
	uint32_t flags;
	uint64_t deadline_ns;
	struct ndrv_error *err;
	struct ndrv_arena *arena;
	int (*cancelled)(const struct ndrv_call *call);
	const char *requester;
	uint32_t front;
	uint32_t uid;
	const char *request_id;
	struct ndrv_nl *host_nl;
	struct ndrv_nl *sandbox_nl;
};

struct v1_network_ops {
	uint32_t size;
	uint32_t reserved;
	int (*table_register)(struct ndrv_network *network, const char *table, uint32_t object_type, struct ndrv_error *err);
};

struct v1_network {
	uint32_t size;
	uint32_t flags;
	const struct ndrv_network_ops *ops;
	const char *id;
	const char *name;
	const char *instance;
	const struct ndrv_value *options;
	struct ndrv_ipam_list ipv4;
	struct ndrv_ipam_list ipv6;
	uint32_t link_group;
	uint32_t route_protocol;
	void *priv;
};

struct v1_endpoint {
	uint32_t size;
	uint32_t reserved;
	const char *id;
	struct ndrv_network *network;
	const struct ndrv_value *options;
	const char *sandbox_key;
	struct ndrv_prefix address;
	struct ndrv_prefix address6;
	struct ndrv_mac mac;
	void *priv;
};

struct v1_ifinfo_ops {
	uint32_t size;
	uint32_t reserved;
	int (*set_mac)(struct ndrv_ifinfo *ifinfo, const struct ndrv_mac *mac, struct ndrv_error *err);
	int (*set_address)(struct ndrv_ifinfo *ifinfo, const struct ndrv_prefix *address, struct ndrv_error *err);
	int (*get_mac)(struct ndrv_ifinfo *ifinfo, struct ndrv_mac *ret, struct ndrv_error *err);
	int (*get_address)(struct ndrv_ifinfo *ifinfo, uint32_t family, struct ndrv_prefix *ret, struct ndrv_error *err);
	int (*get_netns)(struct ndrv_ifinfo *ifinfo, const char **ret_path, int *ret_fd, struct ndrv_error *err);
	int (*get_ifname)(struct ndrv_ifinfo *ifinfo, const char **ret, struct ndrv_error *err);
	int (*set_created_in_sandbox)(struct ndrv_ifinfo *ifinfo, struct ndrv_error *err);
};

struct v1_ifinfo {
	const struct ndrv_ifinfo_ops *ops;
};

struct v1_join_ops {
	uint32_t size;
	uint32_t reserved;
	int (*set_names)(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err);
	int (*set_gateway)(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
	int (*set_gateway6)(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err);
	int (*add_static_route)(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err);
	int (*disable_gateway_service)(struct ndrv_join *join, struct ndrv_error *err);
	int (*force_gateway)(struct ndrv_join *join, uint32_t family, struct ndrv_error *err);
	int (*add_table_entry)(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			       struct ndrv_error *err);
	int (*add_wait_link)(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err);
	int (*set_neighbour)(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac,
			     struct ndrv_error *err);
};

struct v1_join {
	const struct ndrv_join_ops *ops;
};

struct v1_table_event {
	const char *key;
	const void *previous;
	const void *value;
	uint32_t previous_bytes;
	uint32_t value_bytes;
	uint64_t revision;
	const char *owner;
};

struct v1_table_batch {
	uint32_t size;
	uint32_t flags;
	const char *table;
	uint32_t count;
	uint32_t element_size;
	const struct ndrv_table_event *events;
};

struct v1_discovery_key {
	uint32_t tag;
	uint32_t bytes;
	const uint8_t *key;
};

struct v1_discovery {
	uint32_t size;
	uint32_t type;
	const char *address;
	const char *bind_address;
	uint32_t self;
	uint32_t key_count;
	const struct ndrv_discovery_key *keys;
	const char *provider;
	const char *store_address;
};

struct v1_port_binding {
	uint32_t size;
	uint32_t protocol;
	struct ndrv_addr address;
	uint32_t port;
	struct ndrv_addr host_address;
	uint32_t host_port;
	uint32_t host_port_end;
};

struct v1_nat_network {
	uint32_t size;
	uint32_t flags;
	const char *link;
	struct ndrv_prefix pool;
	struct ndrv_prefix pool6;
	struct ndrv_addr source;
	struct ndrv_addr source6;
};

struct v1_nat_ops {
	uint32_t size;
	uint32_t reserved;
	int (*network_set)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network,
			   const struct ndrv_nat_network *want);
	int (*network_clear)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_network *network);
	int (*publish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint,
		       struct ndrv_port_binding *bindings, uint32_t count);
	int (*unpublish)(const struct ndrv_host *host, struct ndrv_call *call, const struct ndrv_endpoint *endpoint);
};

struct v1_capability {
	uint32_t size;
	uint32_t data_scope;
	uint32_t connectivity_scope;
	uint32_t flags;
	const struct ndrv_note *note;
};

struct v1_store_ops {
	uint32_t size;
	uint32_t reserved;
	int (*put)(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err);
	int (*get)(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
		   struct ndrv_error *err);
	int (*del)(const struct ndrv_host *host, const char *key, struct ndrv_error *err);
	int (*scan)(const struct ndrv_host *host, const char *prefix,
		    int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err);
};

struct v1_tables_ops {
	uint32_t size;
	uint32_t reserved;
	int (*put)(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   const void *value, size_t bytes, struct ndrv_error *err);
	int (*del)(const struct ndrv_host *host, const struct ndrv_network *network, const char *table, const char *key,
		   struct ndrv_error *err);
	int (*get)(const struct ndrv_host *host, struct ndrv_arena *arena, const struct ndrv_network *network, const char *table,
		   const char *key, const void **ret, size_t *ret_bytes, struct ndrv_error *err);
};

struct v1_timers_ops {
	uint32_t size;
	uint32_t reserved;
	int (*timer_add)(const struct ndrv_host *host, struct ndrv_network *network, uint64_t after_ns, uint64_t every_ns,
			 void (*fire)(struct ndrv_call *call, struct ndrv_network *network, void *data), void *data,
			 struct ndrv_timer **ret, struct ndrv_error *err);
	void (*timer_del)(const struct ndrv_host *host, struct ndrv_timer *timer);
	int (*watch_add)(const struct ndrv_host *host, struct ndrv_network *network, int fd, uint32_t poll_events,
			 void (*fire)(struct ndrv_call *call, struct ndrv_network *network, int fd, uint32_t revents, void *data),
			 void *data, struct ndrv_watch **ret, struct ndrv_error *err);
	void (*watch_del)(const struct ndrv_host *host, struct ndrv_watch *watch);
};

struct v1_host {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t reserved;
	uint64_t features;
	int (*register_driver)(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			       const struct ndrv_capability *capability, struct ndrv_error *err);
	int (*unregister_driver)(const struct ndrv_host *host, const char *type, struct ndrv_error *err);
	void (*log)(const struct ndrv_host *host, int level, const char *text);
	const void *(*extension)(const struct ndrv_host *host, const char *id);
	const struct ndrv_store_ops *store;
	const struct ndrv_tables_ops *tables;
	const struct ndrv_nat_ops *nat;
	const struct ndrv_timers_ops *timers;
};

struct v1_option {
	const char *name;
	uint32_t type;
	uint32_t offset;
	int64_t minimum, maximum;
	const char *choices;
	const char *fallback;
	const char *doc;
};

struct v1_option_list {
	uint32_t count;
	uint32_t element_size;
	const struct ndrv_option *items;
};

struct v1_gateway_state {
	uint32_t size;
	uint32_t reserved;
	const char *gateway4;
	const char *gateway6;
};

struct v1_blob {
	uint32_t schema_version;
	uint32_t bytes;
	const void *data;
};

struct v1_ops {
	uint32_t size;
	uint32_t reserved;
	int (*network_allocate)(void *self, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
				const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6,
				struct ndrv_value *ret_options);
	int (*network_free)(void *self, struct ndrv_call *call, const char *nid);
	int (*network_create)(void *self, struct ndrv_call *call, struct ndrv_network *network);
	int (*network_delete)(void *self, struct ndrv_call *call, struct ndrv_network *network);
	int (*endpoint_create)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			       struct ndrv_ifinfo *ifinfo, const struct ndrv_value *options);
	int (*endpoint_delete)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	int (*endpoint_info)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			     struct ndrv_value *ret_info);
	int (*join)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		    const char *sandbox_key, struct ndrv_join *join, const struct ndrv_value *endpoint_options,
		    const struct ndrv_value *sandbox_options);
	int (*leave)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	int (*program_external)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
				const struct ndrv_gateway_state *gateways, const struct ndrv_value *options);
	int (*revoke_external)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	int (*event_notify)(void *self, struct ndrv_call *call, struct ndrv_network *network, const struct ndrv_table_batch *batch);
	int (*discover_new)(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);
	int (*discover_delete)(void *self, struct ndrv_call *call, const struct ndrv_discovery *discovery);
	int (*decode_table_entry)(void *self, struct ndrv_call *call, const char *table, const char *key, const void *value,
				  size_t bytes, const char **ret_object_id, struct ndrv_value *ret_info);
	int (*gw_alloc_check)(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip);
	int (*ipv6_release)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	int (*configure)(void *self, struct ndrv_call *call, const struct ndrv_value *config);
	int (*prepare)(void *self, struct ndrv_call *call, const struct ndrv_blob *from);
	int (*adopt)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
		     const struct ndrv_blob *blob);
	int (*export_state)(void *self, struct ndrv_call *call, struct ndrv_network *network, struct ndrv_endpoint *endpoint,
			    uint32_t schema_version, struct ndrv_blob *ret);
	void (*commit)(void *self, struct ndrv_call *call);
	void (*abort)(void *self, struct ndrv_call *call);
	int (*health)(void *self, struct ndrv_call *call);
	void (*release)(void *self, struct ndrv_network *network, struct ndrv_endpoint *endpoint);
	void (*destroy)(void *self);
	int (*options)(void *self, uint32_t which, struct ndrv_option_list *ret);
};

struct v1_note {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t abi_minor_min;
	uint32_t needs_lo, needs_hi;
	uint32_t wants_lo, wants_hi;
	uint32_t flags;
	uint32_t threading;
	uint32_t data_scope;
	uint32_t connectivity_scope;
	uint32_t capability_flags;
	uint32_t state_version;
	uint32_t state_version_min;
	uint32_t ops_size;
	char state_schema[32];
	char name[32];
	char version[32];
	char vendor[64];
	char types[192];
};

struct v1_nl_item {

	struct nlmsghdr *message;
	int32_t sys_errno;
	uint32_t reserved;
	void (*reply)(const struct nlmsghdr *reply, void *data);
	void *data;
	char text[128];
};

struct v1_nl_ops {
	uint32_t size;
	uint32_t reserved;
	int (*transact)(struct ndrv_nl *nl, struct ndrv_nl_item *items, uint32_t count, uint32_t item_size, struct ndrv_error *err);
	struct nl_sock *(*socket)(struct ndrv_nl *nl);
	int (*socket_error)(struct ndrv_nl *nl);
};

struct v1_nl {
	const struct ndrv_nl_ops *ops;
};

#endif
