/* SPDX-License-Identifier: Apache-2.0 */
/* A machine outside: p0 in the test's host, and p1, the other end of that cable, in a namespace, with 10.5.0.1/24 and fd05::1/64.
 */
#ifndef TESTS_LIB_CABLE_H
#define TESTS_LIB_CABLE_H

#include "tests/lib/netns.h"

void cable_lay(const struct netns *outside);
/* Whether this kernel has links of that kind. */
bool cable_kernel_makes(const char *kind);

#endif
