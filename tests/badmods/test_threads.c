/* SPDX-License-Identifier: Apache-2.0 */
/* Readers never lock and never see half a registration, while drivers come, go, are replaced and register types themselves. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/badmods/fixture.h"
#include "tests/lib/test.h"

#define READERS 3
#define ROUNDS 25

struct race {
	struct fixture *fixture;
	_Atomic(bool) stop;
	_Atomic unsigned seen, wrong;
};

static int look(struct driver_type *type, void *data)
{
	struct race *race = data;
	const struct instance *instance = type_current(type);
	if (!instance)
		return 0;
	race->seen++;
	/* All of it was there before it was published. */
	if (instance->type != type || instance->ops.size != sizeof(struct ndrv_ops) || !instance->ops.join || !instance->has ||
	    instance->capability.data_scope != NDRV_SCOPE_LOCAL || instance->generation->state == GENERATION_PENDING)
		race->wrong++;
	return 0;
}

static int count_generation(struct generation *generation, void *data)
{
	struct race *race = data;
	for (const struct instance *each = generation->instances; each; each = each->next)
		race->wrong += each->generation != generation;
	return 0;
}

static void *read_types(void *data)
{
	struct race *race = data;
	while (!race->stop) {
		struct registry_counts counts;
		(void)registry_each_type(race->fixture->registry, look, race);
		(void)registry_each_generation(race->fixture->registry, count_generation, race);
		registry_count(race->fixture->registry, &counts);
	}
	return NULL;
}

static int check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	(void)self, (void)call, (void)options;
	*ret_skip = 0;
	return 0;
}

static void *register_types(void *data)
{
	struct race *race = data;
	const struct generation *generation = registry_driver(race->fixture->registry, "dyn");
	const struct ndrv_host *host = &generation->host;
	const struct ndrv_ops ops = {.size = sizeof(ops), .gw_alloc_check = check};
	const struct ndrv_capability capability = {
		.size = sizeof(capability), .data_scope = NDRV_SCOPE_LOCAL, .note = generation->module->note_raw};
	while (!race->stop) {
		race->wrong += host->register_driver(host, "weave", &ops, NULL, &capability, NULL) != 0;
		race->wrong += host->unregister_driver(host, "weave", NULL) != 0;
	}
	return NULL;
}

static void change(struct fixture *fixture)
{
	struct ndrv_error err = {0};
	struct generation *old, *pending;
	struct driver_request request = {.name = "good", .path = fixture_path(fixture, "good.so"), .replace = true};
	assert_ok(registry_load(fixture->registry, &request, &old, &err), &err);
	assert_ok(registry_prepare(fixture->registry, &request, &pending, &err), &err);
	assert_ok(registry_publish(fixture->registry, pending, &err), &err);
	registry_retire(fixture->registry, old);
	assert_int_equal(fixture_load(fixture, "taken", "bad", &err), -NDRV_E_ACTIVE_REGISTRATION);
	assert_ok(registry_unload(fixture->registry, "good", &err), &err);
}

static void readers_see_whole_registrations_only(void **state)
{
	struct race race = {.fixture = *state};
	struct ndrv_error err;
	pthread_t readers[READERS], registrar;
	assert_ok(fixture_load(race.fixture, "dynamic", "dyn", &err), &err);
	fixture_copy(race.fixture, "good", "good.so");
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_types, &race), 0);
	assert_int_equal(pthread_create(&registrar, NULL, register_types, &race), 0);
	for (int i = 0; i < ROUNDS; i++)
		change(race.fixture);
	race.stop = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	pthread_join(registrar, NULL);
	assert_int_equal(race.wrong, 0);
	assert_true(race.seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(readers_see_whole_registrations_only, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
