/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/errors.h"

#include <string.h>

static const struct error_row {
	uint32_t kind;
	unsigned http_status;
	int exit_status; /* of ndrvctl; 1 is "no answer", 2 is "wrong usage" */
} rows[] = {
	{NDRV_KIND_OK, 200, 0},		 {NDRV_KIND_NOT_FOUND, 404, 3},
	{NDRV_KIND_FORBIDDEN, 403, 4},	 {NDRV_KIND_NOT_IMPLEMENTED, 501, 5},
	{NDRV_KIND_BAD_REQUEST, 400, 6}, {NDRV_KIND_NO_SERVICE, 503, 7},
	{NDRV_KIND_TIMEOUT, 504, 8},	 {NDRV_KIND_RETRY, 409, 9},
	{NDRV_KIND_INTERNAL, 500, 10}, /* last: what an unknown kind becomes */
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct error_row *row_find(uint32_t kind)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return &rows[ROWS - 1];
}

unsigned error_http_status(uint32_t kind)
{
	return row_find(kind)->http_status;
}

int error_exit_status(uint32_t kind)
{
	return row_find(kind)->exit_status;
}

uint32_t error_kind_find(const char *name)
{
	for (size_t i = 1; i < ROWS; i++)
		if (strcmp(ndrv_kind_name(rows[i].kind), name) == 0)
			return rows[i].kind;
	return NDRV_KIND_INTERNAL;
}
