/* SPDX-License-Identifier: Apache-2.0 */
/* A registry over a directory of its own under /tmp, and copies of the built modules to load into it. */
#ifndef TESTS_BADMODS_FIXTURE_H
#define TESTS_BADMODS_FIXTURE_H

#include "host/plugin/registry.h"

struct fixture {
	char dir[64];
	char witness[96]; /* made by a module whose constructor runs */
	struct registry *registry;
	char log[4096]; /* what drivers logged, a line each */
	struct registry_hooks hooks;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* `dir`/name; the same buffer each time. */
const char *fixture_path(const struct fixture *fixture, const char *name);
/* The built module tests/badmods/MODULE.so. */
void *fixture_bytes(const char *module, size_t *ret_size);
void fixture_write(const struct fixture *fixture, const char *name, const void *bytes, size_t size, unsigned mode);
/* Copies the built module to `dir`/name (by rename), and returns the path. */
const char *fixture_copy(const struct fixture *fixture, const char *module, const char *name);
/* Loads tests/badmods/MODULE.so as the driver `name`. */
int fixture_load(struct fixture *fixture, const char *module, const char *name, struct ndrv_error *err);
/* What gw_alloc_check of the type's server answers: which code runs. 0: nobody serves it. */
uint32_t fixture_answer(const struct fixture *fixture, const char *type);

#endif
