/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's driver for trials: the one that ACME_BASE names, which says in the log which version's code runs.
 *	ACME_VERSION "1.1"	what the code calls itself
 *	ACME_REFUSES		prepare says no: a broken release
 *	ACME_LATE		code of a shared library is called
 *	ACME_TRACE "/path"	a constructor makes that file: code of it has run
 *	ACME_MAJOR 2u, ACME_MINOR 99u	the ABI that it needs, as its note says */
#include <fcntl.h>
#include <unistd.h>

#include <ndrv/driver.h>

#ifdef ACME_MAJOR
#undef NDRV_ABI_MAJOR
#define NDRV_ABI_MAJOR ACME_MAJOR
#endif
#ifndef ACME_MINOR
#define ACME_MINOR 0u
#endif

static struct ndrv_ops acme_ops;
static const struct ndrv_ops *base_ops;
static const struct ndrv_host *acme_host;

#ifdef ACME_TRACE
__attribute__((constructor)) static void leave_trace(void)
{
	(void)close(open(ACME_TRACE, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}
#endif

#ifdef ACME_LATE
int acme_late(void);
#endif

static int acme_network_create(void *self, struct ndrv_call *call, struct ndrv_network *network)
{
#ifdef ACME_LATE
	ndrv_log(acme_host, NDRV_LOG_INFO, "the late library says %d", acme_late());
#endif
	ndrv_log(acme_host, NDRV_LOG_INFO, "code of acme %s", ACME_VERSION);
	return base_ops->network_create(self, call, network);
}

#ifdef ACME_REFUSES
static int acme_prepare(void *self, struct ndrv_call *call, const struct ndrv_blob *from)
{
	(void)self, (void)from;
	return ndrv_fail(call->err, NDRV_E_FORBIDDEN, "acme %s is broken and knows it", ACME_VERSION);
}
#endif

/* "none" where the descriptor sets no color; other settings are the base's. */
static int acme_configure(void *self, struct ndrv_call *call, const struct ndrv_value *config)
{
	const char *color = "none";
	int rc = ndrv_map_string(config, "color", &color, call->err);

	(void)self;
	if (rc < 0)
		return rc;
	ndrv_log(acme_host, NDRV_LOG_INFO, "acme is configured with color=%s", color);
	return 0;
}

static int acme_register(const struct ndrv_host *host, const struct ndrv_note *note, const struct ndrv_ops *ops,
			 ndrv_driver_open open, struct ndrv_error *err)
{
	acme_host = host;
	base_ops = ops;
	acme_ops = *ops;
	acme_ops.network_create = acme_network_create;
	acme_ops.configure = acme_configure;
#ifdef ACME_REFUSES
	acme_ops.prepare = acme_prepare;
#endif
	return ndrv_driver_register(host, note, &acme_ops, open, err);
}

#define ndrv_driver_register(host, note, ops, open, err) acme_register(host, note, ops, open, err)
#include ACME_BASE /* NOLINT(bugprone-suspicious-include) */
