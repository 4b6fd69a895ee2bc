/* SPDX-License-Identifier: Apache-2.0 */
/* config_load() with the first, second, ... allocation failing, libyaml's and libc's included: an error each time, nothing leaked.
 */
#include "tests/unit/config/tempdir.h"

#include <stdbool.h>

#include "host/config/config.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define INTERPOSED 0
#endif
#endif
#ifndef INTERPOSED
#define INTERPOSED 1
#endif

/* Only this thread allocates; counting is on inside attempt(). */
static bool counting;
static unsigned until_failure; /* 0: none fails */
static long live;

#if INTERPOSED
/* Exported, or libyaml would keep libc's. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void __libc_free(void *old);

static bool fails_now(void)
{
	return counting && until_failure > 0 && --until_failure == 0;
}

static void *counted(void *result)
{
	if (counting && result)
		live++;
	return result;
}

NDRV_EXPORT void *malloc(size_t bytes)
{
	return fails_now() ? NULL : counted(__libc_malloc(bytes));
}

NDRV_EXPORT void *calloc(size_t count, size_t bytes)
{
	return fails_now() ? NULL : counted(__libc_calloc(count, bytes));
}

NDRV_EXPORT void *realloc(void *old, size_t bytes)
{
	if (fails_now())
		return NULL;
	void *result = __libc_realloc(old, bytes);
	if (counting && result && !old)
		live++;
	return result;
}

NDRV_EXPORT void free(void *old)
{
	if (counting && old)
		live--;
	__libc_free(old);
}
#endif

/* True: the load went well. */
static bool attempt(const char *path, const struct config_overrides *overrides, unsigned failing)
{
	const struct config *config = NULL;
	struct ndrv_error error = {0};

	until_failure = failing;
	live = 0;
	counting = true;
	int rc = config_load(path, overrides, &config, &error);
	config_free(config);
	counting = false;
	if (live != 0)
		fail_msg("allocation %u failing leaves %ld blocks", failing, live);
	if (rc == 0)
		return true;
	assert_null(config);
	if (error.code == NDRV_OK || !*error.text || rc != -error.code)
		fail_msg("allocation %u failing gives %d without a typed error", failing, rc);
	if (error.code == NDRV_E_CONFIG)
		fail_msg("allocation %u failing is blamed on the file: %s", failing, error.text);
	return false;
}

static void whichever_allocation_fails_it_is_an_error_and_nothing_is_leaked(void **state)
{
	const char *dirs[] = {tempdir_path("etc.d")};
	const struct config_overrides overrides = {.driver_config_dirs = {1, dirs}, .state_dir = "/s", .runtime_dir = "/r"};
	unsigned failing = 1;
	(void)state;

	(void)tempdir_write("etc.d/bridge.yaml", "file: bridge.so\nconfig: {list: [1, two], text: \"three\"}\n");
	(void)tempdir_write("etc.d/null.yaml", "enabled: no\n");
	const char *path = tempdir_write("main.yaml", "instance: oom\nlog:\n  level: debug\ndeny: [a.b, c]\n"
						      "address_pools:\n- {base: 10.0.0.0/8, size: 24}\n"
						      "drivers: {x: {file: x.so, config: {y: z}}}\n");
	while (!attempt(path, &overrides, failing))
		failing++;
	/* libyaml alone has dozens for three files. */
	assert_true(failing > 60);
	assert_true(attempt(path, &overrides, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whichever_allocation_fails_it_is_an_error_and_nothing_is_leaked),
	};

	if (!INTERPOSED) {
		puts("skipped: sanitizers have an allocator of their own");
		return 77;
	}
	return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
