/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/relaying.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"

pid_t relay_start(const struct daemon *one, const struct daemon *two, const char *dir)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execl(TEST_RELAY, TEST_RELAY, one->socket, two->socket, dir, (char *)NULL);
	_exit(127);
}

void relay_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}
