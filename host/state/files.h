/* SPDX-License-Identifier: Apache-2.0 */
/* The store's directories and what lies in them beside the databases: locks, files set aside, backups. */
#ifndef HOST_STATE_FILES_H
#define HOST_STATE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <ndrv/error.h>

/* Room for the longest name we put behind a directory. */
#define STATE_DIR_MAX (PATH_MAX - 64)

/* Makes the directory with `mode` if it is missing (its parent must be there) and gives its real path (STATE_DIR_MAX bytes). STATE
 * when it is somebody else's, or writable for others, or no directory. */
int files_prepare_dir(const char *path, mode_t mode, char *ret, struct ndrv_error *err);
/* Takes the lock `dir`/`name`; the fd holds it and a process that dies loses it. STATE naming the process that has it. */
int files_lock(const char *dir, const char *name, int *ret_fd, struct ndrv_error *err);
/* Makes the file for us alone if it is not there. `ret_size`: -1 if it was not. STATE when it is not a file of ours. */
int files_prepare_file(const char *path, off_t *ret_size, struct ndrv_error *err);
/* Moves a database with its WAL to `path`.corrupt.1, an earlier one of that name to .corrupt.2. `ret` (PATH_MAX) is the new name.
 */
int files_set_aside(const char *path, char *ret, struct ndrv_error *err);
/* Deletes a database with its WAL. */
void files_remove(const char *path);
/* Copies `from` to `to` so that `to` is whole or absent even when the power goes. 0 or -1 with errno. */
int files_copy(const char *from, const char *to);
/* fsync of a file or directory. 0 or -1 with errno. */
int files_sync(const char *path);
int files_sync_dir_of(const char *path);

#endif
