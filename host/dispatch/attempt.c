/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ndrv/types.h>

#define MAGIC 0x3154544152444eULL /* "NDRATT1" */
#define PLACES 16u
#define SHA_ROOM 65u
#define OP_ROOM 32u
/* A host that is killed from outside while it recovers is no driver's fault; three in a row, with the same network in the same
 * driver's hands, are taken for one. */
#define TRIES 3u

enum { FREE = 0, IN_HAND = 1, DIED = 2 };

struct attempt {
	_Atomic uint32_t state;
	uint32_t tries;		/* hosts that have died of it so far */
	_Atomic int32_t number; /* the signal, 0: none that was seen */
	char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];
	char sha256[SHA_ROOM];
	char op[OP_ROOM];
};

struct page {
	uint64_t magic;
	uint32_t bytes;
	uint32_t reserved;
	struct attempt places[PLACES];
};

struct attempts {
	pthread_mutex_t lock; /* taking and giving back places */
	struct page *page;
};

/* For the signal handler. */
static _Atomic(struct page *) here;

/* --- the file --- */

/* Whatever is in it was written by this program, but maybe not to the end, and files are damaged: texts must end. */
static void read_place(struct attempt *place)
{
	uint32_t state = atomic_load(&place->state);

	place->nid[NDRV_ID_MAX] = place->eid[NDRV_ID_MAX] = '\0';
	place->sha256[SHA_ROOM - 1] = place->op[OP_ROOM - 1] = '\0';
	if (state == IN_HAND && place->nid[0]) {
		place->tries++;
		atomic_store(&place->state, DIED);
	} else if (state != DIED) {
		memset(place, 0, sizeof(*place));
	}
}

static int map(int fd, const char *path, struct page **ret, struct ndrv_error *err)
{
	struct stat st;

	if (fstat(fd, &st) || (st.st_size < (off_t)sizeof(struct page) && ftruncate(fd, sizeof(struct page))))
		return ndrv_wrap(err, ndrv_fail_errno(err, errno, "%s", path), "note what is being recovered");
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return ndrv_fail_errno(err, errno, "%s: note what is being recovered", path);
	*ret = page;
	return 0;
}

int attempts_open(const char *runtime_dir, struct attempts **ret, struct ndrv_error *err)
{
	struct attempts *attempts = calloc(1, sizeof(*attempts));
	char path[4096];

	if (!attempts)
		return ndrv_fail_errno(err, ENOMEM, "note what is being recovered");
	(void)snprintf(path, sizeof(path), "%s/recovering", runtime_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? ndrv_fail_errno(err, errno, "%s: note what is being recovered", path)
			: map(fd, path, &attempts->page, err);
	if (fd >= 0)
		(void)close(fd);
	if (rc) {
		free(attempts);
		return rc;
	}
	struct page *page = attempts->page;
	if (page->magic != MAGIC || page->bytes != sizeof(*page))
		memset(page, 0, sizeof(*page));
	page->magic = MAGIC;
	page->bytes = sizeof(*page);
	for (uint32_t i = 0; i < PLACES; i++)
		read_place(&page->places[i]);
	(void)pthread_mutex_init(&attempts->lock, NULL);
	atomic_store(&here, page);
	*ret = attempts;
	return 0;
}

void attempts_excuse(struct attempts *attempts)
{
	for (uint32_t i = 0; attempts && i < PLACES; i++) {
		uint32_t in_hand = IN_HAND;
		(void)atomic_compare_exchange_strong(&attempts->page->places[i].state, &in_hand, FREE);
	}
}

void attempts_close(struct attempts *attempts)
{
	if (!attempts)
		return;
	atomic_store(&here, NULL);
	attempts_excuse(attempts);
	(void)munmap(attempts->page, sizeof(*attempts->page));
	(void)pthread_mutex_destroy(&attempts->lock);
	free(attempts);
}

/* --- the verdict --- */

bool attempts_fatal(const struct attempts *attempts, const char *nid, const char *sha256, struct ndrv_error *ret)
{
	for (uint32_t i = 0; attempts && i < PLACES; i++) {
		const struct attempt *place = &attempts->page->places[i];
		int number = atomic_load(&place->number);
		if (atomic_load(&place->state) != DIED || strcmp(place->nid, nid) != 0 || strcmp(place->sha256, sha256) != 0)
			continue;
		const char *name = number ? sigabbrev_np(number) : NULL;
		const char *eid = place->eid[0] ? ", endpoint " : "";
		if (number)
			(void)ndrv_fail(ret, NDRV_E_NO_SERVICE,
					"its driver crashed the host (%s%s) in %s%s%.64s while it was recovered",
					name ? "SIG" : "signal", name ? name : "", place->op, eid, place->eid);
		else if (place->tries >= TRIES)
			(void)ndrv_fail(ret, NDRV_E_NO_SERVICE, "the host ended %u times with it in its driver's %s%s%.64s",
					place->tries, place->op[0] ? place->op : "hands", eid, place->eid);
		else
			continue;
		return true;
	}
	return false;
}

void attempts_settle(struct attempts *attempts, const char *nid)
{
	(void)pthread_mutex_lock(&attempts->lock);
	for (uint32_t i = 0; i < PLACES; i++)
		if (atomic_load(&attempts->page->places[i].state) == DIED && !strcmp(attempts->page->places[i].nid, nid))
			atomic_store(&attempts->page->places[i].state, FREE);
	(void)pthread_mutex_unlock(&attempts->lock);
}

/* --- notes --- */

/* With the lock. The network's own place, else a free one, else the one that says least. */
static struct attempt *find_place(struct page *page, const char *nid)
{
	struct attempt *best = NULL;

	for (uint32_t i = 0; i < PLACES; i++) {
		struct attempt *place = &page->places[i];
		uint32_t state = atomic_load(&place->state);
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a page is mapped, never NULL */
		if (state != FREE && !strcmp(place->nid, nid))
			return place;
		if (state == IN_HAND)
			continue;
		bool is_free = state == FREE, best_is_free = best && atomic_load(&best->state) == FREE;
		if (!best || (is_free && !best_is_free) || (is_free == best_is_free && place->tries < best->tries))
			best = place;
	}
	return best;
}

struct attempt *attempt_begin(struct attempts *attempts, const char *nid, const char *sha256)
{
	if (!attempts)
		return NULL;
	(void)pthread_mutex_lock(&attempts->lock);
	struct attempt *place = find_place(attempts->page, nid);
	if (place) {
		bool again = atomic_load(&place->state) == DIED && !strcmp(place->nid, nid) && !strcmp(place->sha256, sha256);
		uint32_t tries = again ? place->tries : 0;
		atomic_store(&place->state, FREE);
		*place = (struct attempt){.tries = tries};
		(void)snprintf(place->nid, sizeof(place->nid), "%s", nid);
		(void)snprintf(place->sha256, sizeof(place->sha256), "%s", sha256);
		atomic_store(&place->state, IN_HAND);
	}
	(void)pthread_mutex_unlock(&attempts->lock);
	return place;
}

void attempt_call(struct attempt *attempt, const char *op, const char *eid)
{
	if (!attempt)
		return;
	(void)snprintf(attempt->op, sizeof(attempt->op), "%s", op);
	(void)snprintf(attempt->eid, sizeof(attempt->eid), "%s", eid);
}

void attempt_end(struct attempt *attempt)
{
	if (attempt)
		atomic_store(&attempt->state, FREE);
}

void attempts_crashed(const char *nid, int number)
{
	struct page *page = atomic_load(&here);

	for (uint32_t i = 0; page && i < PLACES; i++)
		if (atomic_load(&page->places[i].state) == IN_HAND && !strcmp(page->places[i].nid, nid))
			atomic_store(&page->places[i].number, number);
}
