/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/elf.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/plugin/elf_image.h"

/* Real files have about ten; more would only make a hostile one slow to read. */
#define SEGMENTS_MAX 256u

/* The linker's name for the header of the program this is part of. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

uint16_t elf_host_machine(void)
{
	return __ehdr_start.e_machine;
}

uint32_t elf_host_bits(void)
{
	return sizeof(void *) * 8;
}

bool elf_host_big_endian(void)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

const char *elf_machine_name(uint16_t machine, char *text)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_386, "i386"},	 {EM_X86_64, "x86-64"},
		{EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
		{EM_RISCV, "riscv"},	 {EM_PPC64, "ppc64"},
		{EM_PPC, "ppc"},	 {EM_S390, "s390"},
		{EM_MIPS, "mips"},	 {EM_LOONGARCH, "loongarch"},
		{EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"},
		{EM_ALPHA, "alpha"},	 {EM_68K, "m68k"},
		{EM_PARISC, "hppa"},	 {EM_SH, "sh"},
		{EM_NONE, "no machine"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	(void)snprintf(text, ELF_MACHINE_TEXT, "machine %u", machine);
	return text;
}

static uint64_t end_of(uint64_t offset, uint64_t length)
{
	return offset > UINT64_MAX - length ? UINT64_MAX : offset + length;
}

static int truncated(const struct elf_image *image, uint64_t need, struct ndrv_error *err)
{
	return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "truncated: its headers need %llu bytes, the file has %zu",
			 (unsigned long long)need, image->size);
}

static int read_ident(struct elf_image *image, struct elf_report *report, struct ndrv_error *err)
{
	const unsigned char *bytes = image->bytes;
	if (image->size == 0)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "is empty");
	if (image->size < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "is not a shared object (it has no ELF header)");
	if (image->size < EI_NIDENT)
		return truncated(image, EI_NIDENT, err);
	if (bytes[EI_CLASS] != ELFCLASS32 && bytes[EI_CLASS] != ELFCLASS64)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "is of the unknown ELF class %u", bytes[EI_CLASS]);
	if (bytes[EI_DATA] != ELFDATA2LSB && bytes[EI_DATA] != ELFDATA2MSB)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "is of the unknown byte order %u", bytes[EI_DATA]);
	image->is64 = bytes[EI_CLASS] == ELFCLASS64;
	report->big_endian = bytes[EI_DATA] == ELFDATA2MSB;
	report->bits = image->is64 ? 64 : 32;
	image->swap = report->big_endian != elf_host_big_endian();
	return 0;
}

static int read_header(struct elf_image *image, struct elf_report *report, struct ndrv_error *err)
{
	size_t header = image->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (image->size < header)
		return truncated(image, header, err);
	/* The two layouts are the same up to e_version. */
	report->type = elf_u16(image, offsetof(Elf64_Ehdr, e_type));
	report->machine = elf_u16(image, offsetof(Elf64_Ehdr, e_machine));
	uint64_t shoff, shentsize, shnum;
	if (image->is64) {
		image->phoff = elf_u64(image, offsetof(Elf64_Ehdr, e_phoff));
		image->phentsize = elf_u16(image, offsetof(Elf64_Ehdr, e_phentsize));
		image->phnum = elf_u16(image, offsetof(Elf64_Ehdr, e_phnum));
		shoff = elf_u64(image, offsetof(Elf64_Ehdr, e_shoff));
		shentsize = elf_u16(image, offsetof(Elf64_Ehdr, e_shentsize));
		shnum = elf_u16(image, offsetof(Elf64_Ehdr, e_shnum));
	} else {
		image->phoff = elf_u32(image, offsetof(Elf32_Ehdr, e_phoff));
		image->phentsize = elf_u16(image, offsetof(Elf32_Ehdr, e_phentsize));
		image->phnum = elf_u16(image, offsetof(Elf32_Ehdr, e_phnum));
		shoff = elf_u32(image, offsetof(Elf32_Ehdr, e_shoff));
		shentsize = elf_u16(image, offsetof(Elf32_Ehdr, e_shentsize));
		shnum = elf_u16(image, offsetof(Elf32_Ehdr, e_shnum));
	}
	uint64_t need = end_of(image->phoff, (uint64_t)image->phnum * image->phentsize);
	if (need > image->size)
		return truncated(image, need, err);
	if (image->phnum > SEGMENTS_MAX)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "has %u segments, more than any linker makes", image->phnum);
	size_t entry = image->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (image->phnum && image->phentsize < entry)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: program headers of %u bytes", image->phentsize);
	/* The loader does not read section headers, but a linker puts them last: they tell a file that was copied half. */
	if (shoff && end_of(shoff, shentsize * shnum) > image->size)
		return truncated(image, end_of(shoff, shentsize * shnum), err);
	return 0;
}

static int read_segment(const struct elf_image *image, const struct elf_segment *segment, struct elf_report *report,
			struct ndrv_error *err)
{
	bool in_file = segment->type == PT_LOAD || segment->type == PT_DYNAMIC || segment->type == PT_NOTE ||
		       segment->type == PT_INTERP || segment->type == PT_TLS;
	if (in_file && end_of(segment->offset, segment->filesz) > image->size)
		return truncated(image, end_of(segment->offset, segment->filesz), err);
	switch (segment->type) {
	case PT_LOAD:
		if (segment->filesz > segment->memsz)
			return ndrv_fail(err, NDRV_E_DRIVER_REFUSED,
					 "contradicts itself: a segment has more bytes in the file than in memory");
		if ((segment->flags & PF_W) && (segment->flags & PF_X))
			report->write_exec = true;
		break;
	case PT_INTERP:
		report->program = true;
		break;
	case PT_GNU_STACK:
		report->exec_stack = (segment->flags & PF_X) != 0;
		break;
	case PT_GNU_RELRO:
		report->relro = true;
		break;
	case PT_NOTE:
		elf_read_notes(image, segment, report);
		break;
	default:
		break;
	}
	return 0;
}

static void read_flags(uint64_t tag, uint64_t value, struct elf_report *report)
{
	if (tag == DT_FLAGS) {
		report->textrel |= (value & DF_TEXTREL) != 0;
		report->bind_now |= (value & DF_BIND_NOW) != 0;
		report->static_tls |= (value & DF_STATIC_TLS) != 0;
	} else if (tag == DT_FLAGS_1) {
		report->bind_now |= (value & DF_1_NOW) != 0;
		report->nodelete |= (value & DF_1_NODELETE) != 0;
		report->program |= (value & DF_1_PIE) != 0;
	} else if (tag == DT_TEXTREL) {
		report->textrel = true;
	} else if (tag == DT_BIND_NOW) {
		report->bind_now = true;
	} else if (tag == DT_AUDIT || tag == DT_DEPAUDIT || tag == DT_FILTER || tag == DT_AUXILIARY) {
		report->audit = true;
	}
}

static void read_tag(uint64_t tag, uint64_t value, struct elf_dynamic *dynamic)
{
	switch (tag) {
	case DT_STRTAB:
		dynamic->strtab = value;
		break;
	case DT_STRSZ:
		dynamic->strsz = value;
		break;
	case DT_SYMTAB:
		dynamic->symtab = value;
		break;
	case DT_SYMENT:
		dynamic->syment = value;
		break;
	case DT_HASH:
		dynamic->hash = value;
		break;
	case DT_GNU_HASH:
		dynamic->gnu_hash = value;
		break;
	case DT_INIT_ARRAYSZ:
		dynamic->init_array_bytes = value;
		break;
	case DT_SONAME:
		dynamic->soname = value + 1;
		break;
	case DT_RPATH:
		dynamic->rpath = value + 1;
		break;
	case DT_RUNPATH:
		dynamic->runpath = value + 1;
		break;
	default:
		break;
	}
}

static int read_strings(const struct elf_image *image, struct elf_dynamic *dynamic, struct elf_report *report,
			struct ndrv_error *err)
{
	uint64_t offset;
	if (!dynamic->strtab || dynamic->strsz == 0 || !elf_offset(image, dynamic->strtab, dynamic->strsz, &offset, NULL) ||
	    image->bytes[offset + dynamic->strsz - 1] != 0) {
		dynamic->strsz = 0;
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: its table of names is not inside the file");
	}
	dynamic->strings = (const char *)image->bytes + offset;
	for (uint64_t i = 0; i < dynamic->count; i++) {
		uint64_t at = dynamic->offset + i * 2 * ELF_WORD(image);
		if (elf_word(image, at) != DT_NEEDED)
			continue;
		const char *name = elf_string(dynamic, elf_word(image, at + ELF_WORD(image)));
		if (!name)
			return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "contradicts itself: a library it needs has no name");
		int rc = elf_names_add(&report->needed, name, err);
		if (rc)
			return rc;
	}
	report->soname = dynamic->soname ? elf_string(dynamic, dynamic->soname - 1) : NULL;
	report->rpath = dynamic->rpath ? elf_string(dynamic, dynamic->rpath - 1) : NULL;
	report->runpath = dynamic->runpath ? elf_string(dynamic, dynamic->runpath - 1) : NULL;
	if (dynamic->rpath && !report->rpath)
		report->rpath = "?";
	if (dynamic->runpath && !report->runpath)
		report->runpath = "?";
	return 0;
}

static int read_dynamic(const struct elf_image *image, const struct elf_segment *segment, struct elf_report *report,
			struct ndrv_error *err)
{
	struct elf_dynamic dynamic = {.offset = segment->offset};
	uint64_t entry = 2 * ELF_WORD(image);
	uint64_t count = segment->filesz / entry;
	for (; dynamic.count < count; dynamic.count++) {
		uint64_t at = dynamic.offset + dynamic.count * entry;
		uint64_t tag = elf_word(image, at);
		uint64_t value = elf_word(image, at + ELF_WORD(image));
		if (tag == DT_NULL)
			break;
		read_flags(tag, value, report);
		read_tag(tag, value, &dynamic);
	}
	report->constructors = (uint32_t)(dynamic.init_array_bytes / ELF_WORD(image));
	int rc = read_strings(image, &dynamic, report, err);
	return rc ? rc : elf_read_symbols(image, &dynamic, report, err);
}

static int inspect(struct elf_image *image, struct elf_report *report, struct ndrv_error *err)
{
	struct elf_segment dynamic = {0};
	bool loads = false;
	int rc = read_ident(image, report, err);
	if (rc == 0)
		rc = read_header(image, report, err);
	if (rc)
		return rc;
	report->exec_stack = true; /* until a PT_GNU_STACK says otherwise, as the loader sees it */
	for (uint32_t i = 0; i < image->phnum; i++) {
		struct elf_segment segment;
		elf_segment(image, i, &segment);
		rc = read_segment(image, &segment, report, err);
		if (rc)
			return rc;
		loads |= segment.type == PT_LOAD;
		if (segment.type == PT_DYNAMIC)
			dynamic = segment;
	}
	/* A .o file has no segments: say what it is, not what it lacks. */
	if (report->type != ET_DYN)
		return 0;
	if (!loads)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "has nothing to load (a file of debug symbols?)");
	if (!dynamic.filesz)
		return ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "has no dynamic section, so it is no shared object");
	return read_dynamic(image, &dynamic, report, err);
}

int elf_inspect(const void *bytes, size_t size, struct elf_report *ret, struct ndrv_error *err)
{
	struct elf_image image = {.bytes = bytes, .size = size};
	*ret = (struct elf_report){.bytes = size};
	int rc = inspect(&image, ret, err);
	if (rc)
		elf_report_clear(ret);
	return rc;
}

void elf_report_clear(struct elf_report *report)
{
	free(report->exports.items);
	free(report->undefined.items);
	free(report->needed.items);
	*report = (struct elf_report){0};
}
