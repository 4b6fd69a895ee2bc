/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk/test/fake.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndrv/netlink.h>

/* --- memory for calls: kept until the host is closed, so that a test may look at it --- */

struct ndrv_fake_block {
	struct ndrv_fake_block *next;
	max_align_t bytes[];
};

static void *alloc(struct ndrv_arena *arena, size_t bytes)
{
	struct ndrv_fakehost *host = (struct ndrv_fakehost *)(void *)((char *)arena - offsetof(struct ndrv_fakehost, arena));
	struct ndrv_fake_block *block = bytes < SIZE_MAX / 2 ? calloc(1, sizeof(*block) + bytes) : NULL;

	if (!block)
		return NULL;
	block->next = host->blocks;
	host->blocks = block;
	return block->bytes;
}

static void free_blocks(struct ndrv_fakehost *host)
{
	while (host->blocks) {
		struct ndrv_fake_block *next = host->blocks->next;

		free(host->blocks);
		host->blocks = next;
	}
}

/* --- services --- */

/* struct ndrv_host is the first member; the driver has it as const. */
static struct ndrv_fakehost *fake_of(const struct ndrv_host *host)
{
	struct ndrv_fakehost *fake;

	memcpy(&fake, &host, sizeof(fake));
	return fake;
}

static int register_driver(const struct ndrv_host *host, const char *type, const struct ndrv_ops *ops, void *self,
			   const struct ndrv_capability *capability, struct ndrv_error *err)
{
	struct ndrv_fakehost *fake = fake_of(host);

	if (!type || strlen(type) >= sizeof(fake->type) || !ops || !capability)
		return ndrv_fail(err, NDRV_E_BAD_REQUEST, "a registration without a type of at most 31 bytes, ops or capability");
	fake->ops = ops;
	fake->self = self;
	fake->capability = *capability;
	(void)snprintf(fake->type, sizeof(fake->type), "%s", type);
	return 0;
}

static int unregister_driver(const struct ndrv_host *host, const char *type, struct ndrv_error *err)
{
	(void)host, (void)type, (void)err;
	return 0;
}

static void log_line(const struct ndrv_host *host, int level, const char *text)
{
	struct ndrv_fakehost *fake = fake_of(host);

	(void)level;
	fake->log_count++;
	(void)snprintf(fake->last_log, sizeof(fake->last_log), "%s", text);
}

static int never(const struct ndrv_call *call)
{
	(void)call;
	return 0;
}

/* --- host --- */

static int start(struct ndrv_fakehost *host)
{
	ndrv_driver_entry entry;
	void *symbol = dlsym(host->module, NDRV_ENTRY_V1);

	if (!symbol)
		return ndrv_fail(&host->err, NDRV_E_DRIVER_REFUSED, "it has no " NDRV_ENTRY_V1 ": is there an NDRV_DRIVER in it?");
	memcpy(&entry, &symbol, sizeof(entry));
	host->ops = NULL;
	int rc = entry(&host->host, &host->err);
	if (rc == 0 && !host->ops)
		rc = ndrv_fail(&host->err, NDRV_E_DRIVER_REFUSED, "it registered nothing");
	return rc;
}

int ndrv_fakehost_open(struct ndrv_fakehost *host, const char *file)
{
	*host = (struct ndrv_fakehost){
		.host = {.size = sizeof(host->host),
			 .abi_major = NDRV_ABI_MAJOR,
			 .abi_minor = NDRV_ABI_MINOR,
			 .features = NDRV_FEATURE_STORE,
			 .register_driver = register_driver,
			 .unregister_driver = unregister_driver,
			 .log = log_line,
			 .store = &fake_store},
		.front = NDRV_FRONT_CONTROL,
		.arena = {.size = sizeof(host->arena), .alloc = alloc},
	};
	host->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	host->module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	int rc = 0;
	if (!host->module)
		rc = ndrv_fail(&host->err, NDRV_E_DRIVER_REFUSED, "%s", dlerror());
	if (rc == 0)
		rc = ndrv_nl_open(&host->nl, &host->err);
	if (rc == 0)
		rc = start(host);
	if (rc) {
		struct ndrv_error why = host->err;

		ndrv_fakehost_close(host);
		host->err = why;
	}
	return rc;
}

static void release_all(struct ndrv_fakehost *host)
{
	int can = host->ops && NDRV_HAS(host->ops, release);

	for (uint32_t i = 0; can && i < host->ep_count; i++)
		if (host->eps[i]->endpoint.priv)
			host->ops->release(host->self, &host->eps[i]->net->network, &host->eps[i]->endpoint);
	for (uint32_t i = 0; can && i < host->net_count; i++)
		if (host->nets[i]->network.priv)
			host->ops->release(host->self, &host->nets[i]->network, NULL);
}

static void destroy(struct ndrv_fakehost *host)
{
	if (host->ops && NDRV_HAS(host->ops, destroy))
		host->ops->destroy(host->self);
	host->ops = NULL;
}

void ndrv_fakehost_close(struct ndrv_fakehost *host)
{
	release_all(host);
	destroy(host);
	if (host->nl)
		ndrv_nl_close(host->nl);
	host->nl = NULL;
	fake_store_clear(host);
	free_blocks(host);
	if (host->netns_fd >= 0)
		(void)close(host->netns_fd);
	host->netns_fd = -1;
	if (host->module)
		(void)dlclose(host->module);
	host->module = NULL;
}

static int adopt_all(struct ndrv_fakehost *host)
{
	const struct ndrv_blob nothing = {.data = NULL};
	int rc = 0;

	if (!NDRV_HAS(host->ops, adopt))
		return 0;
	for (uint32_t i = 0; rc == 0 && i < host->net_count; i++)
		rc = host->ops->adopt(host->self, ndrv_fakehost_call(host, NDRV_CALL_RESTORE), &host->nets[i]->network, NULL,
				      &nothing);
	for (uint32_t i = 0; rc == 0 && i < host->ep_count; i++)
		rc = host->ops->adopt(host->self, ndrv_fakehost_call(host, NDRV_CALL_RESTORE), &host->eps[i]->net->network,
				      &host->eps[i]->endpoint, &nothing);
	return rc;
}

int ndrv_fakehost_restart(struct ndrv_fakehost *host)
{
	release_all(host);
	destroy(host);
	ndrv_error_clear(&host->err);
	int rc = start(host);
	return rc ? rc : adopt_all(host);
}

struct ndrv_call *ndrv_fakehost_call(struct ndrv_fakehost *host, uint32_t flags)
{
	ndrv_error_clear(&host->err);
	host->call = (struct ndrv_call){
		.size = sizeof(host->call),
		.flags = flags,
		.err = &host->err,
		.arena = &host->arena,
		.cancelled = never,
		.requester = "a test",
		.front = host->front,
		.uid = (uint32_t)-1,
		.request_id = "",
		.host_nl = host->nl,
	};
	return &host->call;
}
