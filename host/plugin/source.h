/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a driver file, read once, from a place nobody but root and this user can write to. All later steps work on these
 * bytes; the path is not opened again. */
#ifndef HOST_PLUGIN_SOURCE_H
#define HOST_PLUGIN_SOURCE_H

#include <ndrv/error.h>

#define SOURCE_BYTES_MAX (64u << 20)

struct source {
	char *path; /* as asked for */
	unsigned char *bytes;
	size_t size;
	char sha256[65]; /* hexadecimal, of the bytes */
	int64_t mtime_ns;
};

/* `path` must be absolute. The file may be a symbolic link within its own directory, not out of it. It must be a regular file of at
 * most SOURCE_BYTES_MAX bytes, owned by root or this user, not writable for group or others; so must be each directory up to the
 * root, but for sticky ones. `pin`: NULL or "", or the sha256 it must have, as 64 hexadecimal digits with or without "sha256:",
 * or several of which it must have one, with blanks between.
 * NOT_FOUND for a missing file, DRIVER_REFUSED for all else; the text names the file. `ret` is untouched then. */
int source_read(const char *path, const char *pin, struct source *ret, struct ndrv_error *err);
/* The same for what goes with a driver file, called `what` in messages, without a pin; `sha256` is left empty. */
int source_read_as(const char *what, const char *path, struct source *ret, struct ndrv_error *err);
/* For messages: the last 120 bytes of a path at most, so that the reason after it is not cut off. */
const char *source_tail(const char *path);
void source_clear(struct source *source);

#endif
