/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl: the command line over the control socket. */
#include <stdio.h>
#include <stdlib.h>

#include "host/cmd/ctl.h"

int main(int argc, char **argv)
{
	static struct ctl ctl;

	int status = ctl_main(&ctl, argc, argv);
	/* What could not be written was not said: a full disk, a reader that went away. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("ndrvctl: cannot write the output\n", stderr);
		return status ? status : CTL_EXIT_UNREACHABLE;
	}
	return status;
}
