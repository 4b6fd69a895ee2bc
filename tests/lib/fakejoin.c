/* SPDX-License-Identifier: Apache-2.0 */
/* JoinInfo of the fake host: what a driver says at join stays in the endpoint. */
#include "tests/lib/fakehost.h"
#include "tests/lib/test.h"

static struct fakeep *of_join(struct ndrv_join *join)
{
	return (struct fakeep *)(void *)((char *)join - offsetof(struct fakeep, join));
}

static int set_names(struct ndrv_join *join, const char *src, const char *prefix, const char *exact, struct ndrv_error *err)
{
	struct fakeep *ep = of_join(join);

	(void)err;
	(void)snprintf(ep->src, sizeof(ep->src), "%s", src);
	(void)snprintf(ep->prefix, sizeof(ep->prefix), "%s", prefix);
	(void)snprintf(ep->exact, sizeof(ep->exact), "%s", exact);
	return 0;
}

static int set_gateway(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	(void)err;
	of_join(join)->gateway4 = *gateway;
	return 0;
}

static int set_gateway6(struct ndrv_join *join, const struct ndrv_addr *gateway, struct ndrv_error *err)
{
	(void)err;
	of_join(join)->gateway6 = *gateway;
	return 0;
}

static int disable_gateway_service(struct ndrv_join *join, struct ndrv_error *err)
{
	(void)err;
	of_join(join)->no_gateway_service = true;
	return 0;
}

static int force_gateway(struct ndrv_join *join, uint32_t family, struct ndrv_error *err)
{
	(void)err;
	if (family == 6)
		of_join(join)->forced6 = true;
	else
		of_join(join)->forced4 = true;
	return 0;
}

static int add_static_route(struct ndrv_join *join, const struct ndrv_route *route, struct ndrv_error *err)
{
	struct fakeep *ep = of_join(join);

	(void)err;
	assert_true(ep->route_count < sizeof(ep->routes) / sizeof(*ep->routes));
	ep->routes[ep->route_count++] = *route;
	return 0;
}

static int add_wait_link(struct ndrv_join *join, uint32_t ifindex, struct ndrv_error *err)
{
	struct fakeep *ep = of_join(join);

	(void)err;
	assert_true(ep->wait_count < READY_MAX);
	ep->waits[ep->wait_count++] = ifindex;
	return 0;
}

static int set_neighbour(struct ndrv_join *join, const struct ndrv_addr *addr, const struct ndrv_mac *mac, struct ndrv_error *err)
{
	struct fakeep *ep = of_join(join);

	(void)err;
	assert_true(ep->neighbour_count < PLUG_NEIGHBOURS_MAX);
	ep->neighbours[ep->neighbour_count++] = (struct plug_neighbour){*addr, *mac};
	return 0;
}

static int add_table_entry(struct ndrv_join *join, const char *table, const char *key, const void *value, size_t bytes,
			   struct ndrv_error *err)
{
	(void)join, (void)table, (void)key, (void)value, (void)bytes, (void)err;
	return 0;
}

const struct ndrv_join_ops fake_join_ops = {
	.size = sizeof(fake_join_ops),
	.set_names = set_names,
	.set_gateway = set_gateway,
	.set_gateway6 = set_gateway6,
	.add_static_route = add_static_route,
	.disable_gateway_service = disable_gateway_service,
	.force_gateway = force_gateway,
	.add_wait_link = add_wait_link,
	.set_neighbour = set_neighbour,
	.add_table_entry = add_table_entry,
};
