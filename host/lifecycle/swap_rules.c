/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver file's note alone says against a swap. */
#include <string.h>

#include "host/lifecycle/swap.h"
#include "host/plugin/elf.h"

static int check_threads(const struct ndrv_note *from, const struct ndrv_note *to, struct ndrv_error *err)
{
	if (from->flags & NDRV_DRIVER_OWN_THREADS)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "the driver that serves has threads of its own and cannot be replaced while the host runs");
	if (to->flags & NDRV_DRIVER_OWN_THREADS)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "the new driver has threads of its own and cannot replace another while the host runs");
	return 0;
}

static uint32_t connectivity(const struct ndrv_note *note)
{
	return note->connectivity_scope ? note->connectivity_scope : note->data_scope;
}

static int check_scope(const struct ndrv_note *from, const struct ndrv_note *to, struct ndrv_error *err)
{
	static const char *const names[] = {"none", "local", "global"};

	if (from->data_scope != to->data_scope)
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "its data scope would change from %s to %s, which a swap may not",
				 names[from->data_scope % 3], names[to->data_scope % 3]);
	if (connectivity(from) != connectivity(to))
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "its connectivity scope would change from %s to %s, which a swap may not",
				 names[connectivity(from) % 3], names[connectivity(to) % 3]);
	return 0;
}

/* The text of a name that need not end. */
#define NAMED(array) (int)strnlen((array), sizeof(array)), (array)

/* What the old one keeps must be readable: by the new one as it is, or written by the old one in a form the new one knows. */
static int check_schema(const struct ndrv_note *from, const struct ndrv_note *to, struct ndrv_error *err)
{
	if (!from->state_schema[0])
		return 0;
	if (strncmp(from->state_schema, to->state_schema, sizeof(from->state_schema)) != 0)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "the running driver keeps state of schema \"%.*s\", the new one reads \"%.*s\"",
				 NAMED(from->state_schema), NAMED(to->state_schema));
	if (to->state_version_min > from->state_version)
		return ndrv_fail(
			err, NDRV_E_FORBIDDEN,
			"the new driver needs state of schema \"%.*s\" version %u or newer, the running one keeps version %u",
			NAMED(from->state_schema), to->state_version_min, from->state_version);
	if (to->state_version < from->state_version_min)
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "the new driver reads state of schema \"%.*s\" up to version %u, the running one writes %u to %u",
				 NAMED(from->state_schema), to->state_version, from->state_version_min, from->state_version);
	return 0;
}

struct looking {
	const char *type;
	const char *nid;
};

static int is_of_type(struct network *network, void *data)
{
	const struct looking *looking = data;

	return strcmp(network->type, looking->type) == 0;
}

static int check_types(struct host *host, const struct generation *from, const struct ndrv_note *to, struct ndrv_error *err)
{
	if (to->flags & NDRV_DRIVER_DYNAMIC_TYPES)
		return 0; /* known once it is loaded */
	for (const struct instance *each = from->instances; each; each = each->next) {
		struct looking looking = {.type = each->type->name};
		if (each->gone || note_has_type(to, looking.type) || !records_each(host->records, is_of_type, &looking))
			continue;
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "the new driver does not serve type %s, which has networks", looking.type);
	}
	return 0;
}

int swap_check_note(struct host *host, const struct generation *from, const struct ndrv_note *to, struct ndrv_error *err)
{
	const struct ndrv_note *had = &from->module->note;
	int rc = check_threads(had, to, err);

	if (!rc)
		rc = check_scope(had, to, err);
	if (!rc)
		rc = check_types(host, from, to, err);
	return rc ? rc : check_schema(had, to, err);
}
