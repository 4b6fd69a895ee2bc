/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

/* An archive needs one member before the helpers for namespaces and hosts come in. */
const char *tests_lib_name(void);

const char *tests_lib_name(void)
{
	return "ndrv tests";
}
