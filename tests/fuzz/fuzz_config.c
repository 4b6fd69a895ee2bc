/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as ndrvd.yaml and as a drop-in: refused with a place, or a configuration that can be described. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/config.h"
#include "host/config/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "fuzz.yaml"

static void require(int holds, const char *what, const struct ndrv_error *err)
{
	if (!holds) {
		fprintf(stderr, "fuzz_config: %s: %s\n", what, err->text);
		abort();
	}
}

static void check_refusal(int rc, const struct ndrv_error *err)
{
	if (rc == 0)
		return;
	require(rc == -NDRV_E_CONFIG && err->code == NDRV_E_CONFIG, "a refusal of another kind", err);
	require(strncmp(err->text, NAME ":", strlen(NAME ":")) == 0, "a refusal that does not name the file", err);
	require(!strpbrk(err->text, "\n\r\t\x1b"), "a refusal that is not one clean line", err);
}

static void read_as_file(const struct node *root, struct arena *arena)
{
	struct config config = {.file = NAME};
	struct ndrv_value value = {.type = NDRV_NULL};
	struct ndrv_error err = {0};
	int rc = schema_read(&schema_top, root, &config, arena, &err);

	check_refusal(rc, &err);
	if (rc < 0)
		return;
	/* config_load() derives these. */
	if (!config.control.socket)
		config.control.socket = "/run/ndrv/control.sock";
	check_refusal(config_check(root, &config, &err), &err);
	require(config_describe(&config, arena, &value, &err) == 0, "what was read cannot be described", &err);
}

static void read_as_dropin(const struct node *root, struct arena *arena)
{
	struct config_driver driver = {.name = NULL};
	struct ndrv_value value = {.type = NDRV_NULL};
	struct ndrv_error err = {0};
	int rc = driver_read("fuzz", root, NAME, 1, 1, arena, &driver, &err);

	check_refusal(rc, &err);
	if (rc < 0)
		return;
	require(!driver.enabled || driver.file, "an enabled driver without a file", &err);
	require(schema_describe(&schema_driver, &driver, arena, &value, &err) == 0, "a driver cannot be described", &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct yaml_stats stats = {0};
	struct ndrv_error err = {0};
	struct node *root = NULL;

	arena_init(&arena, 64u << 20);
	int rc = yaml_parse(&arena, NAME, (const char *)data, size, &stats, &root, &err);
	check_refusal(rc, &err);
	require(stats.events <= YAML_EVENTS_MAX + 1 && stats.depth <= YAML_DEPTH_MAX, "more work than the caps allow", &err);
	if (rc == 0) {
		read_as_file(root, &arena);
		read_as_dropin(root, &arena);
	}
	arena_reset(&arena);
	return 0;
}
