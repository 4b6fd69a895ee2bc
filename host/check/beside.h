/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver needs beside it: a command that runs in the rule's namespaces for as long as the rule does, whatever becomes of the
 * host meanwhile. */
#ifndef HOST_CHECK_BESIDE_H
#define HOST_CHECK_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <ndrv/error.h>

/* Runs `command` with the shell, in a process group of its own, with NDRV_CHECK_DIR=`dir` in its environment, and waits until there
 * is a file `dir`/ready. `*ret_pid` is set as soon as there is a process to end. Timeout when it is not ready within seconds,
 * NoService when it ended before. The calling process becomes the reaper of what the command leaves running. */
int beside_start(const char *command, const char *dir, volatile pid_t *ret_pid, struct ndrv_error *err);
/* Asks the group to end with SIGTERM, kills what has not within seconds, and reaps it. True; false when the command had ended by
 * itself before, and how is in `said`. */
bool beside_stop(pid_t pid, char *said, size_t room);

#endif
