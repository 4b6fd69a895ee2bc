/* SPDX-License-Identifier: Apache-2.0 */
/* Records to the bodies of rows and back: one JSON object each, absent where unset. Keys are only ever added within one schema
 * version; a reader leaves those it does not know. What a driver or the dispatcher hangs on a record is not in it. */
#ifndef HOST_STATE_CODEC_H
#define HOST_STATE_CODEC_H

#include "host/state/record.h"

/* `ret` is malloc'ed. BAD_REQUEST for a text that is not UTF-8, INTERNAL when out of memory. */
int network_encode(const struct network *network, char **ret, struct ndrv_error *err);
int endpoint_encode(const struct endpoint *endpoint, char **ret, struct ndrv_error *err);
/* STATE, naming the record and the key, when the body is not what an encoder writes. */
int network_decode(const char *id, const char *body, struct network **ret, struct ndrv_error *err);
int endpoint_decode(struct network *network, const char *id, const char *body, struct endpoint **ret, struct ndrv_error *err);

#endif
