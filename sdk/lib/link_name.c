/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/link.h>

#include <string.h>

#define LETTERS 2
#define DIGITS 12

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

/* FNV-1a, then mixed so that all bits of all characters count in all digits of a name. */
static uint64_t hash_add(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	} while (*text++); /* the NUL counts: "a","bc" is not "ab","c" */
	return hash;
}

uint64_t ndrv_link_hash(const char *instance, const char *nid, const char *eid)
{
	uint64_t h = hash_add(hash_add(hash_add(UINT64_C(0xcbf29ce484222325), instance), nid), eid);

	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/* 12 digits of 5 bits: 60 bits, so that ids of any length and a thousand hosts do not meet. */
void ndrv_link_name(char ret[NDRV_IFNAME_MAX], const char *letters, const char *instance, const char *nid, const char *eid)
{
	uint64_t hash = ndrv_link_hash(instance, nid, eid);

	memcpy(ret, letters, LETTERS);
	for (int i = LETTERS; i < LETTERS + DIGITS; i++, hash >>= 5)
		ret[i] = digits[hash & 31];
	ret[LETTERS + DIGITS] = '\0';
}

int ndrv_link_name_is_ours(const char *name)
{
	return strlen(name) == LETTERS + DIGITS && name[0] == 'n' && strspn(name + LETTERS, digits) == DIGITS;
}
