/* SPDX-License-Identifier: Apache-2.0 */
/* The dynamic symbols of an inspected file: what it exports, what it wants from others. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "host/plugin/elf_image.h"

struct symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
};

static void read_symbol(const struct elf_image *image, uint64_t at, struct symbol *ret)
{
	ret->name = elf_u32(image, at);
	if (image->is64) {
		ret->info = image->bytes[at + offsetof(Elf64_Sym, st_info)];
		ret->other = image->bytes[at + offsetof(Elf64_Sym, st_other)];
		ret->section = elf_u16(image, at + offsetof(Elf64_Sym, st_shndx));
	} else {
		ret->info = image->bytes[at + offsetof(Elf32_Sym, st_info)];
		ret->other = image->bytes[at + offsetof(Elf32_Sym, st_other)];
		ret->section = elf_u16(image, at + offsetof(Elf32_Sym, st_shndx));
	}
}

/* A file does not say how many dynamic symbols it has; its hash tables do, the way the loader reads them. */
static bool count_gnu(const struct elf_image *image, uint64_t vaddr, uint64_t *ret)
{
	uint64_t at, rest;
	if (!elf_offset(image, vaddr, 16, &at, &rest))
		return false;
	uint64_t buckets = elf_u32(image, at), first = elf_u32(image, at + 4), bloom = elf_u32(image, at + 8);
	uint64_t chains_at = 16 + bloom * ELF_WORD(image) + buckets * 4;
	if (chains_at > rest)
		return false;
	uint64_t last = 0;
	for (uint64_t i = 0; i < buckets; i++) {
		uint64_t head = elf_u32(image, at + chains_at - (buckets - i) * 4);
		last = head > last ? head : last;
	}
	*ret = first;
	if (last == 0)
		return true;
	if (last < first)
		return false;
	for (;; last++) {
		uint64_t chain = chains_at + (last - first) * 4;
		if (chain + 4 > rest)
			return false;
		if (elf_u32(image, at + chain) & 1)
			break;
	}
	*ret = last + 1;
	return true;
}

static bool count_sysv(const struct elf_image *image, uint64_t vaddr, uint64_t *ret)
{
	uint64_t at;
	if (!elf_offset(image, vaddr, 8, &at, NULL))
		return false;
	*ret = elf_u32(image, at + 4);
	return true;
}

/* Names that linkers and sanitizers add on their own account. */
static bool is_toolchains(const char *name)
{
	static const char *const names[] = {"_init", "_fini", "_edata", "_end", "__bss_start", "_ftext", "_fdata", "_fbss"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "__odr_asan", 10) == 0 || strncmp(name, "__sancov", 8) == 0;
}

/* N of "ndrv_driver_vN"; 0: another name. */
static uint32_t entry_major(const char *name)
{
	static const char stem[] = "ndrv_driver_v";
	if (strncmp(name, stem, sizeof(stem) - 1) != 0)
		return 0;
	const char *digits = name + sizeof(stem) - 1;
	if (digits[0] < '1' || digits[0] > '9' || strlen(digits) > 6 || strspn(digits, "0123456789") != strlen(digits))
		return 0;
	return (uint32_t)strtoul(digits, NULL, 10);
}

static int add_symbol(const struct symbol *symbol, const char *name, struct elf_report *report, struct ndrv_error *err)
{
	uint8_t bind = ELF64_ST_BIND(symbol->info), type = ELF64_ST_TYPE(symbol->info);
	uint8_t visibility = ELF64_ST_VISIBILITY(symbol->other);
	if (symbol->section == SHN_UNDEF)
		return bind == STB_GLOBAL ? elf_names_add(&report->undefined, name, err) : 0;
	if (bind == STB_GNU_UNIQUE)
		report->gnu_unique = true;
	else if (bind != STB_GLOBAL && bind != STB_WEAK)
		return 0;
	if (visibility == STV_HIDDEN || visibility == STV_INTERNAL)
		return 0;
	/* An absolute one without size is the name of a symbol version. */
	if (symbol->section == SHN_ABS || is_toolchains(name))
		return 0;
	uint32_t major = type == STT_FUNC ? entry_major(name) : 0;
	if (!major)
		return elf_names_add(&report->exports, name, err);
	if (report->entry_count < ELF_ENTRIES_MAX)
		report->entries[report->entry_count++] = major;
	return 0;
}

int elf_read_symbols(const struct elf_image *image, const struct elf_dynamic *dynamic, struct elf_report *report,
		     struct ndrv_error *err)
{
	uint64_t count = 0, at, size = image->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	bool counted = dynamic->gnu_hash ? count_gnu(image, dynamic->gnu_hash, &count)
					 : dynamic->hash && count_sysv(image, dynamic->hash, &count);
	if (!counted)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: its symbols have no hash table inside the file");
	if (dynamic->syment && dynamic->syment != size)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: symbols of %llu bytes",
				 (unsigned long long)dynamic->syment);
	/* Both are 32-bit numbers at most: no overflow. */
	if (!elf_offset(image, dynamic->symtab, count * size, &at, NULL))
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: its table of symbols is not inside the file");
	for (uint64_t i = 1; i < count; i++) {
		struct symbol symbol;
		read_symbol(image, at + i * size, &symbol);
		const char *name = elf_string(dynamic, symbol.name);
		if (!name)
			return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: symbol %llu has no name in the file",
					 (unsigned long long)i);
		int rc = add_symbol(&symbol, name, report, err);
		if (rc)
			return rc;
	}
	return 0;
}
