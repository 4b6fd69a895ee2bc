/* SPDX-License-Identifier: Apache-2.0 */
/* A relay of rows and nodes between two hosts: relay.c as a process. */
#ifndef TESTS_LIB_RELAYING_H
#define TESTS_LIB_RELAYING_H

#include <sys/types.h>

#include "tests/lib/daemon.h"

/* Carries what each host has of its own to the other until it is stopped; either may restart meanwhile. `dir` (NULL: nowhere):
 * where it keeps how far it got, for the next one. */
pid_t relay_start(const struct daemon *one, const struct daemon *two, const char *dir);
void relay_stop(pid_t pid);

#endif
