/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/badmods/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/log.h"
#include "tests/lib/test.h"

static struct fixture *the_fixture; /* driver logs have no other way to it */

static void keep_log(const struct ndrv_host *host, int level, const char *text)
{
	size_t at = strlen(the_fixture->log);
	(void)level;
	(void)snprintf(the_fixture->log + at, sizeof(the_fixture->log) - at, "%s: %s\n", generation_of(host)->name, text);
}

int fixture_setup(void **state)
{
	const struct ndrv_host services = {.features = NDRV_FEATURE_STORE, .log = keep_log};
	struct ndrv_error err = {0};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	assert_non_null(fixture);
	(void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/ndrv-badmods-XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	(void)snprintf(fixture->witness, sizeof(fixture->witness), "%s/witness", fixture->dir);
	assert_int_equal(setenv("BADMODS_WITNESS", fixture->witness, 1), 0);
	log_set_level(NDRV_LOG_ERROR);
	the_fixture = fixture;
	fixture->hooks.data = fixture;
	assert_ok(registry_new(&fixture->registry, fixture->dir, &services, NULL, &err), &err);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	registry_free(fixture->registry);
	(void)nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

const char *fixture_path(const struct fixture *fixture, const char *name)
{
	static char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
	return path;
}

void *fixture_bytes(const char *module, size_t *ret_size)
{
	char path[512];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/%s.so", BADMODS_DIR, module);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s cannot be opened", path);
	assert_int_equal(fstat(fd, &st), 0);
	void *bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

void fixture_write(const struct fixture *fixture, const char *name, const void *bytes, size_t size, unsigned mode)
{
	const char *path = fixture_path(fixture, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

const char *fixture_copy(const struct fixture *fixture, const char *module, const char *name)
{
	size_t size;
	char temporary[256];
	void *bytes = fixture_bytes(module, &size);
	fixture_write(fixture, "temporary", bytes, size, 0644);
	free(bytes);
	(void)snprintf(temporary, sizeof(temporary), "%s", fixture_path(fixture, "temporary"));
	const char *path = fixture_path(fixture, name);
	assert_int_equal(rename(temporary, path), 0);
	return path;
}

int fixture_load(struct fixture *fixture, const char *module, const char *name, struct ndrv_error *err)
{
	char file[64];
	(void)snprintf(file, sizeof(file), "%s.so", module);
	const struct driver_request request = {.name = name, .path = fixture_copy(fixture, module, file)};
	*err = (struct ndrv_error){0};
	return registry_load(fixture->registry, &request, NULL, err);
}

uint32_t fixture_answer(const struct fixture *fixture, const char *type)
{
	struct ndrv_error err = {0};
	struct ndrv_call call = {.size = sizeof(call), .err = &err};
	struct instance *instance;
	uint32_t answer = 0;
	if (registry_find(fixture->registry, type, &instance, &err))
		return 0;
	assert_ok(instance->ops.gw_alloc_check(instance->self, &call, NULL, &answer), &err);
	return answer;
}
