/* SPDX-License-Identifier: Apache-2.0 */
/* A set of numbers below 2^128 that is cheap where few of them are in it, and finds the next one that is not in it in a few steps
 * however many are: words of 64 bits in a hash table, and above each level of words one whose bits say which words below are full.
 * A word that is 0 is not kept. Not thread-safe. */
#ifndef HOST_STATE_ADDRSET_H
#define HOST_STATE_ADDRSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 addrset_number;

struct addrset_word;

struct addrset {
	struct addrset_word *words; /* open addressing */
	size_t mask;
	size_t count;
	uint32_t levels;
};

/* For numbers of `bits` bits (0..128). 0, or -1 when out of memory. */
int addrset_init(struct addrset *set, uint32_t bits);
void addrset_done(struct addrset *set);
bool addrset_has(const struct addrset *set, addrset_number number);
/* 0, or -1 when out of memory: then nothing has changed. */
int addrset_add(struct addrset *set, addrset_number number);
void addrset_del(struct addrset *set, addrset_number number);
/* The smallest number from `from` to `last` that is not in the set. */
bool addrset_next_free(const struct addrset *set, addrset_number from, addrset_number last, addrset_number *ret);

#endif
