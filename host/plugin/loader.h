/* SPDX-License-Identifier: Apache-2.0 */
/* libltdl through a loader of our own: everything bound at once, symbols local, the true reason of a failure. Stock libltdl binds
 * lazily (a missing function would kill the host at its first call) and says "file not found" for every failure. */
#ifndef HOST_PLUGIN_LOADER_H
#define HOST_PLUGIN_LOADER_H

#include <ndrv/driver.h>

struct image; /* a mapped shared object */

/* Maps `path`, which must be new to this process. Constructors of the file run. DRIVER_REFUSED with the dynamic loader's own
 * sentence. Any thread; loads are one at a time. */
int loader_open(const char *path, struct image **ret, struct ndrv_error *err);
/* NULL: the image has no such symbol. */
void *loader_symbol(struct image *image, const char *name);
/* Frees the handle and leaves the image mapped for the life of the process: threads may still be inside, and much code cannot be
 * unmapped safely. */
void loader_retire(struct image *image);

#endif
