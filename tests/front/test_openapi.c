/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.yaml and the table of routes say the same. */
#include "tests/lib/test.h"

#include <ctype.h>
#include <yaml.h>

#include "host/front/control.h"

static yaml_document_t document;

static const yaml_node_t *node_at(int index)
{
	return yaml_document_get_node(&document, index);
}

static const char *text_of(const yaml_node_t *node)
{
	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

static const yaml_node_t *member(const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++)
		if (strcmp(text_of(node_at(pair->key)), key) == 0)
			return node_at(pair->value);
	return NULL;
}

static int setup(void **state)
{
	yaml_parser_t parser;
	FILE *in = fopen(OPENAPI, "re");

	(void)state;
	if (!in || !yaml_parser_initialize(&parser))
		return -1;
	yaml_parser_set_input_file(&parser, in);
	int ok = yaml_parser_load(&parser, &document);
	if (!ok)
		print_error("%s:%zu: %s\n", OPENAPI, parser.problem_mark.line + 1, parser.problem);
	yaml_parser_delete(&parser);
	(void)fclose(in);
	return ok ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	yaml_document_delete(&document);
	return 0;
}

static const yaml_node_t *paths(void)
{
	const yaml_node_t *found = member(yaml_document_get_root_node(&document), "paths");
	assert_non_null(found);
	return found;
}

static const char *lower(const char *method, char *text, size_t room)
{
	size_t i = 0;
	for (; method[i] && i + 1 < room; i++)
		text[i] = (char)tolower((unsigned char)method[i]);
	text[i] = '\0';
	return text;
}

static void every_route_is_described(void **state)
{
	char method[16], status[16], reference[64];

	(void)state;
	for (size_t i = 0; i < control_route_count; i++) {
		const struct route *route = &control_routes[i];
		const yaml_node_t *path = member(paths(), route->path);
		const yaml_node_t *operation = member(path, lower(route->method, method, sizeof(method)));
		if (!operation)
			fail_msg("%s %s is not in openapi.yaml", route->method, route->path);
		(void)snprintf(status, sizeof(status), "%u", route->success);
		if (!member(member(operation, "responses"), status) || !member(member(operation, "responses"), "default"))
			fail_msg("%s %s lacks the response %s, or default", route->method, route->path, status);
		if (!member(operation, "requestBody") != !route->decode)
			fail_msg("%s %s: requestBody is wrong", route->method, route->path);
		static const struct {
			uint32_t flag;
			const char *name;
		} queries[] = {{QUERY_FORCE, "force"},
			       {QUERY_DRY_RUN, "dry_run"},
			       {QUERY_NETWORK, "network"},
			       {QUERY_SYNC, "sync"},
			       {QUERY_GONE, "sandbox_gone"}};
		const yaml_node_t *list = member(operation, "parameters");
		for (size_t q = 0; q < sizeof(queries) / sizeof(*queries); q++) {
			bool found = false;
			(void)snprintf(reference, sizeof(reference), "#/components/parameters/query_%s", queries[q].name);
			for (const yaml_node_item_t *item = list ? list->data.sequence.items.start : NULL;
			     item && item < list->data.sequence.items.top; item++)
				found |= strcmp(text_of(member(node_at(*item), "$ref")), reference) == 0;
			if (found != ((route->query & queries[q].flag) != 0))
				fail_msg("%s %s: parameter %s is wrong", route->method, route->path, queries[q].name);
		}
	}
}

static bool is_route(const char *path, const char *method)
{
	char text[16];

	for (size_t i = 0; i < control_route_count; i++)
		if (strcmp(control_routes[i].path, path) == 0 &&
		    strcmp(lower(control_routes[i].method, text, sizeof(text)), method) == 0)
			return true;
	return false;
}

static void nothing_is_described_that_is_not_there(void **state)
{
	const yaml_node_t *all = paths();
	unsigned count = 0;

	(void)state;
	for (const yaml_node_pair_t *path = all->data.mapping.pairs.start; path < all->data.mapping.pairs.top; path++) {
		const yaml_node_t *methods = node_at(path->value);
		const yaml_node_pair_t *method = methods->data.mapping.pairs.start;
		for (; method < methods->data.mapping.pairs.top; method++) {
			const char *name = text_of(node_at(method->key));
			if (strcmp(name, "parameters") == 0)
				continue;
			if (!is_route(text_of(node_at(path->key)), name))
				fail_msg("openapi.yaml has %s %s, the host has not", name, text_of(node_at(path->key)));
			count++;
		}
	}
	assert_int_equal(count, control_route_count);
}

/* Every "$ref" leads somewhere. */
static void references_lead_somewhere(void **state)
{
	const yaml_node_t *root = yaml_document_get_root_node(&document);
	unsigned count = 0;

	(void)state;
	for (const yaml_node_t *node = document.nodes.start; node < document.nodes.top; node++) {
		const char *text = text_of(member(node, "$ref"));
		char kind[64], name[64];
		if (!*text)
			continue;
		count++;
		if (sscanf(text, "#/components/%63[a-z]/%63[A-Za-z_]", kind, name) != 2 ||
		    !member(member(member(root, "components"), kind), name))
			fail_msg("%s leads nowhere", text);
	}
	assert_true(count > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_described),
		cmocka_unit_test(nothing_is_described_that_is_not_there),
		cmocka_unit_test(references_lead_somewhere),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
