/* SPDX-License-Identifier: Apache-2.0 */
/* Which configured drivers are loaded, and why the others are not. */
#ifndef HOST_LIFECYCLE_DRIVERS_H
#define HOST_LIFECYCLE_DRIVERS_H

#include <pthread.h>

#include "host/config/config.h"
#include "host/plugin/registry.h"

/* A descriptor whose driver could not be loaded, for status. */
struct refusal {
	struct refusal *next;
	char *name;
	char *file;
	struct ndrv_error error;
};

struct drivers {
	struct registry *registry;
	pthread_mutex_t lock; /* guards the list; loads are serialised by the caller */
	struct refusal *refusals;
};

void drivers_init(struct drivers *drivers, struct registry *registry);
void drivers_done(struct drivers *drivers);

/* Loads one descriptor; the result is logged and a refusal is kept until the name loads or goes. */
int drivers_load(struct drivers *drivers, const struct config_driver *descriptor, struct ndrv_error *err);
/* True: something else was loaded in place of what the descriptor says. */
typedef bool (*drivers_stand_in)(void *data, const struct config_driver *descriptor);
/* Loads every enabled one. Fails only for a critical one. */
int drivers_load_all(struct drivers *drivers, const struct config *config, drivers_stand_in stand_in, void *data,
		     struct ndrv_error *err);
/* Drop-in files that are no good: logged, and kept as refusals. */
void drivers_note_broken(struct drivers *drivers, const struct config *config);
/* What the descriptor says does not serve, for `why`, until the name loads or goes. */
void drivers_refuse(struct drivers *drivers, const struct config_driver *descriptor, const struct ndrv_error *why);
/* Forgets the refusal of this name. */
void drivers_forget(struct drivers *drivers, const char *name);
/* List of {name, file, code, kind, message} in the arena. */
int drivers_refused(struct drivers *drivers, struct ndrv_arena *arena, struct ndrv_value *ret, struct ndrv_error *err);

#endif
