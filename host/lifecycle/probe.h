/* SPDX-License-Identifier: Apache-2.0 */
/* A driver file's first run, in a process of its own: a constructor, entry or prepare that crashes, hangs or ends the process does
 * so there. What it answers there does not count: the real load asks again. */
#ifndef HOST_LIFECYCLE_PROBE_H
#define HOST_LIFECYCLE_PROBE_H

#include <ndrv/error.h>

#define PROBE_NS UINT64_C(5000000000)

/* Runs `program` (ndrvd) with --probe. DRIVER_REFUSED: it crashed, ended or hung, and in which step. Where no process can be
 * started the probe is left out and logged. */
int probe_run(const char *program, const char *file, const char *sha256, uint64_t limit_ns, struct ndrv_error *err);
/* The other side: the whole of `ndrvd --probe FILE SHA256`. Returns the exit status. */
int probe_main(const char *file, const char *sha256);

#endif
