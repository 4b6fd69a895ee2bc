/* SPDX-License-Identifier: Apache-2.0 */
/* A library that comes later than the driver that needs it. Its name is one that drivers may use. */
int late_is_here(void);

int late_is_here(void)
{
	return 1;
}
