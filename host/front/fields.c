/* SPDX-License-Identifier: Apache-2.0 */
#include "host/front/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/base/nearest.h"

void fields_open(struct fields *fields, const json_t *object, const char *path, struct arena *arena, struct ndrv_error *err)
{
	*fields = (struct fields){.object = object, .path = path, .arena = arena, .err = err};
}

void fields_open_in(struct fields *fields, struct fields *outer, const json_t *object, const char *key, size_t index)
{
	const char *dot = *outer->path ? "." : "";
	char found[64];
	char *path = index == FIELDS_NO_INDEX ? ndrv_arena_printf(&outer->arena->ndrv, "%s%s%s", outer->path, dot, key)
					      : ndrv_arena_printf(&outer->arena->ndrv, "%s%s%s[%zu]", outer->path, dot, key, index);

	fields_open(fields, object, path ? path : key, outer->arena, outer->err);
	fields->rc = outer->rc;
	if (fields->rc == 0 && !path)
		fields->rc = ndrv_fail(fields->err, NDRV_E_INTERNAL, "%s: out of memory", key);
	if (fields->rc == 0 && !json_is_object(object))
		fields->rc = ndrv_fail(fields->err, NDRV_E_BAD_REQUEST, "%s: expected an object, found %s", fields->path,
				       json_describe(object, found, sizeof(found)));
}

void fields_fail(struct fields *fields, int rc)
{
	if (fields->rc == 0)
		fields->rc = rc;
}

void fields_refuse(struct fields *fields, const char *key, const char *fmt, ...)
{
	char text[NDRV_ERROR_TEXT_MAX];
	va_list ap;

	if (fields->rc < 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fields->rc = ndrv_fail(fields->err, NDRV_E_BAD_REQUEST, "%s%s%s: %s", fields->path, *fields->path ? "." : "", key, text);
}

static void wrong_type(struct fields *fields, const char *key, const char *expected, const json_t *json)
{
	char found[64];
	fields_refuse(fields, key, "expected %s, found %s", expected, json_describe(json, found, sizeof(found)));
}

bool fields_has(const struct fields *fields, const char *key)
{
	const json_t *json = json_object_get(fields->object, key);
	return json && !json_is_null(json);
}

void fields_require(struct fields *fields, const char *key)
{
	if (fields->rc == 0 && !fields_has(fields, key))
		fields_refuse(fields, key, "is required");
}

/* The member, unless it is absent, null, or there is an error already. */
static const json_t *ask(struct fields *fields, const char *key)
{
	if (fields->rc < 0)
		return NULL;
	if (fields->count < FIELDS_MAX)
		fields->asked[fields->count++] = key;
	return fields_has(fields, key) ? json_object_get(fields->object, key) : NULL;
}

int fields_done(struct fields *fields)
{
	if (fields->rc < 0)
		return fields->rc;
	json_t *object = (json_t *)(uintptr_t)fields->object; /* only read */
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		bool known = false;
		for (unsigned i = 0; i < fields->count; i++)
			known |= strcmp(fields->asked[i], key) == 0;
		if (known)
			continue;
		const char *near = nearest(key, fields->asked, fields->count);
		char shown[64];
		(void)snprintf(shown, sizeof(shown), "%.48s%s", key, strlen(key) > 48 ? "..." : "");
		if (near)
			fields_refuse(fields, shown, "unknown key, did you mean \"%s\"?", near);
		else
			fields_refuse(fields, shown, "unknown key");
		return fields->rc;
	}
	return 0;
}

bool fields_string(struct fields *fields, const char *key, const char **ret)
{
	const json_t *json = ask(fields, key);

	if (!json)
		return false;
	if (!json_is_string(json)) {
		wrong_type(fields, key, "a string", json);
		return false;
	}
	const char *text = arena_strdup(fields->arena, json_string_value(json));
	if (!text) {
		fields_fail(fields, ndrv_fail(fields->err, NDRV_E_INTERNAL, "%s: out of memory", key));
		return false;
	}
	*ret = text;
	return true;
}

/* "name: " before the reason the SDK's checks give. */
static bool wrap(struct fields *fields, const char *key, int rc)
{
	if (rc < 0)
		fields_fail(fields, ndrv_wrap(fields->err, rc, "%s%s%s", fields->path, *fields->path ? "." : "", key));
	return rc == 0;
}

bool fields_id(struct fields *fields, const char *key, const char **ret)
{
	const char *text;

	if (!fields_string(fields, key, &text) || !wrap(fields, key, ndrv_id_check("id", text, fields->err)))
		return false;
	*ret = text;
	return true;
}

bool fields_bool(struct fields *fields, const char *key, bool *ret)
{
	const json_t *json = ask(fields, key);

	if (!json)
		return false;
	if (!json_is_boolean(json)) {
		wrong_type(fields, key, "true or false", json);
		return false;
	}
	*ret = json_is_true(json);
	return true;
}

bool fields_int(struct fields *fields, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	const json_t *json = ask(fields, key);

	if (!json)
		return false;
	if (!json_is_integer(json)) {
		wrong_type(fields, key, "a whole number", json);
		return false;
	}
	int64_t value = json_integer_value(json);
	if (value < min || value > max) {
		fields_refuse(fields, key, "%lld is not within %lld ... %lld", (long long)value, (long long)min, (long long)max);
		return false;
	}
	*ret = value;
	return true;
}

bool fields_map(struct fields *fields, const char *key, struct ndrv_value *ret)
{
	const json_t *json = fields_object(fields, key, JSON_NODES_MAX);
	struct ndrv_value value;
	char path[128];

	if (!json)
		return false;
	(void)snprintf(path, sizeof(path), "%.63s%s%.63s", fields->path, *fields->path ? "." : "", key);
	int rc = json_to_value(json, path, fields->arena, &value, fields->err);
	if (rc < 0) {
		fields_fail(fields, rc);
		return false;
	}
	*ret = value;
	return true;
}

bool fields_prefix(struct fields *fields, const char *key, struct ndrv_prefix *ret)
{
	const char *text;
	return fields_string(fields, key, &text) && wrap(fields, key, ndrv_prefix_parse(text, ret, fields->err));
}

bool fields_address(struct fields *fields, const char *key, struct ndrv_prefix *ret)
{
	const char *text;

	if (!fields_string(fields, key, &text))
		return false;
	if (strchr(text, '/'))
		return wrap(fields, key, ndrv_prefix_parse(text, ret, fields->err));
	ret->length = 0;
	return wrap(fields, key, ndrv_addr_parse(text, &ret->addr, fields->err));
}

bool fields_mac(struct fields *fields, const char *key, struct ndrv_mac *ret)
{
	const char *text;
	struct ndrv_mac mac;

	if (!fields_string(fields, key, &text) || !wrap(fields, key, ndrv_mac_parse(text, &mac, fields->err)) ||
	    !wrap(fields, key, ndrv_mac_check(&mac, fields->err)))
		return false;
	*ret = mac;
	return true;
}

const json_t *fields_list(struct fields *fields, const char *key, size_t max)
{
	const json_t *json = ask(fields, key);

	if (!json)
		return NULL;
	if (!json_is_array(json))
		wrong_type(fields, key, "a list", json);
	else if (json_array_size(json) > max)
		fields_refuse(fields, key, "has %zu elements, at most %zu are allowed", json_array_size(json), max);
	return fields->rc < 0 ? NULL : json;
}

const json_t *fields_object(struct fields *fields, const char *key, size_t max)
{
	const json_t *json = ask(fields, key);

	if (!json)
		return NULL;
	if (!json_is_object(json))
		wrong_type(fields, key, "an object", json);
	else if (json_object_size(json) > max)
		fields_refuse(fields, key, "has %zu members, at most %zu are allowed", json_object_size(json), max);
	return fields->rc < 0 ? NULL : json;
}
