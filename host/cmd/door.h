/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvd's control socket: opened, given by a service manager, or left by the program that ran in this process before. */
#ifndef HOST_CMD_DOOR_H
#define HOST_CMD_DOOR_H

#include <stdbool.h>

#include "host/front/control.h"
#include "host/front/listen.h"
#include "host/lifecycle/reexec.h"

struct door {
	struct listener listener;
	struct control *control;
};

/* What every door does. True: the socket that was left under `name` is listened on. One whose configured path is another now is let
 * go. */
bool door_adopt(const char *name, const char *path, struct handover *handover, struct listener *ret);
/* Leaves the listening socket to the next program. */
int door_leave(const char *name, const struct listener *listener, struct handover *handover, struct ndrv_error *err);

/* Takes the listening socket out of `handover` if there is one, else makes it. */
int door_open(struct door *door, struct host *host, struct handover *handover, struct ndrv_error *err);
/* Goes on with the connections in `handover`, and tells who asked for the re-exec that it is done. */
void door_take_over(struct door *door, struct handover *handover);
void door_close(struct door *door);
/* `door` must stay where it is. */
struct reexec_door door_reexec(struct door *door);

#endif
