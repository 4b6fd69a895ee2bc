/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the configuration as one table: reading, checking, defaults, suggestions, `config_describe()` and docs/config.md
 * follow from it. Private to host/config and its tests. */
#ifndef HOST_CONFIG_SCHEMA_H
#define HOST_CONFIG_SCHEMA_H

#include "host/config/config.h"
#include "host/config/yaml.h"

/* Kinds and the member they fill. */
enum key_kind {
	KEY_SECTION,  /* a map of keys of its own, filling the same struct */
	KEY_BOOL,     /* bool */
	KEY_INT,      /* uint32_t */
	KEY_DURATION, /* uint64_t ns; bounds in ms */
	KEY_SIZE,     /* uint64_t bytes */
	KEY_CHOICE,   /* int: `minimum` + the place in `choices` */
	KEY_PATH,     /* const char *, absolute */
	KEY_PATHS,    /* struct config_strings of absolute paths */
	KEY_PREFIX,   /* struct ndrv_prefix without host bits */
	KEY_CUSTOM,   /* `read` and `describe` know */
};

struct schema_key {
	const char *name;
	enum key_kind kind;
	uint32_t offset; /* of the member in the struct of the schema */
	int64_t minimum, maximum;
	const char *choices;  /* separated by '|' */
	const char *fallback; /* what an absent key means, as YAML; NULL: none, the struct's member stays as it is */
	const char *derived;  /* with no `fallback`: where the value comes from, in words */
	bool required;
	const struct schema *section;
	/* `node` is never null here; `into` is the struct, not the member. */
	int (*read)(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
	int (*describe)(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
	const char *expected; /* for CUSTOM: "a list of ..." */
	const char *doc;      /* one sentence */
};

struct schema {
	const struct schema_key *keys;
	uint32_t count;
};

extern const struct schema schema_top;	   /* struct config */
extern const struct schema schema_pool;	   /* struct config_pool, an item of address_pools */
extern const struct schema schema_exposed; /* struct config_exposed: an entry of docker.expose */
extern const struct schema schema_driver;  /* struct config_driver: an entry of drivers, or a drop-in file */

const struct schema_key *schema_find(const struct schema *schema, const char *name);
/* Refuses the key of `member` with the nearest known one, or with all that are known. */
int schema_unknown(const struct schema *schema, const struct node *member, struct ndrv_error *err);

/* Fills `into` from `map` (NULL or a null scalar: nothing is given), then applies the fallbacks of absent keys. */
int schema_read(const struct schema *schema, const struct node *map, void *into, struct arena *arena, struct ndrv_error *err);
/* The way back: each key with its value in effect, in the table's order. */
int schema_describe(const struct schema *schema, const void *from, struct arena *arena, struct ndrv_value *ret,
		    struct ndrv_error *err);

/* True for an absent node or one without a value ("drivers:" with nothing behind it). */
bool node_is_empty(const struct node *node);
/* Copies text of a node into the arena. */
int copy_text(const struct node *node, const char *text, struct arena *arena, const char **ret, struct ndrv_error *err);
/* Absolute, without "." and ".." and empty components, at most 255 bytes. */
int path_check(const struct node *node, const char *path, struct ndrv_error *err);

/* The custom kinds. */
int read_instance(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_group(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_node_name(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_node_address(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_deny(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_pools(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_exposed(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_exposed_type(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_drivers(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_driver_file(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_sha256(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int read_driver_config(const struct node *node, void *into, struct arena *arena, struct ndrv_error *err);
int describe_instance(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_group(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_node_name(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_node_address(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_deny(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_pools(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_exposed(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_exposed_type(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_drivers(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_driver_file(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_sha256(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);
int describe_driver_config(const void *from, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

/* Keys of the top that are checked against each other, once all are known. `root` may be NULL. */
int config_check(const struct node *root, const struct config *config, struct ndrv_error *err);

/* Entries of drivers by name. */
struct driver_list {
	bool most; /* drop-in files that are no good are listed, and the others read */
	uint32_t broken_count;
	struct config_broken *broken;
	struct arena *arena;
	struct config_driver *items;
	uint32_t count;
};
/* Adds an entry, in place of the one of the same name if there is one. */
int driver_list_put(struct driver_list *list, const struct config_driver *driver, struct ndrv_error *err);
/* Reads the drop-in files of all directories: lowest rank first, the same file name replaces. */
int dropins_read(const struct config_strings *dirs, struct driver_list *list, struct ndrv_error *err);
/* Reads one entry; `node` (a map, or empty) stands at `file`:`line`:`column`. */
int driver_read(const char *name, const struct node *node, const char *file, uint32_t line, uint32_t column, struct arena *arena,
		struct config_driver *ret, struct ndrv_error *err);
/* [A-Za-z0-9][A-Za-z0-9_-]{0,30} */
bool driver_name_ok(const char *name);

#endif
