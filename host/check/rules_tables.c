/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "host/check/rules.h"

#define BIG 100000u

/* A batch of one row. What event_notify returns is only logged; it has to live on and to leave the host as it was. */
static void notify(struct trial *trial, const char *table, const struct ndrv_table_event *event, uint32_t flags)
{
	const struct ndrv_table_batch batch = {.size = sizeof(batch),
					       .flags = flags,
					       .table = table,
					       .count = event ? 1 : 0,
					       .element_size = sizeof(*event),
					       .events = event};
	struct request request = trial_request(trial, REQ_EVENT_NOTIFY, "n1", NULL);

	request.batch = &batch;
	(void)trial_run(trial, &request);
}

static enum verdict odd_rows(struct trial *trial)
{
	char *before = space_dump(), *big = calloc(1, BIG);
	const struct ndrv_table_event odd[] = {
		{.key = "", .value = "", .value_bytes = 0, .owner = "node-b"},
		{.key = "k\n/%s", .value = "\0\0\0", .value_bytes = 3, .revision = 1, .owner = "node-b"},
		{.key = "k", .value = "no protobuf", .value_bytes = 11, .revision = UINT64_MAX, .owner = ""},
		{.key = "big", .value = big, .value_bytes = big ? BIG : 0, .revision = 2, .owner = "node-b"},
		{.key = "gone", .previous = "x", .previous_bytes = 1, .revision = 3, .owner = "node-b"},
	};
	static const char *const tables[] = {"overlay_peer_table", "no-such-table", ""};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		notify(trial, tables[t], NULL, NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_REPLAY);
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
			notify(trial, tables[t], &odd[i], i & 1 ? NDRV_BATCH_REPLAY : 0);
		notify(trial, tables[t], NULL, NDRV_BATCH_SYNC_END);
		notify(trial, tables[t], NULL, NDRV_BATCH_STALE);
		/* A replay with nothing in it: what was told before is gone. */
		notify(trial, tables[t], NULL, NDRV_BATCH_SYNC_BEGIN | NDRV_BATCH_SYNC_END);
	}
	free(big);
	MUST_BE_AS(trial, before);
	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	free(before);
	return VERDICT_PASSED;
}

static enum verdict decoding(struct trial *trial)
{
	static const char *const rows[] = {"", "x", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0a\x7f"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request request = trial_request(trial, REQ_DECODE_TABLE_ENTRY, NULL, NULL);
		request.type = trial->target->type;
		request.table = "overlay_peer_table";
		request.key = "k";
		request.row = rows[i];
		request.row_bytes = strlen(rows[i]);
		int code = trial_run(trial, &request);
		MUST_HOLD(trial, ndrv_error_kind(code) != NDRV_KIND_INTERNAL, "a row it cannot read is answered with %s: %s",
			  ndrv_error_name(code), trial->reply.error.text);
	}
	return VERDICT_PASSED;
}

static void discover(struct trial *trial, enum request_op op, const struct ndrv_discovery *discovery)
{
	struct request request = trial_request(trial, op, NULL, NULL);

	request.type = trial->target->type;
	request.discovery = discovery;
	(void)trial_run(trial, &request);
}

static enum verdict nodes_come_and_go(struct trial *trial)
{
	static const char *const addresses[] = {"198.18.0.2", "fd18::2", "", "not an address", "0.0.0.0", "224.0.0.1"};
	char *before = space_dump();

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
			const struct ndrv_discovery node = {.size = sizeof(node),
							    .type = NDRV_DISCOVER_NODE,
							    .address = addresses[i],
							    .bind_address = addresses[i]};
			discover(trial, REQ_DISCOVER_NEW, &node);
			discover(trial, REQ_DISCOVER_NEW, &node);
			discover(trial, REQ_DISCOVER_DELETE, &node);
			discover(trial, REQ_DISCOVER_DELETE, &node);
		}
	const struct ndrv_discovery unknown = {.size = sizeof(unknown), .type = 99};
	discover(trial, REQ_DISCOVER_NEW, &unknown);
	MUST_BE_AS(trial, before);
	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	free(before);
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"T1", "odd rows, replays and stale ones do no harm, and an empty replay leaves nothing of them", RULE_NETWORK,
	 "event_notify", odd_rows},
	{"T2", "rows that cannot be decoded are refused with a type", RULE_NETWORK, "decode_table_entry", decoding},
	{"T3", "nodes come and go, twice, with good addresses and bad ones", RULE_NETWORK, "discover_new", nodes_come_and_go},
};

const struct rule_list rules_tables = {sizeof(rules) / sizeof(rules[0]), rules};
