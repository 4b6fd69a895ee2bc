/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of the network types that are Docker plugins: like the control socket's (door.h), but one that cannot be opened is no
 * reason to leave a machine without its networks. */
#ifndef HOST_CMD_DOCKER_DOOR_H
#define HOST_CMD_DOCKER_DOOR_H

#include "host/config/config.h"
#include "host/front/docker.h"
#include "host/front/listen.h"
#include "host/lifecycle/reexec.h"

struct docker_door {
	char name[HANDOVER_NAME]; /* of the door: "docker-NAME" */
	struct listener listener;
	struct docker *docker;
};

struct docker_doors {
	uint32_t count; /* of those that are open */
	struct docker_door doors[CONFIG_EXPOSED_MAX];
};

/* What cannot be opened is logged. */
void docker_doors_open(struct docker_doors *doors, struct host *host, struct handover *handover);
/* Says which sockets the service manager has opened for plugins that the configuration does not name. */
void docker_doors_unknown(const struct handover *handover);
/* Goes on with the connections in `handover`. */
void docker_doors_take_over(struct docker_doors *doors, struct handover *handover);
void docker_doors_close(struct docker_doors *doors);
/* The n-th; `doors` must stay where it is. */
struct reexec_door docker_door_reexec(struct docker_doors *doors, uint32_t n);

#endif
