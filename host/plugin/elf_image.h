/* SPDX-License-Identifier: Apache-2.0 */
/* Reading numbers, segments and addresses of an ELF image of any class and byte order; shared by the elf_*.c files only. */
#ifndef HOST_PLUGIN_ELF_IMAGE_H
#define HOST_PLUGIN_ELF_IMAGE_H

#include "host/plugin/elf.h"

struct elf_image {
	const unsigned char *bytes;
	size_t size;
	bool is64;
	bool swap; /* the file's byte order is not this machine's */
	uint64_t phoff;
	uint32_t phnum, phentsize;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

/* What the dynamic section says, addresses as in the file; 0: absent. */
struct elf_dynamic {
	uint64_t strtab, strsz, symtab, syment, hash, gnu_hash, init, init_array_bytes;
	uint64_t soname, rpath, runpath; /* offsets into the string table plus 1; 0: absent */
	uint64_t offset, count;		 /* the entries themselves */
	const char *strings;
};

/* The caller knows that the number is inside the file. */
uint16_t elf_u16(const struct elf_image *image, uint64_t offset);
uint32_t elf_u32(const struct elf_image *image, uint64_t offset);
uint64_t elf_u64(const struct elf_image *image, uint64_t offset);
/* 4 or 8 bytes, by class. */
uint64_t elf_word(const struct elf_image *image, uint64_t offset);
#define ELF_WORD(image) ((image)->is64 ? 8u : 4u)

void elf_segment(const struct elf_image *image, uint32_t index, struct elf_segment *ret);
/* Where `length` bytes at an address are in the file; false: not in one PT_LOAD. `ret_rest`, may be NULL: bytes up to its end. */
bool elf_offset(const struct elf_image *image, uint64_t vaddr, uint64_t length, uint64_t *ret_offset, uint64_t *ret_rest);
/* NULL: no string there. */
const char *elf_string(const struct elf_dynamic *dynamic, uint64_t index);
int elf_names_add(struct elf_names *names, const char *name, struct ndrv_error *err);

int elf_read_symbols(const struct elf_image *image, const struct elf_dynamic *dynamic, struct elf_report *report,
		     struct ndrv_error *err);
void elf_read_notes(const struct elf_image *image, const struct elf_segment *segment, struct elf_report *report);

#endif
