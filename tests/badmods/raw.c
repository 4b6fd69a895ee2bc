/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that do without NDRV_DRIVER(): note and code are written apart, so that they can disagree. build.sh has the list. */
#include <string.h>

#include <ndrv/driver.h>

#ifndef MAJOR
#define MAJOR NDRV_ABI_MAJOR
#endif
#ifndef NOTE_TYPES
#define NOTE_TYPES "raw"
#endif
#ifndef NOTE_SIZE
#define NOTE_SIZE sizeof(struct ndrv_note)
#endif
#ifndef CODE_TYPE
#define CODE_TYPE "raw"
#endif
#ifndef CODE_NAME
#define CODE_NAME "raw"
#endif
#ifndef CODE_NOTE
#define CODE_NOTE &code_note
#endif
#ifndef CODE_SCOPE
#define CODE_SCOPE NDRV_SCOPE_LOCAL
#endif
#ifndef OPS
#define OPS &ops
#endif
#ifndef OPS_BYTES
#define OPS_BYTES sizeof(struct ndrv_ops)
#endif
#ifndef NOTE_OPS_BYTES
#define NOTE_OPS_BYTES OPS_BYTES
#endif
#ifndef NOTE_EXTRA
#define NOTE_EXTRA .wants_lo = 0
#endif
#ifndef ENTRY
#define ENTRY ndrv_driver_v1
#endif
#ifndef RESULT
#define RESULT rc
#endif

#define NOTE(name_)                                                                                                              \
	{                                                                                                                        \
		.size = NOTE_SIZE, .abi_major = MAJOR, .threading = NDRV_THREADS_NETWORK, .data_scope = NDRV_SCOPE_LOCAL,        \
		.ops_size = (uint32_t)(NOTE_OPS_BYTES), .name = name_, .version = "1.0", .vendor = "Tests", .types = NOTE_TYPES, \
		NOTE_EXTRA                                                                                                       \
	}

#ifndef NO_NOTE
struct file_note {
	uint32_t name_size, desc_size, type;
	char name[8];
	struct ndrv_note note;
};

static const struct file_note file_note __attribute__((used, section(NDRV_NOTE_SECTION), aligned(4))) = {
	sizeof(NDRV_NOTE_NAME), sizeof(struct ndrv_note), NDRV_NOTE_TYPE, NDRV_NOTE_NAME, NOTE("raw")};
#ifdef TWO_NOTES
static const struct file_note second_note __attribute__((used, section(NDRV_NOTE_SECTION), aligned(4))) = {
	sizeof(NDRV_NOTE_NAME), sizeof(struct ndrv_note), NDRV_NOTE_TYPE, NDRV_NOTE_NAME, NOTE("raw")};
#endif
#endif

static const struct ndrv_note code_note __attribute__((used)) = NOTE(CODE_NAME);

static int network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
	(void)self, (void)call, (void)network;
	return 0;
}

static const struct ndrv_ops ops __attribute__((used)) = {.size = (uint32_t)(OPS_BYTES), .network_create = network_create};

#ifndef NO_ENTRY
NDRV_EXPORT int ENTRY(const struct ndrv_host *host, struct ndrv_error *err);
NDRV_EXPORT int ENTRY(const struct ndrv_host *host, struct ndrv_error *err)
{
	const struct ndrv_capability capability = {
		.size = sizeof(capability),
		.data_scope = CODE_SCOPE,
		.note = CODE_NOTE,
	};
	int rc = 0;
#ifndef REGISTERS_NOTHING
	rc = host->register_driver(host, CODE_TYPE, OPS, NULL, &capability, err);
#endif
	(void)capability;
	(void)rc;
	return RESULT;
}
#endif
