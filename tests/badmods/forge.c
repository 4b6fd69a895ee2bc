/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/badmods/forge.h"

#include <elf.h>
#include <string.h>

#include <ndrv/driver.h>

#define SEGMENTS 4u
static const char names[] = "\0ndrv_driver_v1\0malloc";

static void put(struct forge *forge, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++) {
		unsigned shift = 8 * (forge->big_endian ? bytes - 1 - i : i);
		forge->bytes[forge->size++] = (uint8_t)(value >> shift);
	}
}

/* A number of the class's own size. */
static void word(struct forge *forge, uint64_t value)
{
	put(forge, forge->is64 ? 8 : 4, value);
}

static void align(struct forge *forge)
{
	while (forge->size % 8)
		forge->bytes[forge->size++] = 0;
}

static void header(struct forge *forge)
{
	static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
	size_t size = forge->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	memcpy(forge->bytes, magic, sizeof(magic));
	forge->size = sizeof(magic);
	put(forge, 1, forge->is64 ? ELFCLASS64 : ELFCLASS32);
	put(forge, 1, forge->big_endian ? ELFDATA2MSB : ELFDATA2LSB);
	put(forge, 1, EV_CURRENT);
	forge->size = EI_NIDENT;
	put(forge, 2, ET_DYN);
	put(forge, 2, forge->machine);
	put(forge, 4, EV_CURRENT);
	word(forge, 0);
	word(forge, size); /* e_phoff */
	word(forge, 0);
	put(forge, 4, 0);
	put(forge, 2, size);
	put(forge, 2, forge->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
	put(forge, 2, SEGMENTS);
	put(forge, 2, 0);
	put(forge, 2, 0);
	put(forge, 2, 0);
}

static void segment(struct forge *forge, uint32_t type, uint32_t flags, uint64_t offset, uint64_t size, uint64_t alignment)
{
	put(forge, 4, type);
	if (forge->is64)
		put(forge, 4, flags);
	word(forge, offset);
	word(forge, offset);
	word(forge, offset);
	word(forge, size);
	word(forge, size);
	if (!forge->is64)
		put(forge, 4, flags);
	word(forge, alignment);
}

static void note(struct forge *forge)
{
	const struct ndrv_note value = {
		.size = sizeof(value),
		.abi_major = NDRV_ABI_MAJOR,
		.threading = NDRV_THREADS_NETWORK,
		.data_scope = NDRV_SCOPE_GLOBAL,
		.ops_size = sizeof(struct ndrv_ops),
		.name = "forged",
		.version = "2.5",
		.vendor = "Tests",
		.types = "forged\0other",
	};
	const size_t numbers = offsetof(struct ndrv_note, state_schema) / sizeof(uint32_t);
	forge->note = forge->size;
	put(forge, 4, sizeof(NDRV_NOTE_NAME));
	put(forge, 4, sizeof(value));
	put(forge, 4, NDRV_NOTE_TYPE);
	memcpy(forge->bytes + forge->size, NDRV_NOTE_NAME, sizeof(NDRV_NOTE_NAME));
	forge->size += 8;
	for (size_t i = 0; i < numbers; i++) {
		uint32_t number;
		memcpy(&number, (const char *)&value + i * sizeof(number), sizeof(number));
		put(forge, 4, number);
	}
	memcpy(forge->bytes + forge->size, (const char *)&value + numbers * sizeof(uint32_t),
	       sizeof(value) - numbers * sizeof(uint32_t));
	forge->size += sizeof(value) - numbers * sizeof(uint32_t);
	align(forge);
}

static void symbol(struct forge *forge, uint32_t name, uint8_t info, uint16_t section)
{
	put(forge, 4, name);
	if (!forge->is64) {
		put(forge, 4, 16);
		put(forge, 4, 8);
	}
	put(forge, 1, info);
	put(forge, 1, STV_DEFAULT);
	put(forge, 2, section);
	if (forge->is64) {
		put(forge, 8, 16);
		put(forge, 8, 8);
	}
}

/* Nothing, malloc from elsewhere, the entry; and the hash table that tells that they are three. */
static void symbols(struct forge *forge)
{
	forge->symbols = forge->size;
	symbol(forge, 0, 0, SHN_UNDEF);
	symbol(forge, 16, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), SHN_UNDEF);
	symbol(forge, 1, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), 1);
	align(forge);
	forge->hash = forge->size;
	if (forge->sysv_hash) {
		put(forge, 4, 1);
		put(forge, 4, 3);
		for (unsigned i = 0; i < 4; i++)
			put(forge, 4, i ? 0 : 2);
	} else {
		put(forge, 4, 1);
		put(forge, 4, 2);
		put(forge, 4, 1);
		put(forge, 4, 5);
		word(forge, UINT64_MAX);
		put(forge, 4, 2);
		put(forge, 4, 0x1235);
	}
	align(forge);
}

static void tag(struct forge *forge, uint64_t name, uint64_t value)
{
	word(forge, name);
	word(forge, value);
}

void forge_make(struct forge *forge)
{
	size_t table = forge->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	memset(forge->bytes, 0, sizeof(forge->bytes));
	forge->size = table + SEGMENTS * (forge->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
	align(forge);
	note(forge);
	size_t note_end = forge->size;
	forge->strings = forge->size;
	memcpy(forge->bytes + forge->size, names, sizeof(names));
	forge->size += sizeof(names);
	if (forge->needed) {
		memcpy(forge->bytes + forge->size, forge->needed, strlen(forge->needed) + 1);
		forge->size += strlen(forge->needed) + 1;
	}
	size_t strings_end = forge->size;
	align(forge);
	symbols(forge);
	forge->dynamic = forge->size;
	if (forge->needed)
		tag(forge, DT_NEEDED, sizeof(names));
	tag(forge, DT_STRTAB, forge->strings);
	tag(forge, DT_STRSZ, strings_end - forge->strings);
	tag(forge, DT_SYMTAB, forge->symbols);
	tag(forge, DT_SYMENT, forge->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
	tag(forge, forge->sysv_hash ? DT_HASH : DT_GNU_HASH, forge->hash);
	tag(forge, DT_FLAGS, DF_BIND_NOW);
	tag(forge, DT_NULL, 0);
	size_t end = forge->size;
	header(forge);
	segment(forge, PT_LOAD, PF_R | PF_X, 0, end, 4096);
	segment(forge, PT_DYNAMIC, PF_R, forge->dynamic, end - forge->dynamic, 8);
	segment(forge, PT_NOTE, PF_R, forge->note, note_end - forge->note, 4);
	segment(forge, PT_GNU_STACK, PF_R | PF_W, 0, 0, 16);
	forge->size = end;
}
