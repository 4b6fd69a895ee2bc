/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as Go's encoding/json writes them, with its HTML escapes on, which is how Docker's plugin client sends. Not installed. */
#ifndef SDK_LIB_GO_JSON_H
#define SDK_LIB_GO_JSON_H

#include <stdio.h>

/* With quotes. Bytes that are no UTF-8 become U+FFFD. */
void go_json_string(FILE *out, const char *text);

#endif
