/* SPDX-License-Identifier: Apache-2.0 */
/* What one ndrvd leaves to the next: listening sockets and connections. Across a re-exec they stay open, and a sealed memory file,
 * whose number is in the environment, says what each is. A service manager leaves listening sockets alone (sd_listen_fds(3)). */
#ifndef HOST_LIFECYCLE_HANDOVER_H
#define HOST_LIFECYCLE_HANDOVER_H

#include <sys/types.h>

#include "host/dispatch/request.h"

#define HANDOVER_SOCKETS_MAX 16u
#define HANDOVER_NAME 32u

struct handover_socket {
	char door[HANDOVER_NAME]; /* "control" */
	int fd;
	bool activated; /* the service manager's: its path is not ours to remove */
	dev_t dev;	/* of the path, when it is ours */
	ino_t inode;
	char path[108];
};

struct handover_conn {
	struct handover_conn *next;
	char door[HANDOVER_NAME];
	int fd;
	struct caller caller;
	bool served; /* it has been used before */
	bool awaits; /* its request is the re-exec itself: the new program answers */
	bool closes; /* it ends after the reply */
	char *reply; /* malloc'ed; what is to be sent first; NULL: nothing */
	size_t reply_bytes;
};

struct handover {
	uint64_t reexecs; /* how often this process has been re-executed */
	uint32_t socket_count;
	struct handover_socket sockets[HANDOVER_SOCKETS_MAX];
	struct handover_conn *conns;
};

/* What was left to this process, with every descriptor close-on-exec again and the environment cleaned; empty when nothing was. A
 * process that is not the one meant (a child) gets nothing. STATE when what was left cannot be read. */
int handover_take(struct handover *ret, struct ndrv_error *err);
/* Forgets; closes what is still in it (fd >= 0) only if `close_fds`. */
void handover_clear(struct handover *handover, bool close_fds);
/* NULL: none of that name. Whoever takes a socket or connection over sets its fd to -1. */
struct handover_socket *handover_socket(struct handover *handover, const char *door);

int handover_add_socket(struct handover *handover, const struct handover_socket *socket, struct ndrv_error *err);
/* Copies `conn` but takes its `reply`, on failure too. */
int handover_add_conn(struct handover *handover, const struct handover_conn *conn, struct ndrv_error *err);
/* Lets the descriptors survive an exec and describes them in the environment. `ret_fd`: the memory file. */
int handover_leave(const struct handover *handover, int *ret_fd, struct ndrv_error *err);
/* The exec failed: undoes handover_leave(). */
void handover_stay(const struct handover *handover, int fd);

#endif
