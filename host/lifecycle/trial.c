/* SPDX-License-Identifier: Apache-2.0 */
/* The trial start of a new program. What a check cannot see (that it starts, loads the drivers, takes up every network) it does
 * once on a copy of the state, in the kernel as it is, while this host is at rest: then nothing that it finds or repairs changes
 * under it, and what it writes is thrown away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/base/clock.h"
#include "host/lifecycle/host_parts.h"
#include "host/lifecycle/reexec.h"

#define TRIAL_NS (10 * NSEC_PER_SEC)
#define TRIAL_DIR "trial"
#define DEPTH 4

/* Of the old one alone: who holds the directories, what its readers share, what its process has loaded, the copy itself. */
static bool is_left_out(const char *name)
{
	static const char *const endings[] = {".lock", "-shm"};
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t ending = strlen(endings[i]);
		if (length >= ending && strcmp(name + length - ending, endings[i]) == 0)
			return true;
	}
	return !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "stage") || !strcmp(name, TRIAL_DIR);
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
	int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 0777);
	off_t left = st->st_size;
	int rc = out < 0 ? -1 : fchmod(out, st->st_mode & 0777);

	while (rc == 0 && left > 0) {
		ssize_t done = sendfile(out, in, NULL, (size_t)left);
		if (done <= 0)
			rc = -1;
		else
			left -= done;
	}
	int saved = errno;
	if (in >= 0)
		(void)close(in);
	if (out >= 0 && close(out) != 0 && rc == 0)
		return -1;
	errno = saved;
	return rc;
}

static int copy_dir(int from, int to, unsigned depth);

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	/* Copies of driver files never change: a link is as good. */
	if (S_ISREG(st.st_mode))
		return strstr(name, ".so") && linkat(from, name, to, name, 0) == 0 ? 0 : copy_file(from, to, name, &st);
	if (!S_ISDIR(st.st_mode) || depth == 0)
		return 0;
	if (mkdirat(to, name, st.st_mode & 0777) < 0)
		return -1;
	int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int target = source < 0 ? -1 : openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = target < 0 ? -1 : copy_dir(source, target, depth - 1);
	int saved = errno;
	if (source >= 0)
		(void)close(source);
	if (target >= 0)
		(void)close(target);
	errno = saved;
	return rc;
}

static int copy_dir(int from, int to, unsigned depth)
{
	int listed = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	const struct dirent *entry;
	int rc = 0;

	if (!dir) {
		if (listed >= 0)
			(void)close(listed);
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): each stream has one reader */
		if (!is_left_out(entry->d_name))
			rc = copy_entry(from, to, entry->d_name, depth);
	int saved = errno;
	(void)closedir(dir);
	errno = saved;
	return rc;
}

static int copy_tree(const char *from, const char *to, struct ndrv_error *err)
{
	struct stat st;
	int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = source < 0 || fstat(source, &st) < 0 || mkdir(to, st.st_mode & 0777) < 0 ? -1 : 0;
	int target = rc ? -1 : open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	rc = target < 0 ? -1 : copy_dir(source, target, DEPTH);
	if (rc)
		rc = ndrv_fail_errno(err, errno, "reexec: copy %s for a trial start", from);
	if (source >= 0)
		(void)close(source);
	if (target >= 0)
		(void)close(target);
	return rc;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int start_on_copy(const char *top, const struct config *config, const char *binary, char *const *argv,
			 struct ndrv_error *err)
{
	char state[PATH_MAX], run[PATH_MAX];
	const char *const more[] = {"--state-dir", state, "--runtime-dir", run, "--trial", NULL};

	(void)snprintf(state, sizeof(state), "%s/state", top);
	(void)snprintf(run, sizeof(run), "%s/run", top);
	if (mkdir(top, 0700) < 0)
		return ndrv_fail_errno(err, errno, "reexec: directory %s for a trial start", top);
	int rc = copy_tree(config->state_dir, state, err);
	if (!rc)
		rc = copy_tree(config->runtime_dir, run, err);
	return rc ? rc : reexec_ask(binary, argv, more, REEXEC_STARTED, "it was started on a copy of the state", TRIAL_NS, err);
}

int reexec_trial(struct host *host, const char *binary, char *const *argv, struct ndrv_error *err)
{
	char top[PATH_MAX - 16];
	int length = snprintf(top, sizeof(top), "%s/" TRIAL_DIR, host->config->state_dir);

	if (length >= (int)sizeof(top))
		return ndrv_fail_errno(err, ENAMETOOLONG, "reexec: %s", host->config->state_dir);
	remove_tree(top); /* of one that was interrupted */
	int rc = start_on_copy(top, host->config, binary, argv, err);
	remove_tree(top);
	return rc;
}
