/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a map of labels into a driver's struct, by the driver's table. Everything is read before anything is stored. */
#include <ndrv/host.h>
#include <ndrv/options.h>

#include <stdio.h>
#include <string.h>

/* Longer names are not compared letter by letter; no option has one. */
#define NAME_MAX_COMPARED 96

/* What is to be stored in one member. */
struct parsed {
	int present;
	int number32; /* BOOL, CHOICE */
	int64_t number;
	const char *string;
	char ifname[NDRV_IFNAME_MAX];
	struct ndrv_addr addr;
};

static const struct ndrv_option *find(const struct ndrv_option *table, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, key) == 0)
			return &table[i];
	return NULL;
}

/* Levenshtein's distance; both words are at most NAME_MAX_COMPARED long. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_COMPARED + 1];
	size_t columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[columns];
}

/* Labels are long; people remember their last word. */
static const char *last_word(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *ndrv_options_nearest(const struct ndrv_option *table, size_t count, const char *key)
{
	const char *nearest = NULL;
	size_t length = strlen(key);
	size_t least = length / 3 + 1;

	if (length > NAME_MAX_COMPARED)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *name = strchr(key, '.') ? table[i].name : last_word(table[i].name);
		if (strlen(name) > NAME_MAX_COMPARED)
			continue;
		size_t edits = distance(key, name);
		if (edits < least) {
			least = edits;
			nearest = table[i].name;
		}
	}
	return nearest;
}

static int read_int(const struct ndrv_option *option, const struct ndrv_value *map, struct parsed *ret, struct ndrv_error *err)
{
	int rc = ndrv_map_int(map, option->name, &ret->number, err);

	if (rc <= 0 || (option->minimum == 0 && option->maximum == 0) ||
	    (ret->number >= option->minimum && ret->number <= option->maximum))
		return rc;
	if (strcmp(option->name, NDRV_OPT_MTU) == 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid MTU number: %lld", (long long)ret->number);
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" must be from %lld to %lld, not %lld", option->name,
			 (long long)option->minimum, (long long)option->maximum, (long long)ret->number);
}

static int read_addr(const struct ndrv_option *option, const struct ndrv_value *map, struct parsed *ret, struct ndrv_error *err)
{
	const char *text;
	int rc = ndrv_map_string(map, option->name, &text, err);
	unsigned family = option->type == NDRV_OPTION_ADDR4 ? 4 : option->type == NDRV_OPTION_ADDR6 ? 6 : 0;

	if (rc <= 0)
		return rc;
	if (ndrv_addr_parse(text, &ret->addr, NULL) != 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "failed to parse %s value: %s (nil ip)", option->name, text);
	if (family && ret->addr.family != family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" must be an IPv%u address, not %s", option->name, family,
				 text);
	return 1;
}

static int read_ifname(const struct ndrv_option *option, const struct ndrv_value *map, struct parsed *ret, struct ndrv_error *err)
{
	const char *text;
	int rc = ndrv_map_string(map, option->name, &text, err);

	if (rc <= 0)
		return rc;
	/* An empty name is libnetwork's way to ask for the driver's own choice. */
	rc = text[0] ? ndrv_ifname_check(text, err) : 0;
	if (rc)
		return ndrv_wrap(err, rc, "option \"%s\"", option->name);
	snprintf(ret->ifname, sizeof(ret->ifname), "%s", text);
	return 1;
}

static int read_choice(const struct ndrv_option *option, const struct ndrv_value *map, struct parsed *ret, struct ndrv_error *err)
{
	const char *text;
	const char *choice = option->choices;
	int rc = ndrv_map_string(map, option->name, &text, err);

	if (rc <= 0)
		return rc;
	for (int index = 0; choice; index++) {
		size_t length = strcspn(choice, "|");
		if (strlen(text) == length && strncmp(text, choice, length) == 0) {
			ret->number32 = index;
			return 1;
		}
		choice = choice[length] ? choice + length + 1 : NULL;
	}
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "option \"%s\" must be one of %s, not \"%s\"", option->name, option->choices,
			 text);
}

/* 1 read, 0 absent, or an error. */
static int read_option(const struct ndrv_option *option, const struct ndrv_value *map, struct parsed *ret, struct ndrv_error *err)
{
	switch (option->type) {
	case NDRV_OPTION_BOOL:
		return ndrv_map_bool(map, option->name, &ret->number32, err);
	case NDRV_OPTION_INT:
		return read_int(option, map, ret, err);
	case NDRV_OPTION_STRING:
		return ndrv_map_string(map, option->name, &ret->string, err);
	case NDRV_OPTION_IFNAME:
		return read_ifname(option, map, ret, err);
	case NDRV_OPTION_ADDR4:
	case NDRV_OPTION_ADDR6:
	case NDRV_OPTION_ADDR:
		return read_addr(option, map, ret, err);
	case NDRV_OPTION_CHOICE:
		return read_choice(option, map, ret, err);
	default:
		return ndrv_fail(err, NDRV_E_INTERNAL, "option \"%s\" has unknown type %u", option->name, (unsigned)option->type);
	}
}

static int read_or_fall_back(const struct ndrv_option *option, const struct ndrv_value *map, struct ndrv_arena *arena,
			     struct parsed *ret, struct ndrv_error *err)
{
	int rc = read_option(option, map, ret, err);

	if (rc == 0 && option->fallback) {
		const struct ndrv_pair pair = {.key = option->name, .value = ndrv_string(option->fallback)};
		const struct ndrv_value only = {.type = NDRV_MAP, .count = 1, .u.pairs = &pair};
		rc = read_option(option, &only, ret, err);
	}
	if (rc < 0)
		return rc;
	ret->present = rc;
	if (rc && option->type == NDRV_OPTION_STRING) {
		ret->string = ndrv_arena_strdup(arena, ret->string);
		if (!ret->string)
			return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for option \"%s\"", option->name);
	}
	return 0;
}

static void store(const struct ndrv_option *option, const struct parsed *parsed, void *into)
{
	unsigned char *member = (unsigned char *)into + option->offset;

	if (!parsed->present)
		return;
	switch (option->type) {
	case NDRV_OPTION_BOOL:
	case NDRV_OPTION_CHOICE:
		memcpy(member, &parsed->number32, sizeof(parsed->number32));
		return;
	case NDRV_OPTION_INT:
		memcpy(member, &parsed->number, sizeof(parsed->number));
		return;
	case NDRV_OPTION_STRING:
		memcpy(member, &parsed->string, sizeof(parsed->string));
		return;
	case NDRV_OPTION_IFNAME:
		memcpy(member, parsed->ifname, sizeof(parsed->ifname));
		return;
	default:
		memcpy(member, &parsed->addr, sizeof(parsed->addr));
		return;
	}
}

static int tell_unknown(const struct ndrv_option *table, size_t count, const struct ndrv_value *options,
			int (*unknown)(const char *key, const char *nearest, void *data), void *data, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < options->count; i++) {
		const char *key = options->u.pairs[i].key;
		if (find(table, count, key))
			continue;
		const char *nearest = ndrv_options_nearest(table, count, key);
		int rc = unknown(key, nearest, data);
		if (rc == 0)
			continue;
		if (nearest)
			return ndrv_fail(err, rc, "unknown option \"%s\", did you mean \"%s\"?", key, nearest);
		return ndrv_fail_object(err, rc, key);
	}
	return 0;
}

int ndrv_options_parse(const struct ndrv_option *table, size_t count, const struct ndrv_value *options, void *into,
		       struct ndrv_arena *arena, int (*unknown)(const char *key, const char *nearest, void *data), void *data,
		       struct ndrv_error *err)
{
	int rc = 0;

	if (options && options->type != NDRV_MAP && options->type != NDRV_NULL)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "options are not a map");
	struct parsed *parsed = ndrv_arena_alloc(arena, count * sizeof(*parsed));
	if (!parsed)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for options");
	if (options && options->type == NDRV_MAP && unknown)
		rc = tell_unknown(table, count, options, unknown, data, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = read_or_fall_back(&table[i], options, arena, &parsed[i], err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		store(&table[i], &parsed[i], into);
	return rc;
}

struct asking {
	const struct ndrv_host *host;
	int strict;
};

/* libnetwork's names for what is the platform's business, not a driver's. */
static int is_the_platforms(const char *key)
{
	static const char *const names[] = {NDRV_OPT_GENERIC, NDRV_OPT_ENABLE_IPV4, NDRV_OPT_ENABLE_IPV6,   NDRV_OPT_INTERNAL,
					    NDRV_OPT_MAC,     NDRV_OPT_PORTMAP,	    NDRV_OPT_EXPOSED_PORTS, NDRV_OPT_DNS_SERVERS};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], key) == 0)
			return 1;
	return 0;
}

static int judge_unknown(const char *key, const char *nearest, void *data)
{
	const struct asking *asking = data;

	if (is_the_platforms(key))
		return 0;
	if (asking->strict)
		return NDRV_E_UNKNOWN_OPTION;
	if (asking->host && nearest)
		ndrv_log(asking->host, NDRV_LOG_WARNING, "unknown option \"%s\", did you mean \"%s\"?", key, nearest);
	else if (asking->host)
		ndrv_log(asking->host, NDRV_LOG_WARNING, "unknown option \"%s\"", key);
	return 0;
}

int ndrv_options_read(const struct ndrv_host *host, const struct ndrv_call *call, const struct ndrv_option *table, size_t count,
		      const struct ndrv_value *options, void *into)
{
	int ours = call->front == NDRV_FRONT_CONTROL || call->front == NDRV_FRONT_CNI;
	struct asking asking = {.host = host,
				.strict = ours && !(call->flags & (NDRV_CALL_RESTORE | NDRV_CALL_UNDO | NDRV_CALL_FORCE))};

	return ndrv_options_parse(table, count, options, into, call->arena, judge_unknown, &asking, call->err);
}
