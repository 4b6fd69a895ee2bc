/* SPDX-License-Identifier: Apache-2.0 */
/* Detached ed25519 signatures of driver files, FILE.sig beside FILE, in signify's format, and the keys they may be made with
 * (docs/trust.md). */
#ifndef HOST_PLUGIN_TRUST_H
#define HOST_PLUGIN_TRUST_H

#include "host/config/config.h"
#include "host/plugin/source.h"

struct trust {
	int mode;	 /* CONFIG_TRUST_... */
	const char *dir; /* of the keys, *.pub; absolute */
};

/* The name of a key file, with NUL. */
#define TRUST_SIGNER_MAX 256

/* Is what was read signed as `trust` wants it? `ret_signer` (TRUST_SIGNER_MAX bytes) is the key file's name, "" where there is no
 * signature and none is needed. The bytes are those in `source`: the driver file is not opened again. The signature and the key
 * files must be owned and guarded as driver files are. A key file that is no good does not stand in the way of the others.
 * DRIVER_REFUSED with a sentence that names the file and says what to do. */
int trust_check(const struct trust *trust, const struct source *source, char *ret_signer, struct ndrv_error *err);

#endif
