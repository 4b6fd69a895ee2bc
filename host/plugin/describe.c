/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin/describe.h"

#include <string.h>

/* A tree under construction; the first failure (out of memory) makes all else do nothing. */
struct out {
	struct ndrv_arena *arena;
	struct ndrv_error *err;
	int rc;
};

static void put(struct out *out, struct ndrv_value *map, const char *key, struct ndrv_value value)
{
	if (out->rc == 0)
		out->rc = ndrv_map_set(out->arena, map, key, value, out->err);
}

static void append(struct out *out, struct ndrv_value *list, struct ndrv_value value)
{
	if (out->rc == 0)
		out->rc = ndrv_list_add(out->arena, list, value, out->err);
}

static struct ndrv_value text(struct out *out, const char *from)
{
	char *copy = ndrv_arena_strdup(out->arena, from ? from : "");
	if (!copy && out->rc == 0)
		out->rc = ndrv_fail(out->err, NDRV_E_INTERNAL, "out of memory for a description");
	return copy ? ndrv_string(copy) : ndrv_null();
}

static struct ndrv_value list_of(const struct elf_names *names, struct out *out)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	for (uint32_t i = 0; i < names->kept; i++)
		append(out, &list, text(out, names->items[i]));
	return list;
}

static struct ndrv_value findings_of(const struct policy_verdict *verdict, bool refused, struct out *out)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	for (uint32_t i = 0; i < verdict->count; i++)
		if (verdict->findings[i].refused == refused)
			append(out, &list, text(out, verdict->findings[i].text));
	return list;
}

static const char *scope_name(uint32_t scope)
{
	return scope == NDRV_SCOPE_LOCAL ? "local" : scope == NDRV_SCOPE_GLOBAL ? "global" : "unknown";
}

static struct ndrv_value bits_of(uint64_t bits, const char *const *names, size_t count, struct out *out)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(bits >> bit & 1))
			continue;
		char *unknown = bit < count ? NULL : ndrv_arena_printf(out->arena, "bit %u", bit);
		append(out, &list, text(out, bit < count ? names[bit] : unknown));
	}
	return list;
}

static void put_note(struct out *out, const struct ndrv_note *note, struct ndrv_value *map)
{
	static const char *const features[] = {"store", "tables", "nat", "timers", "swap"};
	static const char *const flags[] = {"dynamic_types", "unloadable", "own_threads", "deletes_endpoints"};
	static const char *const capability[] = {"no_ipam", "no_link", "host_sandbox", "single_network"};
	static const char *const threading[] = {"any", "network", "driver"};
	struct ndrv_value types = {.type = NDRV_LIST};
	*map = (struct ndrv_value){.type = NDRV_MAP};
	for (const char *type = note_type_next(note, NULL); type; type = note_type_next(note, type))
		append(out, &types, text(out, type));
	put(out, map, "name", text(out, note->name));
	put(out, map, "version", text(out, note->version));
	put(out, map, "vendor", text(out, note->vendor));
	put(out, map, "types", types);
	put(out, map, "abi_major", ndrv_int(note->abi_major));
	put(out, map, "abi_minor", ndrv_int(note->abi_minor));
	put(out, map, "abi_minor_min", ndrv_int(note->abi_minor_min));
	put(out, map, "needs", bits_of((uint64_t)note->needs_hi << 32 | note->needs_lo, features, 5, out));
	put(out, map, "wants", bits_of((uint64_t)note->wants_hi << 32 | note->wants_lo, features, 5, out));
	put(out, map, "flags", bits_of(note->flags, flags, 4, out));
	put(out, map, "capabilities", bits_of(note->capability_flags, capability, 4, out));
	put(out, map, "threading", ndrv_string(note->threading < 3 ? threading[note->threading] : "driver"));
	put(out, map, "scope", ndrv_string(scope_name(note->data_scope)));
	put(out, map, "connectivity_scope",
	    ndrv_string(scope_name(note->connectivity_scope ? note->connectivity_scope : note->data_scope)));
	put(out, map, "state_schema", text(out, note->state_schema));
	put(out, map, "state_version", ndrv_int(note->state_version));
	put(out, map, "state_version_min", ndrv_int(note->state_version_min));
	put(out, map, "ops_size", ndrv_int(note->ops_size));
}

int describe_note(struct ndrv_arena *arena, const struct ndrv_note *note, struct ndrv_value *ret, struct ndrv_error *err)
{
	struct out out = {.arena = arena, .err = err};
	put_note(&out, note, ret);
	return out.rc;
}

static void put_report(struct out *out, const struct elf_report *report, struct ndrv_value *map)
{
	struct ndrv_value entries = {.type = NDRV_LIST}, note = {.type = NDRV_NULL};
	char machine[ELF_MACHINE_TEXT];
	for (uint32_t i = 0; i < report->entry_count; i++)
		append(out, &entries, ndrv_int(report->entries[i]));
	/* A note of another major, or one that is broken, has nothing that could be relied on. */
	if (report->has_note && !report->note_problem[0] && report->note.abi_major == NDRV_ABI_MAJOR)
		put_note(out, &report->note, &note);
	put(out, map, "machine", text(out, elf_machine_name(report->machine, machine)));
	put(out, map, "bits", ndrv_int(report->bits));
	put(out, map, "big_endian", ndrv_bool(report->big_endian));
	put(out, map, "build_id", text(out, report->build_id));
	put(out, map, "entries", entries);
	put(out, map, "needed", list_of(&report->needed, out));
	put(out, map, "exports", list_of(&report->exports, out));
	put(out, map, "undefined", list_of(&report->undefined, out));
	put(out, map, "runpath", text(out, report->runpath ? report->runpath : report->rpath));
	put(out, map, "bind_now", ndrv_bool(report->bind_now));
	put(out, map, "relro", ndrv_bool(report->relro));
	put(out, map, "exec_stack", ndrv_bool(report->exec_stack));
	put(out, map, "write_exec", ndrv_bool(report->write_exec));
	put(out, map, "textrel", ndrv_bool(report->textrel));
	put(out, map, "static_tls", ndrv_bool(report->static_tls));
	put(out, map, "nodelete", ndrv_bool(report->nodelete));
	put(out, map, "gnu_unique", ndrv_bool(report->gnu_unique));
	put(out, map, "constructors", ndrv_int(report->constructors));
	put(out, map, "note_problem", text(out, report->note_problem));
	put(out, map, "note", note);
}

int describe_inspection(struct ndrv_arena *arena, const struct inspection *inspection, struct ndrv_value *ret,
			struct ndrv_error *err)
{
	struct out out = {.arena = arena, .err = err};
	struct ndrv_value map = {.type = NDRV_MAP};
	put(&out, &map, "file", text(&out, inspection->source.path));
	put(&out, &map, "bytes", ndrv_int((int64_t)inspection->source.size));
	put(&out, &map, "sha256", text(&out, inspection->source.sha256));
	put(&out, &map, "signed_by", text(&out, inspection->signer));
	put(&out, &map, "accepted", ndrv_bool(inspection->report.bits && !inspection->verdict.refusals));
	put(&out, &map, "refusals", findings_of(&inspection->verdict, true, &out));
	put(&out, &map, "warnings", findings_of(&inspection->verdict, false, &out));
	put_report(&out, &inspection->report, &map);
	*ret = map;
	return out.rc;
}

static struct ndrv_value instances_of(const struct generation *generation, struct out *out)
{
	struct ndrv_value list = {.type = NDRV_LIST};
	for (const struct instance *each = generation->instances; each; each = each->next) {
		struct ndrv_value map = {.type = NDRV_MAP}, ops = {.type = NDRV_LIST};
		if (each->gone || !each->type->name[0])
			continue;
		for (uint32_t slot = 0; slot < OPS_COUNT; slot++)
			if (each->has >> slot & 1)
				append(out, &ops, ndrv_string(ops_name(slot)));
		put(out, &map, "type", text(out, each->type->name));
		put(out, &map, "ops", ops);
		struct ndrv_value options = ndrv_null();
		if (out->rc == 0)
			out->rc = ndrv_value_copy(out->arena, &each->options, &options, out->err);
		put(out, &map, "options", options);
		append(out, &list, map);
	}
	return list;
}

int describe_generation(struct ndrv_arena *arena, const struct generation *generation, struct ndrv_value *ret,
			struct ndrv_error *err)
{
	static const char *const states[] = {"pending", "live", "standby", "retired"};
	const struct module *module = generation->module;
	struct out out = {.arena = arena, .err = err};
	struct ndrv_value map = {.type = NDRV_MAP}, note;
	put_note(&out, &module->note, &note);
	put(&out, &map, "driver", text(&out, generation->name));
	put(&out, &map, "generation", ndrv_int((int64_t)generation->number));
	put(&out, &map, "state", ndrv_string(states[generation->state]));
	put(&out, &map, "origin", text(&out, generation->origin));
	put(&out, &map, "critical", ndrv_bool(generation->critical));
	put(&out, &map, "file", text(&out, module->path));
	put(&out, &map, "bytes", ndrv_int((int64_t)module->bytes));
	put(&out, &map, "sha256", text(&out, module->sha256));
	put(&out, &map, "signed_by", text(&out, module->signer));
	put(&out, &map, "build_id", text(&out, module->build_id));
	put(&out, &map, "image", text(&out, module->staged.path));
	put(&out, &map, "warnings", findings_of(&module->warnings, false, &out));
	put(&out, &map, "types", instances_of(generation, &out));
	put(&out, &map, "note", note);
	*ret = map;
	return out.rc;
}
