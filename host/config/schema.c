/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in ndrvd.yaml. One row per key; docs/config.md and conf/ndrvd.yaml name each of them (a test compares). */
#include "host/config/schema.h"

#include <stdio.h>
#include <string.h>

#include <ndrv/host.h>
#include <ndrv/options.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member) .offset = offsetof(struct config, member)
#define RANGE(low, high) .minimum = (low), .maximum = (high)
#define CUSTOM(what) .kind = KEY_CUSTOM, .read = read_##what, .describe = describe_##what

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

static const struct schema_key control_keys[] = {
	{.name = "socket",
	 .kind = KEY_PATH,
	 AT(control.socket),
	 .derived = "RUNTIME_DIR/control.sock",
	 .doc = "The unix socket that ndrvctl and ndrv-cni speak to."},
	{.name = "group",
	 CUSTOM(group),
	 AT(control.group),
	 .fallback = "ndrv",
	 .expected = "a group's name or number",
	 .doc = "Members may work with networks and endpoints; \"\" leaves the socket to root alone."},
	{.name = "max_connections",
	 .kind = KEY_INT,
	 AT(control.max_connections),
	 RANGE(1, 4096),
	 .fallback = "256",
	 .doc = "Connections open at once; more wait to be accepted."},
	{.name = "max_connections_per_uid",
	 .kind = KEY_INT,
	 AT(control.max_connections_per_uid),
	 RANGE(1, 4096),
	 .fallback = "32",
	 .doc = "Of these, how many one user may have."},
	{.name = "request_timeout",
	 .kind = KEY_DURATION,
	 AT(control.request_timeout_ns),
	 RANGE(SECOND, 10 * MINUTE),
	 .fallback = "30s",
	 .doc = "The whole of a request must have arrived by then."},
	{.name = "max_request",
	 .kind = KEY_SIZE,
	 AT(control.max_request),
	 RANGE(4 * KIB, 16 * MIB),
	 .fallback = "1MiB",
	 .doc = "The largest body of a request."},
};
static const struct schema control = {control_keys, COUNT(control_keys)};

static const struct schema_key docker_keys[] = {
	{.name = "plugin_dir",
	 .kind = KEY_PATH,
	 AT(docker.plugin_dir),
	 .fallback = "/run/docker/plugins", /* dockerd's, wherever this host is installed */
	 .doc = "Where Docker looks for the sockets of plugins."},
	{.name = "expose",
	 CUSTOM(exposed),
	 .fallback = "{}",
	 .expected = "a map of plugins",
	 .doc = "Network types that Docker may use, by the name it uses them by."},
};
static const struct schema docker_section = {docker_keys, COUNT(docker_keys)};

static const struct schema_key log_keys[] = {
	{.name = "level",
	 .kind = KEY_CHOICE,
	 AT(log.level),
	 RANGE(1, 4),
	 .choices = "error|warning|info|debug",
	 .fallback = "info",
	 .doc = "Lines of this level and above are written to standard error."},
	{.name = "format",
	 .kind = KEY_CHOICE,
	 AT(log.format),
	 RANGE(0, 2),
	 .choices = "auto|plain|prefix",
	 .fallback = "auto",
	 .doc = "prefix puts the level before each line as sd-daemon(3) has it; auto does so under systemd."},
};
static const struct schema log_section = {log_keys, COUNT(log_keys)};

static const struct schema_key calls_keys[] = {
	{.name = "deadline",
	 .kind = KEY_DURATION,
	 AT(calls.deadline_ns),
	 RANGE(100, 60 * MINUTE),
	 .fallback = "25s",
	 .doc = "After that the caller of an operation gets Timeout; Docker gives up after 30s."},
	{.name = "workers",
	 .kind = KEY_INT,
	 AT(calls.workers),
	 RANGE(1, 1024),
	 .fallback = "4",
	 .doc = "Threads kept ready to run operations."},
	{.name = "max_workers",
	 .kind = KEY_INT,
	 AT(calls.max_workers),
	 RANGE(1, 1024),
	 .fallback = "64",
	 .doc = "Threads there may be at most, when drivers block."},
	{.name = "memory",
	 .kind = KEY_SIZE,
	 AT(calls.memory),
	 RANGE(64 * KIB, GIB),
	 .fallback = "8MiB",
	 .doc = "What one operation may allocate for its arguments and results."},
};
static const struct schema calls = {calls_keys, COUNT(calls_keys)};

static const struct schema_key swap_keys[] = {
	{.name = "drain",
	 .kind = KEY_DURATION,
	 AT(swap.drain_ns),
	 RANGE(10, 10 * MINUTE),
	 .fallback = "5s",
	 .doc = "How long running calls may keep a swap waiting; then it is called off and names them."},
	{.name = "step",
	 .kind = KEY_DURATION,
	 AT(swap.step_ns),
	 RANGE(10, 10 * MINUTE),
	 .fallback = "10s",
	 .doc = "How long a driver may take over one call that a swap makes (prepare, export_state, adopt); then it is called "
		"off."},
	{.name = "probation",
	 .kind = KEY_DURATION,
	 AT(swap.probation_ns),
	 RANGE(0, 60 * MINUTE),
	 .fallback = "60s",
	 .doc = "How long the driver that was replaced stands by, to be put back."},
	{.name = "max_errors",
	 .kind = KEY_INT,
	 AT(swap.max_errors),
	 RANGE(0, 1000000),
	 .fallback = "5",
	 .doc = "So many Internal errors of the new driver within the probation put the former one back; 0: none do."},
};
static const struct schema swap_section = {swap_keys, COUNT(swap_keys)};

static const struct schema_key ownership_keys[] = {
	{.name = "link_group",
	 .kind = KEY_INT,
	 AT(ownership.link_group),
	 RANGE(1, UINT32_MAX - CONFIG_LINK_GROUPS + 1),
	 .fallback = "28160",
	 .doc = "The first of 16 link group numbers that mark this instance's interfaces."},
	{.name = "route_protocol",
	 .kind = KEY_INT,
	 AT(ownership.route_protocol),
	 RANGE(5, 255),
	 .fallback = "110",
	 .doc = "The protocol number that marks this instance's routes, rules and neighbours."},
};
static const struct schema ownership = {ownership_keys, COUNT(ownership_keys)};

static const struct schema_key node_keys[] = {
	{.name = "name",
	 CUSTOM(node_name),
	 AT(node.name),
	 .fallback = "auto",
	 .expected = "a name, or auto",
	 .doc = "This host's name among those that share tables; auto: the machine's."},
	{.name = "address",
	 CUSTOM(node_address),
	 AT(node.address),
	 .fallback = "none",
	 .expected = "an address, or none",
	 .doc = "Where the other hosts reach this one; drivers that span hosts are told."},
};
static const struct schema node_section = {node_keys, COUNT(node_keys)};

static const struct schema_key top_keys[] = {
	{.name = "instance",
	 CUSTOM(instance),
	 AT(instance),
	 .fallback = "ndrv",
	 .expected = "a name of 1 to 8 characters a-z and 0-9",
	 .doc = "Names this host where several run side by side; a part of the names of kernel objects."},
	{.name = "state_dir",
	 .kind = KEY_PATH,
	 AT(state_dir),
	 .fallback = NDRV_LOCALSTATEDIR "/lib/ndrv",
	 .doc = "What must survive a reboot."},
	{.name = "runtime_dir",
	 .kind = KEY_PATH,
	 AT(runtime_dir),
	 .fallback = NDRV_RUNSTATEDIR "/ndrv",
	 .doc = "Sockets, and what dies with the kernel's objects; on a tmpfs."},
	{.name = "control", .kind = KEY_SECTION, .section = &control, .doc = "The control socket."},
	{.name = "docker", .kind = KEY_SECTION, .section = &docker_section, .doc = "Network types as Docker plugins."},
	{.name = "log", .kind = KEY_SECTION, .section = &log_section, .doc = "The log."},
	{.name = "calls", .kind = KEY_SECTION, .section = &calls, .doc = "How operations are run."},
	{.name = "swap", .kind = KEY_SECTION, .section = &swap_section, .doc = "How drivers are replaced."},
	{.name = "deny",
	 CUSTOM(deny),
	 .fallback = "[]",
	 .expected = "a list of operations",
	 .doc = "Operations that are never allowed: \"network_create\", or \"macvlan.network_create\" for one type."},
	{.name = "ownership",
	 .kind = KEY_SECTION,
	 .section = &ownership,
	 .doc = "The numbers that mark what this host made in the kernel."},
	{.name = "node", .kind = KEY_SECTION, .section = &node_section, .doc = "This host among those that share tables."},
	{.name = "address_pools",
	 CUSTOM(pools),
	 .expected = "a list of pools",
	 .fallback = "[{base: 172.17.0.0/16, size: 16}, {base: 172.18.0.0/16, size: 16}, {base: 172.19.0.0/16, size: 16}, "
		     "{base: 172.20.0.0/14, size: 16}, {base: 172.24.0.0/14, size: 16}, {base: 172.28.0.0/14, size: 16}, "
		     "{base: 192.168.0.0/16, size: 20}, {base: 'fd4e:6472:7600::/48', size: 64}]",
	 .doc = "Where subnets come from when a network asks for none in particular."},
	{.name = "driver_dir",
	 .kind = KEY_PATH,
	 AT(driver_dir),
	 .fallback = NDRV_DRIVERDIR,
	 .doc = "Where the files of drivers are that are named without a path."},
	{.name = "driver_config_dirs",
	 .kind = KEY_PATHS,
	 AT(driver_config_dirs),
	 RANGE(0, 16),
	 .derived = NDRV_DRIVERCONFDIR ", RUNTIME_DIR/drivers.d, " NDRV_SYSCONFDIR "/ndrv/drivers.d",
	 .doc = "Directories of drop-in files, lowest rank first."},
	{.name = "trust",
	 .kind = KEY_CHOICE,
	 AT(trust),
	 RANGE(CONFIG_TRUST_OFF, CONFIG_TRUST_REQUIRED),
	 .choices = "off|optional|required",
	 .fallback = "off",
	 .doc = "Signatures of driver files: not looked at, good where there is one, or needed (docs/trust.md)."},
	{.name = "trust_dir",
	 .kind = KEY_PATH,
	 AT(trust_dir),
	 .fallback = NDRV_SYSCONFDIR "/ndrv/trust.d",
	 .doc = "Where the keys are that driver files may be signed with, NAME.pub."},
	{.name = "drivers",
	 CUSTOM(drivers),
	 .fallback = "{}",
	 .expected = "a map of drivers",
	 .doc = "Drivers described here rather than in drop-in files."},
};
const struct schema schema_top = {top_keys, COUNT(top_keys)};

static const struct schema_key pool_keys[] = {
	{.name = "base",
	 .kind = KEY_PREFIX,
	 .offset = offsetof(struct config_pool, base),
	 .required = true,
	 .doc = "The prefix that subnets are cut from."},
	{.name = "size",
	 .kind = KEY_INT,
	 .offset = offsetof(struct config_pool, size),
	 RANGE(1, 126),
	 .required = true,
	 .doc = "The prefix length of each subnet."},
};
const struct schema schema_pool = {pool_keys, COUNT(pool_keys)};

static const struct schema_key exposed_keys[] = {
	{.name = "type",
	 CUSTOM(exposed_type),
	 .expected = "a network type",
	 .doc = "The network type; by default the one of the plugin's name."},
	{.name = "scope",
	 .kind = KEY_CHOICE,
	 .offset = offsetof(struct config_exposed, scope),
	 RANGE(NDRV_SCOPE_LOCAL, NDRV_SCOPE_GLOBAL),
	 .choices = "local|global",
	 .fallback = "local",
	 .doc = "What Docker is told: global networks are those of a swarm."},
	{.name = "connectivity_scope",
	 .kind = KEY_CHOICE,
	 .offset = offsetof(struct config_exposed, connectivity_scope),
	 RANGE(NDRV_SCOPE_LOCAL, NDRV_SCOPE_GLOBAL),
	 .choices = "local|global",
	 .fallback = "local",
	 .doc = "Whether endpoints of one network reach each other over several machines."},
	{.name = "managed",
	 .kind = KEY_BOOL,
	 .offset = offsetof(struct config_exposed, managed),
	 .fallback = "no",
	 .doc = "For a managed plugin: the socket is RUNTIME_DIR/docker/NAME.sock instead, where Docker does not look."},
};
const struct schema schema_exposed = {exposed_keys, COUNT(exposed_keys)};

static const struct schema_key driver_keys[] = {
	{.name = "file",
	 CUSTOM(driver_file),
	 .expected = "the name of a shared object",
	 .doc = "The shared object: an absolute path, or one below driver_dir. Needed unless the driver is not enabled."},
	{.name = "enabled",
	 .kind = KEY_BOOL,
	 .offset = offsetof(struct config_driver, enabled),
	 .fallback = "true",
	 .doc = "no masks the driver, whatever entries of lower rank say."},
	{.name = "critical",
	 .kind = KEY_BOOL,
	 .offset = offsetof(struct config_driver, critical),
	 .fallback = "false",
	 .doc = "The host does not start without this driver."},
	{.name = "sha256",
	 CUSTOM(sha256),
	 .expected = "64 hexadecimal digits, or a list of such",
	 .doc = "The only content of the file that is accepted, or a list of contents."},
	{.name = "config",
	 CUSTOM(driver_config),
	 .fallback = "{}",
	 .expected = "a map",
	 .doc = "Handed to the driver as it stands; its documentation says what it takes."},
};
const struct schema schema_driver = {driver_keys, COUNT(driver_keys)};

const struct schema_key *schema_find(const struct schema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->count; i++)
		if (strcmp(schema->keys[i].name, name) == 0)
			return &schema->keys[i];
	return NULL;
}

/* A key in the wrong section: where it belongs, or NULL. */
static const char *elsewhere(const char *name)
{
	for (uint32_t i = 0; i < schema_top.count; i++)
		if (schema_top.keys[i].section && schema_find(schema_top.keys[i].section, name))
			return schema_top.keys[i].name;
	return schema_find(&schema_top, name) ? "" : NULL;
}

int schema_unknown(const struct schema *schema, const struct node *member, struct ndrv_error *err)
{
	struct ndrv_option names[32] = {{.name = NULL}};
	char word[NODE_TEXT_MAX], text[NDRV_ERROR_TEXT_MAX] = "";
	uint32_t count = schema->count < 32 ? schema->count : 32;
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++)
		names[i].name = schema->keys[i].name;
	text_clip(member->key, word);
	/* What is right elsewhere is no misspelling. */
	const char *section =
		schema == &schema_driver || schema == &schema_pool || schema == &schema_exposed ? NULL : elsewhere(member->key);
	if (section && *section)
		return node_fail_key(member, err, "unknown key \"%s\" here, it belongs under \"%s\"", word, section);
	if (section)
		return node_fail_key(member, err, "unknown key \"%s\" here, it belongs at the top level", word);
	const char *near = ndrv_options_nearest(names, count, member->key);
	if (near)
		return node_fail_key(member, err, "unknown key \"%s\", did you mean \"%s\"?", word, near);
	for (uint32_t i = 0; i < count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? ", " : "", names[i].name);
	return node_fail_key(member, err, "unknown key \"%s\", the keys here are %s", word, text);
}
