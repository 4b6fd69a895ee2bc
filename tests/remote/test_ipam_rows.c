/* SPDX-License-Identifier: Apache-2.0 */
/* What dockerd asked a recorded IPAM plugin, asked of the Docker front. The plugin gave the same pool twice; the front does not, so
 * that ids of pools are those it gave itself. */
#include "tests/remote/frontrig.h"

#include <stdlib.h>
#include <unistd.h>

#define PAIRS 32

struct replay {
	int fd;
	unsigned count, pools, addresses;
	/* PoolID as recorded, and as it was answered now. */
	char *was[PAIRS], *now[PAIRS];
	size_t pairs;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void remember(struct replay *replay, const char *was, const char *now)
{
	size_t at = 0;

	while (at < replay->pairs && strcmp(replay->was[at], was) != 0)
		at++;
	assert_true(at < PAIRS);
	if (at == replay->pairs)
		replay->was[replay->pairs++] = strdup(was);
	else
		free(replay->now[at]);
	replay->now[at] = strdup(now);
}

static const char *pool_now(const struct replay *replay, const char *was)
{
	for (size_t i = 0; i < replay->pairs; i++)
		if (strcmp(replay->was[i], was) == 0)
			return replay->now[i];
	return was;
}

static void check_pool(struct replay *replay, const json_t *asked, const json_t *was, const json_t *got)
{
	const char *pool = text_of(asked, "Pool"), *given = text_of(got, "Pool");
	struct ndrv_prefix prefix;

	assert_int_equal(ndrv_prefix_parse(given, &prefix, NULL), 0);
	assert_int_equal(prefix.addr.family == 6, json_is_true(json_object_get(asked, "V6")));
	if (*pool)
		assert_string_equal(given, pool);
	for (size_t i = 0; i < replay->pairs; i++)
		assert_string_not_equal(replay->now[i], text_of(got, "PoolID"));
	assert_true(*text_of(got, "PoolID"));
	assert_true(json_is_object(json_object_get(got, "Data")));
	remember(replay, text_of(was, "PoolID"), text_of(got, "PoolID"));
	replay->pools++;
}

/* dockerd wants an address with its pool's length, and the one that it named. */
static void check_address(struct replay *replay, const json_t *asked, const json_t *got)
{
	const char *wanted = text_of(asked, "Address"), *given = text_of(got, "Address");
	struct ndrv_prefix prefix;
	char text[NDRV_ADDR_TEXT];

	assert_non_null(strchr(given, '/'));
	assert_int_equal(ndrv_prefix_parse(given, &prefix, NULL), 0);
	if (*wanted)
		assert_string_equal(ndrv_addr_format(&prefix.addr, text), wanted);
	replay->addresses++;
}

static void replay_row(struct replay *replay, const json_t *row)
{
	const char *method = text_of(row, "path"), *body = text_of(row, "body");
	json_t *was = json_loads(text_of(row, "reply"), 0, NULL);
	json_t *asked = *body ? json_loads(body, 0, NULL) : NULL;

	if (asked && json_object_get(asked, "PoolID"))
		(void)json_object_set_new(asked, "PoolID", json_string(pool_now(replay, text_of(asked, "PoolID"))));
	char *sent = asked ? json_dumps(asked, JSON_COMPACT) : strdup("");
	json_t *got = post(&replay->fd, method, sent, 200);
	if (json_object_get(got, "Error") || json_object_get(got, "Err"))
		fail_msg("%s %s: %s%s", method, sent, text_of(got, "Error"), text_of(got, "Err"));
	if (strcmp(method, "IpamDriver.RequestPool") == 0)
		check_pool(replay, asked, was, got);
	else if (strcmp(method, "IpamDriver.RequestAddress") == 0)
		check_address(replay, asked, got);
	else if (strcmp(method, "IpamDriver.GetCapabilities") == 0)
		assert_true(json_is_true(json_object_get(got, "RequiresRequestReplay")));
	else if (strcmp(method, "IpamDriver.GetDefaultAddressSpaces") == 0)
		assert_true(*text_of(got, "LocalDefaultAddressSpace") && *text_of(got, "GlobalDefaultAddressSpace"));
	replay->count++;
	free(sent);
	json_decref(got);
	json_decref(asked);
	json_decref(was);
}

static void what_dockerd_asked_an_ipam_plugin_is_answered(void **state)
{
	FILE *file = fopen(GOLDEN "/ipam.jsonl", "r");
	struct replay replay = {.fd = -1};
	char line[4096];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *row = json_loads(line, 0, NULL);
		assert_non_null(row);
		replay_row(&replay, row);
		json_decref(row);
	}
	(void)fclose(file);
	(void)close(replay.fd);
	assert_int_equal(replay.count, 43);
	for (size_t i = 0; i < replay.pairs; i++) {
		free(replay.was[i]);
		free(replay.now[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_dockerd_asked_an_ipam_plugin_is_answered, front_fresh, front_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
