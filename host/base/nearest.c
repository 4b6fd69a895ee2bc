/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/nearest.h"

#include <string.h>

/* Longer words are not compared: the work is bounded whatever a client sends. */
#define WORD_MAX 48

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? '-' : c;
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];
		const unsigned *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned cost = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;
			row[j] = min2(min2(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = min2(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *nearest(const char *word, const char *const *words, size_t count)
{
	size_t length = strlen(word);
	const char *best = NULL;
	unsigned best_distance = min2(3, (unsigned)((length + 2) / 3)) + 1;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strlen(words[i]);
		if (other > WORD_MAX)
			continue;
		unsigned d = distance(word, length, words[i], other);
		if (d < best_distance) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}
