/* SPDX-License-Identifier: Apache-2.0 */
/* Whose code was running when the host crashed. */
#ifndef HOST_LIFECYCLE_CRASH_H
#define HOST_LIFECYCLE_CRASH_H

/* From now on a fatal signal writes one line to standard error that names the driver call the thread was in (driver, file, op,
 * network), then takes its usual course, core dump included. */
void crash_attribute(void);

#endif
