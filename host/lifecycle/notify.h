/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3)'s protocol: one datagram to the socket the service manager named. Without one nothing happens. */
#ifndef HOST_LIFECYCLE_NOTIFY_H
#define HOST_LIFECYCLE_NOTIFY_H

/* `state`: lines like "READY=1". */
void notify(const char *state);
/* RELOADING=1 with the time that Type=notify-reload wants; READY=1 must follow. */
void notify_reloading(void);

#endif
