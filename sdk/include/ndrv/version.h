/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the driver ABI and the few macros every other header needs.
 *
 * The major is part of the registration symbol's name (ndrv_driver_v1): a file may export several majors side by side, and a host
 * refuses an unknown one by name. The minor only ever grows by appending; docs/abi.md has the rules and what enforces each. */
#ifndef NDRV_VERSION_H
#define NDRV_VERSION_H

#include <stddef.h>
#include <stdint.h>

#define NDRV_ABI_MAJOR 1u
#define NDRV_ABI_MINOR 0u

#ifdef __cplusplus
#define NDRV_BEGIN_DECLS extern "C" {
#define NDRV_END_DECLS }
#else
#define NDRV_BEGIN_DECLS
#define NDRV_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define NDRV_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NDRV_EXPORT __attribute__((visibility("default")))
#define NDRV_UNUSED __attribute__((unused))
#else
#define NDRV_PRINTF(fmt, first)
#define NDRV_EXPORT
#define NDRV_UNUSED
#endif

/* True when the struct behind `p`, which says its own size, is new enough to have `member`, whatever the member's value. */
#define NDRV_COVERS(p, member) ((p)->size >= (uint32_t)((const char *)(&(p)->member + 1) - (const char *)(p)))
/* True when that member, a pointer, is also set: the one test for an optional op or service. */
#define NDRV_HAS(p, member) (NDRV_COVERS(p, member) && (p)->member != NULL)

#endif
