/* SPDX-License-Identifier: Apache-2.0 */
/* The driver ABI is what it was: layouts are locked at compile time by layout.h, the rest here. */
#include "tests/lib/test.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdlib.h>

#include "tests/abi/layout.h"
#include "tests/abi/short_ops.h"

static const struct {
	const char *name;
	unsigned long long now, then;
} constants[] = {
	{"NDRV_ABI_MAJOR", NDRV_ABI_MAJOR, 1u},
	{"NDRV_ERROR_TEXT_MAX", NDRV_ERROR_TEXT_MAX, 320},
	{"NDRV_ERROR_MASKABLE", NDRV_ERROR_MASKABLE, 1u},
	{"NDRV_NULL", NDRV_NULL, 0},
	{"NDRV_BOOL", NDRV_BOOL, 1},
	{"NDRV_INT", NDRV_INT, 2},
	{"NDRV_STRING", NDRV_STRING, 3},
	{"NDRV_LIST", NDRV_LIST, 4},
	{"NDRV_MAP", NDRV_MAP, 5},
	{"NDRV_ROUTE_NEXTHOP", NDRV_ROUTE_NEXTHOP, 0},
	{"NDRV_ROUTE_CONNECTED", NDRV_ROUTE_CONNECTED, 1},
	{"NDRV_IFNAME_MAX", NDRV_IFNAME_MAX, 16},
	{"NDRV_ID_MAX", NDRV_ID_MAX, 128},
	{"NDRV_ADDR_TEXT", NDRV_ADDR_TEXT, 46},
	{"NDRV_PREFIX_TEXT", NDRV_PREFIX_TEXT, 50},
	{"NDRV_MAC_TEXT", NDRV_MAC_TEXT, 18},
	{"NDRV_FRONT_HOST", NDRV_FRONT_HOST, 0},
	{"NDRV_FRONT_CONTROL", NDRV_FRONT_CONTROL, 1},
	{"NDRV_FRONT_DOCKER", NDRV_FRONT_DOCKER, 2},
	{"NDRV_FRONT_CNI", NDRV_FRONT_CNI, 3},
	{"NDRV_CALL_RESTORE", NDRV_CALL_RESTORE, 1u << 0},
	{"NDRV_CALL_UNDO", NDRV_CALL_UNDO, 1u << 1},
	{"NDRV_CALL_FORCE", NDRV_CALL_FORCE, 1u << 2},
	{"NDRV_CALL_RETIRE", NDRV_CALL_RETIRE, 1u << 3},
	{"NDRV_NETWORK_IPV4", NDRV_NETWORK_IPV4, 1u << 0},
	{"NDRV_NETWORK_IPV6", NDRV_NETWORK_IPV6, 1u << 1},
	{"NDRV_NETWORK_INTERNAL", NDRV_NETWORK_INTERNAL, 1u << 2},
	{"NDRV_OBJECT_OPAQUE", NDRV_OBJECT_OPAQUE, 1},
	{"NDRV_OBJECT_NETWORK", NDRV_OBJECT_NETWORK, 2},
	{"NDRV_OBJECT_ENDPOINT", NDRV_OBJECT_ENDPOINT, 3},
	{"NDRV_EVENT_CREATE", NDRV_EVENT_CREATE, 1},
	{"NDRV_EVENT_UPDATE", NDRV_EVENT_UPDATE, 2},
	{"NDRV_EVENT_DELETE", NDRV_EVENT_DELETE, 3},
	{"NDRV_BATCH_SYNC_BEGIN", NDRV_BATCH_SYNC_BEGIN, 1u << 0},
	{"NDRV_BATCH_SYNC_END", NDRV_BATCH_SYNC_END, 1u << 1},
	{"NDRV_BATCH_REPLAY", NDRV_BATCH_REPLAY, 1u << 2},
	{"NDRV_BATCH_STALE", NDRV_BATCH_STALE, 1u << 3},
	{"NDRV_DISCOVER_NODE", NDRV_DISCOVER_NODE, 1},
	{"NDRV_DISCOVER_DATASTORE", NDRV_DISCOVER_DATASTORE, 2},
	{"NDRV_DISCOVER_KEYS", NDRV_DISCOVER_KEYS, 3},
	{"NDRV_DISCOVER_KEYS_UPDATE", NDRV_DISCOVER_KEYS_UPDATE, 4},
	{"NDRV_PROTO_TCP", NDRV_PROTO_TCP, 6},
	{"NDRV_PROTO_UDP", NDRV_PROTO_UDP, 17},
	{"NDRV_PROTO_SCTP", NDRV_PROTO_SCTP, 132},
	{"NDRV_NAT_MASQUERADE", NDRV_NAT_MASQUERADE, 1u << 0},
	{"NDRV_NAT_ISOLATE", NDRV_NAT_ISOLATE, 1u << 1},
	{"NDRV_NAT_INTERNAL", NDRV_NAT_INTERNAL, 1u << 2},
	{"NDRV_NAT_NO_ICC", NDRV_NAT_NO_ICC, 1u << 3},
	{"NDRV_NAT_HAIRPIN", NDRV_NAT_HAIRPIN, 1u << 4},
	{"NDRV_SCOPE_LOCAL", NDRV_SCOPE_LOCAL, 1},
	{"NDRV_SCOPE_GLOBAL", NDRV_SCOPE_GLOBAL, 2},
	{"NDRV_CAPABILITY_NO_IPAM", NDRV_CAPABILITY_NO_IPAM, 1u << 0},
	{"NDRV_CAPABILITY_NO_LINK", NDRV_CAPABILITY_NO_LINK, 1u << 1},
	{"NDRV_CAPABILITY_HOST_SANDBOX", NDRV_CAPABILITY_HOST_SANDBOX, 1u << 2},
	{"NDRV_CAPABILITY_SINGLE_NETWORK", NDRV_CAPABILITY_SINGLE_NETWORK, 1u << 3},
	{"NDRV_LOG_ERROR", NDRV_LOG_ERROR, 1},
	{"NDRV_LOG_WARNING", NDRV_LOG_WARNING, 2},
	{"NDRV_LOG_INFO", NDRV_LOG_INFO, 3},
	{"NDRV_LOG_DEBUG", NDRV_LOG_DEBUG, 4},
	{"NDRV_FEATURE_STORE", NDRV_FEATURE_STORE, 1ull << 0},
	{"NDRV_FEATURE_TABLES", NDRV_FEATURE_TABLES, 1ull << 1},
	{"NDRV_FEATURE_NAT", NDRV_FEATURE_NAT, 1ull << 2},
	{"NDRV_FEATURE_TIMERS", NDRV_FEATURE_TIMERS, 1ull << 3},
	{"NDRV_FEATURE_SWAP", NDRV_FEATURE_SWAP, 1ull << 4},
	{"NDRV_OPTION_BOOL", NDRV_OPTION_BOOL, 1},
	{"NDRV_OPTION_INT", NDRV_OPTION_INT, 2},
	{"NDRV_OPTION_STRING", NDRV_OPTION_STRING, 3},
	{"NDRV_OPTION_IFNAME", NDRV_OPTION_IFNAME, 4},
	{"NDRV_OPTION_ADDR4", NDRV_OPTION_ADDR4, 5},
	{"NDRV_OPTION_ADDR6", NDRV_OPTION_ADDR6, 6},
	{"NDRV_OPTION_CHOICE", NDRV_OPTION_CHOICE, 7},
	{"NDRV_SKIP_GATEWAY4", NDRV_SKIP_GATEWAY4, 1u << 0},
	{"NDRV_SKIP_GATEWAY6", NDRV_SKIP_GATEWAY6, 1u << 1},
	{"NDRV_OPTIONS_NETWORK", NDRV_OPTIONS_NETWORK, 1},
	{"NDRV_OPTIONS_ENDPOINT", NDRV_OPTIONS_ENDPOINT, 2},
	{"NDRV_OPTIONS_CONFIG", NDRV_OPTIONS_CONFIG, 3},
	{"NDRV_THREADS_ANY", NDRV_THREADS_ANY, 0},
	{"NDRV_THREADS_NETWORK", NDRV_THREADS_NETWORK, 1},
	{"NDRV_THREADS_DRIVER", NDRV_THREADS_DRIVER, 2},
	{"NDRV_DRIVER_DYNAMIC_TYPES", NDRV_DRIVER_DYNAMIC_TYPES, 1u << 0},
	{"NDRV_DRIVER_UNLOADABLE", NDRV_DRIVER_UNLOADABLE, 1u << 1},
	{"NDRV_DRIVER_OWN_THREADS", NDRV_DRIVER_OWN_THREADS, 1u << 2},
	{"NDRV_DRIVER_DELETES_ENDPOINTS", NDRV_DRIVER_DELETES_ENDPOINTS, 1u << 3},
	{"NDRV_NOTE_TYPE", NDRV_NOTE_TYPE, 1u},
	{"NDRV_NL_TEXT_MAX", NDRV_NL_TEXT_MAX, 128},
	{"NDRV_NL_BATCH_MAX", NDRV_NL_BATCH_MAX, 96},
	{"NDRV_NL_WHAT_MAX", NDRV_NL_WHAT_MAX, 64},
};

static void numbers_are_what_they_were(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (constants[i].now != constants[i].then)
			fail_msg("%s is %llu, and was %llu", constants[i].name, constants[i].now, constants[i].then);
}

static void words_on_the_wire_are_what_they_were(void **state)
{
	static const char *const texts[][2] = {
		{NDRV_OPT_GENERIC, "com.docker.network.generic"},
		{NDRV_OPT_ENABLE_IPV4, "com.docker.network.enable_ipv4"},
		{NDRV_OPT_ENABLE_IPV6, "com.docker.network.enable_ipv6"},
		{NDRV_OPT_INTERNAL, "com.docker.network.internal"},
		{NDRV_OPT_MTU, "com.docker.network.driver.mtu"},
		{NDRV_OPT_IFACE_PREFIX, "com.docker.network.container_iface_prefix"},
		{NDRV_OPT_IFNAME, "com.docker.network.endpoint.ifname"},
		{NDRV_OPT_MAC, "com.docker.network.endpoint.macaddress"},
		{NDRV_OPT_PORTMAP, "com.docker.network.portmap"},
		{NDRV_OPT_EXPOSED_PORTS, "com.docker.network.endpoint.exposedports"},
		{NDRV_OPT_DNS_SERVERS, "com.docker.network.endpoint.dnsservers"},
		{NDRV_PLUGIN_ENDPOINT_TYPE, "NetworkDriver"},
		{NDRV_NOTE_NAME, "NDRV"},
		{NDRV_NOTE_SECTION, ".note.ndrv"},
		{NDRV_ENTRY_V1, "ndrv_driver_v1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(texts[i][0], texts[i][1]);
}

static void sizes_on_this_machine_are_what_they_were(void **state)
{
	(void)state;
	if (sizeof(void *) != 8)
		skip();
	assert_int_equal(sizeof(struct ndrv_value), 16);
	assert_int_equal(sizeof(struct ndrv_pair), 24);
	assert_int_equal(sizeof(struct ndrv_error), 336);
	assert_int_equal(sizeof(struct ndrv_prefix), 24);
	assert_int_equal(sizeof(struct v1_ops), 8 + 27 * 8);
	assert_int_equal(sizeof(struct v1_host), 24 + 8 * 8);
}

static void a_member_beyond_a_structs_own_size_counts_as_absent(void **state)
{
	const struct ndrv_ops shorter = {.size = SHORT_OPS_SIZE, SHORT_OPS_TRAPS};
	struct ndrv_ops grown = shorter;

	(void)state;
	assert_true(NDRV_COVERS(&shorter, endpoint_delete));
	assert_false(NDRV_HAS(&shorter, endpoint_delete));
	assert_false(NDRV_COVERS(&shorter, endpoint_info));
	assert_false(NDRV_HAS(&shorter, endpoint_info));
	assert_false(NDRV_HAS(&shorter, options));
	grown.size = SHORT_OPS_SIZE + sizeof(void *) - 1;
	assert_false(NDRV_HAS(&grown, endpoint_info));
	grown.size = SHORT_OPS_SIZE + sizeof(void *);
	assert_true(NDRV_HAS(&grown, endpoint_info));
	assert_false(NDRV_HAS(&grown, join));
}

/* --- the note, as a loader finds it in memory --- */

struct found {
	const char *owner_of; /* any address of the object looked for */
	struct ndrv_note note;
	int count;
};

static void read_notes(const unsigned char *at, size_t bytes, struct found *found)
{
	ElfW(Nhdr) head;

	while (bytes >= sizeof(head)) {
		memcpy(&head, at, sizeof(head));
		size_t name = (head.n_namesz + 3u) / 4 * 4;
		size_t desc = (head.n_descsz + 3u) / 4 * 4;
		if (sizeof(head) + name + desc > bytes)
			return;
		if (head.n_type == NDRV_NOTE_TYPE && head.n_namesz == sizeof(NDRV_NOTE_NAME) &&
		    memcmp(at + sizeof(head), NDRV_NOTE_NAME, sizeof(NDRV_NOTE_NAME)) == 0) {
			assert_int_equal(head.n_descsz, sizeof(found->note));
			memcpy(&found->note, at + sizeof(head) + name, sizeof(found->note));
			found->count++;
		}
		at += sizeof(head) + name + desc;
		bytes -= sizeof(head) + name + desc;
	}
}

static int each_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct found *found = data;
	Dl_info owner = {0};

	(void)size;
	if (!dladdr(found->owner_of, &owner) || (uintptr_t)owner.dli_fbase != info->dlpi_addr)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE && info->dlpi_phdr[i].p_align <= 4)
			read_notes((const unsigned char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
				   info->dlpi_phdr[i].p_memsz, found);
	return 1;
}

static int registered;

static int refuse_registration(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			       const struct ndrv_capability *capability, struct ndrv_error *err)
{
	(void)self;
	assert_string_equal(type, "short");
	assert_int_equal(ops->size, SHORT_OPS_SIZE);
	assert_string_equal(capability->note->name, "short");
	ndrv_log(host, NDRV_LOG_INFO, "seen");
	registered++;
	return ndrv_fail_object(err, NDRV_E_ACTIVE_REGISTRATION, type);
}

static int unregister(const struct ndrv_host *host, const char *type, struct ndrv_error *err)
{
	(void)host, (void)type, (void)err;
	return 0;
}

static void an_old_drivers_note_says_what_its_code_says(void **state)
{
	const struct ndrv_host host = {.size = sizeof(host),
				       .abi_major = NDRV_ABI_MAJOR,
				       .register_driver = refuse_registration,
				       .unregister_driver = unregister};
	void *object = dlopen(SHORT_DRIVER, RTLD_NOW | RTLD_LOCAL);
	struct ndrv_error err = {0};
	union {
		void *object;
		ndrv_driver_entry function;
	} entry;

	(void)state;
	if (!object)
		fail_msg("%s", dlerror());
	entry.object = dlsym(object, NDRV_ENTRY_V1);
	assert_non_null(entry.object);
	struct found found = {.owner_of = entry.object};
	dl_iterate_phdr(each_object, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.note.size, sizeof(struct ndrv_note));
	assert_int_equal(found.note.abi_major, NDRV_ABI_MAJOR);
	assert_int_equal(found.note.abi_minor, NDRV_ABI_MINOR);
	assert_int_equal(found.note.ops_size, SHORT_OPS_SIZE);
	assert_int_equal(found.note.threading, NDRV_THREADS_NETWORK);
	assert_int_equal(found.note.data_scope, NDRV_SCOPE_LOCAL);
	assert_string_equal(found.note.name, "short");
	assert_string_equal(found.note.version, "0.9");
	assert_memory_equal(found.note.types, "short\0", 7);
	assert_fails(entry.function(&host, &err), &err, NDRV_E_ACTIVE_REGISTRATION, "driver short: type short: ");
	assert_int_equal(registered, 1);
	dlclose(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_what_they_were),
		cmocka_unit_test(words_on_the_wire_are_what_they_were),
		cmocka_unit_test(sizes_on_this_machine_are_what_they_were),
		cmocka_unit_test(a_member_beyond_a_structs_own_size_counts_as_absent),
		cmocka_unit_test(an_old_drivers_note_says_what_its_code_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
