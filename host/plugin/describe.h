/* SPDX-License-Identifier: Apache-2.0 */
/* Driver files and generations as value trees, for `driver inspect`, `driver list` and ndrv-check. All strings are copied into the
 * arena. */
#ifndef HOST_PLUGIN_DESCRIBE_H
#define HOST_PLUGIN_DESCRIBE_H

#include "host/plugin/registry.h"

/* What module_inspect() found out, whether it accepted the file or not (then with the refusals): {file, bytes, sha256, build_id,
 * accepted, refusals, warnings, machine, bits, entries, needed, exports, undefined, ..., note}. */
int describe_inspection(struct ndrv_arena *arena, const struct inspection *inspection, struct ndrv_value *ret,
			struct ndrv_error *err);
/* {name, version, vendor, types, abi, needs, flags, threading, scope, connectivity_scope, state_schema, ...} */
int describe_note(struct ndrv_arena *arena, const struct ndrv_note *note, struct ndrv_value *ret, struct ndrv_error *err);
/* {driver, generation, state, origin, critical, file, sha256, build_id, warnings, types: [{type, ops}], note} */
int describe_generation(struct ndrv_arena *arena, const struct generation *generation, struct ndrv_value *ret,
			struct ndrv_error *err);

#endif
