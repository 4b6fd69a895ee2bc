/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by ipam.c and ipam_json.c; not installed. */
#ifndef SDK_LIB_IPAM_AUX_H
#define SDK_LIB_IPAM_AUX_H

#include <ndrv/types.h>

/* The secondary addresses in the order of their names, as Go prints maps: malloc'ed, the caller frees. NULL: out of memory. */
const struct ndrv_aux_address **ipam_aux_sorted(const struct ndrv_ipam_data *data);

#endif
