/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/policy.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void finding(struct policy_verdict *verdict, bool refused, const char *fmt, ...) NDRV_PRINTF(3, 4);

/* Refusals stand before warnings; the last warning makes room when it gets tight. */
static void finding(struct policy_verdict *verdict, bool refused, const char *fmt, ...)
{
	if (verdict->count == POLICY_FINDINGS_MAX) {
		if (!refused || verdict->refusals == POLICY_FINDINGS_MAX)
			return;
		verdict->count--;
	}
	uint32_t at = verdict->count;
	if (refused) {
		at = verdict->refusals++;
		memmove(&verdict->findings[at + 1], &verdict->findings[at], (verdict->count - at) * sizeof(verdict->findings[0]));
	}
	verdict->count++;
	verdict->findings[at].refused = refused;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(verdict->findings[at].text, POLICY_TEXT_MAX, fmt, args);
	va_end(args);
}

#define refuse(verdict, ...) finding(verdict, true, __VA_ARGS__)
#define warn(verdict, ...) finding(verdict, false, __VA_ARGS__)

static void check_kind(const struct elf_report *report, struct policy_verdict *verdict)
{
	if (report->type == ET_REL)
		refuse(verdict, "is an object file (.o), not a shared object");
	else if (report->type == ET_CORE)
		refuse(verdict, "is a core dump, not a shared object");
	else if (report->type != ET_DYN || report->program)
		refuse(verdict, "is a program, not a shared object");
}

static void check_machine(const struct elf_report *report, struct policy_verdict *verdict)
{
	char theirs[ELF_MACHINE_TEXT], ours[ELF_MACHINE_TEXT];
	const char *their_name = elf_machine_name(report->machine, theirs);
	const char *our_name = elf_machine_name(elf_host_machine(), ours);
	if (report->bits != elf_host_bits())
		refuse(verdict, "built for %u-bit %s, this host is %u-bit %s", report->bits, their_name, elf_host_bits(), our_name);
	else if (report->machine != elf_host_machine())
		refuse(verdict, "built for %s, this host is %s", their_name, our_name);
	else if (report->big_endian != elf_host_big_endian())
		refuse(verdict, "built for a %s-endian machine, this host is %s-endian", report->big_endian ? "big" : "little",
		       elf_host_big_endian() ? "big" : "little");
}

/* "store, tables, bit 40" */
static void feature_names(uint64_t bits, char *text, size_t room)
{
	static const char *const names[] = {"store", "tables", "nat", "timers", "swap"};
	size_t at = 0;
	text[0] = 0;
	for (unsigned bit = 0; bit < 64 && at < room; bit++) {
		int more = 0;
		if (!(bits >> bit & 1))
			continue;
		if (bit < sizeof(names) / sizeof(names[0]))
			more = snprintf(text + at, room - at, "%s%s", at ? ", " : "", names[bit]);
		else
			more = snprintf(text + at, room - at, "%sbit %u", at ? ", " : "", bit);
		at += more > 0 ? (size_t)more : 0;
	}
}

static void check_note(const struct policy *policy, const struct elf_report *report, struct policy_verdict *verdict)
{
	const struct ndrv_note *note = &report->note;
	if (!report->has_note) {
		refuse(verdict, "has no %s note, so it is no driver: a driver is made with NDRV_DRIVER()", NDRV_NOTE_SECTION);
		return;
	}
	if (report->note_count > 1)
		refuse(verdict, "has %u driver notes: one NDRV_DRIVER() per file", report->note_count);
	if (note->abi_major != NDRV_ABI_MAJOR && report->note_bytes >= 8) {
		refuse(verdict, "its note is of driver ABI %u.%u, this host knows major %u", note->abi_major, note->abi_minor,
		       NDRV_ABI_MAJOR);
		return;
	}
	if (report->note_problem[0]) {
		refuse(verdict, "its note cannot be used: %s", report->note_problem);
		return;
	}
	if (note->abi_minor_min > NDRV_ABI_MINOR)
		refuse(verdict, "needs a host of driver ABI %u.%u or newer, this host is %u.%u", note->abi_major,
		       note->abi_minor_min, NDRV_ABI_MAJOR, NDRV_ABI_MINOR);
	uint64_t needs = (uint64_t)note->needs_hi << 32 | note->needs_lo;
	if (needs & ~policy->features) {
		char names[120];
		feature_names(needs & ~policy->features, names, sizeof(names));
		refuse(verdict, "needs what this host does not have: %s", names);
	}
}

static void check_entries(const struct elf_report *report, struct policy_verdict *verdict)
{
	const char *other = report->exports.kept ? report->exports.items[0] : NULL;
	uint32_t newest = 0;
	bool known = false;
	for (uint32_t i = 0; i < report->entry_count; i++) {
		known |= report->entries[i] == NDRV_ABI_MAJOR;
		newest = report->entries[i] > newest ? report->entries[i] : newest;
	}
	if (!known && newest)
		refuse(verdict, "exports ndrv_driver_v%u, this host knows v%u", newest, NDRV_ABI_MAJOR);
	else if (!known)
		refuse(verdict, "does not export the function %s", NDRV_ENTRY_V1);
	if (other && report->exports.count == 1)
		refuse(verdict, "exports %.80s beside its entry function: hide it (-fvisibility=hidden)", other);
	else if (other)
		refuse(verdict, "exports %.80s and %u more beside its entry function: hide them (-fvisibility=hidden)", other,
		       report->exports.count - 1);
}

bool policy_library_ok(const struct policy *policy, const char *library)
{
	static const char *const names[] = {
		"libc.so.6",  "libm.so.6",     "libnl-3.so.200", "libnl-route-3.so.200", "libpthread.so.0",
		"libdl.so.2", "libgcc_s.so.1", "librt.so.1",	 "libjansson.so.4",
	};
	static const char *const sanitizers[] = {"libasan.so.", "libubsan.so.", "libtsan.so.", "liblsan.so."};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(library, names[i]) == 0)
			return true;
	if (strncmp(library, "ld-linux", 8) == 0 && !strchr(library, '/'))
		return true;
	for (size_t i = 0; SANITIZED && i < sizeof(sanitizers) / sizeof(sanitizers[0]); i++)
		if (strncmp(library, sanitizers[i], strlen(sanitizers[i])) == 0)
			return true;
	for (const char *const *extra = policy->extra_libraries; extra && *extra; extra++)
		if (strcmp(library, *extra) == 0)
			return true;
	return false;
}

static void check_libraries(const struct policy *policy, const struct elf_report *report, struct policy_verdict *verdict)
{
	for (uint32_t i = 0; i < report->needed.kept; i++)
		if (!policy_library_ok(policy, report->needed.items[i]))
			refuse(verdict,
			       "needs the library %.80s, which is not among those drivers may use: link it statically into the "
			       "driver",
			       report->needed.items[i]);
	if (report->rpath)
		refuse(verdict, "has an RPATH (%.80s): drivers load libraries of the system only", report->rpath);
	if (report->runpath)
		refuse(verdict, "has a RUNPATH (%.80s): drivers load libraries of the system only", report->runpath);
	if (report->audit)
		refuse(verdict, "names an audit or filter library, which drivers may not");
}

static void check_hazards(const struct elf_report *report, struct policy_verdict *verdict)
{
	if (report->exec_stack)
		refuse(verdict, "wants an executable stack, which would make the host's executable for good: link with "
				"-z noexecstack");
	if (report->write_exec)
		refuse(verdict, "has memory that is both writable and executable");
	if (report->textrel)
		refuse(verdict, "has text relocations: compile with -fPIC");
	if (report->static_tls)
		refuse(verdict, "uses static thread-local storage, of which the host has little: do not compile with "
				"-ftls-model=initial-exec");
	if (!report->bind_now)
		warn(verdict, "is not linked with -z now");
	if (!report->relro)
		warn(verdict, "is not linked with -z relro");
	if (report->gnu_unique)
		warn(verdict, "has unique symbols (C++: -fno-gnu-unique), so it can never be unmapped");
	if (report->nodelete)
		warn(verdict, "is linked with -z nodelete, so it can never be unmapped");
}

/* What drivers are asked not to do, where the file shows it. Only warnings: a name proves no call. */
static void check_imports(const struct elf_report *report, struct policy_verdict *verdict)
{
	static const struct {
		const char *name, *instead;
	} rows[] = {
		{"setns", "the host gives netlink handles of the sandbox"},
		{"unshare", "the host makes namespaces"},
		{"fork", "drivers start no process"},
		{"vfork", "drivers start no process"},
		{"system", "drivers start no process"},
		{"popen", "drivers start no process"},
		{"execve", "drivers start no process"},
		{"execv", "drivers start no process"},
		{"execvp", "drivers start no process"},
		{"execl", "drivers start no process"},
		{"execlp", "drivers start no process"},
		{"posix_spawn", "drivers start no process"},
		{"posix_spawnp", "drivers start no process"},
		{"exit", "it would end the host"},
		{"_exit", "it would end the host"},
		{"abort", "it would end the host"},
		{"on_exit", "its handler outlives the driver"},
		{"signal", "signals are the host's"},
		{"sigaction", "signals are the host's"},
		{"dlopen", "libraries are the host's to load"},
	};
	bool threads_said = report->has_note && (report->note.flags & NDRV_DRIVER_OWN_THREADS);
	for (uint32_t i = 0; i < report->undefined.kept; i++) {
		const char *name = report->undefined.items[i];
		if (!threads_said && strcmp(name, "pthread_create") == 0)
			warn(verdict, "uses pthread_create() without the flag NDRV_DRIVER_OWN_THREADS");
		for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
			if (strcmp(name, rows[row].name) == 0)
				warn(verdict, "uses %s(): %s", name, rows[row].instead);
	}
}

int policy_check(const struct policy *policy, const struct elf_report *report, struct policy_verdict *ret, struct ndrv_error *err)
{
	*ret = (struct policy_verdict){0};
	check_kind(report, ret);
	check_machine(report, ret);
	/* What has no dynamic section has told nothing to judge by. */
	if (report->type == ET_DYN && !report->program) {
		check_note(policy, report, ret);
		check_entries(report, ret);
		check_libraries(policy, report, ret);
		check_hazards(report, ret);
		check_imports(report, ret);
	}
	return ret->refusals ? ndrv_fail(err, NDRV_E_DRIVER_REFUSED, "%s", ret->findings[0].text) : 0;
}
