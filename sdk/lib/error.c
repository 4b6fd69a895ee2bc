/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/error.h>

void ndrv_error_clear(struct ndrv_error *err)
{
	if (err)
		*err = (struct ndrv_error){0};
}
