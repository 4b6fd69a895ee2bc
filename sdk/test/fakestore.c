/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's store: a sorted list in memory. */
#include "sdk/test/fake.h"

#include <stdlib.h>
#include <string.h>

struct ndrv_fake_row {
	struct ndrv_fake_row *next;
	char *key;
	size_t bytes;
	max_align_t value[];
};

static struct ndrv_fake_row **rows_of(const struct ndrv_host *host)
{
	struct ndrv_fakehost *fake;

	memcpy(&fake, &host, sizeof(fake));
	return &fake->rows;
}

/* The place of the first row that is not before the key. */
static struct ndrv_fake_row **place(const struct ndrv_host *host, const char *key)
{
	struct ndrv_fake_row **at = rows_of(host);

	while (*at && strcmp((*at)->key, key) < 0)
		at = &(*at)->next;
	return at;
}

static void drop(struct ndrv_fake_row **at)
{
	struct ndrv_fake_row *row = *at;

	*at = row->next;
	free(row->key);
	free(row);
}

static int del(const struct ndrv_host *host, const char *key, struct ndrv_error *err)
{
	struct ndrv_fake_row **at = place(host, key);

	(void)err;
	if (*at && !strcmp((*at)->key, key))
		drop(at);
	return 0;
}

static int put(const struct ndrv_host *host, const char *key, const void *value, size_t bytes, struct ndrv_error *err)
{
	size_t length = strlen(key);
	const char *const legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-";

	if (length < 1 || length > 255 || strspn(key, legal) != length || bytes > 65536)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "key \"%.64s\" or its value of %zu bytes", key, bytes);
	struct ndrv_fake_row *row = calloc(1, sizeof(*row) + bytes);
	if (row)
		row->key = strdup(key);
	if (!row || !row->key) {
		free(row);
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	}
	row->bytes = bytes;
	if (bytes)
		memcpy(row->value, value, bytes);
	(void)del(host, key, err);
	struct ndrv_fake_row **at = place(host, key);
	row->next = *at;
	*at = row;
	return 0;
}

static int get(const struct ndrv_host *host, struct ndrv_arena *arena, const char *key, const void **ret, size_t *ret_bytes,
	       struct ndrv_error *err)
{
	const struct ndrv_fake_row *row = *place(host, key);

	if (!row || strcmp(row->key, key) != 0)
		return ndrv_fail_object(err, NDRV_E_NOT_FOUND, key);
	void *copy = ndrv_arena_alloc(arena, row->bytes + 1);
	if (!copy)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	memcpy(copy, row->value, row->bytes);
	*ret = copy;
	*ret_bytes = row->bytes;
	return 0;
}

static int scan(const struct ndrv_host *host, const char *prefix,
		int (*each)(const char *key, const void *value, size_t bytes, void *data), void *data, struct ndrv_error *err)
{
	int rc = 0;

	(void)err;
	for (const struct ndrv_fake_row *row = *rows_of(host); rc == 0 && row; row = row->next)
		if (!strncmp(row->key, prefix, strlen(prefix)))
			rc = each(row->key, row->value, row->bytes, data);
	return rc;
}

const struct ndrv_store_ops fake_store = {.size = sizeof(fake_store), .put = put, .get = get, .del = del, .scan = scan};

void fake_store_clear(struct ndrv_fakehost *host)
{
	while (host->rows)
		drop(&host->rows);
}
