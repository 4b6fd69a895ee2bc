/* SPDX-License-Identifier: Apache-2.0 */
#include "host/check/run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/base/log.h"

#define MEMORY (256u << 20)
#define PATIENCE_NS (120 * NSEC_PER_SEC) /* for one rule */

/* --- in the rule's process --- */

/* A network it cannot make here for the kernel's sake is no failure. */
static enum verdict first_network(struct trial *trial)
{
	int code = trial_network(trial, "n1", 1);

	if (!code)
		return VERDICT_PASSED;
	(void)trial_failed_call(trial);
	return ndrv_error_kind(code) == NDRV_KIND_NOT_IMPLEMENTED ? VERDICT_SKIPPED : VERDICT_FAILED;
}

/* Tried before all rules: where the kernel cannot make such networks, rules about them say nothing. A failure is for them to find.
 */
static enum verdict can_be_tried(struct trial *trial)
{
	return first_network(trial) == VERDICT_SKIPPED ? VERDICT_SKIPPED : VERDICT_PASSED;
}

static const struct rule first_of_all = {"-", "networks of this type can be made here", 0, NULL, can_be_tried};

static enum verdict prepare(struct trial *trial, const struct rule *rule)
{
	if (trial_open(trial))
		return VERDICT_FAILED;
	if (rule->op && !trial_has_op(trial, rule->op))
		return trial_skip(trial, "it has no %s", rule->op);
	if (rule->needs & RULE_NETWORK)
		return first_network(trial);
	if (rule->needs & RULE_CLOSED)
		trial_close(trial);
	return VERDICT_PASSED;
}

static enum verdict applies(struct trial *trial, const struct rule *rule)
{
	if (rule->needs & RULE_LINK && trial_can(trial, NDRV_CAPABILITY_NO_LINK))
		return trial_skip(trial, "its endpoints have no interfaces");
	if (rule->needs & RULE_MANY && trial_can(trial, NDRV_CAPABILITY_SINGLE_NETWORK))
		return trial_skip(trial, "it has one network at most");
	if (rule->needs & RULE_IPAM && trial_can(trial, NDRV_CAPABILITY_NO_IPAM))
		return trial_skip(trial, "its networks have no addresses");
	return VERDICT_PASSED;
}

/* Whatever the rule was about: by force everything can be taken down, and then nothing is left. */
static enum verdict clean_up(struct trial *trial, const char *empty)
{
	const struct ndrv_value *networks = NULL;
	char difference[256];

	if (trial->host && !trial_do(trial, REQ_NETWORK_LIST, NULL, NULL))
		networks = ndrv_map_get(&trial->reply.value, "networks");
	for (uint32_t i = 0; networks && i < networks->count; i++) {
		const char *id = "";
		(void)ndrv_map_string(&networks->u.items[i], "id", &id, NULL);
		struct request request = trial_request(trial, REQ_NETWORK_DELETE, id, NULL);
		request.force = true;
		if (trial_run(trial, &request))
			return trial_failed_call(trial);
	}
	trial_close(trial);
	if (!space_is_as(empty, difference, sizeof(difference)))
		return trial_fail(trial, "left behind at the end: %s", difference);
	return VERDICT_PASSED;
}

static enum verdict try_rule(struct trial *trial, const struct rule *rule)
{
	struct ndrv_error error = {0};
	enum verdict verdict = applies(trial, rule);

	if (verdict != VERDICT_PASSED)
		return verdict;
	if (space_enter(&trial->space, trial->dir, &error))
		return trial_fail(trial, "%s", error.text);
	char *empty = space_dump();
	verdict = prepare(trial, rule);
	if (verdict == VERDICT_PASSED)
		verdict = rule->run(trial);
	char text[sizeof(trial->text)];
	(void)snprintf(text, sizeof(text), "%s", trial->text);
	enum verdict end = clean_up(trial, empty);
	free(empty);
	space_leave(&trial->space);
	if (verdict != VERDICT_FAILED && end == VERDICT_FAILED)
		return VERDICT_FAILED;
	(void)snprintf(trial->text, sizeof(trial->text), "%s", text);
	return verdict;
}

/* --- the process around it --- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	(void)remove(path);
	return 0;
}

static void run_child(const struct suite *suite, const char *dir, struct finding *finding)
{
	static struct trial trial;

	trial.target = &suite->target;
	(void)snprintf(trial.dir, sizeof(trial.dir), "%s", dir);
	arena_init(&trial.arena, MEMORY);
	(void)setpgid(0, 0);
	if (!suite->verbose) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		log_set_level(0);
		if (null >= 0)
			(void)dup2(null, STDERR_FILENO);
	}
	finding->verdict = try_rule(&trial, finding->rule);
	(void)snprintf(finding->text, sizeof(finding->text), "%s", finding->verdict == VERDICT_PASSED ? "" : trial.text);
	(void)fflush(NULL);
	_exit(0);
}

/* Waits for the child; kills it, and those it started, when it takes too long. */
static int reap(pid_t pid, bool *late)
{
	uint64_t deadline = clock_ns() + PATIENCE_NS;
	int status = 0;

	*late = false;
	while (waitpid(pid, &status, *late ? 0 : WNOHANG) == 0) {
		if (clock_ns() > deadline) {
			*late = true;
			(void)kill(-pid, SIGKILL);
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	(void)kill(-pid, SIGKILL);
	return status;
}

static int run_rule(const struct suite *suite, struct finding *shared, struct ndrv_error *err)
{
	const char *tmp = getenv("TMPDIR");
	uint64_t start = clock_ns();
	char dir[64];
	bool late;

	if (snprintf(dir, sizeof(dir), "%s/ndrv-check-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= (int)sizeof(dir) || !mkdtemp(dir))
		return ndrv_fail_errno(err, errno ? errno : ENAMETOOLONG, "a directory in %.40s", tmp ? tmp : "/tmp");
	shared->verdict = VERDICT_FAILED;
	(void)snprintf(shared->text, sizeof(shared->text), "the process of the rule ended in the middle of it");
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		run_child(suite, dir, shared);
	int status = pid > 0 ? reap(pid, &late) : 0;
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (pid < 0)
		return ndrv_fail_errno(err, errno, "a process for the rule");
	shared->ns = clock_ns() - start;
	if (late) {
		shared->verdict = VERDICT_FAILED;
		(void)snprintf(shared->text, sizeof(shared->text), "it hung");
	} else if (WIFSIGNALED(status)) {
		shared->verdict = VERDICT_FAILED;
		(void)snprintf(shared->text, sizeof(shared->text), "it crashed: %s", strsignal(WTERMSIG(status)));
	}
	return 0;
}

static bool is_wanted(const char *only, const char *id)
{
	size_t length = strlen(id);

	for (const char *at = only; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, id, length) == 0 && (at[length] == '\0' || at[length] == ','))
			return true;
	return !only;
}

int suite_run(const struct suite *suite, struct ndrv_error *err)
{
	struct finding *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int failed = 0, rc;

	if (shared == MAP_FAILED)
		return ndrv_fail_errno(err, errno, "memory shared with the rules");
	shared->rule = &first_of_all;
	rc = run_rule(suite, shared, err);
	if (!rc && shared->verdict == VERDICT_SKIPPED)
		rc = ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "%s", shared->text);
	for (uint32_t i = 0; !rc && (shared->rule = rule_at(i)); i++) {
		if (!is_wanted(suite->only, shared->rule->id))
			continue;
		rc = run_rule(suite, shared, err);
		if (rc)
			break;
		failed += shared->verdict == VERDICT_FAILED;
		suite->each(shared, suite->data);
	}
	(void)munmap(shared, sizeof(*shared));
	return rc ? rc : failed;
}
