/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/health.h"

#include <stdio.h>
#include <string.h>

#include "host/lifecycle/notify.h"

#define MEMORY (1u << 20)

struct findings {
	struct ndrv_arena *arena;
	struct ndrv_error *err;
	struct ndrv_value list;
	int rc;
};

static void add(struct findings *findings, const char *text)
{
	if (findings->rc)
		return;
	findings->rc = text ? ndrv_list_add(findings->arena, &findings->list, ndrv_string(text), findings->err)
			    : ndrv_fail(findings->err, NDRV_E_INTERNAL, "out of memory");
}

static void add_drivers(struct findings *findings, struct host *host)
{
	struct ndrv_value refused, orphans;

	findings->rc = drivers_refused(&host->drivers, findings->arena, &refused, findings->err);
	if (!findings->rc)
		findings->rc = keeper_orphans(&host->keeper, findings->arena, &orphans, findings->err);
	if (findings->rc)
		return;
	for (uint32_t i = 0; i < refused.count; i++) {
		const char *name = "", *message = "";
		(void)ndrv_map_string(&refused.u.items[i], "name", &name, NULL);
		(void)ndrv_map_string(&refused.u.items[i], "message", &message, NULL);
		add(findings, ndrv_arena_printf(findings->arena, "driver %s is refused: %s", name, message));
	}
	for (uint32_t i = 0; i < orphans.count; i++)
		add(findings,
		    ndrv_arena_printf(findings->arena, "driver %s has no file any more: it serves until its last network goes",
				      orphans.u.items[i].u.string));
}

static void add_count(struct findings *findings, const struct ndrv_value *map, const char *key, const char *what)
{
	const struct ndrv_value *found = map ? ndrv_map_get(map, key) : NULL;
	int64_t count = 0;

	if (found && found->type == NDRV_LIST)
		count = found->count;
	else if (found)
		(void)ndrv_map_int(map, key, &count, NULL);
	if (count > 0)
		add(findings, ndrv_arena_printf(findings->arena, "%lld %s", (long long)count, what));
}

int health_describe(struct host *host, struct ndrv_arena *arena, struct ndrv_value *map, struct ndrv_error *err)
{
	struct findings findings = {.arena = arena, .err = err, .list = {.type = NDRV_LIST}};

	add_drivers(&findings, host);
	add_count(&findings, map, "networks_without_driver", "networks without a driver");
	add_count(&findings, map, "networks_stuck", "networks wait for a call that passed its deadline");
	add_count(&findings, ndrv_map_get(map, "calls"), "stuck", "calls passed their deadline inside a driver");
	return findings.rc ? findings.rc : ndrv_map_set(arena, map, "degraded", findings.list, err);
}

void health_tell(struct host *host)
{
	struct arena arena;
	char text[sizeof(host->told)];

	arena_init(&arena, MEMORY);
	struct findings findings = {.arena = &arena.ndrv, .list = {.type = NDRV_LIST}};
	add_drivers(&findings, host);
	if (findings.list.count > 1)
		(void)snprintf(text, sizeof(text), "STATUS=degraded: %.160s; %u more: ndrvctl status",
			       findings.list.u.items[0].u.string, findings.list.count - 1);
	else if (findings.list.count)
		(void)snprintf(text, sizeof(text), "STATUS=degraded: %.200s", findings.list.u.items[0].u.string);
	else
		(void)snprintf(text, sizeof(text), "STATUS=serving");
	arena_reset(&arena);
	text[strcspn(text, "\n")] = '\0';
	if (findings.rc || strcmp(text, host->told) == 0)
		return;
	memcpy(host->told, text, sizeof(text));
	notify(text);
}
