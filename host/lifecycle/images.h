/* SPDX-License-Identifier: Apache-2.0 */
/* What this host remembers of driver files: a copy of each that serves, by content (STATE_DIR/store/NAME-SHA256.so), so that a
 * driver whose file was removed serves on over restarts and can be put back; and which contents were refused, and why.
 *
 * The memory is in the store under the name "@host", which no driver can have: image/NAME = {sha256, former, file, types, config},
 * refused/SHA256 = {name, reason}. */
#ifndef HOST_LIFECYCLE_IMAGES_H
#define HOST_LIFECYCLE_IMAGES_H

#include "host/plugin/registry.h"
#include "host/state/store.h"

#define IMAGES_SHA 65

struct images {
	struct store *store;
	char *dir; /* STATE_DIR/store; NULL: it cannot be used, nothing is copied */
};

/* What is remembered of the driver that served last under a name. In the arena. */
struct image_note {
	const char *name;
	const char *path;   /* of the copy */
	const char *former; /* of the copy of the one before, or "" */
	const char *file;   /* where it was installed */
	struct ndrv_value types, config;
};

/* Makes the directory. One that cannot be used is logged and done without. */
int images_open(struct images *images, const char *state_dir, struct store *store, struct ndrv_error *err);
void images_close(struct images *images);

/* The generation serves from now on: copies its image if it is not there and remembers it; what it replaces becomes the former one.
 * `config` NULL: the one that is remembered. */
int images_keep(struct images *images, const struct generation *generation, const struct ndrv_value *config,
		struct ndrv_error *err);
/* NOT_FOUND where there is none, or its copy is gone. */
int images_recall(struct images *images, struct arena *arena, const char *name, struct image_note *ret, struct ndrv_error *err);
/* The name of the driver that served `type` last, or NULL. In the arena. */
const char *images_server(struct images *images, struct arena *arena, const char *type);
void images_forget(struct images *images, const char *name);
/* True: these bytes have served here before. */
bool images_known(const struct images *images, const char *name, const char *sha256);
/* Removes the copies that nothing remembered refers to. */
void images_collect(struct images *images);

/* --- refused contents --- */
void images_refuse(struct images *images, const char *sha256, const char *name, const char *reason);
void images_pardon(struct images *images, const char *sha256);
/* Why, in the arena, or NULL. */
const char *images_refusal(struct images *images, struct arena *arena, const char *sha256);
/* A list of {sha256, name, reason}. */
int images_refusals(struct images *images, struct arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
