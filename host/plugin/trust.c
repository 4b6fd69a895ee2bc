/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/trust.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <nettle/eddsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED NDRV_E_DRIVER_REFUSED
#define COMMENT "untrusted comment:"
/* Two or four lines; signify's comments have up to 1 KiB, minisign's up to 8. */
#define TEXT_MAX (16u << 10)
#define NUMBER_SIZE 8u

/* What the second line of a file has, in base64. */
struct packed_key {
	uint8_t algorithm[2], number[NUMBER_SIZE], key[ED25519_KEY_SIZE];
};

struct packed_signature {
	uint8_t algorithm[2], number[NUMBER_SIZE], signature[ED25519_SIGNATURE_SIZE];
};

/* NULL, or why the bytes are not a comment line and a line with `size` bytes in base64. Lines after that are not looked at. */
static const char *unpack(const struct source *source, void *into, size_t size)
{
	struct base64_decode_ctx context;
	uint8_t decoded[BASE64_DECODE_LENGTH(BASE64_ENCODE_RAW_LENGTH(sizeof(struct packed_signature)))];
	const char *text = (const char *)source->bytes, *end = text + source->size;
	size_t room = sizeof(decoded);

	if (source->size > TEXT_MAX)
		return "is too long";
	if (source->size < strlen(COMMENT) || memcmp(text, COMMENT, strlen(COMMENT)) != 0)
		return "does not begin with \"" COMMENT "\"";
	const char *line = memchr(text, '\n', source->size);
	if (!line)
		return "has no second line";
	line++;
	const char *stop = memchr(line, '\n', (size_t)(end - line));
	size_t length = (size_t)((stop ? stop : end) - line);
	if (length && line[length - 1] == '\r')
		length--;
	base64_decode_init(&context);
	if (length != BASE64_ENCODE_RAW_LENGTH(size) || !base64_decode_update(&context, &room, decoded, length, line) ||
	    !base64_decode_final(&context) || room != size)
		return "has a second line that is not the base64 of what belongs there";
	memcpy(into, decoded, size);
	return NULL;
}

/* As minisign writes it: the bytes are a number, lowest first. */
static uint64_t key_number(const uint8_t *bytes)
{
	uint64_t number = 0;
	for (size_t i = NUMBER_SIZE; i > 0; i--)
		number = number << 8 | bytes[i - 1];
	return number;
}

static int pass_on(const struct ndrv_error *why, struct ndrv_error *err)
{
	if (err)
		*err = *why;
	return -why->code;
}

/* 1: there is none. */
static int read_signature(const struct source *source, struct packed_signature *ret, struct ndrv_error *err)
{
	struct source file = {0};
	char *path = NULL;
	if (asprintf(&path, "%s.sig", source->path) < 0)
		return ndrv_fail(err, NDRV_E_INTERNAL, "driver file %s: out of memory", source_tail(source->path));
	struct ndrv_error why = {0};
	int rc = source_read_as("signature file", path, &file, &why);
	free(path);
	if (rc == -NDRV_E_NOT_FOUND)
		return 1;
	if (rc)
		return pass_on(&why, err);
	const char *wrong = unpack(&file, ret, sizeof(*ret));
	if (wrong)
		rc = ndrv_fail(err, REFUSED, "signature file %s: %s: sign the driver with signify or \"minisign -S -l\"",
			       source_tail(file.path), wrong);
	else if (memcmp(ret->algorithm, "ED", 2) == 0)
		rc = ndrv_fail(
			err, REFUSED,
			"signature file %s: signs a hash of the driver, not the driver: sign with \"minisign -S -l\" or signify",
			source_tail(file.path));
	else if (memcmp(ret->algorithm, "Ed", 2) != 0)
		rc = ndrv_fail(err, REFUSED,
			       "signature file %s: is of an unknown algorithm: sign the driver with signify or \"minisign -S -l\"",
			       source_tail(file.path));
	source_clear(&file);
	return rc;
}

static int read_key(const char *dir, const char *name, struct packed_key *ret, struct ndrv_error *err)
{
	struct source file = {0};
	char *path = NULL;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return ndrv_fail(err, NDRV_E_INTERNAL, "key file %s: out of memory", name);
	int rc = source_read_as("key file", path, &file, err);
	free(path);
	if (rc)
		return rc;
	const char *wrong = unpack(&file, ret, sizeof(*ret));
	if (!wrong && memcmp(ret->algorithm, "Ed", 2) != 0)
		wrong = "is of an unknown algorithm";
	if (wrong)
		rc = ndrv_fail(err, REFUSED, "key file %s: %s: put a public key of signify or minisign there, or remove it",
			       source_tail(file.path), wrong);
	source_clear(&file);
	return rc;
}

static int is_key_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".pub") == 0;
}

/* What is known after all key files were tried. */
struct search {
	char signer[TRUST_SIGNER_MAX];	 /* whose signature is good */
	char mismatch[TRUST_SIGNER_MAX]; /* of the signature's number, but it is not good by it */
	struct ndrv_error broken;	 /* the first key file that could not be used */
};

static void try_key(const char *dir, const char *name, const struct source *source, const struct packed_signature *signature,
		    struct search *search)
{
	struct ndrv_error why = {0};
	struct packed_key key = {0};
	int rc = read_key(dir, name, &key, &why);
	if (rc && !search->broken.code && rc != -NDRV_E_NOT_FOUND) /* it was removed meanwhile */
		search->broken = why;
	if (rc)
		return;
	if (memcmp(key.number, signature->number, NUMBER_SIZE) != 0)
		return;
	bool good = ed25519_sha512_verify(key.key, source->size, source->bytes, signature->signature) == 1;
	(void)snprintf(good ? search->signer : search->mismatch, TRUST_SIGNER_MAX, "%s", name);
}

static int conclude(const struct trust *trust, const struct source *source, const struct packed_signature *signature,
		    const struct search *search, struct ndrv_error *err)
{
	const char *file = source_tail(source->path);
	if (search->signer[0])
		return 0;
	if (search->mismatch[0])
		return ndrv_fail(err, REFUSED,
				 "driver file %s: its signature by %.60s is bad: it or its .sig was changed, install both anew",
				 file, search->mismatch);
	/* It may be the key that is missing. */
	if (search->broken.code)
		return pass_on(&search->broken, err);
	return ndrv_fail(err, REFUSED,
			 "driver file %s: is signed with key %016" PRIX64 ", which is not in %.80s: put it there if you "
			 "trust it",
			 file, key_number(signature->number), source_tail(trust->dir));
}

int trust_check(const struct trust *trust, const struct source *source, char *ret_signer, struct ndrv_error *err)
{
	struct packed_signature signature = {0};
	struct search search = {0};
	struct dirent **names = NULL;

	ret_signer[0] = '\0';
	if (trust->mode == CONFIG_TRUST_OFF)
		return 0;
	int rc = read_signature(source, &signature, err);
	if (rc > 0 && trust->mode == CONFIG_TRUST_OPTIONAL)
		return 0;
	if (rc > 0)
		return ndrv_fail(err, REFUSED,
				 "driver file %s: has no signature, and \"trust\" is \"required\": put its .sig beside it",
				 source_tail(source->path));
	if (rc)
		return rc;
	int count = scandir(trust->dir, &names, is_key_file, alphasort);
	if (count < 0 && errno != ENOENT)
		return ndrv_fail(err, REFUSED, "directory of keys %s: cannot be read: %s", source_tail(trust->dir),
				 strerrordesc_np(errno));
	for (int i = 0; i < count; i++) {
		if (!search.signer[0])
			try_key(trust->dir, names[i]->d_name, source, &signature, &search);
		free(names[i]);
	}
	free(names);
	rc = conclude(trust, source, &signature, &search, err);
	memcpy(ret_signer, search.signer, sizeof(search.signer));
	return rc;
}
