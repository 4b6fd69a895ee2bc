/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "host/base/epoch.h"
#include "host/base/idmap.h"

struct object {
	struct idmap_node node;
	char id[24];
	unsigned number; /* plain: published by the add, and poisoned before the free */
};

static struct object *object_new(const char *prefix, unsigned number)
{
	struct object *object = calloc(1, sizeof(*object));

	(void)snprintf(object->id, sizeof(object->id), "%s%u", prefix, number);
	object->number = number;
	return object;
}

static void ids_are_found_whole(void **state)
{
	(void)state;
	struct idmap map;
	struct object *a = object_new("n", 1), *b = object_new("n", 10);

	assert_int_equal(idmap_init(&map), 0);
	assert_null(idmap_find(&map, "n1"));
	assert_int_equal(idmap_add(&map, &a->node, a->id), 0);
	assert_int_equal(idmap_add(&map, &b->node, b->id), 0);
	assert_ptr_equal(idmap_find(&map, "n1"), &a->node);
	assert_ptr_equal(idmap_find(&map, "n10"), &b->node);
	assert_null(idmap_find(&map, "n"));
	assert_null(idmap_find(&map, "n100"));
	assert_null(idmap_find(&map, ""));
	idmap_del(&map, &a->node);
	idmap_del(&map, &a->node);
	assert_null(idmap_find(&map, "n1"));
	assert_int_equal(atomic_load(&map.count), 1);
	idmap_done(&map);
	free(a);
	free(b);
}

/* Ids that differ in one place only, wherever it is and however long they are. */
static void the_hash_covers_every_byte(void **state)
{
	(void)state;
	char id[130];

	for (size_t length = 1; length < 129; length++) {
		memset(id, '0', length);
		id[length] = '\0';
		uint64_t plain = idmap_hash(id, length);
		for (size_t at = 0; at < length; at++) {
			id[at] = '1';
			assert_true(idmap_hash(id, length) != plain);
			id[at] = '0';
		}
		assert_true(idmap_hash(id, length - 1) != plain);
	}
}

struct walk {
	struct idmap *map;
	unsigned seen, stop_at;
	bool delete;
};

static int visit(struct idmap_node *node, void *data)
{
	struct walk *walk = data;

	walk->seen++;
	if (walk->delete)
		idmap_del(walk->map, node);
	return walk->seen == walk->stop_at ? 3 : 0;
}

static void thousands_grow_and_go_in_any_order(void **state)
{
	(void)state;
	enum { COUNT = 5000 };
	static struct object *objects[COUNT];
	struct idmap map;

	assert_int_equal(idmap_init(&map), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = object_new("id", i);
		assert_int_equal(idmap_add(&map, &objects[i]->node, objects[i]->id), 0);
	}
	for (unsigned i = 0; i < COUNT; i += 3)
		idmap_del(&map, &objects[i]->node);
	for (unsigned i = 0; i < COUNT; i++)
		assert_ptr_equal(idmap_find(&map, objects[i]->id), i % 3 ? &objects[i]->node : NULL);
	struct walk walk = {.map = &map, .stop_at = 10};
	assert_int_equal(idmap_each(&map, visit, &walk), 3);
	assert_int_equal(walk.seen, 10);
	walk = (struct walk){.map = &map, .delete = true};
	assert_int_equal(idmap_each(&map, visit, &walk), 0);
	assert_int_equal(walk.seen, COUNT - (COUNT + 2) / 3);
	assert_int_equal(atomic_load(&map.count), 0);
	for (unsigned i = 0; i < COUNT; i++)
		free(objects[i]);
	idmap_done(&map);
}

/* Adding and deleting for ever must not fill the table with tombstones. */
static void a_map_that_churns_stays_small(void **state)
{
	(void)state;
	struct idmap map;
	struct object *object = object_new("churn", 0);

	assert_int_equal(idmap_init(&map), 0);
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(idmap_add(&map, &object->node, object->id), 0);
		idmap_del(&map, &object->node);
	}
	assert_true(atomic_load(&map.table)->mask < 256);
	idmap_done(&map);
	free(object);
}

#define IDS 200u

struct shared {
	struct idmap map;
	struct object *constant[IDS];
	_Atomic bool stop;
	_Atomic unsigned long found, lost, wrong;
};

/* The constant ones must be found always, the others be right when found. */
static void *read_it(void *data)
{
	struct shared *shared = data;
	char id[24];

	for (unsigned i = 0; !atomic_load(&shared->stop); i++) {
		unsigned number = i % IDS;
		(void)snprintf(id, sizeof(id), "constant%u", number);
		epoch_enter();
		struct object *object = (struct object *)(void *)idmap_find(&shared->map, id);
		if (!object)
			atomic_fetch_add(&shared->lost, 1);
		else if (object->number != number)
			atomic_fetch_add(&shared->wrong, 1);
		epoch_leave();
		(void)snprintf(id, sizeof(id), "moving%u", number);
		epoch_enter();
		object = (struct object *)(void *)idmap_find(&shared->map, id);
		if (object && object->number != number)
			atomic_fetch_add(&shared->wrong, 1);
		atomic_fetch_add(&shared->found, object != NULL);
		epoch_leave();
	}
	return NULL;
}

static void churn(struct shared *shared)
{
	struct object *moving[IDS];

	for (unsigned i = 0; i < IDS; i++) {
		moving[i] = object_new("moving", i);
		assert_int_equal(idmap_add(&shared->map, &moving[i]->node, moving[i]->id), 0);
	}
	for (unsigned i = 0; i < IDS; i++)
		idmap_del(&shared->map, &moving[i]->node);
	epoch_wait();
	for (unsigned i = 0; i < IDS; i++) {
		moving[i]->number = ~0u;
		free(moving[i]);
	}
}

static void readers_see_all_during_growth_and_deletes(void **state)
{
	(void)state;
	static struct shared shared;
	pthread_t readers[3];

	assert_int_equal(idmap_init(&shared.map), 0);
	for (unsigned i = 0; i < IDS; i++) {
		shared.constant[i] = object_new("constant", i);
		assert_int_equal(idmap_add(&shared.map, &shared.constant[i]->node, shared.constant[i]->id), 0);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_it, &shared), 0);
	for (unsigned round = 0; round < 100 || atomic_load(&shared.found) < 100; round++)
		churn(&shared);
	atomic_store(&shared.stop, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_int_equal(atomic_load(&shared.lost), 0);
	assert_int_equal(atomic_load(&shared.wrong), 0);
	for (unsigned i = 0; i < IDS; i++)
		free(shared.constant[i]);
	idmap_done(&shared.map);
}

struct section {
	_Atomic int step; /* 1: inside; 2: may leave */
	_Atomic bool left;
};

static void *stand_inside(void *data)
{
	struct section *section = data;

	epoch_enter();
	atomic_store(&section->step, 1);
	while (atomic_load(&section->step) != 2)
		;
	atomic_store(&section->left, true);
	epoch_leave();
	return NULL;
}

static void *let_go(void *data)
{
	struct section *section = data;

	while (atomic_load(&section->step) != 1)
		;
	for (volatile int i = 0; i < 2000000; i++)
		;
	atomic_store(&section->step, 2);
	return NULL;
}

static void a_wait_ends_only_after_the_sections_before_it(void **state)
{
	(void)state;
	struct section section = {0};
	pthread_t reader, helper;

	assert_int_equal(pthread_create(&reader, NULL, stand_inside, &section), 0);
	assert_int_equal(pthread_create(&helper, NULL, let_go, &section), 0);
	while (atomic_load(&section.step) == 0)
		;
	epoch_wait();
	assert_true(atomic_load(&section.left));
	pthread_join(reader, NULL);
	pthread_join(helper, NULL);
	/* A thread that has ended holds nobody up, and its slot is used again. */
	epoch_wait();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_found_whole),
		cmocka_unit_test(the_hash_covers_every_byte),
		cmocka_unit_test(thousands_grow_and_go_in_any_order),
		cmocka_unit_test(a_map_that_churns_stays_small),
		cmocka_unit_test(readers_see_all_during_growth_and_deletes),
		cmocka_unit_test(a_wait_ends_only_after_the_sections_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
