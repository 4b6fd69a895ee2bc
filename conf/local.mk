# SPDX-License-Identifier: Apache-2.0
# The shipped configuration, and a descriptor for each driver of ours where vendors' packages put theirs.
EXTRA_DIST += %D%/ndrvd.yaml
dist_driverconf_DATA += \
	%D%/drivers.d/bridge.yaml \
	%D%/drivers.d/host.yaml \
	%D%/drivers.d/ipvlan.yaml \
	%D%/drivers.d/macvlan.yaml \
	%D%/drivers.d/null.yaml \
	%D%/drivers.d/overlay.yaml \
	%D%/drivers.d/remote.yaml

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/ndrvctl.bash

# Units, and what packages run: the paths in them are those of this build.
EXTRA_DIST += %D%/ndrvd.service.in %D%/package-hook.in %D%/docker-plugin
systemdsystemunit_DATA = %D%/ndrvd.service
dist_systemdsystemunit_DATA = %D%/ndrvd.socket %D%/ndrvd-docker@.socket
pkglibexec_SCRIPTS = %D%/package-hook
CLEANFILES += %D%/ndrvd.service %D%/package-hook
SET_PATHS = $(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@sbindir[@]|$(sbindir)|' -e 's|@bindir[@]|$(bindir)|'
%D%/ndrvd.service: %D%/ndrvd.service.in Makefile
	$(SET_PATHS) $(srcdir)/%D%/ndrvd.service.in >$@.tmp && mv $@.tmp $@
%D%/package-hook: %D%/package-hook.in Makefile
	$(SET_PATHS) $(srcdir)/%D%/package-hook.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@

# The group of the control socket; needrestart's way to put new libraries under the running host. Both under other names.
sysusersdir = $(prefix)/lib/sysusers.d
needrestartdir = $(sysconfdir)/needrestart/restart.d
EXTRA_DIST += %D%/sysusers.conf %D%/needrestart
install-data-local: install-renamed
install-renamed:
	$(MKDIR_P) "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(needrestartdir)"
	$(INSTALL_DATA) $(srcdir)/conf/sysusers.conf "$(DESTDIR)$(sysusersdir)/ndrv.conf"
	$(INSTALL_SCRIPT) $(srcdir)/conf/needrestart "$(DESTDIR)$(needrestartdir)/ndrvd.service"
uninstall-local: uninstall-renamed
uninstall-renamed:
	rm -f "$(DESTDIR)$(sysusersdir)/ndrv.conf" "$(DESTDIR)$(needrestartdir)/ndrvd.service"
.PHONY: install-renamed uninstall-renamed

# An administrator's file is not overwritten by `make install`, nor removed by `make uninstall` once it was changed.
ndrvconfdir = $(sysconfdir)/ndrv
install-data-local: install-ndrvd-yaml
install-ndrvd-yaml:
	$(MKDIR_P) "$(DESTDIR)$(ndrvconfdir)/drivers.d"
	test -e "$(DESTDIR)$(ndrvconfdir)/ndrvd.yaml" || \
		$(INSTALL_DATA) $(srcdir)/conf/ndrvd.yaml "$(DESTDIR)$(ndrvconfdir)/ndrvd.yaml"
uninstall-local: uninstall-ndrvd-yaml
uninstall-ndrvd-yaml:
	if cmp -s $(srcdir)/conf/ndrvd.yaml "$(DESTDIR)$(ndrvconfdir)/ndrvd.yaml"; then \
		rm -f "$(DESTDIR)$(ndrvconfdir)/ndrvd.yaml"; fi
	-rmdir "$(DESTDIR)$(ndrvconfdir)/drivers.d" "$(DESTDIR)$(ndrvconfdir)" 2>/dev/null
.PHONY: install-ndrvd-yaml uninstall-ndrvd-yaml
