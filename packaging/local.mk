# SPDX-License-Identifier: Apache-2.0
# Packages. debian/ of a source package is packaging/debian; both kinds are built from what `make dist` makes.
EXTRA_DIST += %D%/debian %D%/build-deb
# For packages of drivers: debhelper's, installed by the package dh-ndrv only.
EXTRA_DIST += %D%/dh/dh_ndrv %D%/dh/dh_ndrv.1 %D%/dh/ndrv.pm
.PHONY: deb
# Leaves the packages in packages/deb.
deb: dist
	$(srcdir)/%D%/build-deb $(distdir).tar.xz packages/deb

# Leaves the packages in packages/rpm.
EXTRA_DIST += %D%/build-rpm %D%/rpm/ndrv.attr %D%/rpm/rpmlint.toml %D%/ndrv.spec %D%/rpm/macros.ndrv
.PHONY: rpm
rpm: dist
	$(srcdir)/%D%/build-rpm %D%/ndrv.spec $(distdir).tar.xz packages/rpm

# What builds of packages of drivers, of either kind, ask for a driver's dependencies. Only packages install it, in /usr/libexec/ndrv.
EXTRA_DIST += %D%/driver-note

# For builds of packages: what needs neither root nor a network, and no other tests are even compiled.
PACKAGE_TESTS = $(filter tests/unit/%,$(TESTS))
.PHONY: check-package
check-package: all
	$(MAKE) $(AM_MAKEFLAGS) tests/lib/libtest.a $(filter-out %.sh,$(PACKAGE_TESTS))
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(PACKAGE_TESTS)'
clean-local: clean-packages
clean-packages:
	rm -rf packages
.PHONY: clean-packages
