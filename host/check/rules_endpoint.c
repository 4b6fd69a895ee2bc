/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/check/rules.h"

static enum verdict create_and_delete(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", "e1"));
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", "e1"), NDRV_E_NO_ENDPOINT);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict create_again(struct trial *trial)
{
	struct reply first;
	char *with_one;

	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	first = trial->reply;
	with_one = space_dump();
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST_HOLD(trial,
		  ndrv_prefix_equal(&first.address, &trial->reply.address) &&
			  memcmp(&first.mac, &trial->reply.mac, sizeof(first.mac)) == 0,
		  "the second answer has another address");
	MUST_BE_AS(trial, with_one);
	free(with_one);
	return VERDICT_PASSED;
}

static enum verdict create_with_other_content(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_ENDPOINT_CREATE, "n1", "e1");

	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	request.endpoint_name = "another";
	MUST_FAIL(trial, trial_run(trial, &request), NDRV_E_ENDPOINT_EXISTS);
	return VERDICT_PASSED;
}

static enum verdict unknown_objects(struct trial *trial)
{
	MUST_FAIL(trial, trial_endpoint(trial, "nowhere", "e1"), NDRV_E_NO_NETWORK);
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "nowhere", "e1"), NDRV_E_NO_NETWORK);
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "nobody"), NDRV_E_NO_ENDPOINT);
	MUST_FAIL(trial, trial_do(trial, REQ_LEAVE, "n1", "nobody"), NDRV_E_NO_ENDPOINT);
	MUST_FAIL(trial, trial_join(trial, "n1", "nobody", "/run/netns/none"), NDRV_E_NO_ENDPOINT);
	return VERDICT_PASSED;
}

static enum verdict given_addresses_are_kept(struct trial *trial)
{
	static const struct ndrv_mac mac = {
		.set = 1,
		.bytes = {0x02, 0x42, 0x0a, 0x4d, 0x01, 0x37},
	};
	struct request request = trial_request(trial, REQ_ENDPOINT_CREATE, "n1", "e1");
	char text[NDRV_PREFIX_TEXT];

	(void)ndrv_prefix_parse("10.77.1.55/24", &request.address, NULL);
	request.mac = mac;
	int code = trial_run(trial, &request);
	if (ndrv_error_kind(code) == NDRV_KIND_BAD_REQUEST || ndrv_error_kind(code) == NDRV_KIND_NOT_IMPLEMENTED) {
		(void)trial_failed_call(trial);
		return VERDICT_SKIPPED; /* a driver may have no MAC addresses of its endpoints' own */
	}
	MUST(trial, code);
	const char *address = ndrv_prefix_format(&trial->reply.address, text);
	MUST_HOLD(trial, address && strcmp(address, "10.77.1.55/24") == 0, "the address became %s", address ? address : "none");
	MUST_HOLD(trial, memcmp(trial->reply.mac.bytes, mac.bytes, 6) == 0, "the MAC address was changed");
	return VERDICT_PASSED;
}

static enum verdict macs_are_good(struct trial *trial)
{
	struct ndrv_error error = {0};
	struct ndrv_mac first = {0};

	for (int i = 0; i < 2; i++) {
		char id[4] = {'e', (char)('1' + i)};
		MUST(trial, trial_connect(trial, "n1", id, rule_netns(trial, (unsigned)i)));
		const struct ndrv_mac *mac = &trial->reply.mac;
		if (!mac->set)
			continue; /* those of the parent (ipvlan) */
		MUST_HOLD(trial, !ndrv_mac_check(mac, &error), "%s", error.text);
		MUST_HOLD(trial, !i || memcmp(first.bytes, mac->bytes, 6) != 0, "two endpoints have the same MAC address");
		first = *mac;
	}
	return VERDICT_PASSED;
}

static enum verdict ids_of_any_length(struct trial *trial)
{
	char ids[4][201] = {"x"};
	char *before = space_dump();

	memset(ids[1], 'a', 64);
	memset(ids[2], 'a', 64);
	ids[2][63] = 'b';
	memset(ids[3], 'c', 200);
	for (unsigned i = 0; i < 4; i++) {
		int code = trial_endpoint(trial, "n1", ids[i]);
		if (i < 3 || ndrv_error_kind(code) != NDRV_KIND_BAD_REQUEST)
			MUST(trial, code);
	}
	for (unsigned i = 0; i < 3; i++)
		MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", ids[i]));
	(void)trial_do(trial, REQ_ENDPOINT_DELETE, "n1", ids[3]);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict info_changes_nothing(struct trial *trial)
{
	char *with_one;

	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	with_one = space_dump();
	MUST(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e1"));
	struct ndrv_value first = trial->reply.value;
	MUST_HOLD(trial, first.type == NDRV_MAP || first.type == NDRV_NULL, "its answer is no map");
	MUST(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e1"));
	MUST_HOLD(trial, ndrv_value_equal(&first, &trial->reply.value), "asked twice, it gave two answers");
	MUST_BE_AS(trial, with_one);
	free(with_one);
	return VERDICT_PASSED;
}

static enum verdict unknown_option(struct trial *trial)
{
	struct request request = trial_request(trial, REQ_ENDPOINT_CREATE, "n1", "e1");
	char *before = space_dump();

	MUST(trial, -ndrv_map_set(&trial->arena.ndrv, &request.options, "org.example.no-such-option", ndrv_string("1"), NULL));
	int code = trial_run(trial, &request);
	MUST_HOLD(trial, code, "an option that it cannot know was accepted without a word");
	MUST_HOLD(trial, ndrv_error_kind(code) == NDRV_KIND_BAD_REQUEST, "answered %s: %s", ndrv_error_name(code),
		  trial->reply.error.text);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

/* --- many at once, on one network --- */

#define THREADS 6
#define ROUNDS 8

struct hand {
	struct trial *trial;
	const char *netns;
	unsigned number;
	pthread_t thread;
	struct ndrv_error error;
};

static void *live(void *data)
{
	struct hand *hand = data;
	struct trial own = {.target = hand->trial->target, .dispatch = hand->trial->dispatch};
	char id[16];

	arena_init(&own.arena, 16u << 20);
	(void)snprintf(id, sizeof(id), "p%u", hand->number);
	for (int i = 0; !hand->error.code && i < ROUNDS; i++) {
		int code = trial_connect(&own, "n1", id, hand->netns);
		code = code ? code : trial_do(&own, REQ_ENDPOINT_INFO, "n1", id);
		code = code ? code : trial_do(&own, REQ_DISCONNECT, "n1", id);
		if (code)
			hand->error = own.reply.error;
	}
	arena_reset(&own.arena);
	return NULL;
}

static enum verdict in_parallel(struct trial *trial)
{
	struct hand hands[THREADS];
	char *before = space_dump();
	unsigned started = 0;

	for (; started < THREADS; started++) {
		hands[started] = (struct hand){.trial = trial, .number = started, .netns = rule_netns(trial, started)};
		if (pthread_create(&hands[started].thread, NULL, live, &hands[started]))
			break;
	}
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(hands[i].thread, NULL);
	for (unsigned i = 0; i < started; i++)
		MUST_HOLD(trial, !hands[i].error.code, "endpoint p%u: %s", i, hands[i].error.text);
	MUST_HOLD(trial, started == THREADS, "threads could not be started");
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"E1", "an endpoint is created and deleted, and nothing stays", RULE_NETWORK, NULL, create_and_delete},
	{"E2", "creating the same endpoint again gives the same answer and changes nothing", RULE_NETWORK, NULL, create_again},
	{"E3", "the same id with other content is EndpointExists", RULE_NETWORK, NULL, create_with_other_content},
	{"E4", "what is not there is NoNetwork or NoEndpoint", RULE_NETWORK, NULL, unknown_objects},
	{"E5", "an address and a MAC address that are given are kept", RULE_NETWORK | RULE_LINK | RULE_IPAM, NULL,
	 given_addresses_are_kept},
	{"E6", "a MAC address it makes is unicast, not zero, and its own", RULE_NETWORK | RULE_LINK, NULL, macs_are_good},
	{"E7", "ids of 1, 64 and 200 bytes, and such as begin alike, do not meet in the kernel", RULE_NETWORK, NULL,
	 ids_of_any_length},
	{"E8", "asking about an endpoint changes nothing and gives the same twice", RULE_NETWORK, "endpoint_info",
	 info_changes_nothing},
	{"E9", "an unknown option is a bad request and leaves nothing", RULE_NETWORK, NULL, unknown_option},
	{"E10", "endpoints of one network come and go on several threads at once", RULE_NETWORK, NULL, in_parallel},
};

const struct rule_list rules_endpoint = {sizeof(rules) / sizeof(rules[0]), rules};
