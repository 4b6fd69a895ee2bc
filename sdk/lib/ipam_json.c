/* SPDX-License-Identifier: Apache-2.0 */
/* IPAMData as JSON, byte for byte as Go writes it. An object file of its own, so that only who calls it needs libjansson. */
#include <ndrv/types.h>

#include "sdk/lib/go_json.h"
#include "sdk/lib/ipam_aux.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- out --- */

static void write_prefix(FILE *out, const struct ndrv_prefix *prefix)
{
	char text[NDRV_PREFIX_TEXT];

	go_json_string(out, prefix->addr.family ? ndrv_prefix_format(prefix, text) : "<nil>");
}

static void write_data(FILE *out, const struct ndrv_ipam_data *data, const struct ndrv_aux_address *const *sorted)
{
	fputs("{\"AddressSpace\":", out);
	go_json_string(out, data->address_space ? data->address_space : "");
	if (data->aux_set || data->aux_count) {
		fputs(",\"AuxAddresses\":{", out);
		for (uint32_t i = 0; i < data->aux_count; i++) {
			if (i)
				fputc(',', out);
			go_json_string(out, sorted[i]->name);
			fputc(':', out);
			write_prefix(out, &sorted[i]->address);
		}
		fputc('}', out);
	}
	if (data->gateway.addr.family) {
		fputs(",\"Gateway\":", out);
		write_prefix(out, &data->gateway);
	}
	if (data->pool.addr.family) {
		fputs(",\"Pool\":", out);
		write_prefix(out, &data->pool);
	}
	fputc('}', out);
}

static int no_memory(struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for IPAM data");
}

static int check_names(const struct ndrv_ipam_data *data, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < data->aux_count; i++)
		if (!data->aux[i].name)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "secondary address %u has no name", (unsigned)i);
	return 0;
}

static int check_doubles(const struct ndrv_aux_address *const *sorted, struct ndrv_error *err)
{
	for (size_t i = 0; sorted[i] && sorted[i + 1]; i++)
		if (strcmp(sorted[i]->name, sorted[i + 1]->name) == 0)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "secondary address \"%s\" is there twice", sorted[i]->name);
	return 0;
}

static int print(const struct ndrv_ipam_data *data, const struct ndrv_aux_address *const *sorted, char **ret,
		 struct ndrv_error *err)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return no_memory(err);
	write_data(out, data, sorted);
	int failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return no_memory(err);
	}
	*ret = text;
	return 0;
}

int ndrv_ipam_to_json(const struct ndrv_ipam_data *data, char **ret, struct ndrv_error *err)
{
	int rc = check_names(data, err);

	if (rc)
		return rc;
	const struct ndrv_aux_address **sorted = ipam_aux_sorted(data);
	if (!sorted)
		return no_memory(err);
	rc = check_doubles(sorted, err);
	if (rc == 0)
		rc = print(data, sorted, ret, err);
	free(sorted);
	return rc;
}

/* --- in --- */

static int wrong_type(const char *key, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_BAD_REQUEST, "%s of IPAM data is not a string", key);
}

static int read_prefix(const json_t *object, const char *key, struct ndrv_prefix *ret, struct ndrv_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return wrong_type(key, err);
	return ndrv_wrap(err, ndrv_prefix_parse(json_string_value(value), ret, err), "%s", key);
}

/* `made` takes each name as it is copied, so that ndrv_ipam_clear() frees what there is after any failure. */
static int read_aux(const json_t *map, struct ndrv_ipam_data *made, struct ndrv_error *err)
{
	struct ndrv_aux_address *aux = calloc(json_object_size(map) + 1, sizeof(*aux));
	json_t *object = (json_t *)(uintptr_t)map; /* jansson's iterators want it so; nothing is changed */

	if (!aux)
		return no_memory(err);
	made->aux = aux;
	made->aux_set = 1;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);
		if (!json_is_string(value))
			return ndrv_wrap(err, wrong_type(name, err), "AuxAddresses");
		struct ndrv_aux_address *slot = &aux[made->aux_count];
		int rc = ndrv_prefix_parse(json_string_value(value), &slot->address, err);
		if (rc)
			return ndrv_wrap(err, rc, "AuxAddresses %s", name);
		slot->name = strdup(name);
		if (!slot->name)
			return no_memory(err);
		made->aux_count++;
	}
	return 0;
}

static int read_data(const json_t *object, struct ndrv_ipam_data *made, struct ndrv_error *err)
{
	const json_t *space = json_object_get(object, "AddressSpace");
	const json_t *aux = json_object_get(object, "AuxAddresses");

	if (!json_is_string(space))
		return wrong_type("AddressSpace", err);
	made->address_space = strdup(json_string_value(space));
	if (!made->address_space)
		return no_memory(err);
	int rc = read_prefix(object, "Pool", &made->pool, err);
	if (rc == 0)
		rc = read_prefix(object, "Gateway", &made->gateway, err);
	if (rc || !aux)
		return rc;
	if (json_is_null(aux)) {
		made->aux_set = 1;
		return 0;
	}
	if (!json_is_object(aux))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "AuxAddresses of IPAM data is not an object");
	return read_aux(aux, made, err);
}

int ndrv_ipam_from_json(const char *json, struct ndrv_ipam_data *ret, struct ndrv_error *err)
{
	struct ndrv_ipam_data made = {0};
	json_error_t why;

	if (!json)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "IPAM data is missing");
	/* Numbers are never looked at, but must not fail for their size: Go reads all of them as floats. */
	json_t *object = json_loads(json, JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, &why);
	if (!object)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "IPAM data is not JSON: %s", why.text);
	int rc = json_is_object(object) ? read_data(object, &made, err)
					: ndrv_fail(err, NDRV_E_BAD_REQUEST, "IPAM data is not an object");
	json_decref(object);
	if (rc)
		ndrv_ipam_clear(&made);
	else
		*ret = made;
	return rc;
}
