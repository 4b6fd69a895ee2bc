/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver file's entry does: see that host and driver fit, make the instance, register its types. */
#include <ndrv/driver.h>

#include <string.h>

/* The n-th type of the note, or NULL. The array need not end with a NUL. */
static const char *type_at(const struct ndrv_note *note, uint32_t index, char *copy)
{
	size_t offset = 0;

	while (offset < sizeof(note->types) && note->types[offset] != '\0') {
		size_t bytes = strnlen(note->types + offset, sizeof(note->types) - offset);
		if (index-- == 0) {
			memcpy(copy, note->types + offset, bytes);
			copy[bytes] = '\0';
			return copy;
		}
		offset += bytes + 1;
	}
	return NULL;
}

static int check_host(const struct ndrv_host *host, const struct ndrv_note *note, struct ndrv_error *err)
{
	if (!host)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the host passed no table of services");
	if (!NDRV_HAS(host, register_driver) || !NDRV_HAS(host, unregister_driver))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the host's table of services has only %u bytes", (unsigned)host->size);
	if (host->abi_major != note->abi_major)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "driver ABI %u is needed, the host speaks %u", (unsigned)note->abi_major,
				 (unsigned)host->abi_major);
	if (host->abi_minor < note->abi_minor_min)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "driver ABI %u.%u or later is needed, the host speaks %u.%u",
				 (unsigned)note->abi_major, (unsigned)note->abi_minor_min, (unsigned)host->abi_major,
				 (unsigned)host->abi_minor);
	uint64_t missing = (((uint64_t)note->needs_hi << 32) | note->needs_lo) & ~host->features;
	if (missing)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "features are needed that the host has not: bits 0x%llx",
				 (unsigned long long)missing);
	return 0;
}

static int check_driver(const struct ndrv_note *note, const struct ndrv_ops *ops, struct ndrv_error *err)
{
	char type[sizeof(note->types) + 1];

	if (!ops)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "no table of ops");
	if (!type_at(note, 0, type) && !(note->flags & NDRV_DRIVER_DYNAMIC_TYPES))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "the note names no network type");
	return 0;
}

static int register_types(const struct ndrv_host *host, const struct ndrv_note *note, const struct ndrv_ops *ops, void *self,
			  struct ndrv_error *err)
{
	const struct ndrv_capability capability = {
		.size = sizeof(capability),
		.data_scope = note->data_scope,
		.connectivity_scope = note->connectivity_scope,
		.flags = note->capability_flags,
		.note = note,
	};
	char type[sizeof(note->types) + 1];
	uint32_t done = 0;
	int rc = 0;

	/* Only of dynamic types: the host must still know whom to configure and, at the end, to destroy. */
	if (!type_at(note, 0, type))
		return host->register_driver(host, "", ops, self, &capability, err);
	while (rc == 0 && type_at(note, done, type)) {
		rc = host->register_driver(host, type, ops, self, &capability, err);
		if (rc == 0)
			done++;
	}
	if (rc == 0)
		return 0;
	ndrv_wrap(err, rc, "type %s", type);
	while (done > 0)
		if (type_at(note, --done, type))
			host->unregister_driver(host, type, NULL);
	return rc;
}

int ndrv_driver_register(const struct ndrv_host *host, const struct ndrv_note *note, const struct ndrv_ops *ops,
			 ndrv_driver_open open, struct ndrv_error *err)
{
	/* `self` of a driver that has no instance data: the host table, which such a driver needs to log. */
	void *self = (void *)(uintptr_t)host;
	int rc = check_host(host, note, err);

	if (rc == 0)
		rc = check_driver(note, ops, err);
	if (rc == 0 && open)
		rc = open(host, &self, err);
	if (rc != 0)
		return ndrv_wrap(err, rc, "driver %.*s", (int)sizeof(note->name), note->name);
	rc = register_types(host, note, ops, self, err);
	if (rc == 0)
		return 0;
	if (open && NDRV_HAS(ops, destroy))
		ops->destroy(self);
	return ndrv_wrap(err, rc, "driver %.*s", (int)sizeof(note->name), note->name);
}
