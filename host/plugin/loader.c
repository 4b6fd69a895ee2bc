/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/loader.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image {
	lt_dlhandle handle;
};

/* libltdl has no lock of its own and keeps one list for the process. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* The dynamic loader's sentence about the load under way; libltdl would replace it by its own. */
static char reason[NDRV_ERROR_TEXT_MAX];
/* It is about another file than the one to be loaded: a library that is not there, and may come. */
static bool library_lacks;

static void keep_reason(const char *path)
{
	const char *text = dlerror();
	size_t length = strlen(path);
	if (!text)
		text = "the dynamic loader gives no reason";
	library_lacks = strncmp(text, path, length) != 0 && strstr(text, ": cannot open shared object file") != NULL;
	/* The private copy's path says nothing to anybody. */
	if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
		text += length + 2;
	(void)snprintf(reason, sizeof(reason), "%s", text);
}

static lt_module open_now(lt_user_data data, const char *filename, lt_dladvise advise)
{
	(void)data;
	(void)advise;
	lt_module module = dlopen(filename, RTLD_NOW | RTLD_LOCAL);
	if (!module)
		keep_reason(filename);
	return module;
}

static int close_it(lt_user_data data, lt_module module)
{
	(void)data;
	return dlclose(module);
}

static void *find_symbol(lt_user_data data, lt_module module, const char *symbol)
{
	(void)data;
	return dlsym(module, symbol);
}

/* Called with the mutex held. lt_dlexit() free()s the vtable, so it must come from the heap. */
static int start(struct ndrv_error *err)
{
	static int started;
	if (started)
		return 0;
	lt_dlvtable *vtable = calloc(1, sizeof(*vtable));
	if (!vtable)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for the module loader");
	vtable->name = "ndrv";
	vtable->module_open = open_now;
	vtable->module_close = close_it;
	vtable->find_sym = find_symbol;
	vtable->priority = LT_DLLOADER_PREPEND;
	if (lt_dlinit() != 0 || lt_dlloader_add(vtable) != 0) {
		free(vtable);
		return ndrv_fail(err, NDRV_E_INTERNAL, "the module loader does not start: %s", lt_dlerror());
	}
	/* Else what ours refuses would be tried again, lazily bound. The table comes back to its owner, now us. */
	free(lt_dlloader_remove("lt_dlopen"));
	started = 1;
	return 0;
}

int loader_open(const char *path, struct image **ret, struct ndrv_error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for a handle of %s", path);
	pthread_mutex_lock(&mutex);
	int rc = start(err);
	if (rc == 0) {
		(void)snprintf(reason, sizeof(reason), "the module loader did not try to load it");
		library_lacks = false;
		image->handle = lt_dlopen(path);
		if (!image->handle)
			rc = ndrv_fail(err, library_lacks ? NDRV_E_NO_SERVICE : NDRV_E_DRIVER_REFUSED, "%s", reason);
	}
	pthread_mutex_unlock(&mutex);
	if (rc)
		free(image);
	else
		*ret = image;
	return rc;
}

void *loader_symbol(struct image *image, const char *name)
{
	pthread_mutex_lock(&mutex);
	void *symbol = lt_dlsym(image->handle, name);
	pthread_mutex_unlock(&mutex);
	return symbol;
}

void loader_retire(struct image *image)
{
	free(image);
}
