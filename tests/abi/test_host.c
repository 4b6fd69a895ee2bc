/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own loader meets an old driver and the one vendors start from. */
#include "tests/badmods/fixture.h"
#include "tests/lib/test.h"

static struct instance *load(struct fixture *fixture, const char *name)
{
	struct ndrv_error err;
	struct instance *instance = NULL;

	assert_ok(fixture_load(fixture, name, name, &err), &err);
	assert_ok(registry_find(fixture->registry, name, &instance, &err), &err);
	const struct policy_verdict *verdict = &registry_driver(fixture->registry, name)->module->warnings;
	if (verdict->count)
		fail_msg("%s: %s", name, verdict->findings[0].text);
	return instance;
}

static void an_old_driver_is_not_looked_at_past_the_end_of_its_ops(void **state)
{
	struct instance *instance = load(*state, "short");
	struct ndrv_error err = {0};
	struct ndrv_call call = {.size = sizeof(call), .err = &err};
	struct ndrv_option_list list;
	struct ndrv_value value;

	assert_true(INSTANCE_HAS(instance, endpoint_delete));
	assert_false(INSTANCE_HAS(instance, endpoint_info));
	assert_false(INSTANCE_HAS(instance, destroy));
	assert_ok(instance->ops.network_create(instance->self, &call, NULL), &err);
	assert_ok(instance->ops.endpoint_delete(instance->self, &call, NULL, NULL), &err);
	/* Each of these would kill the process if it reached the driver's slot. */
	assert_fails(instance->ops.endpoint_info(instance->self, &call, NULL, NULL, &value), &err, NDRV_E_NOT_IMPLEMENTED,
		     "endpoint_info");
	assert_fails(instance->ops.join(instance->self, &call, NULL, NULL, "", NULL, NULL, NULL), &err, NDRV_E_NOT_IMPLEMENTED,
		     "join");
	assert_fails(instance->ops.health(instance->self, &call), &err, NDRV_E_NOT_IMPLEMENTED, "health");
	assert_int_equal(instance->ops.options(instance->self, NDRV_OPTIONS_NETWORK, &list), -NDRV_E_NOT_IMPLEMENTED);
	instance->ops.commit(instance->self, &call);
	instance->ops.release(instance->self, NULL, NULL);
	assert_ok(registry_unload(((struct fixture *)*state)->registry, "short", &err), &err);
}

static void the_template_is_loaded_without_a_word(void **state)
{
	struct instance *instance = load(*state, "example");
	struct ndrv_option_list list = {0};
	struct ndrv_error err = {0};

	assert_int_equal(instance->capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_true(INSTANCE_HAS(instance, adopt));
	assert_int_equal(instance->ops.options(instance->self, NDRV_OPTIONS_NETWORK, &list), 0);
	assert_int_equal(list.count, 2);
	assert_ok(registry_unload(((struct fixture *)*state)->registry, "example", &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_old_driver_is_not_looked_at_past_the_end_of_its_ops, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(the_template_is_loaded_without_a_word, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
