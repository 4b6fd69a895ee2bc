/* SPDX-License-Identifier: Apache-2.0 */
/* Links in another network namespace, reached from the host's by the number it has for that namespace: no fd is kept, and nobody
 * enters it. A link of ours is told by its alias there, since its name is the user's. */
#ifndef SDK_LIB_FAR_H
#define SDK_LIB_FAR_H

#include <ndrv/link.h>

#define FAR_HERE (-1) /* the namespace of the handle itself */
#define FAR_MAX 4096

/* The host's number for the namespace behind `fd`; it gets one if it has none. */
int far_number(struct ndrv_nl *nl, int fd, int32_t *ret, struct ndrv_error *err);
/* By name, or by index when `name` is NULL. NO_LINK when there is none, also when the namespace is gone. `ret_alias` has 64 bytes.
 */
int far_get(struct ndrv_nl *nl, int32_t number, const char *name, uint32_t index, struct ndrv_link *ret, char *ret_alias,
	    struct ndrv_error *err);
/* The link with that alias. NO_LINK when there is none. */
int far_find(struct ndrv_nl *nl, int32_t number, const char *alias, struct ndrv_link *ret, struct ndrv_error *err);
/* The same through all namespaces that have a number here. */
int far_search(struct ndrv_nl *nl, const char *alias, int32_t *ret_number, struct ndrv_link *ret, struct ndrv_error *err);
/* In the handle's own namespace: the kernel changes nothing elsewhere, it would move a link of that index there. */
int far_set_alias(struct ndrv_nl *nl, uint32_t index, const char *alias, struct ndrv_error *err);
/* By index, or by name when it is 0; one that is gone is success. */
int far_delete(struct ndrv_nl *nl, int32_t number, uint32_t index, const char *name, struct ndrv_error *err);

#endif
