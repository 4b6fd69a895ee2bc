/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/cable.h"

#include "tests/lib/test.h"

static void address(struct ndrv_nl *nl, const char *name, uint32_t index, const char *text)
{
	struct ndrv_error err = {0};
	struct ndrv_prefix own;

	assert_ok(ndrv_prefix_parse(text, &own, &err), &err);
	assert_ok(ndrv_address_add(nl, name, index, &own, &err), &err);
}

void cable_lay(const struct netns *outside)
{
	struct ndrv_link_peer peer = {.name = "p1", .netns_fd = outside->fd};
	struct ndrv_link_spec spec = {.kind = "veth", .name = "p0", .up = 1, .peer = &peer};
	struct ndrv_link_change up = {.up = 1};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link link;

	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	ndrv_nl_close(nl);
	nl = netns_nl(outside);
	assert_ok(ndrv_link_get(nl, "p1", 0, &link, &err), &err);
	assert_ok(ndrv_link_set(nl, "p1", link.index, &up, &err), &err);
	address(nl, "p1", link.index, "10.5.0.1/24");
	address(nl, "p1", link.index, "fd05::1/64");
	ndrv_nl_close(nl);
}

bool cable_kernel_makes(const char *kind)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_link_spec spec = {.kind = kind, .name = "probe0"};
	struct ndrv_error err = {0};
	int rc = ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err);

	if (!rc)
		assert_ok(ndrv_link_delete(nl, "probe0", 0, &err), &err);
	ndrv_nl_close(nl);
	return rc != -NDRV_E_KERNEL_LACKS;
}
