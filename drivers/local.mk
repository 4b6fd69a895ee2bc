# SPDX-License-Identifier: Apache-2.0
# One folder and four lines per driver. A driver may include <ndrv/*> and its own folder, nothing else.
#	driver_LTLIBRARIES += %D%/null.la
#	%C%_null_la_SOURCES = %D%/null/null.c
#	%C%_null_la_LDFLAGS = $(DRIVER_LDFLAGS)
#	%C%_null_la_LIBADD = $(DRIVER_LIBS)

driver_LTLIBRARIES += %D%/null.la
%C%_null_la_SOURCES = %D%/null/null.c
%C%_null_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_null_la_LIBADD = $(DRIVER_LIBS)

driver_LTLIBRARIES += %D%/host.la
%C%_host_la_SOURCES = %D%/host/host.c
%C%_host_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_host_la_LIBADD = $(DRIVER_LIBS)

driver_LTLIBRARIES += %D%/bridge.la
# Without bridge.c: tests of swaps build it with another.
BRIDGE_PARTS = drivers/bridge/bridge.h drivers/bridge/options.c drivers/bridge/link.c drivers/bridge/endpoint.c \
	drivers/bridge/external.c
%C%_bridge_la_SOURCES = %D%/bridge/bridge.c $(BRIDGE_PARTS)
%C%_bridge_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_bridge_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

driver_LTLIBRARIES += %D%/macvlan.la
%C%_macvlan_la_SOURCES = %D%/macvlan/macvlan.c
%C%_macvlan_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_macvlan_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

driver_LTLIBRARIES += %D%/ipvlan.la
%C%_ipvlan_la_SOURCES = %D%/ipvlan/ipvlan.c
%C%_ipvlan_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_ipvlan_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

# Tests build it again, as another version.
OVERLAY_SOURCES = drivers/overlay/overlay.h drivers/overlay/peers.h drivers/overlay/overlay.c drivers/overlay/node.c \
	drivers/overlay/options.c drivers/overlay/vni.c drivers/overlay/linking.c drivers/overlay/subnet.c drivers/overlay/vxlan.c drivers/overlay/endpoint.c \
	drivers/overlay/veth.c drivers/overlay/row.c drivers/overlay/peers.c drivers/overlay/program.c drivers/overlay/sweep.c \
	drivers/overlay/flood.c
driver_LTLIBRARIES += %D%/overlay.la
%C%_overlay_la_SOURCES = $(OVERLAY_SOURCES)
%C%_overlay_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_overlay_la_LIBADD = $(DRIVER_LIBS) $(NL_LIBS)

# Network types of others: Docker's plugin protocol.
driver_LTLIBRARIES += %D%/remote.la
%C%_remote_la_SOURCES = %D%/remote/remote.h %D%/remote/remote.c %D%/remote/memory.c %D%/remote/settings.c %D%/remote/discover.c \
	%D%/remote/probe.c %D%/remote/ops.c %D%/remote/endpoint.c %D%/remote/call.c %D%/remote/http.c
%C%_remote_la_LDFLAGS = $(DRIVER_LDFLAGS)
%C%_remote_la_LIBADD = $(WIRE_LIBS) $(DRIVER_LIBS) $(JANSSON_LIBS)
EXTRA_%C%_remote_la_DEPENDENCIES = sdk/libwire.a

# libtool's .la files serve nobody here: drivers are found by their descriptors and loaded as .so.
install-data-hook:
	cd $(DESTDIR)$(driverdir) && rm -f $(notdir $(driver_LTLIBRARIES))
uninstall-hook:
	cd $(DESTDIR)$(driverdir) && rm -f $(notdir $(driver_LTLIBRARIES:.la=.so))
