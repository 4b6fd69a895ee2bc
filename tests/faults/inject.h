/* SPDX-License-Identifier: Apache-2.0 */
/* What a test and the library preloaded into its ndrvd (inject_shim.c) say to each other, in a file both have mapped. */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include <stdatomic.h>
#include <stdint.h>

#define INJECT_ENV "NDRV_TEST_INJECT"
#define INJECT_DIE 9999 /* instead of an errno: the process kills itself at the point */

enum inject_kind {
	INJECT_NONE,
	INJECT_SEND,   /* a send on a netlink socket fails, and nothing is sent */
	INJECT_LOST,   /* an answer of the kernel is read, thrown away and its loss reported: what was asked has been done */
	INJECT_BREAK,  /* a receive on a netlink socket fails; the answer is still there */
	INJECT_REFUSE, /* the kernel refuses one message, with the errno given */
	INJECT_WRITE,  /* what changes a file below the directories fails */
	INJECT_MEMORY, /* an allocation fails */
};

struct inject {
	_Atomic uint32_t armed;
	uint32_t kind;
	uint32_t sticky; /* all points from the n-th on */
	int32_t error;
	uint64_t at;	       /* the n-th point, from 1 */
	_Atomic uint64_t seen; /* points passed since it was armed */
	_Atomic uint64_t hits;
	char state[96], runtime[96];
};

#endif
