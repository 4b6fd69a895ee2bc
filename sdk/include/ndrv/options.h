/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: parsing, help, `ndrvctl driver inspect` and the documentation come from one table per driver. */
#ifndef NDRV_OPTIONS_H
#define NDRV_OPTIONS_H

#include <ndrv/types.h>
#include <ndrv/value.h>

NDRV_BEGIN_DECLS

/* Type of an option and of the member it is stored in. */
enum {
	NDRV_OPTION_BOOL = 1,	/* int, 0 or 1 */
	NDRV_OPTION_INT = 2,	/* int64_t, within minimum..maximum */
	NDRV_OPTION_STRING = 3, /* const char *, borrowed from the value: copied by ndrv_options_parse into the arena */
	NDRV_OPTION_IFNAME = 4, /* char[NDRV_IFNAME_MAX] */
	NDRV_OPTION_ADDR4 = 5,	/* struct ndrv_addr */
	NDRV_OPTION_ADDR6 = 6,	/* struct ndrv_addr */
	NDRV_OPTION_CHOICE = 7, /* int: index into choices, a list separated by '|' */
	NDRV_OPTION_ADDR = 8,	/* struct ndrv_addr, of either family */
};

struct ndrv_call;
struct ndrv_host;

struct ndrv_option {
	const char *name; /* the label: "com.docker.network.bridge.name" */
	uint32_t type;	  /* NDRV_OPTION_... */
	uint32_t offset;  /* of the member in the driver's struct */
	int64_t minimum, maximum;
	const char *choices;
	const char *fallback; /* default, as text; NULL: the member keeps what it has */
	const char *doc;      /* one sentence */
};

struct ndrv_option_list {
	uint32_t count;
	uint32_t element_size; /* sizeof(struct ndrv_option) as the driver's compiler saw it */
	const struct ndrv_option *items;
};

/* Fills `into` from the map `options` (NULL: only defaults). A wrong value is BAD_REQUEST naming the option, with libnetwork's
 * sentence where it has one; `into` is untouched then. Keys not in the table go to `unknown` (NULL: ignored): return 0 to go on, or
 * an error code to stop. Strings are copied into `arena`. */
int ndrv_options_parse(const struct ndrv_option *table, size_t count, const struct ndrv_value *options, void *into,
		       struct ndrv_arena *arena, int (*unknown)(const char *key, const char *nearest, void *data), void *data,
		       struct ndrv_error *err);
/* What drivers do with their network's labels and an endpoint's options: ndrv_options_parse() for the call's requester. A name that
 * is not in the table is UNKNOWN_OPTION (BadRequest) with the nearest name where one of our own doors asks (control, CNI), and a
 * warning in the log where Docker does, whose users' labels for other drivers travel in the same map, or where an older host let it
 * pass (RESTORE). libnetwork's own names of an endpoint's options are never unknown. `host` NULL: no warning. `into` may be NULL
 * where `count` is 0. */
int ndrv_options_read(const struct ndrv_host *host, const struct ndrv_call *call, const struct ndrv_option *table, size_t count,
		      const struct ndrv_value *options, void *into);
/* The table's nearest name within an edit distance of a third of the word's length, or NULL. A word without dots is compared with
 * the last word of each name. */
const char *ndrv_options_nearest(const struct ndrv_option *table, size_t count, const char *key);

NDRV_END_DECLS

#endif
