/* SPDX-License-Identifier: Apache-2.0 */
/* All that a namespace has, as text: interfaces, addresses, routes. For tests that nothing is left behind. */
#ifndef TESTS_LIB_NSDUMP_H
#define TESTS_LIB_NSDUMP_H

#include "tests/lib/netns.h"

struct nsdump {
	char text[32768];
};

/* NULL `ns`: the test's host. */
void nsdump_take(struct nsdump *dump, const struct netns *ns);
/* Fails, naming `what` and the first line that differs, unless the namespace is as it was. */
void nsdump_assert_same(const struct nsdump *before, const struct netns *ns, const char *what);

#endif
