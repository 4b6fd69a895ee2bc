/* SPDX-License-Identifier: Apache-2.0 */
/* What tests tell the shim (shim.c): a file of this, mapped by both, whose path is in the environment of ndrvd. */
#ifndef TESTS_FAULTS_SHIM_H
#define TESTS_FAULTS_SHIM_H

#include <stdatomic.h>

#define SHIM_BOARD_VARIABLE "NDRV_SHIM_BOARD"

enum shim_kind {
	SHIM_OFF = 0,
	SHIM_NETLINK_SEND,    /* nothing is sent */
	SHIM_NETLINK_RECEIVE, /* it was done, the answer is lost */
	SHIM_DISK,	      /* writes, truncations and syncs of the state files */
	SHIM_MEMORY,	      /* malloc, calloc, realloc */
};

struct shim_board {
	_Atomic int kind;
	_Atomic int error;  /* errno */
	_Atomic int sticky; /* all from `target` on */
	_Atomic long count;
	_Atomic long target; /* 0: count only */
	_Atomic long failed;
};

#endif
