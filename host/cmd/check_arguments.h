/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of ndrv-check. */
#ifndef HOST_CMD_CHECK_ARGUMENTS_H
#define HOST_CMD_CHECK_ARGUMENTS_H

#include "host/cmd/check_file.h"

/* Fills what the options say; files are argv[optind] and after. Ends the program on wrong usage and when there is only something to
 * print. The texts are argv's, or in the arena of `checking`, which is ready. */
void check_arguments_parse(struct checking *checking, int argc, char **argv);

#endif
