/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the smallest file that preflight takes for a driver, for any class, byte order and machine: no compiler for those is
 * needed to test that their notes are read. */
#ifndef TESTS_BADMODS_FORGE_H
#define TESTS_BADMODS_FORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORGE_MAX 2048

struct forge {
	bool is64, big_endian;
	uint16_t machine;
	const char *needed; /* a DT_NEEDED, or NULL */
	bool sysv_hash;	    /* DT_HASH, not DT_GNU_HASH */
	uint8_t bytes[FORGE_MAX];
	size_t size;
	size_t note, strings, symbols, hash, dynamic; /* where they begin in `bytes`, for tests that break them */
};

void forge_make(struct forge *forge);

#endif
