/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest in somebody else's process does not do. */
#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/check/rules.h"

extern char **environ;

static enum verdict lives(struct trial *trial, int count)
{
	for (int i = 0; i < count; i++) {
		MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
		MUST(trial, trial_do(trial, REQ_DISCONNECT, "n1", "e1"));
	}
	return VERDICT_PASSED;
}

/* Entries of a directory of /proc. */
static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		(void)closedir(dir);
	return count;
}

static enum verdict descriptors(struct trial *trial)
{
	/* Workers and their connections exist once the first calls have been made. */
	enum verdict verdict = lives(trial, 10);
	unsigned before = entries("/proc/self/fd");

	if (verdict == VERDICT_PASSED)
		verdict = lives(trial, 30);
	unsigned after = entries("/proc/self/fd");
	MUST_HOLD(trial, verdict != VERDICT_PASSED || after <= before + 2, "30 endpoints left %u descriptors open", after - before);
	return verdict;
}

/* A namespace that somebody holds a socket in does not die, and neither does what is in it. */
static enum verdict no_hold_on_sandboxes(struct trial *trial)
{
	struct stat sandbox, held;
	char path[300];
	struct dirent *entry;
	enum verdict verdict;

	MUST_HOLD(trial, !stat(rule_netns(trial, 0), &sandbox), "the sandbox cannot be looked at");
	if (trial_can(trial, NDRV_CAPABILITY_HOST_SANDBOX))
		return trial_skip(trial, "its endpoints live in the host's namespace");
	verdict = lives(trial, 3);
	MUST(trial, trial_connect(trial, "n1", "e1", rule_netns(trial, 0)));
	DIR *dir = opendir("/proc/self/fd");
	while (dir && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		if (!stat(path, &held) && held.st_dev == sandbox.st_dev && held.st_ino == sandbox.st_ino)
			verdict = trial_fail(trial, "descriptor %s of the sandbox is still open after the call", entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return verdict;
}

static enum verdict threads(struct trial *trial)
{
	enum verdict verdict = lives(trial, 10);
	unsigned before = entries("/proc/self/task");

	if (trial->target->note->flags & NDRV_DRIVER_OWN_THREADS)
		return trial_skip(trial, "it says that it has threads");
	if (verdict == VERDICT_PASSED)
		verdict = lives(trial, 20);
	MUST_HOLD(trial, verdict != VERDICT_PASSED || entries("/proc/self/task") <= before,
		  "it started threads without saying so in its note");
	return verdict;
}

/* Which namespaces, which directory, which file mode, which locale, which signals, which environment. */
static char *surroundings(struct trial *trial)
{
	static const char *const links[] = {"/proc/self/ns/net", "/proc/self/ns/mnt", "/proc/self/cwd", "/proc/self/root"};
	char text[4096], target[256];
	size_t at = 0;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		ssize_t bytes = readlink(links[i], target, sizeof(target) - 1);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %.*s\n", links[i], bytes > 0 ? (int)bytes : 0, target);
	}
	mode_t mode = umask(077);
	(void)umask(mode);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "umask %o\nlocale %s\n", (unsigned)mode,
			       setlocale(LC_ALL, NULL)); /* NOLINT(concurrency-mt-unsafe): nobody else is in this process */
	for (int number = 1; number < 32; number++) {
		struct sigaction action;
		if (!sigaction(number, NULL, &action))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "signal %d handler %p\n", number,
					       action.sa_flags & SA_SIGINFO ? (void *)(uintptr_t)action.sa_sigaction
									    : (void *)(uintptr_t)action.sa_handler);
	}
	unsigned variables = 0;
	while (environ[variables])
		variables++;
	(void)snprintf(text + at, sizeof(text) - at, "%u variables of the environment\n", variables);
	return arena_strdup(&trial->arena, text);
}

static enum verdict leaves_the_process_alone(struct trial *trial)
{
	char *before = surroundings(trial), *after, *state = NULL, *other = NULL;
	enum verdict verdict;

	MUST(trial, trial_network(trial, "n1", 1));
	verdict = lives(trial, 3);
	after = surroundings(trial);
	MUST_HOLD(trial, before && after, "out of memory");
	char *line = strtok_r(before, "\n", &state), *now = strtok_r(after, "\n", &other);
	for (; line && now; line = strtok_r(NULL, "\n", &state), now = strtok_r(NULL, "\n", &other))
		MUST_HOLD(trial, strcmp(line, now) == 0, "it was \"%s\", and is \"%s\"", line, now);
	return verdict;
}

/* What is in the host's namespace carries the host's tag, so that what a crash leaves can be told from a stranger's. */
static enum verdict links_are_tagged(struct trial *trial)
{
	char *before = space_dump(), *now, *state = NULL;
	enum verdict verdict = VERDICT_PASSED;

	MUST(trial, trial_network(trial, "n1", 1));
	MUST(trial, trial_endpoint(trial, "n1", "e1"));
	MUST(trial, trial_join(trial, "n1", "e1", "/run/netns/a"));
	const char *moved = trial->reply.join.src_name; /* goes with its other end, or with the sandbox */
	now = space_dump();
	for (char *line = now ? strtok_r(now, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
		const char *group = strstr(line, " group ");
		char name[NDRV_IFNAME_MAX];
		if (!group || sscanf(line, "link %15s", name) != 1 || strncmp(line, "link ", 5) != 0 || strstr(before, line))
			continue;
		if (strtoul(group + 7, NULL, 10) == 0 && strcmp(name, SPACE_UPLINK) != 0 && strcmp(name, moved ? moved : "") != 0)
			verdict = trial_fail(trial, "%s has no owner's tag: its group is 0, not network->link_group", name);
	}
	free(now);
	free(before);
	return verdict;
}

static const struct rule rules[] = {
	{"M1", "it leaves no descriptor open", RULE_NETWORK, NULL, descriptors},
	{"M2", "it holds no sandbox", RULE_NETWORK, NULL, no_hold_on_sandboxes},
	{"M3", "it starts no threads but those it speaks of", RULE_NETWORK, NULL, threads},
	{"M4", "it leaves namespaces, directory, umask, locale, signals and environment alone", 0, NULL, leaves_the_process_alone},
	{"M5", "links it makes in the host's namespace carry the host's tag", 0, NULL, links_are_tagged},
};

const struct rule_list rules_manners = {sizeof(rules) / sizeof(rules[0]), rules};
