/* SPDX-License-Identifier: Apache-2.0 */
/* driverapi.IPAMData: its check and its text, as libnetwork has them; the JSON is in ipam_json.c. */
#include <ndrv/types.h>

#include "sdk/lib/ipam_aux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_or_nil(const struct ndrv_prefix *prefix, char *text)
{
	return prefix->addr.family ? ndrv_prefix_format(prefix, text) : "<nil>";
}

static int check_aux_families(const struct ndrv_ipam_data *data, struct ndrv_error *err)
{
	for (uint32_t i = 0; i < data->aux_count; i++) {
		const struct ndrv_aux_address *aux = &data->aux[i];
		/* Go panics here. */
		if (!aux->name || ndrv_prefix_check("secondary address", &aux->address, NULL))
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid secondary address %s", aux->name ? aux->name : "");
		if (aux->address.addr.family != data->pool.addr.family)
			return ndrv_fail(err, NDRV_E_BAD_REQUEST, "incongruent ip versions for pool and secondary ip address %s",
					 aux->name);
	}
	return 0;
}

int ndrv_ipam_validate(const struct ndrv_ipam_data *data, struct ndrv_error *err)
{
	char address[NDRV_PREFIX_TEXT], pool[NDRV_PREFIX_TEXT];

	if (!data || ndrv_prefix_check("pool", &data->pool, NULL))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid pool");
	if (ndrv_prefix_check("gateway", &data->gateway, NULL))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid gateway address");
	if (data->gateway.addr.family != data->pool.addr.family)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "incongruent ip versions for pool and gateway");
	int rc = check_aux_families(data, err);
	if (rc)
		return rc;
	ndrv_prefix_format(&data->pool, pool);
	if (!ndrv_prefix_contains(&data->pool, &data->gateway.addr))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "invalid gateway address (%s) does not belong to the pool (%s)",
				 ndrv_prefix_format(&data->gateway, address), pool);
	/* libnetwork prints the gateway in the place of the secondary address: a slip, not repeated here. */
	for (uint32_t i = 0; i < data->aux_count; i++)
		if (!ndrv_prefix_contains(&data->pool, &data->aux[i].address.addr))
			return ndrv_fail(err, NDRV_E_BAD_REQUEST,
					 "invalid secondary address %s (%s) does not belong to the pool (%s)", data->aux[i].name,
					 ndrv_prefix_format(&data->aux[i].address, address), pool);
	return 0;
}

int ndrv_ipam_is_v6(const struct ndrv_ipam_data *data)
{
	return data && data->pool.addr.family == 6;
}

static int by_name(const void *a, const void *b)
{
	const struct ndrv_aux_address *const *left = a;
	const struct ndrv_aux_address *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

const struct ndrv_aux_address **ipam_aux_sorted(const struct ndrv_ipam_data *data)
{
	const struct ndrv_aux_address **sorted = calloc((size_t)data->aux_count + 1, sizeof(struct ndrv_aux_address *));

	if (!sorted)
		return NULL;
	for (uint32_t i = 0; i < data->aux_count; i++)
		sorted[i] = &data->aux[i];
	qsort(sorted, data->aux_count, sizeof(sorted[0]), by_name);
	return sorted;
}

char *ndrv_ipam_string(const struct ndrv_ipam_data *data)
{
	char pool[NDRV_PREFIX_TEXT], gateway[NDRV_PREFIX_TEXT], address[NDRV_PREFIX_TEXT];
	const struct ndrv_aux_address **sorted = ipam_aux_sorted(data);
	char *text = NULL;
	size_t bytes;
	FILE *out = sorted ? open_memstream(&text, &bytes) : NULL;

	if (out) {
		fprintf(out, "AddressSpace: %s\nPool: %s\nGateway: %s\nAddresses: map[",
			data->address_space ? data->address_space : "", text_or_nil(&data->pool, pool),
			text_or_nil(&data->gateway, gateway));
		for (uint32_t i = 0; i < data->aux_count; i++)
			fprintf(out, "%s%s:%s", i ? " " : "", sorted[i]->name, text_or_nil(&sorted[i]->address, address));
		fputc(']', out);
		int failed = ferror(out);
		if (fclose(out) != 0 || failed) {
			free(text);
			text = NULL;
		}
	}
	free(sorted);
	return text;
}

void ndrv_ipam_clear(struct ndrv_ipam_data *data)
{
	for (uint32_t i = 0; i < data->aux_count; i++)
		free((void *)(uintptr_t)data->aux[i].name);
	free((void *)(uintptr_t)data->aux);
	free((void *)(uintptr_t)data->address_space);
	*data = (struct ndrv_ipam_data){0};
}
