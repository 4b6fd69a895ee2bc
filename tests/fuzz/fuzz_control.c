/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the control socket can say, up to the dispatcher: a first line "METHOD TARGET", then the body. All of it is also
 * shown to the gate as the head of a request. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/front/conn.h"
#include "host/front/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(char *line, const char *body, size_t bytes)
{
	struct request request = {0};
	struct ndrv_error error = {0};
	const char *allow = NULL;
	struct arena arena;
	unsigned status = 0;
	json_t *json = NULL;
	char *space = strchr(line, ' ');

	if (!space)
		return;
	*space = '\0';
	arena_init(&arena, 16u << 20);
	const struct route *route = control_route(line, space + 1, &arena, &request, &status, &allow, &error);
	if (!route && (error.code == 0 || status < 400))
		abort();
	if (route && json_decode(body, bytes, &json, &error) == 0) {
		struct fields fields;
		fields_open(&fields, json, "", &arena, &error);
		if (route->decode)
			route->decode(&fields, &request);
		int rc = fields_done(&fields);
		if ((rc < 0) != (error.code != 0) || (rc < 0 && !*error.text))
			abort();
		size_t length = 0;
		if (rc == 0 && request.options.type == NDRV_MAP)
			free(json_from_value(&request.options, &length));
		json_decref(json);
	}
	if (error.code) {
		size_t length = 0;
		free(json_from_error(&error, &length));
	}
	arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ndrv_error error = {0};
	unsigned status = 0;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (gate_check(text, size, &status, &error) == GATE_REFUSE && (status < 400 || !error.code))
		abort();
	char *newline = memchr(text, '\n', size);
	if (newline) {
		*newline = '\0';
		decode(text, newline + 1, size - (size_t)(newline + 1 - text));
	}
	free(text);
	return 0;
}
