/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/crc32c.h"

#include <pthread.h>

/* The polynomial with its bits reversed. */
#define POLYNOMIAL 0x82f63b78u
#define SLICES 8

static uint32_t tables[SLICES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* tables[n][b] is what byte b does to the remainder n bytes later: eight bytes are folded in with eight look-ups. */
static void make_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][byte] = crc;
	}
	for (int slice = 1; slice < SLICES; slice++)
		for (int byte = 0; byte < 256; byte++)
			tables[slice][byte] = tables[slice - 1][byte] >> 8 ^ tables[0][tables[slice - 1][byte] & 0xff];
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	(void)pthread_once(&once, make_tables);
	crc = ~crc;
	for (; bytes >= SLICES; at += SLICES, bytes -= SLICES) {
		crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^ tables[4][crc >> 24] ^
		      tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
	}
	for (; bytes > 0; bytes--)
		crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 0xff];
	return ~crc;
}
