/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "host/base/epoch.h"
#include "host/state/record.h"

static struct network *add(struct records *records, const char *id, const char *name)
{
	struct ndrv_error err = {0};
	struct network *network = network_new(id, name, "test");

	assert_non_null(network);
	assert_ok(records_add(records, network, NULL, &err), &err);
	return network;
}

static void remove_network(struct records *records, struct network *network)
{
	assert_true(turn_wait(&network->turn, 0));
	records_del(records, network);
	turn_pass(&network->turn);
	network_unref(network);
}

static void a_new_network_is_whole_where_drivers_look(void **state)
{
	(void)state;
	struct network *network = network_new("n1", NULL, "bridge");
	assert_string_equal(network->view.id, "n1");
	assert_string_equal(network->view.name, "");
	assert_string_equal(network->type, "bridge");
	assert_int_equal(network->view.options->type, NDRV_MAP);
	assert_int_equal(network->view.ipv4.element_size, sizeof(struct ndrv_ipam_data));
	struct endpoint *endpoint = endpoint_new(network, "e1", NULL);
	assert_ptr_equal(endpoint->view.network, &network->view);
	assert_string_equal(endpoint->view.sandbox_key, "");
	assert_string_equal(endpoint->name, "");
	endpoint_free(endpoint);
	network_free(network);
}

static void networks_are_found_by_id_name_and_beginning(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct records *records = records_new();
	struct network *one = add(records, "abcd1111", "blue"), *two = add(records, "abcd2222", "abcd1111x");
	struct network *found = NULL;

	epoch_enter();
	assert_ptr_equal(records_find(records, "abcd1111"), one);
	assert_null(records_find(records, "abcd"));
	assert_ptr_equal(records_find_name(records, "blue"), one);
	assert_null(records_find_name(records, ""));
	epoch_leave();
	assert_ok(records_resolve(records, "blue", &found, &err), &err);
	assert_ptr_equal(found, one);
	network_unref(found);
	assert_ok(records_resolve(records, "abcd2", &found, &err), &err);
	assert_ptr_equal(found, two);
	network_unref(found);
	assert_ok(records_resolve(records, "abcd1111x", &found, &err), &err);
	assert_ptr_equal(found, two);
	network_unref(found);
	assert_fails(records_resolve(records, "abcd", &found, &err), &err, NDRV_E_BAD_REQUEST, "several networks");
	assert_fails(records_resolve(records, "abc", &found, &err), &err, NDRV_E_NO_NETWORK, "abc");
	assert_fails(records_resolve(records, "", &found, &err), &err, NDRV_E_NO_NETWORK, "");
	network_unref(one);
	network_unref(two);
	records_free(records);
}

static void the_same_id_or_name_is_refused(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct records *records = records_new();
	struct network *one = add(records, "n1", "blue"), *existing = NULL;
	struct network *same_id = network_new("n1", "red", "t"), *same_name = network_new("n2", "blue", "t");

	assert_fails(records_add(records, same_id, &existing, &err), &err, NDRV_E_NETWORK_EXISTS, "n1");
	assert_ptr_equal(existing, one);
	network_unref(existing);
	assert_fails(records_add(records, same_name, &existing, &err), &err, NDRV_E_NAME_EXISTS, "blue");
	assert_null(existing);
	assert_int_equal(records_count(records), 1);
	network_free(same_id);
	network_free(same_name);
	/* Nothing is kept of a refused one, and nothing of a deleted one. */
	remove_network(records, one);
	remove_network(records, add(records, "n2", "blue"));
	assert_int_equal(records_count(records), 0);
	records_free(records);
}

struct seen {
	struct records *records;
	struct network *drop;
	bool adds; /* one for each it is told of, as clients would all the time */
	char ids[256];
};

static int note(struct network *network, void *data)
{
	struct seen *seen = data;

	strcat(strcat(seen->ids, network->view.id), " ");
	if (seen->drop) {
		remove_network(seen->records, seen->drop);
		seen->drop = NULL;
	}
	if (seen->adds && strlen(seen->ids) < 64) {
		char id[8];
		(void)snprintf(id, sizeof(id), "new%zu", strlen(seen->ids));
		(void)add(seen->records, id, "");
	}
	return strcmp(network->view.id, "stop") == 0 ? 7 : 0;
}

static void networks_are_listed_in_order_of_creation(void **state)
{
	(void)state;
	struct records *records = records_new();
	struct network *z = add(records, "z", ""), *a = add(records, "a", ""), *m = add(records, "m", "");
	struct seen seen = {.records = records};

	assert_int_equal(records_each(records, note, &seen), 0);
	assert_string_equal(seen.ids, "z a m ");
	assert_true(z->serial < a->serial && a->serial < m->serial);
	/* The one that comes next goes while the walk is at the one before it. */
	seen = (struct seen){.records = records, .drop = a};
	assert_int_equal(records_each(records, note, &seen), 0);
	assert_string_equal(seen.ids, "z m ");
	/* Those that come meanwhile are not waited for, not even where the walk is at the last one. */
	seen = (struct seen){.records = records, .adds = true};
	assert_int_equal(records_each(records, note, &seen), 0);
	assert_string_equal(seen.ids, "z m ");
	remove_network(records, records_find(records, "new2"));
	remove_network(records, records_find(records, "new4"));
	struct network *stop = add(records, "stop", ""), *after = add(records, "after", "");
	seen = (struct seen){.records = records};
	assert_int_equal(records_each(records, note, &seen), 7);
	assert_string_equal(seen.ids, "z m stop ");
	remove_network(records, z);
	remove_network(records, m);
	remove_network(records, stop);
	remove_network(records, after);
	records_free(records);
}

static int note_endpoint(struct endpoint *endpoint, void *data)
{
	strcat(strcat(data, endpoint->view.id), " ");
	if (strcmp(endpoint->view.id, "e1") == 0)
		network_del_endpoint(endpoint->network, endpoint);
	return 0;
}

static void endpoints_are_found_listed_and_deleted(void **state)
{
	(void)state;
	struct ndrv_error err = {0};
	struct network *network = network_new("n1", "", "t");
	char ids[64] = "";

	assert_ok(network_add_endpoint(network, endpoint_new(network, "e2", "web"), &err), &err);
	assert_ok(network_add_endpoint(network, endpoint_new(network, "e1", ""), &err), &err);
	struct endpoint *again = endpoint_new(network, "e2", ""), *named = endpoint_new(network, "e3", "web");
	assert_fails(network_add_endpoint(network, again, &err), &err, NDRV_E_ENDPOINT_EXISTS, "e2");
	assert_fails(network_add_endpoint(network, named, &err), &err, NDRV_E_NAME_EXISTS, "web");
	endpoint_free(again);
	endpoint_free(named);
	assert_string_equal(network_endpoint_named(network, "web")->view.id, "e2");
	assert_null(network_endpoint_named(network, ""));
	network_each_endpoint(network, note_endpoint, ids);
	assert_string_equal(ids, "e2 e1 ");
	assert_null(network_endpoint(network, "e1"));
	assert_int_equal(network->endpoint_count, 1);
	network_free(network);
}

static void pass_on(struct turn_waiter *waiter);

struct queued {
	struct turn_waiter waiter;
	struct network *network;
	bool saw_gone;
};

static void pass_on(struct turn_waiter *waiter)
{
	struct queued *queued = (struct queued *)(void *)waiter;

	queued->saw_gone = atomic_load(&queued->network->gone);
	turn_pass(&queued->network->turn);
}

/* Under ASan a network freed too early or never shows here. */
static void who_waits_for_the_turn_of_a_deleted_network_still_gets_it(void **state)
{
	(void)state;
	struct records *records = records_new();
	struct network *network = add(records, "n1", "");
	struct queued queued[2] = {{{.mine = pass_on}, network, false}, {{.mine = pass_on}, network, false}};

	assert_true(turn_try(&network->turn));
	for (int i = 0; i < 2; i++) {
		epoch_enter();
		assert_false(turn_take(&records_find(records, "n1")->turn, &queued[i].waiter));
		epoch_leave();
	}
	records_del(records, network);
	network_unref(network); /* the last one */
	turn_pass(&network->turn);
	assert_true(queued[0].saw_gone && queued[1].saw_gone);
	records_free(records);
}

struct hammer {
	struct records *records;
	_Atomic bool stop;
	_Atomic unsigned long hits;
};

static void *read_all_the_time(void *data)
{
	struct hammer *hammer = data;
	struct network *resolved;

	for (unsigned i = 0; !atomic_load(&hammer->stop); i++) {
		char id[16];
		snprintf(id, sizeof(id), "net%u", i % 64);
		epoch_enter();
		struct network *network = records_find(hammer->records, id);
		bool mine = network && turn_try(&network->turn);
		epoch_leave();
		if (mine) {
			/* Only the turn holds it: its memory must be good until the pass. */
			if (network->endpoint_count == 0 && strcmp(network->view.id, id) == 0)
				atomic_fetch_add(&hammer->hits, 1);
			turn_pass(&network->turn);
		}
		if (records_resolve(hammer->records, id, &resolved, NULL) == 0)
			network_unref(resolved);
	}
	return NULL;
}

static void readers_and_writers_do_not_meet(void **state)
{
	(void)state;
	struct hammer hammer = {.records = records_new()};
	pthread_t readers[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &hammer), 0);
	for (unsigned round = 0; round < 60 || atomic_load(&hammer.hits) == 0; round++) {
		struct network *made[64];
		for (unsigned i = 0; i < 64; i++) {
			char id[16];
			snprintf(id, sizeof(id), "net%u", i);
			made[i] = add(hammer.records, id, "");
		}
		for (unsigned i = 0; i < 64; i++)
			remove_network(hammer.records, made[i]);
	}
	atomic_store(&hammer.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(records_count(hammer.records), 0);
	records_free(hammer.records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_network_is_whole_where_drivers_look),
		cmocka_unit_test(networks_are_found_by_id_name_and_beginning),
		cmocka_unit_test(the_same_id_or_name_is_refused),
		cmocka_unit_test(networks_are_listed_in_order_of_creation),
		cmocka_unit_test(endpoints_are_found_listed_and_deleted),
		cmocka_unit_test(who_waits_for_the_turn_of_a_deleted_network_still_gets_it),
		cmocka_unit_test(readers_and_writers_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
