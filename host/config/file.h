/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files that decide what runs as root. */
#ifndef HOST_CONFIG_FILE_H
#define HOST_CONFIG_FILE_H

#include <ndrv/error.h>

#include "host/base/arena.h"

/* Reads the whole of a regular file of at most `limit` bytes below the directory `dirfd` (AT_FDCWD: the working directory).
 * Refused: what is not a regular file (without blocking on a FIFO), what is larger, what others than root and the caller own, what
 * group or others may write. Errors are NDRV_E_CONFIG and begin with `shown`, the file's name for people; NOT_FOUND if there is
 * none. */
int file_read(int dirfd, const char *path, const char *shown, size_t limit, struct arena *arena, const char **ret_data,
	      size_t *ret_bytes, struct ndrv_error *err);

/* Opens a directory under the same rules. NOT_FOUND if there is none. */
int file_open_dir(const char *path, int *ret_fd, struct ndrv_error *err);

#endif
