/* SPDX-License-Identifier: Apache-2.0 */
/* Preflight on files made byte by byte, and the op table made whole. */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/base/arena.h"
#include "host/plugin/describe.h"
#include "tests/badmods/fixture.h"
#include "tests/badmods/forge.h"
#include "tests/lib/test.h"

static void notes_of_any_architecture_are_read(void **state)
{
	(void)state;
	static const struct {
		bool is64, big_endian;
		uint16_t machine;
		const char *name;
	} rows[] = {
		{true, false, EM_X86_64, "x86-64"}, {true, false, EM_AARCH64, "aarch64"}, {true, true, EM_S390, "s390"},
		{false, false, EM_ARM, "arm"},	    {false, true, EM_PPC, "ppc"},	  {false, false, EM_386, "i386"},
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t row = i / 2;
		char text[ELF_MACHINE_TEXT];
		struct forge forge = {.is64 = rows[row].is64,
				      .big_endian = rows[row].big_endian,
				      .machine = rows[row].machine,
				      .needed = "libc.so.6",
				      .sysv_hash = i % 2};
		struct elf_report report;
		struct ndrv_error err = {0};
		forge_make(&forge);
		assert_ok(elf_inspect(forge.bytes, forge.size, &report, &err), &err);
		assert_string_equal(elf_machine_name(report.machine, text), rows[row].name);
		assert_int_equal(report.bits, rows[row].is64 ? 64 : 32);
		assert_int_equal(report.big_endian, rows[row].big_endian);
		assert_true(report.has_note);
		assert_string_equal(report.note_problem, "");
		assert_int_equal(report.note.abi_major, 1);
		assert_int_equal(report.note.data_scope, NDRV_SCOPE_GLOBAL);
		assert_string_equal(report.note.name, "forged");
		assert_string_equal(note_type_next(&report.note, NULL), "forged");
		assert_true(note_has_type(&report.note, "other"));
		assert_false(note_has_type(&report.note, "oth"));
		assert_int_equal(report.entry_count, 1);
		assert_int_equal(report.entries[0], 1);
		assert_int_equal(report.exports.count, 0);
		assert_int_equal(report.undefined.count, 1);
		assert_string_equal(report.undefined.items[0], "malloc");
		assert_string_equal(report.needed.items[0], "libc.so.6");
		assert_true(report.bind_now);
		assert_false(report.exec_stack);
		elf_report_clear(&report);
	}
}

static void the_host_knows_what_it_is(void **state)
{
	(void)state;
	unsigned char head[20];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, head, sizeof(head)), sizeof(head));
	close(fd);
	uint16_t machine;
	memcpy(&machine, head + 18, sizeof(machine));
	assert_int_equal(elf_host_machine(), machine);
	assert_int_equal(elf_host_bits(), head[EI_CLASS] == ELFCLASS64 ? 64 : 32);
	assert_int_equal(elf_host_big_endian(), head[EI_DATA] == ELFDATA2MSB);
}

/* Makes a good file, overwrites `count` bytes, and expects the refusal. */
static void assert_broken(size_t (*at)(const struct forge *forge), int value, size_t count, const char *text)
{
	struct forge forge = {.is64 = true, .machine = elf_host_machine(), .big_endian = elf_host_big_endian()};
	struct elf_report report;
	struct ndrv_error err = {0};
	forge_make(&forge);
	memset(forge.bytes + at(&forge), value, count);
	assert_fails(elf_inspect(forge.bytes, forge.size, &report, &err), &err, NDRV_E_DRIVER_REFUSED, text);
}

static size_t at_strtab(const struct forge *forge)
{
	return forge->dynamic + 8;
}

static size_t at_strsz(const struct forge *forge)
{
	return forge->dynamic + 24;
}

static size_t at_symtab(const struct forge *forge)
{
	return forge->dynamic + 40;
}

static size_t at_buckets(const struct forge *forge)
{
	return forge->hash;
}

static size_t at_bucket(const struct forge *forge)
{
	return forge->hash + 24;
}

static size_t at_name(const struct forge *forge)
{
	return forge->symbols + sizeof(Elf64_Sym);
}

static size_t at_phentsize(const struct forge *forge)
{
	(void)forge;
	return offsetof(Elf64_Ehdr, e_phentsize);
}

static size_t at_filesz(const struct forge *forge)
{
	(void)forge;
	return sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz);
}

static size_t at_memsz(const struct forge *forge)
{
	(void)forge;
	return sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz);
}

static size_t at_load(const struct forge *forge)
{
	(void)forge;
	return sizeof(Elf64_Ehdr);
}

static size_t at_dynamic(const struct forge *forge)
{
	(void)forge;
	return sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
}

static void files_that_contradict_themselves_are_refused(void **state)
{
	(void)state;
	assert_broken(at_strtab, 0xff, 8, "its table of names is not inside the file");
	assert_broken(at_strsz, 0x7f, 4, "its table of names is not inside the file");
	assert_broken(at_strsz, 5, 1, "its table of names is not inside the file");
	assert_broken(at_symtab, 0xff, 8, "its table of symbols is not inside the file");
	assert_broken(at_buckets, 0xff, 4, "its symbols have no hash table inside the file");
	assert_broken(at_bucket, 0xff, 4, "its symbols have no hash table inside the file");
	assert_broken(at_name, 0xff, 4, "symbol 1 has no name in the file");
	assert_broken(at_phentsize, 1, 1, "program headers of 1 bytes");
	assert_broken(at_filesz, 0xff, 8, "truncated: its headers need 18446744073709551615 bytes");
	assert_broken(at_memsz, 0, 8, "a segment has more bytes in the file than in memory");
	assert_broken(at_load, 9, 1, "has nothing to load");
	assert_broken(at_dynamic, 9, 1, "has no dynamic section");
}

typedef int (*any_op)(void *self, struct ndrv_call *call);

static void every_slot_left_out_says_its_name(void **state)
{
	(void)state;
	const uint32_t head = offsetof(struct ndrv_ops, network_allocate);
	for (uint32_t size = head + sizeof(any_op); size <= sizeof(struct ndrv_ops); size += sizeof(any_op)) {
		struct ndrv_ops from, into;
		struct ndrv_error err = {0};
		uint64_t has;
		memset(&from, 0x11, sizeof(from));
		from.size = size;
		assert_ok(ops_normalise(&from, &into, &has, &err), &err);
		uint32_t slots = (uint32_t)((size - head) / sizeof(any_op));
		assert_int_equal(has, (UINT64_C(1) << slots) - 1);
		assert_memory_equal((const char *)&into + head, (const char *)&from + head, size - head);
		assert_int_equal(into.size, sizeof(into));
	}
	const struct ndrv_ops none = {.size = sizeof(none)};
	struct ndrv_ops into;
	struct ndrv_error err = {0};
	uint64_t has;
	assert_ok(ops_normalise(&none, &into, &has, &err), &err);
	assert_int_equal(has, 0);
#define SAYS(op, ...)                                                                                                    \
	do {                                                                                                             \
		struct ndrv_call call = {.size = sizeof(call), .err = &err};                                             \
		assert_fails(into.op(NULL, &call, ##__VA_ARGS__), &err, NDRV_E_NOT_IMPLEMENTED, #op ": The API is not"); \
		assert_string_equal(ops_name(OPS_SLOT(op)), #op);                                                        \
	} while (0)
	SAYS(network_allocate, NULL, NULL, NULL, NULL, NULL);
	SAYS(network_free, NULL);
	SAYS(network_create, NULL);
	SAYS(network_delete, NULL);
	SAYS(endpoint_create, NULL, NULL, NULL, NULL);
	SAYS(endpoint_delete, NULL, NULL);
	SAYS(endpoint_info, NULL, NULL, NULL);
	SAYS(join, NULL, NULL, NULL, NULL, NULL, NULL);
	SAYS(leave, NULL, NULL);
	SAYS(program_external, NULL, NULL, NULL, NULL);
	SAYS(revoke_external, NULL, NULL);
	SAYS(event_notify, NULL, NULL);
	SAYS(discover_new, NULL);
	SAYS(discover_delete, NULL);
	SAYS(decode_table_entry, NULL, NULL, NULL, 0, NULL, NULL);
	SAYS(gw_alloc_check, NULL, NULL);
	SAYS(ipv6_release, NULL, NULL);
	SAYS(configure, NULL);
	SAYS(prepare, NULL);
	SAYS(adopt, NULL, NULL, NULL);
	SAYS(export_state, NULL, NULL, 0, NULL);
	SAYS(health);
	struct ndrv_option_list list = {.count = 7};
	into.commit(NULL, NULL);
	into.abort(NULL, NULL);
	into.release(NULL, NULL, NULL);
	into.destroy(NULL);
	assert_int_equal(into.options(NULL, NDRV_OPTIONS_NETWORK, &list), -NDRV_E_NOT_IMPLEMENTED);
	assert_int_equal(list.count, 0);
	for (uint32_t slot = 0; slot < OPS_COUNT; slot++)
		assert_non_null(ops_name(slot));
	assert_null(ops_name(OPS_COUNT));
}

static void a_file_is_described_without_loading_it(void **state)
{
	struct fixture *fixture = *state;
	struct inspection inspection;
	struct ndrv_error err = {0};
	struct ndrv_value map;
	struct arena arena;
	const char *text;
	int flag = 1;
	fixture_copy(fixture, "constructor_runpath", "constructor_runpath.so");
	assert_fails(module_inspect(registry_policy(fixture->registry), fixture_path(fixture, "constructor_runpath.so"), NULL,
				    &inspection, &err),
		     &err, NDRV_E_DRIVER_REFUSED, "RUNPATH");
	arena_init(&arena, 1u << 20);
	assert_ok(describe_inspection(&arena.ndrv, &inspection, &map, &err), &err);
	inspection_clear(&inspection);
	assert_int_equal(ndrv_map_bool(&map, "accepted", &flag, &err), 1);
	assert_false(flag);
	assert_int_equal(ndrv_map_get(&map, "refusals")->count, 1);
	assert_int_equal(ndrv_map_string(ndrv_map_get(&map, "note"), "name", &text, &err), 1);
	assert_string_equal(text, "plain");
	assert_int_equal(ndrv_map_string(&map, "runpath", &text, &err), 1);
	assert_string_equal(text, "/opt/example");
	assert_int_equal(access(fixture->witness, F_OK), -1);
	assert_ok(fixture_load(fixture, "several", "many", &err), &err);
	assert_ok(describe_generation(&arena.ndrv, registry_driver(fixture->registry, "many"), &map, &err), &err);
	assert_int_equal(ndrv_map_get(&map, "types")->count, 3);
	assert_int_equal(ndrv_map_string(&map, "state", &text, &err), 1);
	assert_string_equal(text, "live");
	arena_reset(&arena);
}

int main(int argc, char **argv)
{
	/* test_elf DIRECTORY writes the forged files there: the seeds of tests/fuzz/elf. */
	for (unsigned i = 0; argc == 2 && i < 8; i++) {
		struct forge forge = {.is64 = i & 1,
				      .big_endian = i & 2,
				      .sysv_hash = i & 4,
				      .needed = "libz.so.1",
				      .machine = i & 1 ? EM_X86_64 : EM_ARM};
		char path[512];
		forge_make(&forge);
		(void)snprintf(path, sizeof(path), "%s/forged_%u", argv[1], i);
		FILE *file = fopen(path, "w");
		if (!file || fwrite(forge.bytes, 1, forge.size, file) != forge.size || fclose(file) != 0)
			return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_of_any_architecture_are_read),
		cmocka_unit_test(the_host_knows_what_it_is),
		cmocka_unit_test(files_that_contradict_themselves_are_refused),
		cmocka_unit_test(every_slot_left_out_says_its_name),
		cmocka_unit_test_setup_teardown(a_file_is_described_without_loading_it, fixture_setup, fixture_teardown),
	};
	return argc == 2 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
