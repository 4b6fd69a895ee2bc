/* SPDX-License-Identifier: Apache-2.0 */
/* A driver as a vendor writes it, and with one -D each, one that is not fit. build.sh has the list. */
#include <sched.h>
#include <stdlib.h>

#include <ndrv/driver.h>

#ifndef TYPES
#define TYPES "good"
#endif
#ifndef ANSWER
#define ANSWER 1
#endif
#ifndef NOTE_EXTRA
#define NOTE_EXTRA .wants_lo = 0
#endif

struct self {
	const struct ndrv_host *host;
	int configured;
};

#ifdef UNDEFINED
int function_that_nobody_has(void);
#endif

#ifdef STATIC_TLS
static __thread volatile int counter __attribute__((tls_model("initial-exec")));
#endif

#ifdef EXPORT
NDRV_EXPORT int helper_of_this_driver(void);
int helper_of_this_driver(void)
{
	return 0;
}
#endif

#ifdef TEXTREL
__asm__(".text\n.balign 8\n.quad ndrv_driver_v1\n");
#endif

#ifdef WRITE_EXEC
__asm__(".section .both,\"awx\",@progbits\n.quad 1\n.text\n");
#endif

static int gw_alloc_check(void *self, struct ndrv_call *call, const struct ndrv_value *options, uint32_t *ret_skip)
{
	(void)self, (void)call, (void)options;
	*ret_skip = ANSWER;
#ifdef UNDEFINED
	*ret_skip += (uint32_t)function_that_nobody_has();
#endif
#ifdef STATIC_TLS
	counter++;
#endif
#ifdef SETNS
	return setns(-1, 0);
#endif
	return 0;
}

static int my_register(const struct self *self, const char *type, struct ndrv_error *err);

/* The ops a test reaches register_driver and unregister_driver through. */
static int network_allocate(void *data, struct ndrv_call *call, const char *nid, const struct ndrv_value *options,
			    const struct ndrv_ipam_list *ipv4, const struct ndrv_ipam_list *ipv6, struct ndrv_value *ret_options)
{
	(void)options, (void)ipv4, (void)ipv6, (void)ret_options;
	return my_register(data, nid, call->err);
}

static int network_free(void *data, struct ndrv_call *call, const char *nid)
{
	const struct self *self = data;
	return self->host->unregister_driver(self->host, nid, call->err);
}

static int configure(void *data, struct ndrv_call *call, const struct ndrv_value *config)
{
	struct self *self = data;
	if (ndrv_map_get(config, "wrong"))
		return ndrv_fail(call->err, NDRV_E_UNKNOWN_OPTION, "unknown option \"wrong\"");
	self->configured++;
	ndrv_log(self->host, NDRV_LOG_INFO, "configured %d", self->configured);
	return 0;
}

static void destroy(void *data)
{
	struct self *self = data;
	ndrv_log(self->host, NDRV_LOG_INFO, "destroyed");
	free(self);
}

static const struct ndrv_ops ops = {
	.size = sizeof(ops),
	.network_allocate = network_allocate,
	.network_free = network_free,
	.gw_alloc_check = gw_alloc_check,
	.configure = configure,
	.destroy = destroy,
};

/* One that has registered no type yet is the only holder of what it made. */
static struct self *volatile kept;

static int make(const struct ndrv_host *host, void **ret_self, struct ndrv_error *err)
{
	struct self *self = calloc(1, sizeof(*self));
	if (!self)
		return ndrv_fail(err, NDRV_E_INTERNAL, "out of memory");
	self->host = host;
	kept = self;
	*ret_self = self;
	return 0;
}

NDRV_DRIVER(&ops, make, .types = TYPES, .name = "plain", .version = "1.0", .vendor = "Tests", .data_scope = NDRV_SCOPE_LOCAL,
	    NOTE_EXTRA);

static int my_register(const struct self *self, const char *type, struct ndrv_error *err)
{
	const struct ndrv_capability capability = {
		.size = sizeof(capability),
		.data_scope = NDRV_SCOPE_LOCAL,
		.note = &ndrv_file_note.note,
	};
	return self->host->register_driver(self->host, type, &ops, (void *)(uintptr_t)self, &capability, err);
}
