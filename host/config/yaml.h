/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text -> a tree of nodes that know where they stand. A small, safe part of YAML 1.2: maps, lists and scalars of one document.
 * Refused, each with its place: aliases, anchors, tags, merge keys, directives, a second document, duplicate keys, keys that are
 * not scalars, NUL and other control characters, invalid UTF-8. Work is bounded by the limits below whatever the input. */
#ifndef HOST_CONFIG_YAML_H
#define HOST_CONFIG_YAML_H

#include <stdbool.h>

#include <ndrv/error.h>

#include "host/base/arena.h"

#define YAML_BYTES_MAX 65536u
#define YAML_DEPTH_MAX 32u
#define YAML_EVENTS_MAX 10000u

enum node_kind { NODE_SCALAR = 1, NODE_LIST = 2, NODE_MAP = 3 };

struct node {
	enum node_kind kind;
	bool plain;		       /* a scalar without quotes: its text may mean a number, a boolean, null */
	uint32_t line, column;	       /* from 1; columns count characters */
	uint32_t key_line, key_column; /* of the key, in a map */
	uint32_t count;		       /* members */
	uint32_t index;		       /* in a list, from 0 */
	const char *file;	       /* as the caller named it */
	const char *key;	       /* NULL unless a member of a map */
	const char *text;	       /* of a scalar; UTF-8 without NUL inside */
	struct node *parent, *first, *last, *next;
};

/* What a parse cost, filled on failure too. */
struct yaml_stats {
	uint32_t events;
	uint32_t depth;
};

/* Parses `bytes` of memory. `*ret_root` is NULL when there is no document. Nodes, and copies of `file`, live in `arena`.
 * NDRV_E_CONFIG, "FILE:LINE:COLUMN: ..."; INTERNAL when out of memory. `stats` may be NULL. */
int yaml_parse(struct arena *arena, const char *file, const char *data, size_t bytes, struct yaml_stats *stats,
	       struct node **ret_root, struct ndrv_error *err);

/* Refuses text that libyaml should not see: control characters, invalid UTF-8, directives. Part of yaml_parse(). */
int yaml_check_text(const char *file, const char *data, size_t bytes, struct ndrv_error *err);

/* Fails with NDRV_E_CONFIG and "FILE:LINE:COLUMN: PATH: " before the sentence; PATH is the node's keys ("control.socket",
 * "address_pools[0].base"), left out for the top. */
int node_fail(const struct node *node, struct ndrv_error *err, const char *fmt, ...) NDRV_PRINTF(3, 4);
/* The same, placed at the node's key. */
int node_fail_key(const struct node *node, struct ndrv_error *err, const char *fmt, ...) NDRV_PRINTF(3, 4);

/* Room for what node_describe() writes. */
#define NODE_TEXT_MAX 64
/* What a node is, for "expected a list, found ...": `"text"`, `the number 12`, `a map`. Returns `text`. */
const char *node_describe(const struct node *node, char text[NODE_TEXT_MAX]);

/* At most some 40 bytes of `from` for a sentence: control characters shown as ?, "..." where it was cut. Returns `text`. */
const char *text_clip(const char *from, char text[NODE_TEXT_MAX]);

/* The member `key` of a map, or NULL. */
const struct node *node_find(const struct node *map, const char *key);

#endif
