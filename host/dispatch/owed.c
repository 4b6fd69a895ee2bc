/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/owed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/dispatch/mend.h"

#define OWNER "@host"
#define PREFIX "owed/"
#define FIRST_NS (500 * NSEC_PER_MSEC)
#define MOST_NS (30 * NSEC_PER_SEC)
#define NEVER UINT64_MAX
#define MOST 8192u
#define MEMORY (64u << 10)

struct debt {
	struct debt *next;
	enum request_op op;
	char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1]; /* `eid` "": the network's own */
	int64_t since;					 /* CLOCK_REALTIME, seconds */
	uint64_t due_ns, delay_ns, tries;
	bool kept;     /* as it is, in the store */
	bool running;  /* its request is on its way, and nobody else frees it */
	bool forgiven; /* meanwhile */
	char why[NDRV_ERROR_TEXT_MAX];
	struct dispatch *dispatch;
	struct arena arena; /* of the request that is on its way */
	struct request request;
};

struct owed {
	pthread_mutex_t lock;
	struct debt *first;
	struct owed_counts counts;
	bool loaded;
};

struct owed *owed_new(void)
{
	struct owed *owed = calloc(1, sizeof(*owed));

	if (owed)
		(void)pthread_mutex_init(&owed->lock, NULL);
	return owed;
}

void owed_free(struct owed *owed)
{
	struct debt *debt = owed ? owed->first : NULL;

	while (debt) {
		struct debt *next = debt->next;
		free(debt);
		debt = next;
	}
	if (owed)
		(void)pthread_mutex_destroy(&owed->lock);
	free(owed);
}

/* --- the list; with the lock --- */

static struct debt **find(struct owed *owed, const char *nid, const char *eid)
{
	struct debt **at = &owed->first;

	while (*at && ((*at)->forgiven || strcmp((*at)->nid, nid) != 0 || strcmp((*at)->eid, eid ? eid : "") != 0))
		at = &(*at)->next;
	return at;
}

static struct debt *add(struct dispatch *dispatch, enum request_op op, const char *nid, const char *eid)
{
	struct owed *owed = dispatch->owed;
	struct debt *debt = owed->counts.pending < MOST ? calloc(1, sizeof(*debt)) : NULL;

	if (!debt)
		return NULL;
	debt->dispatch = dispatch;
	debt->op = op;
	(void)snprintf(debt->nid, sizeof(debt->nid), "%s", nid);
	(void)snprintf(debt->eid, sizeof(debt->eid), "%s", eid ? eid : "");
	debt->since = (int64_t)time(NULL);
	debt->delay_ns = FIRST_NS;
	debt->due_ns = clock_ns() + FIRST_NS;
	debt->next = owed->first;
	owed->first = debt;
	owed->counts.pending++;
	owed->counts.noted++;
	return debt;
}

/* Frees it, or leaves that to the request that is on its way. */
static void drop(struct owed *owed, struct debt **at)
{
	struct debt *debt = *at;

	owed->counts.pending--;
	owed->counts.settled++;
	debt->forgiven = true;
	if (debt->running)
		return;
	*at = debt->next;
	free(debt);
}

/* Deleting an endpoint is leaving as well, and leaving is revoking. */
static int weight(enum request_op op)
{
	return op == REQ_REVOKE_EXTERNAL ? 0 : op == REQ_LEAVE ? 1 : 2;
}

static bool is_nothing(const struct ndrv_error *error)
{
	return error->code == NDRV_E_NO_NETWORK || error->code == NDRV_E_NO_ENDPOINT || error->kind == NDRV_KIND_BAD_REQUEST;
}

/* --- the store --- */

static void unkeep(struct dispatch *dispatch, const char *nid, const char *eid)
{
	struct store *store = dispatch->parts.store;
	char key[sizeof(PREFIX) + NDRV_ID_MAX];
	struct ndrv_error err = {0};

	if (!store)
		return;
	(void)snprintf(key, sizeof(key), PREFIX "%s", nid);
	if (eid && eid[0] ? store_del_owed(store, nid, eid, &err) : store_driver_del(store, OWNER, key, &err))
		log_warning("owed", "that nothing is owed of %s any more could not be written down: %s", eid && eid[0] ? eid : nid,
			    err.text);
}

static int keep(struct dispatch *dispatch, const struct debt *debt, struct ndrv_error *err)
{
	struct store *store = dispatch->parts.store;
	char key[sizeof(PREFIX) + NDRV_ID_MAX], body[NDRV_ERROR_TEXT_MAX + 64];

	if (!store)
		return 0;
	int bytes = snprintf(body, sizeof(body), "%s %lld %s", request_op_name(debt->op), (long long)debt->since, debt->why);
	if (debt->eid[0])
		return store_put_owed(store, debt->nid, debt->eid, body, err);
	(void)snprintf(key, sizeof(key), PREFIX "%s", debt->nid);
	return store_driver_put(store, OWNER, key, body, (size_t)bytes, err);
}

/* The next that is to be written, as it is now. */
static bool copy_unkept(struct owed *owed, struct debt *ret)
{
	(void)pthread_mutex_lock(&owed->lock);
	struct debt *debt = owed->first;
	while (debt && (debt->kept || debt->forgiven))
		debt = debt->next;
	if (debt) {
		debt->kept = true;
		*ret = *debt;
	}
	(void)pthread_mutex_unlock(&owed->lock);
	return debt != NULL;
}

/* Whoever forgave it meanwhile may have taken the row away before it was written. */
void owed_flush(struct dispatch *dispatch)
{
	struct ndrv_error err = {0};
	struct debt copy;

	while (copy_unkept(dispatch->owed, &copy)) {
		if (keep(dispatch, &copy, &err))
			log_warning("owed", "what is owed of %s could not be written down: %s", copy.eid[0] ? copy.eid : copy.nid,
				    err.text);
		if (!owed_is(dispatch, copy.nid, copy.eid, NULL))
			unkeep(dispatch, copy.nid, copy.eid);
	}
}

static int load_one(void *data, const char *nid, const char *eid, const char *text, struct ndrv_error *err)
{
	struct dispatch *dispatch = data;
	char name[32] = {0};
	long long since = 0;
	int at = 0;

	(void)err;
	/* NOLINTNEXTLINE(cert-err34-c): a number that does not fit is only shown */
	if (sscanf(text, "%31s %lld %n", name, &since, &at) < 2 || strlen(nid) > NDRV_ID_MAX || strlen(eid) > NDRV_ID_MAX)
		return 0;
	enum request_op op = request_op_find(name);
	(void)pthread_mutex_lock(&dispatch->owed->lock);
	struct debt *debt = op == REQ_COUNT || *find(dispatch->owed, nid, eid) ? NULL : add(dispatch, op, nid, eid);
	if (debt) {
		debt->since = since;
		debt->kept = true;
		(void)snprintf(debt->why, sizeof(debt->why), "%s", text + at);
	}
	(void)pthread_mutex_unlock(&dispatch->owed->lock);
	return 0;
}

static int load_network(const char *key, const void *value, size_t bytes, void *data)
{
	char text[NDRV_ERROR_TEXT_MAX + 64];

	(void)snprintf(text, sizeof(text), "%.*s", (int)bytes, (const char *)value);
	return load_one(data, key + strlen(PREFIX), "", text, NULL);
}

void owed_load(struct dispatch *dispatch)
{
	struct store *store = dispatch->parts.store;
	struct ndrv_error err = {0};

	if (!store || !dispatch->owed || dispatch->owed->loaded)
		return;
	dispatch->owed->loaded = true;
	if (store_driver_scan(store, OWNER, PREFIX, load_network, dispatch, &err) ||
	    store_each_owed(store, load_one, dispatch, &err))
		log_warning("owed", "which deletions are owed cannot be read: %s", err.text);
	mend_poke(dispatch);
}

/* --- what others say --- */

void owed_note(struct dispatch *dispatch, enum request_op op, const char *nid, const char *eid, const struct ndrv_error *error)
{
	struct owed *owed = dispatch->owed;

	if (!owed || !nid || is_nothing(error) || strlen(nid) > NDRV_ID_MAX || (eid && strlen(eid) > NDRV_ID_MAX))
		return;
	(void)pthread_mutex_lock(&owed->lock);
	struct debt *debt = *find(owed, nid, eid);
	if (!debt)
		debt = add(dispatch, op, nid, eid);
	if (debt) {
		if (weight(op) > weight(debt->op))
			debt->op = op;
		(void)snprintf(debt->why, sizeof(debt->why), "%s", error->text);
		debt->kept = false;
	}
	(void)pthread_mutex_unlock(&owed->lock);
	if (debt)
		log_warning("owed",
			    "%s of network %s%s%s failed and will not be asked for again; the host tries it until it is done",
			    request_op_name(op), nid, eid ? ", endpoint " : "", eid ? eid : "");
	else
		log_error("owed", "%s of network %s%s%s failed, and there is no room to remember it", request_op_name(op), nid,
			  eid ? ", endpoint " : "", eid ? eid : "");
	mend_poke(dispatch);
}

void owed_forgive(struct dispatch *dispatch, const char *nid, const char *eid)
{
	struct owed *owed = dispatch->owed;
	bool kept = false;

	if (!owed)
		return;
	(void)pthread_mutex_lock(&owed->lock);
	struct debt **at = find(owed, nid, eid);
	if (*at) {
		kept = true;
		drop(owed, at);
	}
	(void)pthread_mutex_unlock(&owed->lock);
	if (kept)
		unkeep(dispatch, nid, eid);
}

bool owed_is(struct dispatch *dispatch, const char *nid, const char *eid, char *ret_why)
{
	struct owed *owed = dispatch->owed;

	if (!owed)
		return false;
	(void)pthread_mutex_lock(&owed->lock);
	const struct debt *debt = *find(owed, nid, eid);
	if (debt && ret_why)
		memcpy(ret_why, debt->why, sizeof(debt->why));
	(void)pthread_mutex_unlock(&owed->lock);
	return debt != NULL;
}

void owed_explain(struct dispatch *dispatch, struct ndrv_error *err)
{
	struct owed *owed = dispatch->owed;
	char nid[NDRV_ID_MAX + 1] = {0}, why[NDRV_ERROR_TEXT_MAX] = {0};

	if (!owed)
		return;
	(void)pthread_mutex_lock(&owed->lock);
	for (const struct debt *debt = owed->first; debt && !nid[0]; debt = debt->next) {
		if (debt->forgiven || debt->op != REQ_NETWORK_DELETE)
			continue;
		memcpy(nid, debt->nid, sizeof(nid));
		memcpy(why, debt->why, sizeof(why));
	}
	(void)pthread_mutex_unlock(&owed->lock);
	if (nid[0])
		(void)ndrv_wrap(err, -err->code, "network %.12s, which was deleted, is there still (%.120s)", nid, why);
}

/* --- trying --- */

static void tried(struct request *request, struct reply *reply, void *data)
{
	struct debt *debt = data;
	struct dispatch *dispatch = debt->dispatch;
	struct owed *owed = dispatch->owed;
	char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];
	bool done = !reply->error.code || is_nothing(&reply->error);

	(void)request;
	(void)pthread_mutex_lock(&owed->lock);
	memcpy(nid, debt->nid, sizeof(nid));
	memcpy(eid, debt->eid, sizeof(eid));
	/* What was asked for more while it ran is tried as well. */
	if (done && weight(debt->op) > weight(debt->request.op))
		done = false;
	if (!done && !debt->forgiven) {
		debt->delay_ns = debt->delay_ns * 2 < MOST_NS ? debt->delay_ns * 2 : MOST_NS;
		debt->due_ns = clock_ns() + debt->delay_ns;
		if (reply->error.code)
			(void)snprintf(debt->why, sizeof(debt->why), "%s", reply->error.text);
	}
	arena_reset(&debt->arena);
	debt->running = false;
	bool forgiven = debt->forgiven;
	struct debt **at = &owed->first;
	while (*at != debt)
		at = &(*at)->next;
	if (forgiven) {
		*at = debt->next;
		free(debt);
	} else if (done) {
		drop(owed, at);
	}
	(void)pthread_mutex_unlock(&owed->lock);
	if (done && !forgiven) {
		log_info("owed", "network %s%s%s: what was owed is done", nid, eid[0] ? ", endpoint " : "", eid);
		unkeep(dispatch, nid, eid);
	}
	mend_poke(dispatch);
}

/* With the lock. */
static struct debt *take_due(struct owed *owed, uint64_t *ret_next)
{
	uint64_t now = clock_ns();

	*ret_next = NEVER;
	for (struct debt *debt = owed->first; debt; debt = debt->next) {
		if (debt->running || debt->forgiven)
			continue;
		if (debt->due_ns <= now) {
			debt->running = true;
			debt->tries++;
			owed->counts.tries++;
			return debt;
		}
		if (debt->due_ns < *ret_next)
			*ret_next = debt->due_ns;
	}
	return NULL;
}

uint64_t owed_work(struct dispatch *dispatch)
{
	struct owed *owed = dispatch->owed;
	uint64_t next = NEVER;

	owed_flush(dispatch);
	for (;;) {
		(void)pthread_mutex_lock(&owed->lock);
		struct debt *debt = take_due(owed, &next);
		if (debt) {
			arena_init(&debt->arena, MEMORY);
			debt->request = (struct request){
				.op = debt->op,
				.arena = &debt->arena,
				.caller = {.front = NDRV_FRONT_HOST, .role = ROLE_ADMIN},
				.id = "",
				.network = debt->nid,
				.endpoint = debt->eid[0] ? debt->eid : NULL,
				.force = debt->op == REQ_NETWORK_DELETE,
				.if_owed = true,
			};
		}
		(void)pthread_mutex_unlock(&owed->lock);
		if (!debt)
			return next;
		dispatch_submit(dispatch, &debt->request, tried, debt, NULL);
	}
}

/* --- what there is --- */

void owed_count(struct dispatch *dispatch, struct owed_counts *ret)
{
	*ret = (struct owed_counts){0};
	if (!dispatch->owed)
		return;
	(void)pthread_mutex_lock(&dispatch->owed->lock);
	*ret = dispatch->owed->counts;
	(void)pthread_mutex_unlock(&dispatch->owed->lock);
}

void owed_describe(struct dispatch *dispatch, struct tree *tree, struct ndrv_value *list)
{
	struct owed *owed = dispatch->owed;
	int64_t now = (int64_t)time(NULL);

	if (!owed)
		return;
	(void)pthread_mutex_lock(&owed->lock);
	for (const struct debt *debt = owed->first; debt; debt = debt->next) {
		struct ndrv_value map = {.type = NDRV_MAP};
		if (debt->forgiven)
			continue;
		tree_text(tree, &map, "op", request_op_name(debt->op));
		tree_text(tree, &map, "network", debt->nid);
		tree_text(tree, &map, "endpoint", debt->eid);
		tree_int(tree, &map, "seconds", now - debt->since);
		tree_int(tree, &map, "tries", (int64_t)debt->tries);
		tree_text(tree, &map, "error", debt->why);
		tree_add(tree, list, map);
	}
	(void)pthread_mutex_unlock(&owed->lock);
}
