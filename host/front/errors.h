/* SPDX-License-Identifier: Apache-2.0 */
/* How the kinds of errors look outside: one table for all fronts and for the command line. docs/errors.md shows it to users. */
#ifndef HOST_FRONT_ERRORS_H
#define HOST_FRONT_ERRORS_H

#include <ndrv/error.h>

/* Unknown kinds count as INTERNAL, NDRV_KIND_OK is 200 and exit status 0. */
unsigned error_http_status(uint32_t kind);
int error_exit_status(uint32_t kind);
/* NDRV_KIND_... of "NotFound"; INTERNAL for a name that is not known. */
uint32_t error_kind_find(const char *name);

#endif
