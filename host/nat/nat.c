/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nat/nat.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/host.h>

#include "host/nat/beside.h"
#include "host/nat/nat_internal.h"
#include "host/nat/watch.h"

#define KNOWN_FLAGS                                                                                                               \
	(NDRV_NAT_MASQUERADE | NDRV_NAT_ISOLATE | NDRV_NAT_INTERNAL | NDRV_NAT_NO_ICC | NDRV_NAT_HAIRPIN | NDRV_NAT_UNPROTECTED | \
	 NDRV_NAT_ROUTED)

void nat_say(struct nat *nat, int level, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (!nat->say)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nat->say(nat->say_data, level, text);
}

const char *nat_table(const struct nat *nat)
{
	return nat->table;
}

/* --- memory --- */

int nat_keep_text(struct nat *nat, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	if (!nat->keeps)
		return 0;
	return text ? nat->keep.put(nat->keep.data, nid, eid, text, err) : nat->keep.del(nat->keep.data, nid, eid, err);
}

static int keep_all(struct nat *nat, const char *nid, struct ndrv_error *err)
{
	return nat->keeps ? nat->keep.del(nat->keep.data, nid, NULL, err) : 0;
}

static int load_one(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	struct nat *nat = data;
	struct nat_network *network = NULL;
	struct nat_endpoint *endpoint = NULL;
	bool oom = false, good = false;

	if (!eid[0]) {
		network = network_from_text(nid, text, &oom);
		good = network && !book_put_network(&nat->book, network);
		oom = oom || (network && !good);
		if (!good)
			free(network);
	} else if ((network = book_network(&nat->book, nid))) {
		endpoint = endpoint_from_text(network, eid, text, &oom);
		good = endpoint && !book_put_endpoint(&nat->book, endpoint);
		oom = oom || (endpoint && !good);
		if (!good)
			book_free_endpoint(endpoint);
	}
	if (oom)
		return ndrv_fail_errno(err, ENOMEM, "read what was published");
	if (!good)
		nat_say(nat, NDRV_LOG_WARNING, "what was kept of the ports of network %s%s%s makes no sense and is forgotten", nid,
			eid[0] ? ", endpoint " : "", eid);
	else if (endpoint)
		plan_hold_again(nat, book_endpoint(&nat->book, nid, eid), false);
	return good ? 0 : nat_keep_text(nat, nid, eid, NULL, err);
}

/* --- life --- */

static int first_check(struct nat *nat, struct ndrv_error *err)
{
	struct nat_report report;
	int rc = nat_check_locked(nat, true, &report, err);

	if (!rc && nat->spare && report.strays)
		nat_say(nat, NDRV_LOG_WARNING,
			"table %s has %u entries that nobody knows any more; they stay until networks are pruned", nat->table,
			report.strays);
	else if (!rc && (report.strays || (report.missing && !report.table)))
		nat_say(nat, NDRV_LOG_WARNING, "table %s had %u strays, removed, and lacked %u entries, put back", nat->table,
			report.strays, report.missing);
	return rc;
}

static void count_rules(struct nat *nat)
{
	struct nft_batch batch;

	nft_begin(&batch, nat->nft);
	nat->rules = rules_create(&batch, nat->table);
}

void nat_beside(struct nat *nat)
{
	struct ndrv_error err = {0};
	uint32_t put = 0;

	if (!nat->link_group)
		return;
	if (beside_docker(nat->nft, nat->table, nat->link_group, &put, &err))
		nat_say(nat, NDRV_LOG_WARNING, "%s: see docs/nat.md, \"Beside others\"", err.text);
	else if (put)
		nat_say(nat, NDRV_LOG_INFO, "networks of this host pass Docker's filter: two rules in its chain DOCKER-USER");
}

static int start(struct nat *nat, const struct nat_options *options, struct ndrv_error *err)
{
	int rc = nft_open(&nat->nft, err);

	if (rc)
		return rc;
	count_rules(nat);
	nat->hold_limit = hold_limit();
	sysctl_port_range(&nat->first_port, &nat->last_port);
	for (uint32_t i = 0; i < BOOK_PROTOCOLS; i++)
		nat->next_port[i] = nat->first_port;
	if (nat->keeps)
		rc = nat->keep.load(nat->keep.data, load_one, nat, err);
	if (!rc)
		rc = first_check(nat, err);
	if (!rc)
		nat_beside(nat);
	if (!rc && options->watch)
		rc = nat_watch_start(nat, &nat->watch, err);
	return rc;
}

int nat_open(const struct nat_options *options, struct nat **ret, struct ndrv_error *err)
{
	struct nat *nat = calloc(1, sizeof(*nat));

	if (!nat || book_init(&nat->book)) {
		free(nat);
		return ndrv_fail_errno(err, ENOMEM, "open the NAT service");
	}
	(void)pthread_mutex_init(&nat->lock, NULL);
	(void)snprintf(nat->table, sizeof(nat->table), "ndrv-%s", options->instance);
	nat->keeps = options->keep != NULL;
	if (options->keep)
		nat->keep = *options->keep;
	nat->spare = options->spare;
	nat->say = options->say;
	nat->say_data = options->say_data;
	nat->link_group = options->link_group;
	int rc = start(nat, options, err);
	if (rc)
		nat_close(nat);
	else
		*ret = nat;
	return rc;
}

void nat_close(struct nat *nat)
{
	if (!nat)
		return;
	nat_watch_stop(nat->watch);
	nft_close(nat->nft);
	conntrack_flush(&nat->stale);
	conntrack_done(&nat->stale);
	book_done(&nat->book);
	(void)pthread_mutex_destroy(&nat->lock);
	free(nat);
}

/* --- networks --- */

static int check_network(const struct ndrv_nat_network *want, uint32_t flags6, struct ndrv_error *err)
{
	if (!want->link || ndrv_ifname_check(want->link, err))
		return want->link ? -NDRV_E_BAD_REQUEST : ndrv_fail(err, NDRV_E_BAD_REQUEST, "the NAT of a network needs its link");
	if ((want->flags | flags6) & ~(uint32_t)KNOWN_FLAGS)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "unknown NAT flags 0x%x",
				 (want->flags | flags6) & ~(uint32_t)KNOWN_FLAGS);
	if ((want->pool.addr.family && want->pool.addr.family != 4) || (want->pool6.addr.family && want->pool6.addr.family != 6) ||
	    (want->source.family && want->source.family != 4) || (want->source6.family && want->source6.family != 6))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a pool or source address of the NAT is of the wrong family");
	return 0;
}

static struct nat_network *make_network(const char *nid, const struct ndrv_nat_network *want, uint32_t flags6,
					struct ndrv_error *err)
{
	struct nat_network *network = calloc(1, sizeof(*network));
	bool neither = !want->pool.addr.family && !want->pool6.addr.family;

	if (!network) {
		(void)ndrv_fail_errno(err, ENOMEM, "set the NAT of network %s", nid);
		return NULL;
	}
	(void)snprintf(network->nid, sizeof(network->nid), "%s", nid);
	(void)snprintf(network->link, sizeof(network->link), "%s", want->link);
	network->flags[0] = want->flags;
	network->flags[1] = flags6;
	network->has[0] = neither || want->pool.addr.family;
	network->has[1] = neither || want->pool6.addr.family;
	network->pool[0] = want->pool;
	network->pool[1] = want->pool6;
	if (!ndrv_addr_is_unspecified(&want->source))
		network->source[0] = want->source;
	if (!ndrv_addr_is_unspecified(&want->source6))
		network->source[1] = want->source6;
	return network;
}

/* Puts the text of `network` in the store, or takes it away (NULL). */
static int keep_network(struct nat *nat, const char *nid, const struct nat_network *network, struct ndrv_error *err)
{
	char *text = network ? network_text(network) : NULL;

	if (network && !text)
		return ndrv_fail_errno(err, ENOMEM, "keep the NAT of network %s", nid);
	int rc = nat_keep_text(nat, nid, "", text, err);
	free(text);
	return rc;
}

static int change_network(struct nat *nat, const struct nat_network *from, const struct nat_network *to, struct ndrv_error *err)
{
	struct nat_element before[NETWORK_ELEMENTS_MAX], after[NETWORK_ELEMENTS_MAX];
	size_t before_count = from ? network_elements(from, before) : 0;
	size_t after_count = to ? network_elements(to, after) : 0;

	return nat_change(nat, before, before_count, after, after_count, err, "set the NAT of network %s", (to ? to : from)->nid);
}

/* First what is kept, then the kernel, then the book; back in the other order. Takes `network`. */
static int set_network(struct nat *nat, struct nat_network *network, struct ndrv_error *err)
{
	struct nat_network *former = book_network(&nat->book, network->nid);
	const struct nat_network *holder = book_link(&nat->book, network->link);
	struct ndrv_error ignored = {0};

	if (holder && holder != former) {
		free(network);
		return ndrv_fail(err, NDRV_E_FORBIDDEN, "interface %s has the NAT of network %s already", holder->link,
				 holder->nid);
	}
	int rc = keep_network(nat, network->nid, network, err);
	if (!rc) {
		rc = change_network(nat, former, network, err);
		if (!rc) {
			rc = sysctl_network(network, err);
			if (!rc && !book_put_network(&nat->book, network))
				return 0;
			if (!rc)
				rc = ndrv_fail_errno(err, ENOMEM, "set the NAT of network %s", network->nid);
			(void)change_network(nat, network, former, &ignored);
		}
		(void)keep_network(nat, network->nid, former, &ignored);
	}
	free(network);
	return rc;
}

int nat_network_set(struct nat *nat, const char *nid, const struct ndrv_nat_network *want, struct ndrv_error *err)
{
	uint32_t flags6 = NDRV_COVERS(want, flags6) ? want->flags6 : want->flags;
	int rc = check_network(want, flags6, err);

	if (rc)
		return ndrv_wrap(err, rc, "network %s", nid);
	struct nat_network *network = make_network(nid, want, flags6, err);
	if (!network)
		return -NDRV_E_NO_SERVICE;
	(void)pthread_mutex_lock(&nat->lock);
	rc = set_network(nat, network, err);
	(void)pthread_mutex_unlock(&nat->lock);
	return rc;
}

/* Elements of the network and of all its endpoints. */
static struct nat_element *all_elements(const struct nat_network *network, size_t *ret_count)
{
	size_t room = NETWORK_ELEMENTS_MAX, count;

	for (const struct nat_endpoint *endpoint = network->endpoints; endpoint; endpoint = endpoint->next)
		room += endpoint->count;
	struct nat_element *elements = malloc(room * sizeof(*elements));
	if (!elements)
		return NULL;
	count = network_elements(network, elements);
	for (const struct nat_endpoint *endpoint = network->endpoints; endpoint; endpoint = endpoint->next) {
		endpoint_elements(endpoint, elements + count);
		count += endpoint->count;
	}
	qsort(elements, count, sizeof(*elements), element_compare_keys);
	*ret_count = count;
	return elements;
}

static int clear_network(struct nat *nat, struct nat_network *network, struct ndrv_error *err)
{
	size_t count = 0;
	struct nat_element *elements = all_elements(network, &count);
	int rc = elements ? 0 : ndrv_fail_errno(err, ENOMEM, "clear the NAT of network %s", network->nid);

	/* The kernel first: what is still kept is done again by the next start. */
	if (!rc)
		rc = nat_change(nat, elements, count, NULL, 0, err, "clear the NAT of network %s", network->nid);
	free(elements);
	if (rc)
		return rc;
	for (const struct nat_endpoint *endpoint = network->endpoints; endpoint; endpoint = endpoint->next)
		nat_note_flows(nat, endpoint, NULL);
	/* What is kept of it still has to go: it stays in the book, to be swept. */
	rc = keep_all(nat, network->nid, err);
	if (rc) {
		book_empty_network(&nat->book, network);
		network->doomed = true;
	} else {
		book_del_network(&nat->book, network);
	}
	return rc;
}

int nat_network_clear(struct nat *nat, const char *nid, struct ndrv_error *err)
{
	int rc = 0;

	(void)pthread_mutex_lock(&nat->lock);
	struct nat_network *network = book_network(&nat->book, nid);
	if (network)
		rc = clear_network(nat, network, err);
	if (rc && book_network(&nat->book, nid))
		network->doomed = true;
	(void)pthread_mutex_unlock(&nat->lock);
	return rc;
}

/* --- looking after it --- */

int nat_check(struct nat *nat, bool repair, struct nat_report *ret, struct ndrv_error *err)
{
	(void)pthread_mutex_lock(&nat->lock);
	if (repair)
		nat->spare = false;
	int rc = nat_check_locked(nat, repair, ret, err);
	(void)pthread_mutex_unlock(&nat->lock);
	return rc;
}

/* Looks at each endpoint, then at the network. */
static int sweep_network(struct nat *nat, struct nat_network *network, bool repair,
			 bool (*exists)(void *data, const char *nid, const char *eid), void *data, uint32_t *count,
			 struct ndrv_error *err)
{
	int rc = 0;

	if (network->doomed || !exists(data, network->nid, "")) {
		++*count;
		return repair ? clear_network(nat, network, err) : 0;
	}
	for (struct nat_endpoint *endpoint = network->endpoints, *next; endpoint && !rc; endpoint = next) {
		next = endpoint->next;
		if (!endpoint->doomed && exists(data, network->nid, endpoint->eid))
			continue;
		++*count;
		if (repair)
			rc = nat_unpublish_locked(nat, endpoint, err);
	}
	return rc;
}

int nat_sweep(struct nat *nat, bool repair, bool (*exists)(void *data, const char *nid, const char *eid), void *data,
	      uint32_t *ret_count, struct ndrv_error *err)
{
	int rc = 0;

	*ret_count = 0;
	(void)pthread_mutex_lock(&nat->lock);
	for (struct nat_network *network = nat->book.first_network, *next; network && !rc; network = next) {
		next = network->next;
		rc = sweep_network(nat, network, repair, exists, data, ret_count, err);
	}
	(void)pthread_mutex_unlock(&nat->lock);
	return rc;
}

void nat_count(struct nat *nat, struct nat_counts *ret)
{
	(void)pthread_mutex_lock(&nat->lock);
	*ret = (struct nat_counts){.networks = nat->book.network_count,
				   .endpoints = nat->book.endpoint_count,
				   .ports = nat->book.mapping_count,
				   .restored = nat->restored};
	(void)pthread_mutex_unlock(&nat->lock);
}
