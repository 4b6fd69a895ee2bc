/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cmd/check_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/front/json.h"
#include "host/plugin/describe.h"

#define DEADLINE_NS (25 * NSEC_PER_SEC)

static void put(struct checking *checking, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (ndrv_map_set(&checking->arena.ndrv, map, key, value, NULL)) {
		(void)fputs("ndrv-check: out of memory\n", stderr);
		exit(CHECK_BAD);
	}
}

static struct ndrv_value text(struct checking *checking, const char *from)
{
	const char *copy = arena_strdup(&checking->arena, from);

	return ndrv_string(copy ? copy : "");
}

/* --- inspection --- */

static void print_note(const struct elf_report *report)
{
	static const char *const threading[] = {"any thread at any time", "one op at a time per network", "one op at a time"};
	static const char *const scopes[] = {"?", "local", "global"};
	const struct ndrv_note *note = &report->note;
	char machine[ELF_MACHINE_TEXT];

	(void)printf("  driver     %s %s by %s\n  types     ", note->name, note->version, note->vendor);
	for (const char *type = note_type_next(note, NULL); type; type = note_type_next(note, type))
		(void)printf(" %s", type);
	(void)printf("%s\n", note->flags & NDRV_DRIVER_DYNAMIC_TYPES ? " (and others of its own choice)" : "");
	(void)printf("  ABI        %u.%u, oldest host %u.%u, for %s of %u bits\n", note->abi_major, note->abi_minor,
		     note->abi_major, note->abi_minor_min, elf_machine_name(report->machine, machine), report->bits);
	(void)printf("  scope      data %s, connectivity %s\n", scopes[note->data_scope < 3 ? note->data_scope : 0],
		     scopes[note->connectivity_scope < 3 && note->connectivity_scope ? note->connectivity_scope
			    : note->data_scope < 3				     ? note->data_scope
										     : 0]);
	(void)printf("  threads    %s%s\n", threading[note->threading < 3 ? note->threading : 0],
		     note->flags & NDRV_DRIVER_OWN_THREADS ? "; has threads of its own, so cannot be swapped in process" : "");
	if (note->state_schema[0])
		(void)printf("  state      %s version %u, adopts from %u on\n", note->state_schema, note->state_version,
			     note->state_version_min);
}

static void print_inspection(const char *path, const struct inspection *inspection, const struct ndrv_error *error)
{
	const struct elf_report *report = &inspection->report;

	(void)printf("%s\n", path);
	if (report->has_note && !report->note_problem[0] && report->note.abi_major == NDRV_ABI_MAJOR)
		print_note(report);
	for (uint32_t i = 0; i < report->needed.kept; i++)
		(void)printf("%s%s%s", i ? " " : "  needs      ", report->needed.items[i],
			     i + 1 == report->needed.kept ? "\n" : "");
	if (inspection->source.sha256[0])
		(void)printf("  sha256     %s\n", inspection->source.sha256);
	for (uint32_t i = 0; i < inspection->verdict.count; i++)
		(void)printf("  %s %s\n", inspection->verdict.findings[i].refused ? "REFUSED   " : "warning   ",
			     inspection->verdict.findings[i].text);
	if (error->code && !inspection->verdict.refusals)
		(void)printf("  REFUSED    %s\n", error->text);
}

/* Who may write to a file is the installing system's question, not the vendor's: what is looked at and tried is a copy. */
static int copy_file(const char *path, char *dir, size_t room, char *copy, size_t copy_room, struct ndrv_error *err)
{
	const char *tmp = getenv("TMPDIR"), *base = strrchr(path, '/');
	FILE *from, *to;
	char bytes[65536];
	size_t count;

	if (snprintf(dir, room, "%s/ndrv-check-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp") >= (int)room || !mkdtemp(dir)) {
		dir[0] = '\0';
		return ndrv_fail_errno(err, errno, "a directory for a copy of %.128s", path);
	}
	(void)snprintf(copy, copy_room, "%s/%.100s", dir, base ? base + 1 : path);
	from = fopen(path, "re");
	if (!from)
		return ndrv_fail_errno(err, errno, "%.200s", path);
	to = fopen(copy, "we");
	bool good = to != NULL;
	while (good && (count = fread(bytes, 1, sizeof(bytes), from)) > 0)
		good = fwrite(bytes, 1, count, to) == count;
	good = good && !ferror(from);
	if (to && fclose(to))
		good = false;
	(void)fclose(from);
	return good ? 0 : ndrv_fail_errno(err, errno, "a copy of %.200s", path);
}

/* --- rules --- */

static void say_finding(const struct finding *finding, void *data)
{
	static const char *const words[] = {"ok", "FAILED", "skipped"};
	static const char *const names[] = {"passed", "failed", "skipped"};
	struct checking *checking = data;
	struct ndrv_value map = {0};

	checking->passed += finding->verdict == VERDICT_PASSED;
	checking->failed += finding->verdict == VERDICT_FAILED;
	checking->skipped += finding->verdict == VERDICT_SKIPPED;
	if (!checking->json) {
		(void)printf("  %-8s %-4s %s%s%s\n", words[finding->verdict], finding->rule->id, finding->rule->text,
			     finding->text[0] ? ": " : "", finding->text);
		(void)fflush(stdout);
		return;
	}
	put(checking, &map, "rule", ndrv_string(finding->rule->id));
	put(checking, &map, "text", ndrv_string(finding->rule->text));
	put(checking, &map, "result", ndrv_string(names[finding->verdict]));
	put(checking, &map, "why", text(checking, finding->text));
	put(checking, &map, "ms", ndrv_int((int64_t)(finding->ns / NSEC_PER_MSEC)));
	(void)ndrv_list_add(&checking->arena.ndrv, &checking->rules, map, NULL);
}

static int try_type(struct checking *checking, const char *file, const struct ndrv_note *note, const char *type,
		    struct ndrv_value *tried)
{
	const struct suite suite = {.target = {.file = file,
					       .type = type,
					       .note = note,
					       .options = checking->options,
					       .config = checking->config,
					       .beside = checking->beside,
					       .deadline_ns = DEADLINE_NS},
				    .only = checking->only,
				    .jobs = checking->jobs,
				    .verbose = checking->verbose,
				    .each = say_finding,
				    .data = checking};
	struct ndrv_error error = {0};
	struct ndrv_value map = {0};

	checking->rules = (struct ndrv_value){.type = NDRV_LIST};
	checking->passed = checking->failed = checking->skipped = 0;
	if (!checking->json)
		(void)printf("  type %s\n", type);
	int failed = suite_run(&suite, &error);
	if (failed < 0) {
		(void)fprintf(stderr, "ndrv-check: type %s cannot be tried here: %s\n", type, error.text);
		return CHECK_UNTRIED;
	}
	if (!checking->json)
		(void)printf("  type %s: %u passed, %u failed, %u skipped\n", type, checking->passed, checking->failed,
			     checking->skipped);
	put(checking, &map, "type", text(checking, type));
	put(checking, &map, "rules", checking->rules);
	put(checking, &map, "passed", ndrv_int(checking->passed));
	put(checking, &map, "failed", ndrv_int(checking->failed));
	put(checking, &map, "skipped", ndrv_int(checking->skipped));
	(void)ndrv_list_add(&checking->arena.ndrv, tried, map, NULL);
	return failed ? CHECK_BAD : CHECK_GOOD;
}

static int try_types(struct checking *checking, const char *file, const struct ndrv_note *note, struct ndrv_value *tried)
{
	int status = CHECK_GOOD;

	if (checking->type)
		return try_type(checking, file, note, checking->type, tried);
	for (const char *type = note_type_next(note, NULL); type; type = note_type_next(note, type)) {
		int each = try_type(checking, file, note, type, tried);
		status = each == CHECK_BAD || !status ? each : status;
	}
	if (!note->types[0])
		(void)fprintf(stderr, "ndrv-check: %s: its types are of its own choice: name one with --type\n", note->name);
	return note->types[0] ? status : CHECK_UNTRIED;
}

/* --- one file --- */

static int inspect_and_try(struct checking *checking, const char *path, const char *copy, struct ndrv_value *map)
{
	const struct policy policy = {.features = host_features()};
	struct ndrv_value tried = {.type = NDRV_LIST};
	struct inspection inspection = {0};
	struct ndrv_error error = {0};
	int status = CHECK_GOOD;

	bool refused = module_inspect(&policy, copy, NULL, &inspection, &error) != 0;
	if (!checking->json)
		print_inspection(path, &inspection, &error);
	(void)describe_inspection(&checking->arena.ndrv, &inspection, map, NULL);
	put(checking, map, "file", text(checking, path));
	put(checking, map, "error", text(checking, error.code ? error.text : ""));
	if (refused)
		status = CHECK_BAD;
	else if (!checking->inspect_only && geteuid() != 0) {
		(void)fputs("ndrv-check: the rules are tried in network namespaces, which needs root (--inspect needs none)\n",
			    stderr);
		status = CHECK_UNTRIED;
	} else if (!checking->inspect_only) {
		status = try_types(checking, copy, &inspection.report.note, &tried);
	}
	put(checking, map, "types", tried);
	inspection_clear(&inspection);
	return status;
}

int check_file(struct checking *checking, const char *path)
{
	struct ndrv_error error = {0};
	struct ndrv_value map = {0};
	char dir[96], copy[224] = "";
	int status = CHECK_BAD;

	if (copy_file(path, dir, sizeof(dir), copy, sizeof(copy), &error)) {
		(void)fprintf(stderr, "ndrv-check: %s\n", error.text);
		put(checking, &map, "file", text(checking, path));
		put(checking, &map, "error", text(checking, error.text));
	} else {
		status = inspect_and_try(checking, path, copy, &map);
	}
	(void)ndrv_list_add(&checking->arena.ndrv, &checking->files, map, NULL);
	if (copy[0])
		(void)unlink(copy);
	if (dir[0])
		(void)rmdir(dir);
	return status;
}

void check_begin(struct checking *checking)
{
	checking->files = (struct ndrv_value){.type = NDRV_LIST};
}

int check_end(struct checking *checking)
{
	struct ndrv_value document = {0};
	size_t bytes;

	if (!checking->json)
		return fflush(stdout);
	put(checking, &document, "files", checking->files);
	char *json = json_from_value(&document, &bytes);
	int rc = json && fwrite(json, 1, bytes, stdout) == bytes && !fflush(stdout) ? 0 : -1;
	free(json);
	return rc;
}
