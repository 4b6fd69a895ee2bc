/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the top with a form of their own: instance, node, control.group, deny, address_pools; and the checks between keys. */
#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#include "host/config/scalar.h"
#include "host/config/schema.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define DENY_MAX 256u
#define POOLS_MAX 64u
#define GROUP_MAX 32u
#define OP_MAX 31u
#define TYPE_MAX 128u

static int wrong(const struct node *node, const char *expected, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];

	return node_fail(node, err, "expected %s, found %s", expected, node_describe(node, text));
}

int read_instance(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	const char *name = NULL;
	const char *expected = "a name of 1 to 8 characters a-z and 0-9";
	int rc = scalar_text(node, expected, &name, err);

	if (rc < 0)
		return rc;
	if (strlen(name) > CONFIG_INSTANCE_MAX || name[strspn(name, LOWER DIGITS)])
		return wrong(node, expected, err);
	return copy_text(node, name, arena, &config->instance, err);
}

int describe_instance(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	(void)arena;
	(void)err;
	*ret = ndrv_string(config->instance);
	return 0;
}

/* A name that tables take as a row's owner. */
int read_node_name(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	const char *name = NULL;
	const char *expected = "a name of at most 255 bytes without blanks, or auto for the machine's";
	int rc = scalar_text(node, expected, &name, err);

	if (rc < 0)
		return rc;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return wrong(node, expected, err);
	if (strlen(name) > 255)
		return wrong(node, expected, err);
	return copy_text(node, name, arena, &config->node.name, err);
}

int describe_node_name(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	(void)arena;
	(void)err;
	*ret = ndrv_string(config->node.name);
	return 0;
}

int read_node_address(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	struct ndrv_addr parsed;
	const char *address = NULL;
	const char *expected = "an address, or none";
	int rc = scalar_text(node, expected, &address, err);

	if (rc < 0)
		return rc;
	if (strcmp(address, "none") != 0 && ndrv_addr_parse(address, &parsed, NULL))
		return wrong(node, expected, err);
	return copy_text(node, address, arena, &config->node.address, err);
}

int describe_node_address(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	(void)arena;
	(void)err;
	*ret = ndrv_string(config->node.address);
	return 0;
}

int read_group(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	int64_t number = 0;
	const char *expected = "a group's name or number, or \"\" for none";

	if (node->kind != NODE_SCALAR)
		return wrong(node, expected, err);
	enum scalar_type type = scalar_type(node, &number);
	bool good = (type == SCALAR_INT && number >= 0 && number < UINT32_MAX && !node->text[strspn(node->text, DIGITS)]) ||
		    (type == SCALAR_TEXT && strlen(node->text) <= GROUP_MAX && !strchr("-" DIGITS, node->text[0]) &&
		     !node->text[strspn(node->text, LOWER UPPER DIGITS "_.-")]) ||
		    (type == SCALAR_TEXT && !*node->text);
	if (!good)
		return wrong(node, expected, err);
	return copy_text(node, node->text, arena, &config->control.group, err);
}

/* The number as a number again, since a name cannot be all digits. */
int describe_group(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;
	const char *group = config->control.group;
	int64_t number = 0;

	(void)arena;
	(void)err;
	struct node scalar = {.kind = NODE_SCALAR, .plain = true, .text = group};
	*ret = *group && scalar_type(&scalar, &number) == SCALAR_INT ? ndrv_int(number) : ndrv_string(group);
	return 0;
}

static int read_denied(const struct node *node, struct arena *arena, struct config_deny *ret, struct ndrv_error *err)
{
	const char *written = NULL, *expected = "an operation such as network_create, or TYPE.network_create";
	int rc = scalar_text(node, expected, &written, err);
	char *copy = rc < 0 ? NULL : arena_strdup(arena, written);

	if (rc < 0)
		return rc;
	if (!copy)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	/* Types may have dots ("org.example.net"), operations do not. */
	char *dot = strrchr(copy, '.');
	const char *op = dot ? dot + 1 : copy;
	if (dot)
		*dot = '\0';
	if (!*op || strlen(op) > OP_MAX || op[strspn(op, LOWER DIGITS "_")])
		return wrong(node, expected, err);
	if (dot && (!*copy || strlen(copy) > TYPE_MAX || copy[strspn(copy, LOWER UPPER DIGITS "_.:/-")]))
		return wrong(node, expected, err);
	const char *at = ndrv_arena_printf(&arena->ndrv, "%s:%" PRIu32 ":%" PRIu32, node->file, node->line, node->column);
	if (!at)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	*ret = (struct config_deny){.type = dot ? copy : NULL, .op = op, .at = at};
	return 0;
}

int read_deny(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;

	if (node->kind != NODE_LIST)
		return wrong(node, "a list of operations", err);
	if (node->count > DENY_MAX)
		return node_fail(node, err, "has %" PRIu32 " entries, %u are allowed", node->count, DENY_MAX);
	struct config_deny *items = arena_alloc(arena, (node->count + 1) * sizeof(*items));
	if (!items)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	for (const struct node *member = node->first; member; member = member->next) {
		int rc = read_denied(member, arena, &items[member->index], err);
		if (rc < 0)
			return rc;
	}
	config->deny = items;
	config->deny_count = node->count;
	return 0;
}

int describe_deny(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (uint32_t i = 0; i < config->deny_count; i++) {
		const struct config_deny *deny = &config->deny[i];
		const char *text = deny->type ? ndrv_arena_printf(&arena->ndrv, "%s.%s", deny->type, deny->op) : deny->op;
		int rc = text ? ndrv_list_add(&arena->ndrv, ret, ndrv_string(text), err)
			      : ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_pool(const struct node *node, const struct config_pool *pools, uint32_t index, struct ndrv_error *err)
{
	const struct config_pool *pool = &pools[index];
	char text[2][NDRV_PREFIX_TEXT];
	/* Room for a network, a broadcast and two addresses. */
	uint32_t most = pool->base.addr.family == 4 ? 30 : 126;

	if (pool->size < pool->base.length || pool->size > most)
		return node_fail(node_find(node, "size"), err,
				 "%" PRIu32 " is out of range, subnets of %s have a length of %" PRIu32 " to %" PRIu32, pool->size,
				 ndrv_prefix_format(&pool->base, text[0]), pool->base.length, most);
	for (uint32_t i = 0; i < index; i++)
		if (ndrv_prefix_overlaps(&pool->base, &pools[i].base))
			return node_fail(node_find(node, "base"), err, "%s overlaps with %s of address_pools[%" PRIu32 "]",
					 ndrv_prefix_format(&pool->base, text[0]), ndrv_prefix_format(&pools[i].base, text[1]), i);
	return 0;
}

int read_pools(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;

	if (node->kind != NODE_LIST)
		return wrong(node, "a list of pools such as {base: 10.0.0.0/8, size: 24}", err);
	if (node->count > POOLS_MAX)
		return node_fail(node, err, "has %" PRIu32 " entries, %u are allowed", node->count, POOLS_MAX);
	struct config_pool *pools = arena_alloc(arena, (node->count + 1) * sizeof(*pools));
	if (!pools)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", node->file);
	for (const struct node *member = node->first; member; member = member->next) {
		if (member->kind != NODE_MAP)
			return wrong(member, "a pool such as {base: 10.0.0.0/8, size: 24}", err);
		int rc = schema_read(&schema_pool, member, &pools[member->index], arena, err);
		if (rc == 0)
			rc = check_pool(member, pools, member->index, err);
		if (rc < 0)
			return rc;
	}
	config->pools = pools;
	config->pool_count = node->count;
	return 0;
}

int describe_pools(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (uint32_t i = 0; i < config->pool_count; i++) {
		struct ndrv_value pool = ndrv_null();
		int rc = schema_describe(&schema_pool, &config->pools[i], arena, &pool, err);
		if (rc == 0)
			rc = ndrv_list_add(&arena->ndrv, ret, pool, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A pair of keys where one must not exceed the other: whichever was written is blamed. */
static int check_order(const struct node *section, const char *small, uint32_t low, const char *large, uint32_t high,
		       struct ndrv_error *err)
{
	const struct node *blamed = node_find(section, small) ? node_find(section, small) : node_find(section, large);

	if (low <= high || !blamed)
		return 0;
	return node_fail(blamed, err, "%s (%" PRIu32 ") must not be more than %s (%" PRIu32 ")", small, low, large, high);
}

int config_check(const struct node *root, const struct config *config, struct ndrv_error *err)
{
	const struct node *control = node_find(root, "control");
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	char text[NODE_TEXT_MAX];
	int rc = check_order(node_find(root, "calls"), "workers", config->calls.workers, "max_workers", config->calls.max_workers,
			     err);

	if (rc == 0)
		rc = check_order(control, "max_connections_per_uid", config->control.max_connections_per_uid, "max_connections",
				 config->control.max_connections, err);
	if (rc < 0 || strlen(config->control.socket) <= room)
		return rc;
	const struct node *blamed = node_find(control, "socket") ? node_find(control, "socket") : node_find(root, "runtime_dir");
	if (blamed)
		return node_fail(blamed, err, "the path of the control socket has %zu bytes, a unix socket's has at most %zu",
				 strlen(config->control.socket), room);
	return ndrv_fail(err, NDRV_E_CONFIG, "control.socket: %s has %zu bytes, a unix socket's path has at most %zu",
			 text_clip(config->control.socket, text), strlen(config->control.socket), room);
}
