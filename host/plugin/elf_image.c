/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/elf_image.h"

#include <byteswap.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

uint16_t elf_u16(const struct elf_image *image, uint64_t offset)
{
	uint16_t value;
	memcpy(&value, image->bytes + offset, sizeof(value));
	return image->swap ? bswap_16(value) : value;
}

uint32_t elf_u32(const struct elf_image *image, uint64_t offset)
{
	uint32_t value;
	memcpy(&value, image->bytes + offset, sizeof(value));
	return image->swap ? bswap_32(value) : value;
}

uint64_t elf_u64(const struct elf_image *image, uint64_t offset)
{
	uint64_t value;
	memcpy(&value, image->bytes + offset, sizeof(value));
	return image->swap ? bswap_64(value) : value;
}

uint64_t elf_word(const struct elf_image *image, uint64_t offset)
{
	return image->is64 ? elf_u64(image, offset) : elf_u32(image, offset);
}

void elf_segment(const struct elf_image *image, uint32_t index, struct elf_segment *ret)
{
	uint64_t at = image->phoff + (uint64_t)index * image->phentsize;
	ret->type = elf_u32(image, at);
	if (image->is64) {
		ret->flags = elf_u32(image, at + offsetof(Elf64_Phdr, p_flags));
		ret->offset = elf_u64(image, at + offsetof(Elf64_Phdr, p_offset));
		ret->vaddr = elf_u64(image, at + offsetof(Elf64_Phdr, p_vaddr));
		ret->filesz = elf_u64(image, at + offsetof(Elf64_Phdr, p_filesz));
		ret->memsz = elf_u64(image, at + offsetof(Elf64_Phdr, p_memsz));
		ret->align = elf_u64(image, at + offsetof(Elf64_Phdr, p_align));
	} else {
		ret->flags = elf_u32(image, at + offsetof(Elf32_Phdr, p_flags));
		ret->offset = elf_u32(image, at + offsetof(Elf32_Phdr, p_offset));
		ret->vaddr = elf_u32(image, at + offsetof(Elf32_Phdr, p_vaddr));
		ret->filesz = elf_u32(image, at + offsetof(Elf32_Phdr, p_filesz));
		ret->memsz = elf_u32(image, at + offsetof(Elf32_Phdr, p_memsz));
		ret->align = elf_u32(image, at + offsetof(Elf32_Phdr, p_align));
	}
}

bool elf_offset(const struct elf_image *image, uint64_t vaddr, uint64_t length, uint64_t *ret_offset, uint64_t *ret_rest)
{
	for (uint32_t i = 0; i < image->phnum; i++) {
		struct elf_segment segment;
		elf_segment(image, i, &segment);
		if (segment.type != PT_LOAD || vaddr < segment.vaddr || vaddr - segment.vaddr >= segment.filesz)
			continue;
		uint64_t into = vaddr - segment.vaddr;
		if (length > segment.filesz - into)
			return false;
		*ret_offset = segment.offset + into;
		if (ret_rest)
			*ret_rest = segment.filesz - into;
		return true;
	}
	return false;
}

const char *elf_string(const struct elf_dynamic *dynamic, uint64_t index)
{
	return dynamic->strings && index < dynamic->strsz ? dynamic->strings + index : NULL;
}

int elf_names_add(struct elf_names *names, const char *name, struct ndrv_error *err)
{
	names->count++;
	if (names->kept == ELF_NAMES_MAX)
		return 0;
	/* Doubles when the number kept is a power of two. */
	if ((names->kept & (names->kept - 1)) == 0) {
		size_t room = names->kept ? (size_t)names->kept * 2 : 1;
		const char **items = realloc(names->items, room * sizeof(*items));
		if (!items)
			return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory for %zu symbol names", room);
		names->items = items;
	}
	names->items[names->kept++] = name;
	return 0;
}
