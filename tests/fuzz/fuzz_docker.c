/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message of Docker's: the first says which method and which direction, the rest is the body. What is accepted comes
 * out the same when it is written, read and written again; what is not is a BAD_REQUEST with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/base/arena.h"
#include "sdk/wire/docker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what, const char *text)
{
	if (!holds) {
		fprintf(stderr, "fuzz_docker: %s: %s\n", what, text);
		abort();
	}
}

/* INTERNAL is for memory: an arena has a limit. */
static int accepted(int rc, const struct ndrv_error *err, const char *text)
{
	require(rc == 0 || (err->text[0] && (rc == -NDRV_E_BAD_REQUEST || rc == -NDRV_E_INTERNAL)), "an odd refusal", text);
	return rc == 0;
}

static void try_request(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena)
{
	struct wire_request first, second;
	struct ndrv_error err = {0};
	char *once = NULL, *twice = NULL;
	size_t count = 0;

	if (!accepted(wire_request_decode(method, text, bytes, arena, &first, &err), &err, text))
		return;
	require(wire_request_encode(method, &first, &once, &count, &err) == 0, "what was read cannot be written", text);
	if (count) {
		require(wire_request_decode(method, once, count, arena, &second, &err) == 0, err.text, once);
		require(wire_request_encode(method, &second, &twice, &count, &err) == 0, "it cannot be written again", once);
		require(strcmp(once, twice) == 0, "another text the second time", once);
	}
	free(once);
	free(twice);
}

static void try_reply(enum wire_method method, const char *text, size_t bytes, struct ndrv_arena *arena)
{
	struct ndrv_error err = {0}, told = {0};
	struct wire_reply first, second;
	char *once = NULL, *twice = NULL;
	size_t count = 0;

	if (!accepted(wire_reply_decode(method, text, bytes, arena, &first, &err), &err, text))
		return;
	int rc = wire_reply_error(&first, "p", &told);
	require((rc != 0) == (first.err[0] != 0), "an error that is none", text);
	require(wire_reply_encode(method, &first, &once, &count, &err) == 0, "what was read cannot be written", text);
	require(wire_reply_decode(method, once, count, arena, &second, &err) == 0, err.text, once);
	require(wire_reply_encode(method, &second, &twice, &count, &err) == 0, "it cannot be written again", once);
	require(strcmp(once, twice) == 0, "another text the second time", once);
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;

	if (!size)
		return 0;
	enum wire_method method = (enum wire_method)((data[0] & 31u) % WIRE_COUNT);
	arena_init(&arena, 1 << 20);
	if (data[0] & 32u)
		try_reply(method, (const char *)data + 1, size - 1, &arena.ndrv);
	else
		try_request(method, (const char *)data + 1, size - 1, &arena.ndrv);
	arena_reset(&arena);
	return 0;
}
