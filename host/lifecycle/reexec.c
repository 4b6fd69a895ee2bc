/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/reexec.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/log.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/notify.h"

enum { NONE, ASKED, DECIDED };

struct reexec {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct reexec_plan *plan; /* NULL: nobody waits for the signal */
	int state;
	char binary[PATH_MAX]; /* "": our own */
	bool dry_run;
	struct ndrv_error verdict;
	char refused[NDRV_ERROR_TEXT_MAX]; /* the last refusal, for status */
};

struct reexec *reexec_new(void)
{
	struct reexec *reexec = calloc(1, sizeof(*reexec));

	if (!reexec)
		return NULL;
	(void)pthread_mutex_init(&reexec->lock, NULL);
	(void)pthread_cond_init(&reexec->changed, NULL);
	return reexec;
}

void reexec_free(struct reexec *reexec)
{
	if (!reexec)
		return;
	(void)pthread_mutex_destroy(&reexec->lock);
	(void)pthread_cond_destroy(&reexec->changed);
	free(reexec);
}

void host_offer_reexec(struct host *host, const struct reexec_plan *plan)
{
	struct reexec *reexec = host->reexec;

	(void)pthread_mutex_lock(&reexec->lock);
	reexec->plan = plan;
	(void)pthread_mutex_unlock(&reexec->lock);
}

/* --- asking --- */

/* With the lock held. */
static int ask(struct reexec *reexec, const struct request *request, struct ndrv_error *err)
{
	if (!reexec->plan)
		return ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "reexec: this host cannot be replaced in place");
	if (reexec->state != NONE)
		return ndrv_fail(err, NDRV_E_RETRY, "reexec: another one is under way, try again");
	(void)snprintf(reexec->binary, sizeof(reexec->binary), "%s", request->file ? request->file : "");
	reexec->dry_run = request->dry_run;
	reexec->state = ASKED;
	(void)kill(getpid(), SIGUSR2);
	/* It decides in bounded time, and on success this thread ends here. */
	while (reexec->state != DECIDED)
		(void)pthread_cond_wait(&reexec->changed, &reexec->lock);
	reexec->state = NONE;
	if (!reexec->verdict.code)
		return 0;
	if (err)
		*err = reexec->verdict;
	return -(int)reexec->verdict.code;
}

int reexec_serve(struct host *host, struct request *request, struct reply *reply)
{
	struct ndrv_error *err = &reply->error;

	if (request->file && (request->file[0] != '/' || strlen(request->file) >= PATH_MAX))
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "reexec: program \"%s\": an absolute path is needed", request->file);
	(void)pthread_mutex_lock(&host->reexec->lock);
	int rc = ask(host->reexec, request, err);
	(void)pthread_mutex_unlock(&host->reexec->lock);
	if (!rc)
		rc = ndrv_map_set(&request->arena->ndrv, &reply->value, "would", ndrv_string("take over"), err);
	return rc;
}

int reexec_status(struct host *host, struct ndrv_arena *arena, struct ndrv_value *map, struct ndrv_error *err)
{
	struct reexec *reexec = host->reexec;
	char *refused = NULL;

	(void)pthread_mutex_lock(&reexec->lock);
	uint64_t reexecs = reexec->plan ? reexec->plan->reexecs : 0;
	bool any = reexec->refused[0];
	if (any)
		refused = ndrv_arena_strdup(arena, reexec->refused);
	(void)pthread_mutex_unlock(&reexec->lock);
	if (any && !refused)
		return ndrv_fail_errno(err, ENOMEM, "status");
	int rc = ndrv_map_set(arena, map, "reexecs", ndrv_int((int64_t)reexecs), err);
	return rc || !any ? rc : ndrv_map_set(arena, map, "reexec_refused", ndrv_string(refused), err);
}

/* --- doing --- */

/* Where our own file is now: an upgrade has put another one under its name. */
static int own_binary(char *ret, size_t room, struct ndrv_error *err)
{
	static const char deleted[] = " (deleted)";

	ssize_t length = readlink("/proc/self/exe", ret, room - 1);
	if (length < 0)
		return ndrv_fail_errno(err, errno, "reexec: /proc/self/exe");
	ret[length] = '\0';
	size_t tail = sizeof(deleted) - 1;
	if ((size_t)length > tail && strcmp(ret + length - tail, deleted) == 0)
		ret[(size_t)length - tail] = '\0';
	return 0;
}

/* Running it is running code as root: nobody else may be able to write it. */
static int look_at(const char *binary, struct stat *st, struct ndrv_error *err)
{
	if (stat(binary, st) < 0)
		return ndrv_fail_errno(err, errno, "reexec: program %s", binary);
	if (!S_ISREG(st->st_mode) || access(binary, X_OK) < 0)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "reexec: %s is no program", binary);
	if ((st->st_uid != 0 && st->st_uid != geteuid()) || (st->st_mode & (S_IWGRP | S_IWOTH)))
		return ndrv_fail(err, NDRV_E_FORBIDDEN,
				 "reexec: program %s belongs to another user or can be written by others: it is not run", binary);
	return 0;
}

static int try_reexec(struct host *host, const struct reexec_plan *plan, const char *asked, bool dry_run, struct ndrv_error *err)
{
	char binary[PATH_MAX];
	struct stat before, after;
	int rc = 0;

	if (*asked)
		(void)snprintf(binary, sizeof(binary), "%s", asked);
	else
		rc = own_binary(binary, sizeof(binary), err);
	rc = rc ? rc : look_at(binary, &before, err);
	rc = rc ? rc : reexec_check(binary, plan->argv, err);
	rc = rc ? rc : look_at(binary, &after, err);
	if (rc)
		return rc;
	if (before.st_dev != after.st_dev || before.st_ino != after.st_ino || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
	    before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)
		return ndrv_fail(err, NDRV_E_RETRY, "reexec: program %s was replaced while it was checked, try again", binary);
	if (dry_run)
		return 0;
	log_info("reexec", "%s takes over", binary);
	notify_reloading();
	rc = reexec_replace(host, plan, binary, err);
	notify("READY=1");
	return rc;
}

void host_reexec(struct host *host)
{
	struct reexec *reexec = host->reexec;
	struct ndrv_error error = {0};

	(void)pthread_mutex_lock(&reexec->lock);
	bool asked = reexec->state == ASKED, dry_run = asked && reexec->dry_run;
	if (!asked)
		reexec->binary[0] = '\0';
	const struct reexec_plan *plan = reexec->plan;
	char *binary = strdup(reexec->binary);
	(void)pthread_mutex_unlock(&reexec->lock);
	if (!binary)
		(void)ndrv_fail_errno(&error, ENOMEM, "reexec");
	else if (plan)
		(void)try_reexec(host, plan, binary, dry_run, &error);
	free(binary);
	if (error.code)
		log_error("reexec", "refused, and the running program goes on: %s", error.text);
	(void)pthread_mutex_lock(&reexec->lock);
	(void)snprintf(reexec->refused, sizeof(reexec->refused), "%s", error.text);
	if (asked) {
		reexec->verdict = error;
		reexec->state = DECIDED;
		(void)pthread_cond_broadcast(&reexec->changed);
	}
	(void)pthread_mutex_unlock(&reexec->lock);
}
