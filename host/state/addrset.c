/* SPDX-License-Identifier: Apache-2.0 */
#include "host/state/addrset.h"

#include <stdlib.h>

#include "host/base/idmap.h"

#define FIRST_WORDS 16u
#define WORD_SHIFT 6u
#define FULL UINT64_MAX
/* An index at any level has at most 122 bits: the level goes into the six above. */
#define LEVEL_SHIFT 122u

struct addrset_word {
	addrset_number key;
	uint64_t bits; /* 0: the slot is free */
};

static addrset_number key_of(uint32_t level, addrset_number index)
{
	return index | (addrset_number)level << LEVEL_SHIFT;
}

/* Seeded, for clients choose addresses. */
static size_t place_of(const struct addrset *set, addrset_number key)
{
	return (size_t)idmap_hash((const char *)&key, sizeof(key)) & set->mask;
}

/* Where the word is, or where it would go. */
static struct addrset_word *word_at(const struct addrset *set, addrset_number key)
{
	size_t at = place_of(set, key);

	while (set->words[at].bits && set->words[at].key != key)
		at = (at + 1) & set->mask;
	return &set->words[at];
}

static uint64_t bits_of(const struct addrset *set, uint32_t level, addrset_number index)
{
	return word_at(set, key_of(level, index))->bits;
}

int addrset_init(struct addrset *set, uint32_t bits)
{
	*set = (struct addrset){.mask = FIRST_WORDS - 1, .levels = bits / WORD_SHIFT + 1};
	while (set->mask < (size_t)set->levels * 2)
		set->mask = set->mask * 2 + 1;
	set->words = calloc(set->mask + 1, sizeof(*set->words));
	return set->words ? 0 : -1;
}

void addrset_done(struct addrset *set)
{
	free(set->words);
	set->words = NULL;
}

bool addrset_has(const struct addrset *set, addrset_number number)
{
	return bits_of(set, 0, number >> WORD_SHIFT) >> (number & 63) & 1;
}

/* Room for a new word on every level, so that an addition cannot fail half-way. */
static int make_room(struct addrset *set)
{
	if ((set->count + set->levels) * 4 <= (set->mask + 1) * 3)
		return 0;
	struct addrset grown = *set;
	grown.mask = set->mask * 2 + 1;
	grown.words = calloc(grown.mask + 1, sizeof(*grown.words));
	if (!grown.words)
		return -1;
	for (size_t i = 0; i <= set->mask; i++)
		if (set->words[i].bits)
			*word_at(&grown, set->words[i].key) = set->words[i];
	free(set->words);
	*set = grown;
	return 0;
}

int addrset_add(struct addrset *set, addrset_number number)
{
	if (make_room(set))
		return -1;
	addrset_number at = number;
	for (uint32_t level = 0; level < set->levels; level++, at >>= WORD_SHIFT) {
		addrset_number key = key_of(level, at >> WORD_SHIFT);
		struct addrset_word *word = word_at(set, key);
		if (!word->bits)
			set->count++;
		word->key = key;
		word->bits |= UINT64_C(1) << (at & 63);
		if (word->bits != FULL)
			break;
	}
	return 0;
}

/* Words that had to go past the freed slot move back into it, so that no search stops early. */
static void remove_word(struct addrset *set, struct addrset_word *word)
{
	size_t hole = (size_t)(word - set->words);

	set->count--;
	for (size_t at = (hole + 1) & set->mask; set->words[at].bits; at = (at + 1) & set->mask) {
		size_t home = place_of(set, set->words[at].key);
		if (((at - home) & set->mask) < ((at - hole) & set->mask))
			continue;
		set->words[hole] = set->words[at];
		hole = at;
	}
	set->words[hole].bits = 0;
}

void addrset_del(struct addrset *set, addrset_number number)
{
	addrset_number at = number;

	for (uint32_t level = 0; level < set->levels; level++, at >>= WORD_SHIFT) {
		struct addrset_word *word = word_at(set, key_of(level, at >> WORD_SHIFT));
		bool was_full = word->bits == FULL;
		if (!word->bits)
			return;
		word->bits &= ~(UINT64_C(1) << (at & 63));
		if (!word->bits)
			remove_word(set, word);
		if (!was_full)
			return;
	}
}

/* The first free number below the entry `index` of `level`, which is not full. */
static addrset_number descend(const struct addrset *set, uint32_t level, addrset_number index)
{
	for (; level > 0; level--)
		index = index << WORD_SHIFT | (unsigned)__builtin_ctzll(~bits_of(set, level - 1, index));
	return index;
}

bool addrset_next_free(const struct addrset *set, addrset_number from, addrset_number last, addrset_number *ret)
{
	addrset_number at = from;

	if (from > last)
		return false;
	/* Upwards while everything from `at` to the end of its word is full; `at` counts entries of this level. */
	for (uint32_t level = 0; level < set->levels; level++) {
		uint64_t open = ~bits_of(set, level, at >> WORD_SHIFT) & FULL << (at & 63);
		if (open) {
			addrset_number index = (at >> WORD_SHIFT) << WORD_SHIFT | (unsigned)__builtin_ctzll(open);
			/* An entry beyond the last one's could be shifted out of the number. */
			if (index > last >> (level * WORD_SHIFT))
				return false;
			*ret = descend(set, level, index);
			return *ret <= last;
		}
		at = (at >> WORD_SHIFT) + 1;
	}
	return false;
}
