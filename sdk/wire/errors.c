/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's protocol carries the text of an error and nothing else. Ours adds two keys that others ignore; where they are missing,
 * the words are all there is to go by. */
#include <string.h>
#include <strings.h>

#include "sdk/wire/docker.h"

/* Words and what they mean, most exact first; libnetwork's own texts are in the first rows. */
static const struct {
	const char *words;
	int code;
} phrases[] = {
	{"No network (", NDRV_E_NO_NETWORK},
	{"No endpoint (", NDRV_E_NO_ENDPOINT},
	{"(Only one endpoint allowed)", NDRV_E_ENDPOINT_EXISTS},
	{"Driver already registered for type", NDRV_E_ACTIVE_REGISTRATION},
	{"The API is not implemented", NDRV_E_NOT_IMPLEMENTED},
	{"not implemented", NDRV_E_NOT_IMPLEMENTED},
	{"not supported", NDRV_E_NOT_IMPLEMENTED},
	{"unknown network", NDRV_E_NO_NETWORK},
	{"unknown endpoint", NDRV_E_NO_ENDPOINT},
	{"endpoint not found", NDRV_E_NO_ENDPOINT},
	{"invalid network id", NDRV_E_NO_NETWORK},
	{"has active endpoint", NDRV_E_ACTIVE_ENDPOINTS},
	{"no available", NDRV_E_POOL_EXHAUSTED},
	{"no more free", NDRV_E_POOL_EXHAUSTED},
	{"port is already allocated", NDRV_E_PORT_IN_USE},
	{"address already in use", NDRV_E_ADDRESS_IN_USE},
	{"overlaps with", NDRV_E_POOL_OVERLAP},
	{"already exists", NDRV_E_FORBIDDEN},
	{"forbidden", NDRV_E_FORBIDDEN},
	{"permission denied", NDRV_E_FORBIDDEN},
	{"cannot be deleted", NDRV_E_FORBIDDEN},
	{"timed out", NDRV_E_TIMEOUT},
	{"timeout", NDRV_E_TIMEOUT},
	{"deadline exceeded", NDRV_E_TIMEOUT},
	{"try again", NDRV_E_RETRY},
	{"unavailable", NDRV_E_NO_SERVICE},
	{"not available", NDRV_E_NO_SERVICE},
	{"connection refused", NDRV_E_NO_SERVICE},
	{"not found", NDRV_E_NOT_FOUND},
	{"no such", NDRV_E_NOT_FOUND},
	{"does not exist", NDRV_E_NOT_FOUND},
	{"invalid", NDRV_E_BAD_REQUEST},
	{"bad request", NDRV_E_BAD_REQUEST},
};

int wire_error_of_text(const char *text)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (strcasestr(text, phrases[i].words))
			return phrases[i].code;
	return NDRV_E_INTERNAL;
}

static const int codes[] = {
#define ROW(number, name, kind, text) number,
	NDRV_ERRORS(ROW)
#undef ROW
};

/* By the code's name; by the kind's, where a newer host has a code we do not know. 0: neither is there. */
static int code_of(const struct wire_reply *reply)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(ndrv_error_name(codes[i]), reply->code) == 0)
			return codes[i];
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && codes[i] <= NDRV_E_INTERNAL; i++)
		if (strcmp(ndrv_kind_name(ndrv_error_kind(codes[i])), reply->kind) == 0)
			return codes[i];
	return 0;
}

int wire_reply_error(const struct wire_reply *reply, const char *plugin, struct ndrv_error *err)
{
	if (!*reply->err)
		return 0;
	int code = code_of(reply);
	if (!code)
		return ndrv_fail(err, wire_error_of_text(reply->err), "remote %s: %s", plugin ? plugin : "plugin", reply->err);
	int rc = ndrv_fail(err, code, "%s", reply->err);
	return reply->maskable ? ndrv_maskable(err, rc) : rc;
}

void wire_reply_fail(struct wire_reply *reply, const struct ndrv_error *error)
{
	reply->err = error->text[0] ? error->text : ndrv_error_name(error->code);
	reply->kind = ndrv_kind_name(error->kind);
	reply->code = ndrv_error_name(error->code);
	reply->maskable = (error->flags & NDRV_ERROR_MASKABLE) != 0;
}
