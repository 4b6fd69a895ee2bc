/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/check/rules.h"

static enum verdict create_and_delete(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_network(trial, "n1", 1));
	MUST(trial, trial_delete_network(trial, "n1"));
	MUST_FAIL(trial, trial_do(trial, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_NO_NETWORK);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict create_again(struct trial *trial)
{
	char *before = space_dump();

	MUST(trial, trial_network(trial, "n1", 1));
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict create_with_other_content(struct trial *trial)
{
	struct request request;

	trial_network_request(trial, &request, "n1", 1, 4);
	request.flags ^= NDRV_NETWORK_INTERNAL;
	MUST_FAIL(trial, trial_run(trial, &request), NDRV_E_NETWORK_EXISTS);
	return VERDICT_PASSED;
}

static enum verdict delete_and_create_at_once(struct trial *trial)
{
	for (int i = 0; i < 5; i++) {
		MUST(trial, trial_delete_network(trial, "n1"));
		MUST(trial, trial_network(trial, "n1", 1));
	}
	return VERDICT_PASSED;
}

/* "x"; 64 digits as Docker's; and 200, which no name of a kernel object can hold. */
static enum verdict ids_of_any_length(struct trial *trial)
{
	char ids[3][201] = {"x"};
	char *before = space_dump();

	memset(ids[1], 'a', 64);
	memset(ids[2], 'b', 200);
	for (unsigned i = 0; i < 3; i++) {
		int code = trial_network(trial, ids[i], i + 1);
		if (code && ndrv_error_kind(code) == NDRV_KIND_BAD_REQUEST)
			continue;
		MUST(trial, code);
		MUST(trial, trial_delete_network(trial, ids[i]));
	}
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict ids_with_the_same_beginning(struct trial *trial)
{
	static const char first[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1";
	static const char second[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2";
	char *before = space_dump();

	MUST(trial, trial_network(trial, first, 1));
	char *with_first = space_dump();
	MUST(trial, trial_network(trial, second, 2));
	MUST(trial, trial_delete_network(trial, second));
	MUST_BE_AS(trial, with_first);
	MUST(trial, trial_delete_network(trial, first));
	MUST_BE_AS(trial, before);
	free(with_first);
	free(before);
	return VERDICT_PASSED;
}

/* Whatever it answers to these families is typed, and a refusal leaves nothing. */
static enum verdict families(struct trial *trial, unsigned which)
{
	struct request request;
	char *before = space_dump();

	trial_network_request(trial, &request, "n1", 1, which);
	int code = trial_run(trial, &request);
	uint32_t kind = ndrv_error_kind(code);
	if (code && kind != NDRV_KIND_BAD_REQUEST && kind != NDRV_KIND_NOT_IMPLEMENTED && kind != NDRV_KIND_FORBIDDEN)
		return trial_failed_call(trial);
	bool refused = code != 0;
	if (refused) {
		MUST_BE_AS(trial, before);
		(void)trial_failed_call(trial);
		free(before);
		return VERDICT_SKIPPED;
	}
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST_HOLD(trial, trial->reply.address6.addr.family, "the endpoint got no IPv6 address");
	MUST_HOLD(trial, which == 46 || !trial->reply.address.addr.family, "the endpoint got an IPv4 address in a network of IPv6");
	MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n1", "e1"));
	MUST(trial, trial_delete_network(trial, "n1"));
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict dual_stack(struct trial *trial)
{
	return families(trial, 46);
}

static enum verdict v6_only(struct trial *trial)
{
	return families(trial, 6);
}

static enum verdict internal(struct trial *trial)
{
	struct request request;
	char *before = space_dump();

	trial_network_request(trial, &request, "n1", 1, 4);
	request.flags |= NDRV_NETWORK_INTERNAL;
	if (trial_run(trial, &request)) {
		uint32_t kind = ndrv_error_kind(trial->reply.error.code);
		MUST_HOLD(trial, kind == NDRV_KIND_BAD_REQUEST || kind == NDRV_KIND_NOT_IMPLEMENTED || kind == NDRV_KIND_FORBIDDEN,
			  "refused, but with %s: %s", ndrv_error_name(trial->reply.error.code), trial->reply.error.text);
	} else {
		MUST(trial, trial_delete_network(trial, "n1"));
	}
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static enum verdict unknown_option(struct trial *trial)
{
	struct request request;
	char *before = space_dump();

	trial_network_request(trial, &request, "n1", 1, 4);
	MUST(trial, -ndrv_map_set(&trial->arena.ndrv, &request.options, "org.example.no-such-option", ndrv_string("1"), NULL));
	int code = trial_run(trial, &request);
	MUST_HOLD(trial, code, "an option that it cannot know was accepted without a word");
	MUST_HOLD(trial, ndrv_error_kind(code) == NDRV_KIND_BAD_REQUEST, "answered %s, not a bad request: %s",
		  ndrv_error_name(code), trial->reply.error.text);
	MUST_HOLD(trial, strstr(trial->reply.error.text, "no-such-option"), "the refusal does not name the option: %s",
		  trial->reply.error.text);
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

/* Values that are wrong for any type but a string. */
static enum verdict wrong_option(struct trial *trial, const char *name, const char *before)
{
	static const struct ndrv_value list = {.type = NDRV_LIST};
	const struct ndrv_value wrong[] = {ndrv_string("\x01\x02 no value of any type / is like this, it is far too long"), list,
					   ndrv_int(INT64_MIN)};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct request request;
		trial_network_request(trial, &request, "n1", 1, 4);
		MUST(trial, -ndrv_map_set(&trial->arena.ndrv, &request.options, name, wrong[i], NULL));
		int code = trial_run(trial, &request);
		if (!code) { /* free text, or a number from a very wide range */
			MUST(trial, trial_delete_network(trial, "n1"));
		} else {
			uint32_t kind = ndrv_error_kind(code);
			MUST_HOLD(trial, kind != NDRV_KIND_INTERNAL && kind != NDRV_KIND_TIMEOUT,
				  "a wrong value of \"%s\" is answered with %s: %s", name, ndrv_error_name(code),
				  trial->reply.error.text);
		}
		MUST_BE_AS(trial, before);
	}
	return VERDICT_PASSED;
}

static enum verdict wrong_options(struct trial *trial)
{
	const struct ndrv_value *options = trial_options(trial, "network");
	char *before = space_dump();

	if (!options || !options->count) {
		free(before);
		return trial_skip(trial, "it has no table of network options");
	}
	for (uint32_t i = 0; i < options->count; i++) {
		const char *name = NULL;
		if (ndrv_map_string(&options->u.items[i], "name", &name, NULL) != 1)
			continue;
		enum verdict verdict = wrong_option(trial, name, before);
		if (verdict != VERDICT_PASSED)
			return verdict;
	}
	free(before);
	return VERDICT_PASSED;
}

/* A refused network gives its pool back. */
static enum verdict refused_pool_is_free(struct trial *trial)
{
	struct request request;

	trial_network_request(trial, &request, "bad", 1, 4);
	MUST(trial, -ndrv_map_set(&trial->arena.ndrv, &request.options, "org.example.no-such-option", ndrv_string("1"), NULL));
	if (!trial_run(trial, &request))
		return trial_skip(trial, "it refuses no option");
	MUST(trial, trial_network(trial, "n1", 1));
	return VERDICT_PASSED;
}

static enum verdict two_side_by_side(struct trial *trial)
{
	char *with_one = space_dump();

	MUST(trial, trial_network(trial, "n2", 2));
	MUST(trial, trial_endpoint(trial, "n2", "e1"));
	MUST(trial, trial_do(trial, REQ_ENDPOINT_DELETE, "n2", "e1"));
	MUST(trial, trial_delete_network(trial, "n2"));
	MUST_BE_AS(trial, with_one);
	free(with_one);
	return VERDICT_PASSED;
}

static enum verdict single_network(struct trial *trial)
{
	if (!trial_can(trial, NDRV_CAPABILITY_SINGLE_NETWORK))
		return trial_skip(trial, "it may have several networks");
	int code = trial_network(trial, "n2", 2);
	MUST_HOLD(trial, ndrv_error_kind(code) == NDRV_KIND_FORBIDDEN, "a second network is answered with %s",
		  ndrv_error_name(code));
	return VERDICT_PASSED;
}

static enum verdict active_endpoints(struct trial *trial)
{
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST_FAIL(trial, trial_do(trial, REQ_NETWORK_DELETE, "n1", NULL), NDRV_E_ACTIVE_ENDPOINTS);
	MUST(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e1"));
	return VERDICT_PASSED;
}

static enum verdict force(struct trial *trial)
{
	struct request request;

	for (unsigned i = 0; i < 5; i++) {
		char id[8];
		(void)snprintf(id, sizeof(id), "e%u", i);
		MUST(trial, trial_connect(trial, "n1", id, rule_netns(trial, i)));
	}
	request = trial_request(trial, REQ_NETWORK_DELETE, "n1", NULL);
	request.force = true;
	MUST(trial, trial_run(trial, &request));
	MUST_FAIL(trial, trial_do(trial, REQ_ENDPOINT_INFO, "n1", "e0"), NDRV_E_NO_NETWORK);
	for (unsigned i = 0; i < 5 && !trial_can(trial, NDRV_CAPABILITY_HOST_SANDBOX); i++)
		MUST_HOLD(trial, space_is_empty(rule_netns(trial, i)), "sandbox %u still has an interface", i);
	return VERDICT_PASSED;
}

/* --- many at once --- */

#define THREADS 6
#define ROUNDS 6

struct hand {
	struct trial *trial;
	unsigned number;
	pthread_t thread;
	struct ndrv_error error;
};

static int one_life(struct hand *hand, struct arena *arena)
{
	struct trial *trial = hand->trial, own = {.target = trial->target, .dispatch = trial->dispatch, .arena = *arena};
	char id[16];

	(void)snprintf(id, sizeof(id), "p%u", hand->number);
	int code = trial_network(&own, id, 10 + hand->number);
	code = code ? code : trial_endpoint(&own, id, "e");
	code = code ? code : trial_do(&own, REQ_ENDPOINT_DELETE, id, "e");
	code = code ? code : trial_delete_network(&own, id);
	hand->error = own.reply.error;
	*arena = own.arena;
	return code;
}

static void *live(void *data)
{
	struct hand *hand = data;
	struct arena arena;
	int code = 0;

	arena_init(&arena, 16u << 20);
	for (int i = 0; !code && i < ROUNDS; i++)
		code = one_life(hand, &arena);
	arena_reset(&arena);
	return NULL;
}

static enum verdict in_parallel(struct trial *trial)
{
	struct hand hands[THREADS];
	char *before = space_dump();
	unsigned started = 0;

	for (; started < THREADS; started++) {
		hands[started] = (struct hand){.trial = trial, .number = started};
		if (pthread_create(&hands[started].thread, NULL, live, &hands[started]))
			break;
	}
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(hands[i].thread, NULL);
	for (unsigned i = 0; i < started; i++)
		MUST_HOLD(trial, !hands[i].error.code, "network p%u: %s", i, hands[i].error.text);
	MUST_HOLD(trial, started == THREADS, "threads could not be started");
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

/* --- NetworkAllocate, GwAllocCheck --- */

static enum verdict allocate_twice(struct trial *trial)
{
	struct request request;
	struct ndrv_value first;

	trial_network_request(trial, &request, "n1", 1, 4);
	request.op = REQ_NETWORK_ALLOCATE;
	int code = trial_run(trial, &request);
	if (code == NDRV_E_SCOPE) /* the host's answer, from what the type was registered with; the driver was not asked */
		return trial_skip(trial, "its networks are one host's, and nobody allocates them");
	MUST(trial, code);
	first = trial->reply.value;
	request.deadline_ns = 0;
	MUST(trial, trial_run(trial, &request));
	MUST_HOLD(trial, ndrv_value_equal(&first, &trial->reply.value), "the same network was allocated something else");
	request = trial_request(trial, REQ_NETWORK_FREE, NULL, NULL);
	request.type = trial->target->type;
	request.new_id = "n1";
	MUST(trial, trial_run(trial, &request));
	return VERDICT_PASSED;
}

static enum verdict gw_check_is_pure(struct trial *trial)
{
	struct request request;
	char *before = space_dump();
	uint32_t first = 0;

	for (int i = 0; i < 3; i++) {
		trial_network_request(trial, &request, "n1", 1, 4);
		request.op = REQ_GW_ALLOC_CHECK;
		MUST(trial, trial_run(trial, &request));
		first = i ? first : trial->reply.skip_gateways;
		MUST_HOLD(trial, first == trial->reply.skip_gateways, "the same options were answered with %u, then %u", first,
			  trial->reply.skip_gateways);
	}
	MUST_BE_AS(trial, before);
	free(before);
	return VERDICT_PASSED;
}

static const struct rule rules[] = {
	{"N1", "a network is created and deleted, and nothing stays", 0, NULL, create_and_delete},
	{"N2", "creating the same network again is success and changes nothing", RULE_NETWORK, NULL, create_again},
	{"N3", "the same id with other content is NetworkExists", RULE_NETWORK, NULL, create_with_other_content},
	{"N4", "an id can be used again at once", RULE_NETWORK | RULE_MANY, NULL, delete_and_create_at_once},
	{"N5", "ids of 1, 64 and 200 bytes are served or refused as bad", RULE_MANY, NULL, ids_of_any_length},
	{"N6", "ids that begin alike do not meet in the kernel", RULE_MANY, NULL, ids_with_the_same_beginning},
	{"N7", "a dual-stack network works, or is refused with a type and leaves nothing", RULE_IPAM, NULL, dual_stack},
	{"N8", "a network of IPv6 alone likewise", RULE_IPAM, NULL, v6_only},
	{"N9", "an internal network likewise", 0, NULL, internal},
	{"N10", "an unknown option is a bad request that names it and leaves nothing", 0, NULL, unknown_option},
	{"N11", "each option with wrong values is refused with a type and leaves nothing", 0, NULL, wrong_options},
	{"N12", "a refused network has given its pool back", RULE_IPAM, NULL, refused_pool_is_free},
	{"N13", "two networks live side by side and one goes without the other", RULE_NETWORK | RULE_MANY, NULL, two_side_by_side},
	{"N14", "a type for one network forbids a second", RULE_NETWORK, NULL, single_network},
	{"N15", "a network with endpoints is not deleted, and they go on", RULE_NETWORK, NULL, active_endpoints},
	{"N16", "by force it is deleted with all its endpoints, in their sandboxes too", RULE_NETWORK, NULL, force},
	{"N17", "networks come and go on several threads at once", RULE_MANY, NULL, in_parallel},
	{"N18", "allocating a network twice gives the same", RULE_IPAM, "network_allocate", allocate_twice},
	{"N19", "the answer about gateways depends on the options alone", 0, "gw_alloc_check", gw_check_is_pure},
};

const struct rule_list rules_network = {sizeof(rules) / sizeof(rules[0]), rules};
