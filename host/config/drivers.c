/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of drivers: the map `drivers`, and one drop-in file each. */
#include <inttypes.h>
#include <string.h>

#include "host/config/scalar.h"
#include "host/config/schema.h"

#define DRIVERS_MAX 256u
/* As the driver's note has it, without NUL. */
#define NAME_MAX_BYTES 31u

static int wrong(const struct node *node, const char *expected, struct ndrv_error *err)
{
	char text[NODE_TEXT_MAX];

	return node_fail(node, err, "expected %s, found %s", expected, node_describe(node, text));
}

bool driver_name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *name && !strchr("_-", *name) && strlen(name) <= NAME_MAX_BYTES && !name[strspn(name, allowed)];
}

int read_driver_file(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config_driver *driver = into;
	const char *file = NULL;
	int rc = scalar_text(node, "the name of a shared object", &file, err);

	if (rc == 0)
		rc = path_check(node, file, err);
	return rc < 0 ? rc : copy_text(node, file, arena, &driver->file, err);
}

int describe_driver_file(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config_driver *driver = from;

	(void)arena;
	(void)err;
	*ret = driver->file ? ndrv_string(driver->file) : ndrv_null();
	return 0;
}

#define DIGITS 64
#define PINS_MAX 16

/* The text is taken as it stands: 64 digits may look like a number. */
static int read_pin(const struct node *node, char *into, struct ndrv_error *err)
{
	if (node->kind != NODE_SCALAR || strlen(node->text) != DIGITS || strspn(node->text, "0123456789abcdefABCDEF") != DIGITS)
		return wrong(node, "64 hexadecimal digits", err);
	for (size_t i = 0; i < DIGITS; i++)
		into[i] = (char)(node->text[i] >= 'A' && node->text[i] <= 'F' ? node->text[i] - 'A' + 'a' : node->text[i]);
	return 0;
}

int read_sha256(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config_driver *driver = into;
	const struct node *first = node->kind == NODE_LIST ? node->first : node;
	size_t count = 0;
	int rc = 0;

	for (const struct node *each = first; each; each = each->next) {
		count++;
		if (first == node)
			break;
	}
	if (!count || count > PINS_MAX)
		return wrong(node, "64 hexadecimal digits, or a list of up to 16 such", err);
	char *text = arena_alloc(arena, count * (DIGITS + 1));
	if (!text)
		return node_fail(node, err, "out of memory");
	for (size_t i = 0; !rc && i < count; i++, first = first->next) {
		rc = read_pin(first, text + i * (DIGITS + 1), err);
		text[i * (DIGITS + 1) + DIGITS] = i + 1 < count ? ' ' : '\0';
	}
	driver->pins = text;
	return rc;
}

int config_pins(const struct config_driver *driver, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	*ret = (struct ndrv_value){.type = NDRV_LIST};
	for (const char *at = driver->pins; at && *at; at += DIGITS + (at[DIGITS] == ' ')) {
		const char *text = ndrv_arena_printf(&arena->ndrv, "%.*s", DIGITS, at);
		int rc = text ? ndrv_list_add(&arena->ndrv, ret, ndrv_string(text), err)
			      : ndrv_fail(err, NDRV_E_INTERNAL, "driver %s: out of memory", driver->name);
		if (rc)
			return rc;
	}
	return 0;
}

int describe_sha256(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config_driver *driver = from;

	*ret = ndrv_null();
	if (!driver->pins)
		return 0;
	if (strlen(driver->pins) > DIGITS)
		return config_pins(driver, arena, ret, err);
	*ret = ndrv_string(driver->pins);
	return 0;
}

int read_driver_config(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config_driver *driver = into;

	if (node->kind != NODE_MAP)
		return wrong(node, "a map", err);
	return node_value(node, arena, &driver->config, err);
}

int describe_driver_config(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config_driver *driver = from;

	(void)arena;
	(void)err;
	*ret = driver->config;
	return 0;
}

int driver_read(const char *name, const struct node *node, const char *file, uint32_t line, uint32_t column, struct arena *arena,
		struct config_driver *ret, struct ndrv_error *err)
{
	struct config_driver driver = {.pins = NULL};
	int rc = schema_read(&schema_driver, node, &driver, arena, err);

	if (rc < 0)
		return rc;
	if (driver.enabled && !driver.file)
		return ndrv_fail(err, NDRV_E_CONFIG,
				 "%s:%" PRIu32 ":%" PRIu32 ": driver %s: the key \"file\" is missing; only "
				 "\"enabled: no\" does without",
				 file, line, column, name);
	driver.name = arena_strdup(arena, name);
	driver.origin = arena_strdup(arena, file);
	driver.at = ndrv_arena_printf(&arena->ndrv, "%s:%" PRIu32 ":%" PRIu32, file, line, column);
	if (!driver.name || !driver.origin || !driver.at)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", file);
	*ret = driver;
	return 0;
}

int driver_list_put(struct driver_list *list, const struct config_driver *driver, struct ndrv_error *err)
{
	if (!list->items)
		list->items = arena_alloc(list->arena, DRIVERS_MAX * sizeof(*list->items));
	if (!list->items)
		return ndrv_fail(err, NDRV_E_INTERNAL, "%s: out of memory", driver->origin);
	for (uint32_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, driver->name) == 0) {
			const char *replaced = list->items[i].origin;
			list->items[i] = *driver;
			list->items[i].overrides = replaced;
			return 0;
		}
	if (list->count == DRIVERS_MAX)
		return ndrv_fail(err, NDRV_E_CONFIG, "%s: driver %s: more than %u drivers are described", driver->at, driver->name,
				 DRIVERS_MAX);
	list->items[list->count++] = *driver;
	return 0;
}

int read_drivers(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err)
{
	struct config *config = into;
	struct driver_list list = {.arena = arena};
	char text[NODE_TEXT_MAX];

	if (node->kind != NODE_MAP)
		return wrong(node, "a map of drivers", err);
	for (const struct node *member = node->first; member; member = member->next) {
		struct config_driver driver = {.name = member->key};
		if (!driver_name_ok(member->key))
			return node_fail_key(member, err, "\"%s\" is no name for a driver: 1 to %u letters, digits, _ and -",
					     text_clip(member->key, text), NAME_MAX_BYTES);
		int rc = driver_read(member->key, member, member->file, member->key_line, member->key_column, arena, &driver, err);
		if (rc == 0)
			rc = driver_list_put(&list, &driver, err);
		if (rc < 0)
			return rc;
	}
	config->drivers = list.items;
	config->driver_count = list.count;
	return 0;
}

int describe_drivers(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err)
{
	const struct config *config = from;

	*ret = (struct ndrv_value){.type = NDRV_MAP};
	for (uint32_t i = 0; i < config->driver_count; i++) {
		struct ndrv_value driver = ndrv_null();
		int rc = schema_describe(&schema_driver, &config->drivers[i], arena, &driver, err);
		if (rc == 0)
			rc = ndrv_map_set(&arena->ndrv, ret, config->drivers[i].name, driver, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
