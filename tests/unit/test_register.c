/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver file's entry does with the host it finds. */
#include "tests/lib/test.h"

#include <ndrv/driver.h>

static struct ndrv_error err;
static char steps[512]; /* what happened, in order */
static const char *refused_type;
static const char *open_refuses;
static int instance;

static void step(const char *what, const char *type)
{
	size_t used = strlen(steps);

	snprintf(steps + used, sizeof(steps) - used, "%s %s;", what, type);
}

static int register_driver(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			   const struct ndrv_capability *capability, struct ndrv_error *e);

static int unregister_driver(const struct ndrv_host *host, const char *type, struct ndrv_error *e)
{
	(void)host, (void)e;
	step("unregister", type);
	return 0;
}

static struct ndrv_host host = {
	.size = sizeof(host),
	.abi_major = NDRV_ABI_MAJOR,
	.abi_minor = 3,
	.features = NDRV_FEATURE_STORE | UINT64_C(1) << 40,
	.register_driver = register_driver,
	.unregister_driver = unregister_driver,
};

static struct ndrv_note note;

static int open_instance(const struct ndrv_host *h, void **ret_self, struct ndrv_error *e)
{
	assert_ptr_equal(h, &host);
	step("open", "");
	if (open_refuses)
		return ndrv_fail(e, NDRV_E_NO_SERVICE, "%s", open_refuses);
	*ret_self = &instance;
	return 0;
}

static void destroy(void *self)
{
	assert_ptr_equal(self, &instance);
	step("destroy", "");
}

static const struct ndrv_ops ops = {.size = sizeof(ops), .destroy = destroy};

static int register_driver(const struct ndrv_host *h, const char *type, const struct ndrv_ops *o, void *self,
			   const struct ndrv_capability *capability, struct ndrv_error *e)
{
	assert_ptr_equal(h, &host);
	assert_ptr_equal(o, &ops);
	step(self == &instance ? "register" : self == (void *)&host ? "register-host" : "register-?", type);
	assert_int_equal(capability->size, sizeof(*capability));
	assert_int_equal(capability->data_scope, NDRV_SCOPE_GLOBAL);
	assert_int_equal(capability->connectivity_scope, NDRV_SCOPE_LOCAL);
	assert_int_equal(capability->flags, NDRV_CAPABILITY_NO_IPAM);
	assert_ptr_equal(capability->note, &note);
	if (refused_type && strcmp(type, refused_type) == 0)
		return ndrv_fail_object(e, NDRV_E_ACTIVE_REGISTRATION, type);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	note = (struct ndrv_note){
		.size = sizeof(note),
		.abi_major = NDRV_ABI_MAJOR,
		.ops_size = sizeof(ops),
		.data_scope = NDRV_SCOPE_GLOBAL,
		.connectivity_scope = NDRV_SCOPE_LOCAL,
		.capability_flags = NDRV_CAPABILITY_NO_IPAM,
		.name = "mine",
		.types = "one\0two\0three",
	};
	steps[0] = '\0';
	refused_type = open_refuses = NULL;
	err = (struct ndrv_error){0};
	return 0;
}

static void every_type_of_the_note_is_registered_with_one_instance(void **state)
{
	(void)state;
	assert_ok(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err);
	assert_string_equal(steps, "open ;register one;register two;register three;");
}

static void a_driver_without_open_gets_the_host_as_its_self(void **state)
{
	(void)state;
	memcpy(note.types, "one\0", 5);
	assert_ok(ndrv_driver_register(&host, &note, &ops, NULL, &err), &err);
	assert_string_equal(steps, "register-host one;");
}

static void a_refused_type_undoes_the_ones_before_and_the_instance(void **state)
{
	(void)state;
	refused_type = "three";
	assert_fails(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err, NDRV_E_ACTIVE_REGISTRATION,
		     "driver mine: type three: Driver already registered for type \"three\"");
	assert_string_equal(steps, "open ;register one;register two;register three;unregister two;unregister one;destroy ;");
	setup(NULL);
	refused_type = "one";
	assert_int_equal(ndrv_driver_register(&host, &note, &ops, NULL, &err), -NDRV_E_ACTIVE_REGISTRATION);
	assert_string_equal(steps, "register-host one;");
}

static void an_instance_that_cannot_be_made_registers_nothing(void **state)
{
	(void)state;
	open_refuses = "no hardware";
	assert_fails(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err, NDRV_E_NO_SERVICE,
		     "driver mine: no hardware");
	assert_string_equal(steps, "open ;");
}

static void a_types_array_without_a_final_nul_is_not_overrun(void **state)
{
	(void)state;
	memset(note.types, 'x', sizeof(note.types));
	note.types[3] = '\0';
	memset(note.name, 'n', sizeof(note.name));
	assert_ok(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err);
	assert_int_equal(strlen(steps), strlen("open ;register xxx;register ;") + sizeof(note.types) - 4);
	open_refuses = "no";
	assert_int_equal(ndrv_driver_register(&host, &note, &ops, open_instance, &err), -NDRV_E_NO_SERVICE);
	assert_int_equal(strlen(err.text), strlen("driver : no") + sizeof(note.name));
}

static void no_type_is_right_only_for_a_driver_that_says_so(void **state)
{
	(void)state;
	note.types[0] = '\0';
	assert_fails(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err, NDRV_E_BAD_REQUEST, "no network type");
	assert_string_equal(steps, "");
	note.flags = NDRV_DRIVER_DYNAMIC_TYPES;
	assert_ok(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err);
	assert_string_equal(steps, "open ;register ;");
}

/* The host is changed, must be refused before anything happens, and is put back. */
static void assert_host_refused(struct ndrv_host changed, int code, const char *text)
{
	const struct ndrv_host kept = host;

	steps[0] = '\0';
	host = changed;
	assert_fails(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err, code, text);
	assert_string_equal(steps, "");
	host = kept;
}

static void a_host_that_does_not_fit_is_refused_before_anything_is_made(void **state)
{
	struct ndrv_host changed;

	(void)state;
	assert_fails(ndrv_driver_register(NULL, &note, &ops, open_instance, &err), &err, NDRV_E_BAD_REQUEST,
		     "no table of services");
	assert_fails(ndrv_driver_register(&host, &note, NULL, open_instance, &err), &err, NDRV_E_BAD_REQUEST, "no table of ops");
	changed = host;
	changed.size = offsetof(struct ndrv_host, unregister_driver);
	assert_host_refused(changed, NDRV_E_BAD_REQUEST, "table of services has only");
	changed = host;
	changed.abi_major = 2;
	assert_host_refused(changed, NDRV_E_BAD_REQUEST, "driver ABI 1 is needed, the host speaks 2");
	note.abi_minor_min = 4;
	assert_host_refused(host, NDRV_E_BAD_REQUEST, "driver ABI 1.4 or later is needed, the host speaks 1.3");
	note.abi_minor_min = 3;
	note.needs_lo = (uint32_t)(NDRV_FEATURE_STORE | NDRV_FEATURE_NAT);
	assert_host_refused(host, NDRV_E_NOT_IMPLEMENTED, "bits 0x4");
	note.needs_lo = (uint32_t)NDRV_FEATURE_STORE;
	note.needs_hi = 1u << 9;
	assert_host_refused(host, NDRV_E_NOT_IMPLEMENTED, "bits 0x20000000000");
	note.needs_hi = 1u << 8;
	assert_ok(ndrv_driver_register(&host, &note, &ops, open_instance, &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_type_of_the_note_is_registered_with_one_instance, setup),
		cmocka_unit_test_setup(a_driver_without_open_gets_the_host_as_its_self, setup),
		cmocka_unit_test_setup(a_refused_type_undoes_the_ones_before_and_the_instance, setup),
		cmocka_unit_test_setup(an_instance_that_cannot_be_made_registers_nothing, setup),
		cmocka_unit_test_setup(a_types_array_without_a_final_nul_is_not_overrun, setup),
		cmocka_unit_test_setup(no_type_is_right_only_for_a_driver_that_says_so, setup),
		cmocka_unit_test_setup(a_host_that_does_not_fit_is_refused_before_anything_is_made, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
