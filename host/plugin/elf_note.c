/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's note and the build id, out of a file's PT_NOTE segments. */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "host/plugin/elf_image.h"

/* A note that ends before its types cannot say what it serves. */
#define NOTE_BYTES_MIN ((uint32_t)offsetof(struct ndrv_note, types))
/* No later minor will have one of this size. */
#define NOTE_BYTES_MAX 4096u
#define NOTE_NUMBERS (offsetof(struct ndrv_note, state_schema) / sizeof(uint32_t))

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool elf_type_name_ok(const char *name)
{
	size_t length = strnlen(name, 32);
	if (length == 0 || length > 31 || !is_lower_or_digit(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_lower_or_digit(name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

const char *note_type_next(const struct ndrv_note *note, const char *type)
{
	const char *next = type ? type + strlen(type) + 1 : note->types;
	return next < note->types + sizeof(note->types) && *next ? next : NULL;
}

bool note_has_type(const struct ndrv_note *note, const char *type)
{
	for (const char *each = note_type_next(note, NULL); each; each = note_type_next(note, each))
		if (strcmp(each, type) == 0)
			return true;
	return false;
}

/* Terminated within its room, and nothing that would disturb a terminal or a log. */
static bool text_ok(const char *text, size_t room)
{
	size_t length = strnlen(text, room);
	if (length == room)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static const char *types_problem(const struct ndrv_note *note)
{
	size_t at = 0;
	while (at < sizeof(note->types) && note->types[at]) {
		const char *type = note->types + at;
		size_t length = strnlen(type, sizeof(note->types) - at);
		if (at + length >= sizeof(note->types))
			return "its list of types does not end";
		if (!elf_type_name_ok(type))
			return "it names a type that is not 1 to 31 of a-z 0-9 _ . -";
		at += length + 1;
	}
	if (at == 0 && !(note->flags & NDRV_DRIVER_DYNAMIC_TYPES))
		return "it names no type and does not say that it registers types of its own choice";
	return at < sizeof(note->types) ? NULL : "its list of types does not end";
}

static bool scope_ok(uint32_t scope)
{
	return scope == NDRV_SCOPE_LOCAL || scope == NDRV_SCOPE_GLOBAL;
}

static const char *content_problem(const struct ndrv_note *note)
{
	if (!text_ok(note->name, sizeof(note->name)) || !note->name[0])
		return "it has no proper driver name";
	if (!text_ok(note->version, sizeof(note->version)))
		return "its version is not proper text";
	if (!text_ok(note->vendor, sizeof(note->vendor)))
		return "its vendor is not proper text";
	if (!text_ok(note->state_schema, sizeof(note->state_schema)))
		return "its state schema's name is not proper text";
	if (!scope_ok(note->data_scope))
		return "its data scope is neither local nor global";
	if (note->connectivity_scope && !scope_ok(note->connectivity_scope))
		return "its connectivity scope is neither local nor global";
	if (note->state_version_min > note->state_version)
		return "the oldest state it adopts is newer than the state it writes";
	return types_problem(note);
}

static void copy_note(const struct elf_image *image, uint64_t at, uint32_t bytes, struct ndrv_note *note)
{
	size_t known = bytes < sizeof(*note) ? bytes : sizeof(*note);
	memcpy(note, image->bytes + at, known);
	if (!image->swap)
		return;
	for (size_t i = 0; i < NOTE_NUMBERS && (i + 1) * 4 <= known; i++) {
		uint32_t number = elf_u32(image, at + i * 4);
		memcpy((char *)note + i * 4, &number, sizeof(number));
	}
}

static void read_driver_note(const struct elf_image *image, uint64_t at, uint32_t bytes, struct elf_report *report)
{
	struct ndrv_note *note = &report->note;
	if (report->note_count++)
		return;
	report->has_note = true;
	report->note_raw = image->bytes + at;
	report->note_bytes = bytes;
	copy_note(image, at, bytes, note);
	size_t room = sizeof(report->note_problem);
	if (bytes >= 8 && note->abi_major != NDRV_ABI_MAJOR)
		return; /* the rest is another major's business */
	if (bytes < NOTE_BYTES_MIN || bytes > NOTE_BYTES_MAX) {
		(void)snprintf(report->note_problem, room, "it has %u bytes, which no version of it has", bytes);
		return;
	}
	if (note->size != bytes) {
		(void)snprintf(report->note_problem, room, "it says it has %u bytes and has %u", note->size, bytes);
		return;
	}
	const char *problem = content_problem(note);
	if (problem)
		(void)snprintf(report->note_problem, room, "%s", problem);
}

static void read_build_id(const struct elf_image *image, uint64_t at, uint32_t bytes, struct elf_report *report)
{
	uint32_t shown = bytes < 32 ? bytes : 32;
	for (uint32_t i = 0; i < shown; i++)
		(void)snprintf(report->build_id + i * 2u, 3, "%02x", image->bytes[at + i]);
}

void elf_read_notes(const struct elf_image *image, const struct elf_segment *segment, struct elf_report *report)
{
	uint64_t align = segment->align == 8 ? 8 : 4;
	uint64_t at = segment->offset, end = segment->offset + segment->filesz;
	while (end - at >= sizeof(Elf32_Nhdr)) {
		uint64_t name_size = elf_u32(image, at), desc_size = elf_u32(image, at + 4);
		uint32_t type = elf_u32(image, at + 8);
		uint64_t name = at + sizeof(Elf32_Nhdr);
		uint64_t desc = segment->offset + ((name + name_size - segment->offset + align - 1) & ~(align - 1));
		if (desc > end || desc_size > end - desc)
			return;
		const unsigned char *text = image->bytes + name;
		if (type == NDRV_NOTE_TYPE && name_size == sizeof(NDRV_NOTE_NAME) && memcmp(text, NDRV_NOTE_NAME, name_size) == 0)
			read_driver_note(image, desc, (uint32_t)desc_size, report);
		else if (type == NT_GNU_BUILD_ID && name_size == sizeof(ELF_NOTE_GNU) && memcmp(text, ELF_NOTE_GNU, name_size) == 0)
			read_build_id(image, desc, (uint32_t)desc_size, report);
		uint64_t next = (desc + desc_size - segment->offset + align - 1) & ~(align - 1);
		if (next > segment->filesz)
			return;
		at = segment->offset + next;
	}
}
