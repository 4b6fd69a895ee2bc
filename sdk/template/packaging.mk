# SPDX-License-Identifier: Apache-2.0
# The same for every build system: packages from the tarball, into packages/, and an installation on this machine. PACKAGE, VERSION,
# TARBALL and the rules `dist` and `install` are the includer's.
# On a system without a database of RPMs, what is installed is not known to rpm.
NODEPS := $(shell rpm -q rpm >/dev/null 2>&1 || echo --nodeps)
RPMBUILD = rpmbuild $(NODEPS)
DPKG_BUILDPACKAGE = dpkg-buildpackage -us -uc -b

deb: dist
	rm -rf packages/deb && mkdir -p packages/deb
	tar -xJf $(TARBALL) -C packages/deb
	cd packages/deb/$(PACKAGE)-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL $(DPKG_BUILDPACKAGE)
	mv packages/deb/*.deb packages/
	rm -rf packages/deb

# In the same place the same sources make the same bytes.
rpm: dist
	rm -rf packages/rpm
	env -u MAKEFLAGS -u MAKELEVEL SOURCE_DATE_EPOCH="$$(date +%s -d "$$(sed -n 's/^ -- .*  //p' debian/changelog | head -n 1)")" \
		$(RPMBUILD) -tb --define "_topdir $(CURDIR)/packages/rpm" --define "use_source_date_epoch_as_buildtime 1" \
		--define "clamp_mtime_to_source_date_epoch 1" --define "_buildhost localhost" $(TARBALL)
	mv packages/rpm/RPMS/*/*.rpm packages/
	rm -rf packages/rpm

# Into the folders ndrvd of this machine looks in; then it is asked to look. (automake dislikes the word install-local.)
INSTALL_LOCAL = install-local
$(INSTALL_LOCAL): install
	ndrvctl reload

.PHONY: deb rpm $(INSTALL_LOCAL)
