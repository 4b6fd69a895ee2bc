/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fake host share. */
#ifndef SDK_TEST_FAKE_H
#define SDK_TEST_FAKE_H

#include <ndrv-test/fakehost.h>

extern const struct ndrv_store_ops fake_store;
void fake_store_clear(struct ndrv_fakehost *host);

extern const struct ndrv_join_ops fake_join;

/* NULL text: unset. */
int fake_prefix(const char *text, struct ndrv_prefix *ret, struct ndrv_error *err);

#endif
