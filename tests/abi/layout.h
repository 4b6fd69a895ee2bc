/* SPDX-License-Identifier: Apache-2.0 */
/* Locks: compiling this proves that each struct of ABI 1.0 is still at the head of today's. Needs no libc, so that it is also
 * compiled for other machines (tests/lint/headers.sh): a pointer has not always eight bytes. */
#ifndef TESTS_ABI_LAYOUT_H
#define TESTS_ABI_LAYOUT_H

#include "tests/abi/v1_0.h"

/* clang-format off */
#define PLACED(s, m) _Static_assert(offsetof(struct ndrv_##s, m) == offsetof(struct v1_##s, m), "ndrv_" #s "." #m " has moved");
#define SAME(s, m) \
	PLACED(s, m) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(((struct ndrv_##s *)0)->m), __typeof__(((struct v1_##s *)0)->m)), \
		       "ndrv_" #s "." #m " has changed its type");
#define FROZEN(s) _Static_assert(sizeof(struct ndrv_##s) == sizeof(struct v1_##s), "ndrv_" #s " has changed its size");
#define GROWS(s) _Static_assert(sizeof(struct ndrv_##s) >= sizeof(struct v1_##s), "ndrv_" #s " has shrunk");
#include "tests/abi/v1_0_members.h"
#undef PLACED
#undef SAME
#undef FROZEN
#undef GROWS

/* The note is read on any machine for any machine: the same bytes everywhere. */
_Static_assert(sizeof(struct v1_note) == 416 && sizeof(struct ndrv_note) % 4 == 0, "the note's size depends on the machine");
_Static_assert(offsetof(struct ndrv_note, state_schema) == 64 && offsetof(struct ndrv_note, types) == 224,
	       "the note's members depend on the machine");
/* Ops are counted in pointers behind the head of eight bytes. */
#define SLOT(m) ((offsetof(struct ndrv_ops, m) - 8) / sizeof(void *))
_Static_assert(offsetof(struct ndrv_ops, network_allocate) == 8 && SLOT(event_notify) == 11 && SLOT(discover_delete) == 13 &&
	       SLOT(ipv6_release) == 16 && SLOT(configure) == 17 && SLOT(options) == 26, "a slot of ndrv_ops has moved");
#undef SLOT
/* clang-format on */

#endif
