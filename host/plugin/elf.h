/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight: what a driver file is, read from its bytes. Nothing of the file runs, nothing is mapped, every offset is checked:
 * the bytes may be hostile. Files of any architecture, class and byte order are read, so that a vendor's aarch64 package can be
 * looked at on another machine; what this host accepts is host/plugin/policy.h's question. */
#ifndef HOST_PLUGIN_ELF_H
#define HOST_PLUGIN_ELF_H

#include <stdbool.h>

#include <ndrv/driver.h>

/* Names borrowed from the inspected bytes. `count` may exceed `kept`: the list stops growing at ELF_NAMES_MAX. */
struct elf_names {
	const char **items;
	uint32_t kept;
	uint32_t count;
};

#define ELF_NAMES_MAX 4096u
#define ELF_ENTRIES_MAX 8u

struct elf_report {
	size_t bytes;
	uint32_t bits; /* 32 or 64 */
	bool big_endian;
	uint16_t type;	  /* ET_... */
	uint16_t machine; /* EM_... */
	bool program;	  /* has an interpreter or says DF_1_PIE: meant to be run, not loaded */

	bool has_note;
	uint32_t note_bytes;		   /* as the file has it: the first bytes of `note_raw` */
	const void *note_raw;		   /* borrowed */
	struct ndrv_note note;		   /* in this machine's byte order; what the file's note lacks is 0 */
	uint32_t note_count;		   /* more than one is a mistake of the build */
	char note_problem[160];		   /* why the note cannot be believed; "" it can */
	uint32_t entries[ELF_ENTRIES_MAX]; /* majors N of exported ndrv_driver_vN, as found */
	uint32_t entry_count;

	struct elf_names exports;	      /* defined, global or weak, visible; without the entries and the linker's own */
	struct elf_names undefined;	      /* needed from elsewhere; weak ones are not in it */
	struct elf_names needed;	      /* DT_NEEDED */
	const char *soname, *runpath, *rpath; /* borrowed; NULL: none */

	bool exec_stack; /* marked, or no mark at all, which means the same to the loader */
	bool write_exec; /* a segment both writable and executable */
	bool textrel;
	bool static_tls;
	bool bind_now;
	bool relro;
	bool nodelete;
	bool gnu_unique;
	bool audit;	       /* DT_AUDIT, DT_DEPAUDIT, DT_FILTER or DT_AUXILIARY */
	uint32_t constructors; /* functions the loader runs at dlopen; compilers put one of their own into most files */
	char build_id[65];     /* hexadecimal, "" none */
};

/* DRIVER_REFUSED, with a sentence that has no file name in it (the caller wraps), for what is no ELF file, is cut short or
 * contradicts itself. On success the report borrows from `bytes`; free it with elf_report_clear() before them. */
int elf_inspect(const void *bytes, size_t size, struct elf_report *ret, struct ndrv_error *err);
void elf_report_clear(struct elf_report *report);

/* "x86-64", "aarch64", ... or "machine 183"; `text` of ELF_MACHINE_TEXT bytes is used only for the latter. */
#define ELF_MACHINE_TEXT 24
const char *elf_machine_name(uint16_t machine, char *text);
/* What this host itself is. */
uint16_t elf_host_machine(void);
uint32_t elf_host_bits(void);
bool elf_host_big_endian(void);

/* 1..31 of [a-z0-9][a-z0-9_.-]*: a network type's name. */
bool elf_type_name_ok(const char *name);
/* The next type of a note: start with NULL; NULL at the end. Only for a note without note_problem. */
const char *note_type_next(const struct ndrv_note *note, const char *type);
bool note_has_type(const struct ndrv_note *note, const char *type);

#endif
