/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a driver file can be unfit is refused with its own sentence, and whoever served before goes on serving. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/badmods/fixture.h"
#include "tests/lib/test.h"

#define REFUSED NDRV_E_DRIVER_REFUSED

/* After each refusal: nothing new is there, the good driver answers, no code ran that should not. */
static void assert_serving(const struct fixture *fixture)
{
	struct registry_counts counts;
	registry_count(fixture->registry, &counts);
	assert_int_equal(counts.types, 1);
	assert_int_equal(counts.live, 1);
	assert_int_equal(counts.pending, 0);
	assert_int_equal(fixture_answer(fixture, "good"), 1);
	assert_int_equal(access(fixture->witness, F_OK), -1);
}

static int setup(void **state)
{
	struct ndrv_error err;
	fixture_setup(state);
	assert_ok(fixture_load(*state, "good", "good", &err), &err);
	return 0;
}

static const struct {
	const char *module;
	int code;
	const char *text;
} built[] = {
	{"no_note", REFUSED, "has no .note.ndrv note, so it is no driver"},
	{"wrong_major", REFUSED, "its note is of driver ABI 2.0, this host knows major 1"},
	{"note_size", REFUSED, "its note cannot be used: it says it has 12 bytes and has "},
	{"note_name", REFUSED, "its note cannot be used: it has no proper driver name"},
	{"note_type", REFUSED, "its note cannot be used: it names a type that is not 1 to 31 of a-z 0-9 _ . -"},
	{"note_types_none", REFUSED,
	 "its note cannot be used: it names no type and does not say that it registers types of its own"},
	{"note_scope", REFUSED, "its note cannot be used: its data scope is neither local nor global"},
	{"note_schema", REFUSED, "its note cannot be used: the oldest state it adopts is newer than the state it writes"},
	{"two_notes", REFUSED, "has 2 driver notes"},
	{"minor_too_new", REFUSED, "needs a host of driver ABI 1.7 or newer, this host is 1.0"},
	{"needs_unknown", REFUSED, "needs what this host does not have: bit 40"},
	{"needs_nat", REFUSED, "needs what this host does not have: nat"},
	{"entry_v2", REFUSED, "exports ndrv_driver_v2, this host knows v1"},
	{"no_entry", REFUSED, "does not export the function ndrv_driver_v1"},
	{"undefined", REFUSED, "undefined symbol: function_that_nobody_has"},
	{"exports", REFUSED, "exports helper_of_this_driver beside its entry function: hide it"},
	{"constructor_no_note", REFUSED, "has no .note.ndrv note"},
	{"constructor_runpath", REFUSED, "has a RUNPATH (/opt/example)"},
	{"liar_name", REFUSED, "the note in its code differs from the one in its file: name"},
	{"liar_type", REFUSED, "its code registers type war, which its note does not name"},
	{"liar_scope", REFUSED, "its code registers with another data scope than its note says"},
	{"liar_no_note", REFUSED, "its code registers without its note"},
	{"liar_more", REFUSED, "its note names type war, which its code does not register"},
	{"registers_nothing", REFUSED, "its note names type raw, which its code does not register"},
	{"bad_scope", NDRV_E_BAD_REQUEST, "registers with a scope that is neither local nor global"},
	{"ops_short", NDRV_E_BAD_REQUEST, "registers a table of ops of 12 bytes, which no version of it has"},
	{"ops_huge", NDRV_E_BAD_REQUEST, "registers a table of ops of 4294967288 bytes, which no version of it has"},
	{"ops_null", NDRV_E_BAD_REQUEST, "registers without a table of ops"},
	{"ops_other", REFUSED, "bytes, its note says 16"},
	{"taken", NDRV_E_ACTIVE_REGISTRATION, "Driver already registered for type \"good\""},
	{"entry_fails", NDRV_E_KERNEL_LACKS, "this kernel has no frobnicator"},
	{"entry_says_nothing", REFUSED, "its entry function failed with -77 and gave no reason"},
	{"entry_registers_then_fails", NDRV_E_INTERNAL, "changed my mind"},
	{"entry_ignores", NDRV_E_ACTIVE_REGISTRATION, "Driver already registered for type \"good\""},
	{"needed_missing", REFUSED, "needs the library libgone.so.1, which is not among those drivers may use"},
	{"needed_foreign", REFUSED, "needs the library libyaml-0.so.2, which is not among those drivers may use"},
	{"runpath", REFUSED, "has a RUNPATH (/opt/example)"},
	{"rpath", REFUSED, "has an RPATH (/opt/example)"},
	{"audit", REFUSED, "names an audit or filter library"},
	{"execstack", REFUSED, "wants an executable stack"},
	{"static_tls", REFUSED, "uses static thread-local storage"},
	{"textrel", REFUSED, "has text relocations"},
	{"write_exec", REFUSED, "has memory that is both writable and executable"},
	{"object", REFUSED, "is an object file (.o), not a shared object"},
	{"program", REFUSED, "is a program, not a shared object"},
};

static void files_that_are_unfit_are_refused_with_their_own_sentence(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++) {
		struct ndrv_error err;
		char file[64];
		int rc = fixture_load(fixture, built[i].module, "bad", &err);
		if (rc != -built[i].code || !strstr(err.text, built[i].text))
			fail_msg("%s gave %d \"%s\", not \"%s\"", built[i].module, rc, err.text, built[i].text);
		(void)snprintf(file, sizeof(file), "/%s.so: ", built[i].module);
		if (!strstr(err.text, file) || strncmp(err.text, "driver bad: ", 12) != 0)
			fail_msg("%s: the text names not both driver and file: %s", built[i].module, err.text);
		assert_serving(fixture);
	}
}

/* Writes the good module with `size` of its bytes and one number changed, and tries to load it. */
static void assert_patched(struct fixture *fixture, size_t at, uint8_t value, size_t size, const char *text)
{
	size_t whole;
	struct ndrv_error err = {0};
	unsigned char *bytes = fixture_bytes("good", &whole);
	if (at)
		bytes[at] = value;
	fixture_write(fixture, "patched.so", bytes, size && size < whole ? size : whole, 0644);
	free(bytes);
	const struct driver_request request = {.name = "bad", .path = fixture_path(fixture, "patched.so")};
	assert_fails(registry_load(fixture->registry, &request, NULL, &err), &err, REFUSED, text);
	assert_serving(fixture);
}

static void files_for_other_machines_are_named(void **state)
{
	uint8_t other = elf_host_machine() == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
	uint8_t order = elf_host_big_endian() ? ELFDATA2LSB : ELFDATA2MSB;
	assert_patched(*state, offsetof(Elf64_Ehdr, e_machine), other, 0, "built for ");
	assert_patched(*state, offsetof(Elf64_Ehdr, e_machine), 199, 0, "built for machine 199, this host is ");
	assert_patched(*state, EI_CLASS, 9, 0, "is of the unknown ELF class 9");
	assert_patched(*state, EI_DATA, 9, 0, "is of the unknown byte order 9");
	/* All numbers of the file read in another order point out of it. */
	assert_patched(*state, EI_DATA, order, 0, "truncated: its headers need ");
	assert_patched(*state, EI_CLASS, ELFCLASS32, 0, "");
}

static void truncated_files_are_refused_at_every_length(void **state)
{
	size_t size;
	char text[100];
	free(fixture_bytes("good", &size));
	assert_patched(*state, 0, 0, 5, "truncated: its headers need 16 bytes, the file has 5");
	assert_patched(*state, 0, 0, 63, "truncated: its headers need 64 bytes, the file has 63");
	for (size_t cut = 64; cut < size; cut += cut < 1024 ? 97 : size / 7) {
		(void)snprintf(text, sizeof(text), "bytes, the file has %zu", cut);
		assert_patched(*state, 0, 0, cut, text);
	}
	(void)snprintf(text, sizeof(text), "need %zu bytes, the file has %zu", size, size - 1);
	assert_patched(*state, 0, 0, size - 1, text);
}

static void assert_path(struct fixture *fixture, const char *path, const char *pin, int code, const char *text)
{
	struct ndrv_error err = {0};
	const struct driver_request request = {.name = "bad", .path = path, .sha256 = pin};
	assert_fails(registry_load(fixture->registry, &request, NULL, &err), &err, code, text);
	assert_non_null(strstr(err.text, path));
	assert_serving(fixture);
}

static void what_is_no_file_is_said_to_be_what_it_is(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "empty.so", "", 0, 0644);
	assert_path(fixture, fixture_path(fixture, "empty.so"), NULL, REFUSED, "is empty");
	fixture_write(fixture, "text.so", "#!/bin/sh\n", 10, 0644);
	assert_path(fixture, fixture_path(fixture, "text.so"), NULL, REFUSED, "is not a shared object (it has no ELF header)");
	assert_int_equal(mkdir(fixture_path(fixture, "dir.so"), 0755), 0);
	assert_path(fixture, fixture_path(fixture, "dir.so"), NULL, REFUSED, "is a directory, not a file");
	assert_int_equal(mkfifo(fixture_path(fixture, "fifo.so"), 0644), 0);
	assert_path(fixture, fixture_path(fixture, "fifo.so"), NULL, REFUSED, "is a FIFO, not a file");
	assert_path(fixture, fixture_path(fixture, "absent.so"), NULL, NDRV_E_NOT_FOUND, "there is no such file");
	assert_path(fixture, fixture_path(fixture, "absent/x.so"), NULL, NDRV_E_NOT_FOUND, "there is no such directory");
	assert_path(fixture, "relative.so", NULL, REFUSED, "the path must be absolute");
}

static void links_may_not_leave_the_directory(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	assert_int_equal(mkdir(fixture_path(fixture, "other"), 0755), 0);
	fixture_copy(fixture, "several", "other/several.so");
	assert_int_equal(symlink("other/several.so", fixture_path(fixture, "inside.so")), 0);
	assert_int_equal(symlink("../several.so", fixture_path(fixture, "other/outside.so")), 0);
	assert_int_equal(symlink("circle.so", fixture_path(fixture, "circle.so")), 0);
	assert_int_equal(symlink("/proc/self/exe", fixture_path(fixture, "magic.so")), 0);
	fixture_copy(fixture, "several", "several.so");
	assert_path(fixture, fixture_path(fixture, "other/outside.so"), NULL, REFUSED, "is a symbolic link out of its directory");
	assert_path(fixture, fixture_path(fixture, "magic.so"), NULL, REFUSED, "is a symbolic link out of its directory");
	assert_path(fixture, fixture_path(fixture, "circle.so"), NULL, REFUSED, "leads in a circle");
	const struct driver_request request = {.name = "fine", .path = fixture_path(fixture, "inside.so")};
	assert_ok(registry_load(fixture->registry, &request, NULL, &err), &err);
	assert_int_equal(fixture_answer(fixture, "three"), 1);
}

/* From here on this process is on a kernel without openat2. */
static int forget_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int read_without_openat2(const struct fixture *fixture)
{
	struct source source = {0};
	struct ndrv_error err = {0};
	if (forget_openat2() < 0)
		return 77;
	if (source_read(fixture_path(fixture, "several.so"), NULL, &source, &err) != 0)
		return 1;
	source_clear(&source);
	if (source_read(fixture_path(fixture, "link.so"), NULL, &source, &err) != -REFUSED)
		return 2;
	return strstr(err.text, "is a symbolic link, which this kernel cannot follow safely") ? 0 : 3;
}

static void without_openat2_no_link_is_followed(void **state)
{
	const struct fixture *fixture = *state;
	int status;
	fixture_copy(fixture, "several", "several.so");
	assert_int_equal(symlink("several.so", fixture_path(fixture, "link.so")), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(read_without_openat2(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void places_others_can_write_to_are_refused(void **state)
{
	struct fixture *fixture = *state;
	fixture_copy(fixture, "several", "several.so");
	assert_int_equal(chmod(fixture_path(fixture, "several.so"), 0646), 0);
	assert_path(fixture, fixture_path(fixture, "several.so"), NULL, REFUSED, "it can be written by anyone (mode 0646)");
	assert_int_equal(chmod(fixture_path(fixture, "several.so"), 0664), 0);
	assert_path(fixture, fixture_path(fixture, "several.so"), NULL, REFUSED, "it can be written by its group (mode 0664)");
	assert_int_equal(mkdir(fixture_path(fixture, "open"), 0755), 0);
	assert_int_equal(mkdir(fixture_path(fixture, "open/closed"), 0755), 0);
	fixture_copy(fixture, "several", "open/closed/several.so");
	assert_int_equal(chmod(fixture_path(fixture, "open"), 0775), 0);
	assert_path(fixture, fixture_path(fixture, "open/closed/several.so"), NULL, REFUSED,
		    "/open can be written by its group (mode 0775)");
	assert_int_equal(chmod(fixture_path(fixture, "open"), 0757), 0);
	assert_path(fixture, fixture_path(fixture, "open/closed/several.so"), NULL, REFUSED, "/open can be written by anyone");
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(fixture_path(fixture, "open"), 0755), 0);
	assert_int_equal(chown(fixture_path(fixture, "open/closed/several.so"), 12345, 0), 0);
	assert_path(fixture, fixture_path(fixture, "open/closed/several.so"), NULL, REFUSED,
		    "it belongs to user 12345, not to root");
}

static void a_pin_must_match(void **state)
{
	struct fixture *fixture = *state;
	struct inspection inspection;
	struct ndrv_error err = {0};
	char pin[80];
	fixture_copy(fixture, "several", "several.so");
	const char *path = fixture_path(fixture, "several.so");
	assert_path(fixture, path, "sha256:0000000000000000000000000000000000000000000000000000000000000000", REFUSED,
		    "the configuration asks for another");
	assert_path(fixture, path, "0123", REFUSED, "the sha256 asked for is not 64 hexadecimal digits");
	assert_ok(module_inspect(registry_policy(fixture->registry), path, NULL, &inspection, &err), &err);
	(void)snprintf(pin, sizeof(pin), "sha256:%s", inspection.source.sha256);
	inspection_clear(&inspection);
	const struct driver_request request = {.name = "pinned", .path = path, .sha256 = pin};
	assert_ok(registry_load(fixture->registry, &request, NULL, &err), &err);
}

static void a_library_that_is_allowed_and_missing_is_named_by_the_loader(void **state)
{
	struct fixture *fixture = *state;
	static const char *const extra[] = {"libgone.so.1", NULL};
	const struct policy policy = {.extra_libraries = extra};
	struct ndrv_error err = {0};
	struct stage stage;
	struct module *module;
	fixture_copy(fixture, "needed_missing", "needed_missing.so");
	assert_ok(stage_open(&stage, NULL, &err), &err);
	assert_fails(module_open(&stage, &policy, fixture_path(fixture, "needed_missing.so"), NULL, "x", 1, &module, &err), &err,
		     NDRV_E_NO_SERVICE, "libgone.so.1: cannot open shared object file");
	stage_close(&stage);
	assert_serving(fixture);
}

static void a_refused_configuration_leaves_nothing_registered(void **state)
{
	struct fixture *fixture = *state;
	struct ndrv_error err = {0};
	const struct ndrv_pair pair = {.key = "wrong", .value = {.type = NDRV_BOOL}};
	const struct ndrv_value config = {.type = NDRV_MAP, .count = 1, .u.pairs = &pair};
	struct driver_request request = {.name = "bad", .path = fixture_copy(fixture, "several", "several.so"), .config = &config};
	assert_fails(registry_load(fixture->registry, &request, NULL, &err), &err, NDRV_E_UNKNOWN_OPTION,
		     "unknown option \"wrong\"");
	assert_serving(fixture);
	assert_string_equal(fixture->log, "good: configured 1\nbad: destroyed\n");
	request.path = fixture_copy(fixture, "old", "old.so");
	assert_fails(registry_load(fixture->registry, &request, NULL, &err), &err, NDRV_E_NOT_IMPLEMENTED,
		     "takes no configuration");
	assert_serving(fixture);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(files_that_are_unfit_are_refused_with_their_own_sentence),
		CASE(files_for_other_machines_are_named),
		CASE(truncated_files_are_refused_at_every_length),
		CASE(what_is_no_file_is_said_to_be_what_it_is),
		CASE(links_may_not_leave_the_directory),
		CASE(without_openat2_no_link_is_followed),
		CASE(places_others_can_write_to_are_refused),
		CASE(a_pin_must_match),
		CASE(a_library_that_is_allowed_and_missing_is_named_by_the_loader),
		CASE(a_refused_configuration_leaves_nothing_registered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
