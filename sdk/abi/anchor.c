/* SPDX-License-Identifier: Apache-2.0 */
/* The types of the driver ABI, for abidiff: the headers alone make no object file, and it looks at what functions take. Built by
 * tests/abi/abidiff.sh only. By pointer, since only members are promised, not sizes. */
#include <ndrv/driver.h>
#include <ndrv/link.h>

__attribute__((visibility("default"))) void
ndrv_abi_anchor(const struct ndrv_ops *ops, const struct ndrv_note *note, const struct ndrv_host *host,
		const struct ndrv_capability *capability, const struct ndrv_call *call, const struct ndrv_network *network,
		const struct ndrv_endpoint *endpoint, const struct ndrv_ifinfo *ifinfo, const struct ndrv_join *join,
		const struct ndrv_nl *nl, const struct ndrv_nl_item *nl_item, const struct ndrv_table_batch *batch,
		const struct ndrv_table_event *event, const struct ndrv_discovery *discovery,
		const struct ndrv_nat_network *nat_network, const struct ndrv_port_binding *binding,
		const struct ndrv_gateway_state *gateways, const struct ndrv_option *option, const struct ndrv_option_list *options,
		const struct ndrv_blob *blob, const struct ndrv_value *value, const struct ndrv_arena *arena,
		const struct ndrv_ipam_data *ipam, const struct ndrv_ipam_list *ipam_list, const struct ndrv_route *route,
		const struct ndrv_error *error, ndrv_driver_entry entry);

void ndrv_abi_anchor(const struct ndrv_ops *ops, const struct ndrv_note *note, const struct ndrv_host *host,
		     const struct ndrv_capability *capability, const struct ndrv_call *call, const struct ndrv_network *network,
		     const struct ndrv_endpoint *endpoint, const struct ndrv_ifinfo *ifinfo, const struct ndrv_join *join,
		     const struct ndrv_nl *nl, const struct ndrv_nl_item *nl_item, const struct ndrv_table_batch *batch,
		     const struct ndrv_table_event *event, const struct ndrv_discovery *discovery,
		     const struct ndrv_nat_network *nat_network, const struct ndrv_port_binding *binding,
		     const struct ndrv_gateway_state *gateways, const struct ndrv_option *option,
		     const struct ndrv_option_list *options, const struct ndrv_blob *blob, const struct ndrv_value *value,
		     const struct ndrv_arena *arena, const struct ndrv_ipam_data *ipam, const struct ndrv_ipam_list *ipam_list,
		     const struct ndrv_route *route, const struct ndrv_error *error, ndrv_driver_entry entry)
{
	(void)ops, (void)note, (void)host, (void)capability, (void)call, (void)network, (void)endpoint, (void)ifinfo, (void)join;
	(void)nl, (void)nl_item, (void)batch, (void)event, (void)discovery, (void)nat_network, (void)binding, (void)gateways;
	(void)option, (void)options, (void)blob, (void)value, (void)arena, (void)ipam, (void)ipam_list, (void)route, (void)error;
	(void)entry;
}
