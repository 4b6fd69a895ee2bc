/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that are fit: what is published, how ops are made whole, how code is replaced, what is left behind. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/badmods/fixture.h"
#include "tests/lib/test.h"

static struct registry_counts counts_of(const struct fixture *fixture)
{
	struct registry_counts counts;
	registry_count(fixture->registry, &counts);
	return counts;
}

static int load_path(struct fixture *fixture, const char *name, const char *file, bool replace, struct generation **ret,
		     struct ndrv_error *err)
{
	const struct driver_request request = {.name = name, .path = fixture_path(fixture, file), .replace = replace};
	*err = (struct ndrv_error){0};
	return replace ? registry_prepare(fixture->registry, &request, ret, err)
		       : registry_load(fixture->registry, &request, ret, err);
}

static void a_good_driver_serves_its_type(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct instance *instance;
	assert_ok(fixture_load(fixture, "good", "good", &err), &err);
	assert_ok(registry_find(fixture->registry, "good", &instance, &err), &err);
	assert_int_equal(instance->capability.data_scope, NDRV_SCOPE_LOCAL);
	assert_int_equal(instance->capability.connectivity_scope, NDRV_SCOPE_LOCAL);
	assert_string_equal(instance->generation->module->note.name, "plain");
	assert_string_equal(instance->generation->name, "good");
	assert_int_equal(instance->generation->number, 1);
	assert_int_equal(instance->generation->threading, NDRV_THREADS_NETWORK);
	assert_int_equal(instance->ops.size, sizeof(struct ndrv_ops));
	assert_true(INSTANCE_HAS(instance, configure));
	assert_false(INSTANCE_HAS(instance, join));
	assert_ptr_equal(registry_driver(fixture->registry, "good"), instance->generation);
	assert_fails(registry_find(fixture->registry, "nobody", &instance, &err), &err, NDRV_E_NO_DRIVER,
		     "unknown driver \"nobody\"");
	assert_fails(fixture_load(fixture, "several", "good", &err), &err, NDRV_E_ACTIVE_REGISTRATION,
		     "driver good: a driver of this name is loaded already");
	assert_string_equal(fixture->log, "good: configured 1\n");
}

static void one_file_may_serve_several_types(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	assert_ok(fixture_load(fixture, "several", "many", &err), &err);
	assert_int_equal(fixture_answer(fixture, "one"), 1);
	assert_int_equal(fixture_answer(fixture, "two"), 1);
	assert_int_equal(fixture_answer(fixture, "three"), 1);
	assert_int_equal(counts_of(fixture).types, 3);
	assert_ok(registry_unload(fixture->registry, "many", &err), &err);
	assert_int_equal(counts_of(fixture).types, 0);
	/* One self for three types: configured and destroyed once. */
	assert_string_equal(fixture->log, "many: configured 1\nmany: destroyed\n");
}

static void a_driver_with_fewer_ops_is_not_implemented_in_the_rest(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct instance *instance;
	assert_ok(fixture_load(fixture, "old", "old", &err), &err);
	assert_ok(registry_find(fixture->registry, "raw", &instance, &err), &err);
	assert_int_equal(instance->has, UINT64_C(1) << OPS_SLOT(network_create));
	struct ndrv_call call = {.size = sizeof(call), .err = &err};
	assert_ok(instance->ops.network_create(NULL, &call, NULL), &err);
	assert_fails(instance->ops.network_delete(NULL, &call, NULL), &err, NDRV_E_NOT_IMPLEMENTED,
		     "network_delete: The API is not");
	assert_fails(instance->ops.leave(NULL, &call, NULL, NULL), &err, NDRV_E_NOT_IMPLEMENTED, "leave: The API is not");
	instance->ops.destroy(NULL);
}

static void a_newer_minor_and_unknown_numbers_are_accepted(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct instance *instance;
	assert_ok(fixture_load(fixture, "newer", "newer", &err), &err);
	assert_ok(registry_find(fixture->registry, "raw", &instance, &err), &err);
	assert_int_equal(instance->generation->threading, NDRV_THREADS_DRIVER);
}

static void what_is_doubtful_is_loaded_with_a_warning(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	assert_ok(fixture_load(fixture, "lazy", "lazy", &err), &err);
	const struct policy_verdict *verdict = &registry_driver(fixture->registry, "lazy")->module->warnings;
	assert_int_equal(verdict->refusals, 0);
	assert_int_equal(verdict->count, 2);
	assert_string_equal(verdict->findings[0].text, "is not linked with -z now");
	assert_string_equal(verdict->findings[1].text, "is not linked with -z relro");
	assert_ok(registry_unload(fixture->registry, "lazy", &err), &err);
	assert_ok(fixture_load(fixture, "setns", "setns", &err), &err);
	verdict = &registry_driver(fixture->registry, "setns")->module->warnings;
	assert_string_equal(verdict->findings[0].text, "uses setns(): the host gives netlink handles of the sandbox");
}

static void the_same_path_gives_the_new_code(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	size_t size;
	fixture_copy(fixture, "good", "driver.so");
	assert_ok(load_path(fixture, "good", "driver.so", false, NULL, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	/* Replaced by rename, as packages do. */
	fixture_copy(fixture, "good_2", "driver.so");
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_ok(registry_unload(fixture->registry, "good", &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 0);
	assert_ok(load_path(fixture, "good", "driver.so", false, NULL, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 2);
	/* Overwritten while it is loaded, as cp does: what runs does not notice. */
	void *bytes = fixture_bytes("good", &size);
	fixture_write(fixture, "driver.so", bytes, size, 0644);
	free(bytes);
	assert_int_equal(fixture_answer(fixture, "good"), 2);
	assert_ok(registry_unload(fixture->registry, "good", &err), &err);
	assert_ok(load_path(fixture, "good", "driver.so", false, NULL, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	struct registry_counts counts = counts_of(fixture);
	assert_int_equal(counts.live, 1);
	assert_int_equal(counts.retired, 2);
	assert_true(counts.retired_bytes > 2 * 4096);
}

/* How many files the staging directory has, and whether all are private. */
static unsigned staged_files(const struct fixture *fixture)
{
	unsigned count = 0;
	struct stat st;
	DIR *dir = opendir(fixture_path(fixture, "stage"));
	assert_non_null(dir);
	assert_int_equal(fstat(dirfd(dir), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0500);
		count++;
	}
	closedir(dir);
	return count;
}

static void images_are_staged_privately_and_swept_at_the_next_start(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct stage stage;
	assert_ok(fixture_load(fixture, "good", "good", &err), &err);
	assert_int_equal(fixture_load(fixture, "no_note", "bad", &err), -NDRV_E_DRIVER_REFUSED);
	assert_int_equal(fixture_load(fixture, "undefined", "bad", &err), -NDRV_E_DRIVER_REFUSED);
	assert_int_equal(staged_files(fixture), 1);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_ok(stage_open(&stage, fixture->dir, &err), &err);
	assert_int_equal(stage.swept, 1);
	assert_string_equal(stage.fallback, "");
	stage_close(&stage);
	assert_int_equal(staged_files(fixture), 0);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
}

static void without_a_directory_images_are_loaded_from_sealed_memory(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	struct generation *first, *second;
	struct registry *memory;
	char place[200];
	(void)snprintf(place, sizeof(place), "%s", fixture_path(fixture, "absent"));
	const struct ndrv_host services = {.log = NULL};
	assert_ok(registry_new(&memory, place, &services, NULL, &err), &err);
	assert_non_null(strstr(registry_stage_fallback(memory), "absent/stage: No such file or directory"));
	struct driver_request request = {.name = "good", .path = fixture_copy(fixture, "good", "driver.so")};
	assert_ok(registry_load(memory, &request, &first, &err), &err);
	assert_true(first->module->staged.fd >= 0);
	int seals = fcntl(first->module->staged.fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
			 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_ok(registry_unload(memory, "good", &err), &err);
	request.path = fixture_copy(fixture, "good_2", "driver.so");
	assert_ok(registry_load(memory, &request, &second, &err), &err);
	struct ndrv_call call = {.size = sizeof(call), .err = &err};
	struct instance *instance = second->instances;
	uint32_t answer = 0;
	assert_ok(instance->ops.gw_alloc_check(instance->self, &call, NULL, &answer), &err);
	assert_int_equal(answer, 2);
	registry_free(memory);
}

static int refuse_use(void *data, const struct instance *instance, struct ndrv_error *err)
{
	int *uses = data;
	return (*uses)-- > 0 ? ndrv_fail_object(err, NDRV_E_DRIVER_IN_USE, instance->type->name) : 0;
}

static int refuse_drain(void *data, struct instance *instance, struct ndrv_error *err)
{
	(void)data;
	/* By now nobody finds it. */
	assert_null(type_current(instance->type));
	return ndrv_fail(err, NDRV_E_RETRY, "a call is inside");
}

static void a_driver_in_use_is_not_unloaded(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	struct registry *registry;
	int uses = 1;
	const struct registry_hooks hooks = {.data = &uses, .in_use = refuse_use, .drain = refuse_drain};
	const struct ndrv_host services = {.log = NULL};
	struct instance *instance;
	assert_ok(registry_new(&registry, NULL, &services, &hooks, &err), &err);
	const struct driver_request request = {.name = "many", .path = fixture_copy(fixture, "several", "several.so")};
	assert_ok(registry_load(registry, &request, NULL, &err), &err);
	assert_fails(registry_unload(registry, "many", &err), &err, NDRV_E_DRIVER_IN_USE,
		     "driver many: driver \"one\" has networks");
	assert_fails(registry_unload(registry, "many", &err), &err, NDRV_E_RETRY, "driver many: a call is inside");
	assert_ok(registry_find(registry, "one", &instance, &err), &err);
	assert_ok(registry_find(registry, "three", &instance, &err), &err);
	assert_fails(registry_unload(registry, "other", &err), &err, NDRV_E_NO_DRIVER, "unknown driver \"other\"");
	registry_free(registry);
}

static struct instance *dynamic(struct fixture *fixture, struct ndrv_error *err)
{
	struct generation *generation;
	struct instance *instance;
	/* It serves no type yet: `several` stands in as the one a test reaches ops through. */
	fixture_copy(fixture, "dynamic", "dynamic.so");
	assert_ok(load_path(fixture, "dyn", "dynamic.so", false, &generation, err), err);
	assert_string_equal(((struct instance *)generation->instances)->type->name, "");
	assert_int_equal(counts_of(fixture).types, 0);
	assert_null(registry_type(fixture->registry, ""));
	assert_ok(fixture_load(fixture, "several", "many", err), err);
	assert_ok(registry_find(fixture->registry, "one", &instance, err), err);
	return instance;
}

static void types_are_registered_later_only_by_drivers_that_say_so(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	struct ndrv_call call = {.size = sizeof(call), .err = &err};
	struct instance *one = dynamic(fixture, &err);
	assert_fails(one->ops.network_allocate(one->self, &call, "late", NULL, NULL, NULL, NULL), &err, NDRV_E_FORBIDDEN,
		     "type late is registered after the entry function, which only a driver of dynamic types may do");
	/* A driver may give a type back that it holds, and no other. */
	assert_ok(one->ops.network_free(one->self, &call, "two"), &err);
	assert_int_equal(fixture_answer(fixture, "two"), 0);
	assert_int_equal(fixture_answer(fixture, "one"), 1);
	assert_fails(one->ops.network_free(one->self, &call, "two"), &err, NDRV_E_NOT_FOUND,
		     "driver many does not hold the type \"two\"");
	assert_fails(one->ops.network_free(one->self, &call, "good"), &err, NDRV_E_NOT_FOUND, "does not hold");
}

/* The host's end of what `remote` does: the table of a dynamic driver's generation is its key. */
static void a_dynamic_driver_registers_and_unregisters_at_any_time(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	struct instance *one = dynamic(fixture, &err);
	const struct ndrv_host *host = &registry_driver(fixture->registry, "dyn")->host;
	struct ndrv_capability capability = {
		.size = sizeof(capability),
		.data_scope = NDRV_SCOPE_LOCAL,
		.note = registry_driver(fixture->registry, "dyn")->module->note_raw,
	};
	struct instance *instance;
	assert_fails(host->register_driver(host, "Bad Name", &one->ops, NULL, &capability, &err), &err, NDRV_E_BAD_REQUEST,
		     "\"Bad Name\" cannot be a network type");
	assert_fails(host->register_driver(host, "one", &one->ops, NULL, &capability, &err), &err, NDRV_E_ACTIVE_REGISTRATION,
		     "\"one\"");
	for (int i = 0; i < 3; i++) {
		assert_ok(host->register_driver(host, "weave", &one->ops, one->self, &capability, &err), &err);
		assert_fails(host->register_driver(host, "weave", &one->ops, NULL, &capability, &err), &err,
			     NDRV_E_ACTIVE_REGISTRATION, "weave");
		assert_ok(registry_find(fixture->registry, "weave", &instance, &err), &err);
		assert_ptr_equal(instance->generation, registry_driver(fixture->registry, "dyn"));
		assert_ok(host->unregister_driver(host, "weave", &err), &err);
		assert_int_equal(registry_find(fixture->registry, "weave", &instance, &err), -NDRV_E_NO_DRIVER);
	}
	assert_fails(host->unregister_driver(host, "", &err), &err, NDRV_E_NOT_FOUND, "does not hold");
	/* Each type has a scope of its own, whatever the note says of the driver. */
	capability.data_scope = NDRV_SCOPE_GLOBAL;
	assert_ok(host->register_driver(host, "weave", &one->ops, one->self, &capability, &err), &err);
	assert_ok(registry_find(fixture->registry, "weave", &instance, &err), &err);
	assert_int_equal(instance->capability.data_scope, NDRV_SCOPE_GLOBAL);
	assert_ok(host->unregister_driver(host, "weave", &err), &err);
	capability.data_scope = 7;
	assert_fails(host->register_driver(host, "weave", &one->ops, NULL, &capability, &err), &err, NDRV_E_BAD_REQUEST,
		     "neither local nor global");
	/* It was configured and is destroyed though it serves no type. */
	assert_ok(registry_unload(fixture->registry, "dyn", &err), &err);
	assert_string_equal(fixture->log, "dyn: configured 1\nmany: configured 1\ndyn: destroyed\n");
}

static void a_new_generation_waits_beside_the_live_one(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct generation *old, *pending;
	struct driver_type *type;
	fixture_copy(fixture, "good", "driver.so");
	assert_ok(load_path(fixture, "good", "driver.so", false, &old, &err), &err);
	fixture_copy(fixture, "good_2", "driver.so");
	assert_ok(load_path(fixture, "good", "driver.so", true, &pending, &err), &err);
	type = registry_type(fixture->registry, "good");
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_ptr_equal(pending->replaces, old);
	assert_int_equal(counts_of(fixture).pending, 1);
	assert_ok(registry_publish(fixture->registry, pending, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 2);
	assert_ptr_equal(registry_type(fixture->registry, "good"), type);
	assert_int_equal(old->state, GENERATION_STANDBY);
	/* Probation failed: the old one is put back. */
	assert_ok(registry_publish(fixture->registry, old, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_int_equal(pending->state, GENERATION_STANDBY);
	registry_retire(fixture->registry, pending);
	assert_int_equal(pending->state, GENERATION_RETIRED);
	assert_fails(registry_publish(fixture->registry, pending, &err), &err, NDRV_E_FORBIDDEN, "was destroyed");
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	/* One that is given up before it served. */
	assert_ok(load_path(fixture, "good", "driver.so", true, &pending, &err), &err);
	registry_retire(fixture->registry, pending);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_string_equal(fixture->log,
			    "good: configured 1\ngood: configured 1\ngood: destroyed\ngood: configured 1\ngood: destroyed\n");
}

static void a_swap_may_not_change_scopes_or_take_others_types(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	struct generation *pending;
	assert_ok(fixture_load(fixture, "good", "good", &err), &err);
	assert_ok(fixture_load(fixture, "several", "many", &err), &err);
	fixture_copy(fixture, "global", "global.so");
	assert_fails(load_path(fixture, "good", "global.so", true, &pending, &err), &err, NDRV_E_FORBIDDEN,
		     "type good would change its scope, which a swap may not");
	assert_fails(load_path(fixture, "good", "several.so", true, &pending, &err), &err, NDRV_E_ACTIVE_REGISTRATION, "\"one\"");
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	/* Two that wait for the same types: the second to be published is refused. */
	assert_ok(registry_unload(fixture->registry, "many", &err), &err);
	struct generation *second;
	assert_ok(load_path(fixture, "a", "several.so", true, &pending, &err), &err);
	assert_ok(load_path(fixture, "b", "several.so", true, &second, &err), &err);
	assert_ok(registry_publish(fixture->registry, second, &err), &err);
	assert_fails(registry_publish(fixture->registry, pending, &err), &err, NDRV_E_ACTIVE_REGISTRATION,
		     "driver a: Driver already");
	registry_retire(fixture->registry, pending);
	assert_int_equal(fixture_answer(fixture, "two"), 1);
}

static void a_refused_new_configuration_leaves_the_driver_serving(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err;
	const struct ndrv_pair pair = {.key = "wrong", .value = {.type = NDRV_BOOL}};
	const struct ndrv_value config = {.type = NDRV_MAP, .count = 1, .u.pairs = &pair};
	assert_ok(fixture_load(fixture, "good", "good", &err), &err);
	assert_fails(registry_configure(fixture->registry, "good", &config, &err), &err, NDRV_E_UNKNOWN_OPTION,
		     "driver good: configure: unknown option");
	assert_ok(registry_configure(fixture->registry, "good", NULL, &err), &err);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_string_equal(fixture->log, "good: configured 1\ngood: configured 2\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_good_driver_serves_its_type),
		CASE(one_file_may_serve_several_types),
		CASE(a_driver_with_fewer_ops_is_not_implemented_in_the_rest),
		CASE(a_newer_minor_and_unknown_numbers_are_accepted),
		CASE(what_is_doubtful_is_loaded_with_a_warning),
		CASE(the_same_path_gives_the_new_code),
		CASE(images_are_staged_privately_and_swept_at_the_next_start),
		CASE(without_a_directory_images_are_loaded_from_sealed_memory),
		CASE(a_driver_in_use_is_not_unloaded),
		CASE(types_are_registered_later_only_by_drivers_that_say_so),
		CASE(a_dynamic_driver_registers_and_unregisters_at_any_time),
		CASE(a_new_generation_waits_beside_the_live_one),
		CASE(a_swap_may_not_change_scopes_or_take_others_types),
		CASE(a_refused_new_configuration_leaves_the_driver_serving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
