/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers' keys whose value is a typed value, as JSON. */
#include <stdlib.h>
#include <string.h>

#include "host/state/json.h"
#include "host/state/store.h"

int store_driver_put_value(struct store *store, const char *driver, const char *key, const struct ndrv_value *value,
			   struct ndrv_error *err)
{
	struct json_out out = {0};

	json_out_begin(&out, NULL, '{');
	json_out_value(&out, "value", value);
	json_out_end(&out, '}');
	bool bad_text = out.bad_text;
	char *text = json_out_finish(&out);
	if (!text)
		return ndrv_fail(err, bad_text ? NDRV_E_BAD_REQUEST : NDRV_E_NO_SERVICE, "store key %s: %s", key,
				 bad_text ? "a text is not UTF-8" : "out of memory");
	int rc = store_driver_put(store, driver, key, text, strlen(text), err);
	free(text);
	return rc;
}

int store_driver_get_value(struct store *store, struct arena *arena, const char *driver, const char *key, struct ndrv_value *ret,
			   struct ndrv_error *err)
{
	const void *text;
	size_t bytes;
	int rc = store_driver_get(store, &arena->ndrv, driver, key, &text, &bytes, err);

	if (rc)
		return rc;
	char mistake[JSON_ERROR_TEXT_LENGTH];
	bool no_memory;
	json_t *object = json_in_load(text, bytes, mistake, &no_memory);
	struct json_in in = {.object = object, .arena = arena};
	struct ndrv_value value = ndrv_null();
	json_in_value(&in, "value", &value);
	bool good = json_is_object(object) && !in.bad;
	no_memory |= in.short_of_memory;
	json_decref(object);
	if (no_memory)
		return ndrv_fail(err, NDRV_E_NO_SERVICE, "store key %s of %s: out of memory", key, driver);
	if (!good)
		return ndrv_fail(err, NDRV_E_STATE, "store key %s of %s makes no sense", key, driver);
	/* What was read is as large as its content: the copy can be added to. */
	return ndrv_value_copy(&arena->ndrv, &value, ret, err);
}
