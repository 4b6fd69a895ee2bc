/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator against a model, and under threads. */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "host/state/ipam.h"

static struct ndrv_prefix prefix(const char *text)
{
	struct ndrv_error err;
	struct ndrv_prefix prefix = {0};

	if (text)
		assert_ok(ndrv_prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

static struct ipam_pool *lease_pool(struct ipam *ipam, const char *text, const char *range)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix want = prefix(text), part = prefix(range);
	struct ipam_pool *pool = NULL;

	assert_ok(ipam_pool_request(ipam, 0, &want, &part, NULL, NULL, &pool, &err), &err);
	return pool;
}

/* A pool against the plainest thing that does the same: an array and a cursor. */
struct model {
	struct ipam *ipam;
	struct ipam_pool *pool;
	struct ndrv_addr base;
	unsigned size, first, last, cursor;
	unsigned count;
	bool taken[4096], reserved[4096];
};

static struct ndrv_addr model_addr(const struct model *model, unsigned offset)
{
	struct ndrv_addr address = model->base;
	unsigned top = address.family == 4 ? 3 : 15;

	address.bytes[top] = (uint8_t)(address.bytes[top] + (offset & 0xff));
	address.bytes[top - 1] = (uint8_t)(address.bytes[top - 1] + (offset >> 8));
	return address;
}

static void model_next(struct model *model)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	unsigned at = model->cursor, width = model->last - model->first + 1;

	for (unsigned i = 0; i < width && (model->taken[at] || model->reserved[at]); i++)
		at = at == model->last ? model->first : at + 1;
	int rc = ipam_address_request(model->ipam, model->pool, NULL, &got, &err);
	if (model->taken[at] || model->reserved[at]) {
		assert_int_equal(rc, -NDRV_E_POOL_EXHAUSTED);
		return;
	}
	struct ndrv_addr expected = model_addr(model, at);
	assert_ok(rc, &err);
	assert_true(ndrv_addr_equal(&got.addr, &expected));
	model->taken[at] = true;
	model->count++;
	model->cursor = at == model->last ? model->first : at + 1;
}

static void model_want(struct model *model, unsigned offset)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix got;
	struct ndrv_addr want = model_addr(model, offset);
	int rc = ipam_address_request(model->ipam, model->pool, &want, &got, &err);
	int expected = model->reserved[offset] ? -NDRV_E_ADDRESS_OUT_OF_RANGE : model->taken[offset] ? -NDRV_E_ADDRESS_IN_USE : 0;

	assert_int_equal(rc, expected);
	model->count += rc == 0;
	model->taken[offset] = model->taken[offset] || rc == 0;
}

static void model_release(struct model *model, unsigned offset)
{
	struct ndrv_addr address = model_addr(model, offset);

	ipam_address_release(model->ipam, model->pool, &address);
	model->count -= model->taken[offset];
	model->taken[offset] = false;
}

static void run_model(struct ipam *ipam, const char *text, const char *range, unsigned first, unsigned last, unsigned ops)
{
	static struct model model;
	struct ndrv_prefix pool = prefix(text);
	unsigned host_bits = (pool.addr.family == 4 ? 32 : 128) - pool.length;

	model = (struct model){.ipam = ipam, .pool = lease_pool(ipam, text, range), .base = pool.addr, .size = 1u << host_bits};
	model.first = model.cursor = range ? first : 0;
	model.last = range ? last : model.size - 1;
	model.reserved[0] = host_bits > 1;
	model.reserved[model.size - 1] = model.size > 2 && pool.addr.family == 4;
	for (unsigned i = 0; i < ops; i++) {
		/* Long stretches in which leases prevail, then releases: both full and empty must come by. */
		unsigned dice = (unsigned)rand() % 10, offset = (unsigned)rand() % model.size;
		bool filling = i / (model.size * 2 + 1) % 2 == 0;
		if (dice == 0)
			model_want(&model, offset);
		else if (filling ? dice < 8 : dice < 3)
			model_next(&model);
		else
			model_release(&model, offset);
	}
	ipam_pool_release(ipam, model.pool);
}

static void random_use_agrees_with_a_model(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);

	srand(20);
	run_model(ipam, "10.0.0.0/20", NULL, 0, 0, 60000);
	run_model(ipam, "10.0.0.0/24", NULL, 0, 0, 20000);
	run_model(ipam, "10.0.0.0/24", "10.0.0.64/27", 64, 95, 20000);
	run_model(ipam, "10.0.0.0/24", "10.0.0.0/28", 0, 15, 20000);
	run_model(ipam, "10.0.0.0/26", NULL, 0, 0, 5000);
	run_model(ipam, "10.0.0.0/28", NULL, 0, 0, 3000);
	run_model(ipam, "10.0.0.0/31", NULL, 0, 0, 300);
	run_model(ipam, "10.0.0.0/32", NULL, 0, 0, 300);
	run_model(ipam, "fd00::/116", NULL, 0, 0, 60000);
	run_model(ipam, "fd00::/122", "fd00::20/123", 32, 63, 5000);
	run_model(ipam, "fd00::/127", NULL, 0, 0, 300);
	ipam_free(ipam);
}

struct worker {
	struct ipam *ipam;
	struct ipam_pool *pool;
	_Atomic bool *held; /* by low byte pair */
	unsigned mistakes;
};

static void *take_and_give_back(void *data)
{
	struct worker *worker = data;

	for (unsigned i = 0; i < 20000; i++) {
		struct ndrv_prefix got;
		if (ipam_address_request(worker->ipam, worker->pool, NULL, &got, NULL)) {
			worker->mistakes++;
			continue;
		}
		unsigned at = got.addr.bytes[3];
		worker->mistakes += atomic_exchange(&worker->held[at], true);
		atomic_store(&worker->held[at], false);
		ipam_address_release(worker->ipam, worker->pool, &got.addr);
	}
	return NULL;
}

static void no_address_is_given_to_two_threads(void **state)
{
	(void)state;
	struct ipam *ipam = ipam_new(NULL, 0);
	struct ipam_pool *pool = lease_pool(ipam, "10.0.0.0/29", NULL);
	static _Atomic bool held[256];
	struct worker workers[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.ipam = ipam, .pool = pool, .held = held};
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give_back, &workers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].mistakes, 0);
	}
	ipam_free(ipam);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_use_agrees_with_a_model),
		cmocka_unit_test(no_address_is_given_to_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
