/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the known word closest to one that is not known. */
#ifndef HOST_BASE_NEAREST_H
#define HOST_BASE_NEAREST_H

#include <stddef.h>

/* The one of `words` that needs the fewest edits (insert, delete, change, swap of neighbours) to become `word`, at most a third of
 * its length and never more than 3; NULL: none is close. Upper and lower case, '-' and '_' count as the same. */
const char *nearest(const char *word, const char *const *words, size_t count);

#endif
