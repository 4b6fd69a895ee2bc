/* SPDX-License-Identifier: Apache-2.0 */
/* Where images are loaded from: private copies, a new path for each load. The dynamic loader hands back the old image for a path it
 * knows, and a mapped file that is overwritten kills the process, so the installed path is never loaded itself. */
#ifndef HOST_PLUGIN_STAGE_H
#define HOST_PLUGIN_STAGE_H

#include "host/plugin/source.h"

struct stage {
	char *dir;	    /* STATE_DIR/stage */
	int dirfd;	    /* -1: cannot be used, see `fallback` */
	uint32_t swept;	    /* files of former runs removed by stage_open() */
	char fallback[160]; /* why images go to sealed memfds instead; "": they are files */
};

/* A staged image. Must live as long as the image is mapped: `fd` of a memfd is part of its path, and a path used twice gives the
 * old image. */
struct staged {
	char *path;
	int fd; /* memfd; -1: a file */
};

/* Makes `state_dir`/stage (0700; state_dir itself must exist) and removes what former runs left in it. A directory that cannot be
 * written, or is mounted noexec, is no error: memfds are used, and `fallback` says why. `state_dir` NULL: memfds. */
int stage_open(struct stage *ret, const char *state_dir, struct ndrv_error *err);
void stage_close(struct stage *stage);

/* `name` (a driver's) is part of the file's name, for gdb, perf and /proc/PID/maps. */
int stage_write(struct stage *stage, const char *name, uint64_t generation, const struct source *source, struct staged *ret,
		struct ndrv_error *err);
/* Removes the file or closes the memfd, and frees. Only for images that are not mapped. */
void stage_remove(struct staged *staged);

#endif
