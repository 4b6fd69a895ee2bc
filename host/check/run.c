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
#include "host/check/beside.h"

#define MEMORY (256u << 20)
#define SUITE_JOBS_MAX 16u
#define SUITE_RULES_MAX 256u
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

static enum verdict try_in_space(struct trial *trial, const struct rule *rule)
{
	char *empty = space_dump();
	enum verdict verdict = prepare(trial, rule);

	if (verdict == VERDICT_PASSED)
		verdict = rule->run(trial);
	char text[sizeof(trial->text)];
	(void)snprintf(text, sizeof(text), "%s", trial->text);
	enum verdict end = clean_up(trial, empty);
	free(empty);
	if (verdict != VERDICT_FAILED && end == VERDICT_FAILED)
		return VERDICT_FAILED;
	(void)snprintf(trial->text, sizeof(trial->text), "%s", text);
	return verdict;
}

/* What it makes before it is ready is there before the driver, and what is compared is compared before it ends: neither counts. */
static enum verdict try_beside(struct trial *trial, struct finding *finding)
{
	const char *command = trial->target->beside;
	enum verdict verdict = VERDICT_FAILED;
	struct ndrv_error error = {0};
	char text[sizeof(trial->text)], said[64] = "";

	finding->untried = command && beside_start(command, trial->dir, &finding->beside, &error);
	if (finding->untried)
		(void)trial_fail(trial, "%s", error.text);
	else
		verdict = try_in_space(trial, finding->rule);
	if (!finding->beside)
		return verdict;
	bool lasted = beside_stop(finding->beside, said, sizeof(said));
	finding->beside = 0;
	if (lasted)
		return verdict;
	(void)snprintf(text, sizeof(text), "%s", trial->text);
	return trial_fail(trial, "the command beside the driver ended by itself: %s%s%.380s", said, text[0] ? "; " : "", text);
}

static enum verdict try_rule(struct trial *trial, struct finding *finding)
{
	enum verdict verdict = applies(trial, finding->rule);
	struct ndrv_error error = {0};

	if (verdict != VERDICT_PASSED)
		return verdict;
	if (space_enter(&trial->space, trial->dir, &error))
		return trial_fail(trial, "%s", error.text);
	verdict = try_beside(trial, finding);
	space_leave(&trial->space);
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
	finding->verdict = try_rule(&trial, finding);
	(void)snprintf(finding->text, sizeof(finding->text), "%s", finding->verdict == VERDICT_PASSED ? "" : trial.text);
	(void)fflush(NULL);
	_exit(0);
}

/* A rule under way. */
struct attempt {
	pid_t pid; /* 0: not started, or reaped */
	uint64_t start;
	char dir[64];
	struct finding *finding;
};

static int attempt_start(struct attempt *attempt, const struct suite *suite, struct finding *finding, struct ndrv_error *err)
{
	const char *tmp = getenv("TMPDIR");
	int room = (int)sizeof(attempt->dir);

	*attempt = (struct attempt){.start = clock_ns(), .finding = finding};
	if (snprintf(attempt->dir, sizeof(attempt->dir), "%s/ndrv-check-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= room ||
	    !mkdtemp(attempt->dir))
		return ndrv_fail_errno(err, errno ? errno : ENAMETOOLONG, "a directory in %.40s", tmp ? tmp : "/tmp");
	finding->verdict = VERDICT_FAILED;
	(void)snprintf(finding->text, sizeof(finding->text), "the process of the rule ended in the middle of it");
	(void)fflush(NULL);
	attempt->pid = fork();
	if (attempt->pid == 0)
		run_child(suite, attempt->dir, finding);
	if (attempt->pid > 0) {
		(void)setpgid(attempt->pid, attempt->pid); /* whichever of the two comes first */
		return 0;
	}
	attempt->pid = 0;
	(void)rmdir(attempt->dir);
	return ndrv_fail_errno(err, errno, "a process for the rule");
}

/* True once it is over. What takes too long is killed, with the processes it started. */
static bool attempt_is_over(struct attempt *attempt)
{
	struct finding *finding = attempt->finding;
	bool late = clock_ns() > attempt->start + PATIENCE_NS;
	int status;

	if (late)
		(void)kill(-attempt->pid, SIGKILL);
	if (waitpid(attempt->pid, &status, late ? 0 : WNOHANG) == 0)
		return false;
	(void)kill(-attempt->pid, SIGKILL);
	if (finding->beside)
		(void)kill(-finding->beside, SIGKILL);
	attempt->pid = 0;
	(void)nftw(attempt->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	finding->ns = clock_ns() - attempt->start;
	if (late)
		(void)snprintf(finding->text, sizeof(finding->text), "it hung");
	else if (WIFSIGNALED(status))
		(void)snprintf(finding->text, sizeof(finding->text), "it crashed: %s",
			       sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "unknown signal");
	if (late || WIFSIGNALED(status))
		finding->verdict = VERDICT_FAILED;
	return true;
}

static void doze(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static bool is_wanted(const char *only, const char *id)
{
	size_t length = strlen(id);

	for (const char *at = only; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, id, length) == 0 && (at[length] == '\0' || at[length] == ','))
			return true;
	return !only;
}

/* --- all of them --- */

/* One after the other what is wanted, several at a time: they wait for the kernel most of the time, and not for each other. */
struct progress {
	const struct suite *suite;
	struct finding *findings; /* shared with the processes; in order */
	uint32_t count, started, told, running;
	struct attempt attempts[SUITE_JOBS_MAX];
	int failed;
};

static int start_more(struct progress *progress, uint32_t jobs, struct ndrv_error *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < jobs && progress->started < progress->count; i++) {
		if (progress->attempts[i].pid)
			continue;
		rc = attempt_start(&progress->attempts[i], progress->suite, &progress->findings[progress->started], err);
		progress->started += !rc;
		progress->running += !rc;
	}
	return rc;
}

static void end_some(struct progress *progress)
{
	for (uint32_t i = 0; i < SUITE_JOBS_MAX; i++) {
		struct attempt *attempt = &progress->attempts[i];
		if (attempt->pid && attempt_is_over(attempt))
			progress->running--;
	}
}

static bool is_under_way(const struct progress *progress, const struct finding *finding)
{
	for (uint32_t i = 0; i < SUITE_JOBS_MAX; i++)
		if (progress->attempts[i].pid && progress->attempts[i].finding == finding)
			return true;
	return false;
}

static void tell(struct progress *progress)
{
	while (progress->told < progress->started && !is_under_way(progress, &progress->findings[progress->told])) {
		const struct finding *finding = &progress->findings[progress->told++];
		progress->failed += finding->verdict == VERDICT_FAILED;
		progress->suite->each(finding, progress->suite->data);
	}
}

/* The first one decides whether there is any sense in the others. */
static int try_first(struct progress *progress, struct ndrv_error *err)
{
	struct finding *finding = &progress->findings[0];

	finding->rule = &first_of_all;
	int rc = attempt_start(&progress->attempts[0], progress->suite, finding, err);
	while (!rc && !attempt_is_over(&progress->attempts[0]))
		doze();
	if (!rc && finding->verdict == VERDICT_SKIPPED)
		rc = ndrv_fail(err, NDRV_E_NOT_IMPLEMENTED, "%s", finding->text);
	if (!rc && finding->untried)
		rc = ndrv_fail(err, NDRV_E_NO_SERVICE, "%s", finding->text);
	return rc;
}

static int try_all(struct progress *progress, struct ndrv_error *err)
{
	uint32_t jobs = progress->suite->jobs < SUITE_JOBS_MAX ? progress->suite->jobs : SUITE_JOBS_MAX;
	const struct rule *rule;
	int rc = try_first(progress, err);

	for (uint32_t i = 0; !rc && (rule = rule_at(i)); i++)
		if (is_wanted(progress->suite->only, rule->id))
			progress->findings[progress->count++].rule = rule;
	while (!rc && progress->told < progress->count) {
		rc = start_more(progress, jobs ? jobs : 1, err);
		doze();
		end_some(progress);
		tell(progress);
	}
	while (progress->running) {
		doze();
		end_some(progress);
	}
	return rc;
}

int suite_run(const struct suite *suite, struct ndrv_error *err)
{
	struct progress progress = {.suite = suite};
	size_t bytes = SUITE_RULES_MAX * sizeof(*progress.findings);

	progress.findings = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress.findings == MAP_FAILED)
		return ndrv_fail_errno(err, errno, "memory shared with the rules");
	int rc = try_all(&progress, err);
	(void)munmap(progress.findings, bytes);
	return rc ? rc : progress.failed;
}
