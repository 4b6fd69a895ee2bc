# SPDX-License-Identifier: Apache-2.0
# What a vendor compiles against. libndrv.a is PIC and is linked, hidden, into each driver.
ndrvincludedir = $(includedir)/ndrv
ndrvinclude_HEADERS = \
	%D%/include/ndrv/version.h \
	%D%/include/ndrv/error.h \
	%D%/include/ndrv/value.h \
	%D%/include/ndrv/types.h \
	%D%/include/ndrv/call.h \
	%D%/include/ndrv/network.h \
	%D%/include/ndrv/table.h \
	%D%/include/ndrv/nat.h \
	%D%/include/ndrv/host.h \
	%D%/include/ndrv/options.h \
	%D%/include/ndrv/driver.h

# One archive for everybody: vendors link the installed one, our drivers, host and tests the one in the build tree. It is PIC and all
# of its symbols are hidden, so that nothing of it shows in the driver it ends up in. A plain archive, not a libtool one: a driver
# gets the objects it uses and no others, and so needs libnl or libjansson only if it calls what needs them.
lib_LIBRARIES += %D%/libndrv.a
%C%_libndrv_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_libndrv_a_CFLAGS = $(AM_CFLAGS) -fPIC
%C%_libndrv_a_SOURCES = \
	%D%/lib/error.c \
	%D%/lib/value.c \
	%D%/lib/types.c \
	%D%/lib/check.c \
	%D%/lib/table.c \
	%D%/lib/options.c \
	%D%/lib/handles.c \
	%D%/lib/host.c \
	%D%/lib/register.c \
	%D%/lib/ipam.c %D%/lib/ipam_aux.h \
	%D%/lib/ipam_json.c \
	%D%/lib/go_json.c %D%/lib/go_json.h

pkgconfig_DATA += %D%/ndrv.pc

# A complete driver to start from, for ndrv-newdriver: built against the installed SDK by tests/abi/template.sh.
templatedir = $(datadir)/ndrv/template
dist_template_DATA = \
	%D%/template/driver.c \
	%D%/template/dist.mk \
	%D%/template/driver.map \
	%D%/template/example.yaml \
	%D%/template/example.spec \
	%D%/template/gitignore \
	%D%/template/packaging.mk \
	%D%/template/README.md \
	%D%/template/VERSION
dist_template_SCRIPTS = %D%/template/release
template_testsdir = $(templatedir)/tests
dist_template_tests_DATA = %D%/template/tests/test_driver.c
dist_template_tests_SCRIPTS = %D%/template/tests/check.sh
template_debiandir = $(templatedir)/debian
dist_template_debian_DATA = \
	%D%/template/debian/changelog \
	%D%/template/debian/control \
	%D%/template/debian/copyright \
	%D%/template/debian/source-format
dist_template_debian_SCRIPTS = %D%/template/debian/rules
template_makedir = $(templatedir)/build-make
dist_template_make_DATA = %D%/template/build-make/Makefile
template_autotoolsdir = $(templatedir)/build-autotools
dist_template_autotools_DATA = %D%/template/build-autotools/configure.ac %D%/template/build-autotools/Makefile.am
template_mesondir = $(templatedir)/build-meson
dist_template_meson_DATA = %D%/template/build-meson/meson.build %D%/template/build-meson/Makefile
template_cmakedir = $(templatedir)/build-cmake
dist_template_cmake_DATA = %D%/template/build-cmake/CMakeLists.txt %D%/template/build-cmake/Makefile

# What makes a project of the template, and what its build system asks.
dist_bin_SCRIPTS = %D%/kit/ndrv-newdriver
bashcompletion_kitdir = $(datadir)/bash-completion/completions
dist_bashcompletion_kit_DATA = %D%/kit/completion/ndrv-newdriver
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = %D%/kit/ndrv.m4
cmakedir = $(libdir)/cmake/ndrv
dist_cmake_DATA = %D%/kit/ndrvConfig.cmake
cmake_DATA = %D%/kit/ndrvConfigVersion.cmake
EXTRA_DIST += %D%/kit/ndrvConfigVersion.cmake.in
CLEANFILES += %D%/kit/ndrvConfigVersion.cmake
%D%/kit/ndrvConfigVersion.cmake: %D%/kit/ndrvConfigVersion.cmake.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@PACKAGE_VERSION[@]|$(PACKAGE_VERSION)|' \
		$(srcdir)/%D%/kit/ndrvConfigVersion.cmake.in > $@.tmp && mv $@.tmp $@

# All of the SDK and nothing else.
.PHONY: install-sdk
install-sdk: install-ndrvincludeHEADERS install-ndrvtestincludeHEADERS install-libLIBRARIES install-pkgconfigDATA \
	install-dist_templateDATA install-dist_templateSCRIPTS install-dist_template_testsDATA install-dist_template_testsSCRIPTS \
	install-dist_template_debianDATA install-dist_template_debianSCRIPTS install-dist_template_makeDATA \
	install-dist_template_autotoolsDATA install-dist_template_mesonDATA install-dist_template_cmakeDATA \
	install-dist_binSCRIPTS install-dist_aclocalDATA install-dist_cmakeDATA install-cmakeDATA

# A fake host for drivers' own tests: a library of its own, which no driver links.
ndrvtestincludedir = $(includedir)/ndrv-test
ndrvtestinclude_HEADERS = %D%/include/ndrv-test/fakehost.h
lib_LIBRARIES += %D%/libndrv-test.a
%C%_libndrv_test_a_SOURCES = \
	%D%/test/fake.h \
	%D%/test/fakebox.c \
	%D%/test/fakehost.c \
	%D%/test/fakejoin.c \
	%D%/test/fakenet.c \
	%D%/test/fakestore.c
pkgconfig_DATA += %D%/ndrv-test.pc

# What a driver puts in its LIBADD, with $(NL_LIBS) behind it if it talks to the kernel. By -l, since libtool complains about archives.
DRIVER_LIBS = -L$(top_builddir)/sdk -lndrv
$(driver_LTLIBRARIES) $(check_LTLIBRARIES): %D%/libndrv.a

# Netlink. What uses it needs $(NL_LIBS).
ndrvinclude_HEADERS += \
	%D%/include/ndrv/netlink.h \
	%D%/include/ndrv/link.h \
	%D%/include/ndrv/route.h
%C%_libndrv_a_SOURCES += \
	%D%/lib/nl.c %D%/lib/nl.h \
	%D%/lib/nl_socket.c \
	%D%/lib/nl_batch.c \
	%D%/lib/link.c %D%/lib/link_name.c \
	%D%/lib/addr.c \
	%D%/lib/route.c

# Drivers whose endpoints are links on a parent.
ndrvinclude_HEADERS += %D%/include/ndrv/child.h
%C%_libndrv_a_SOURCES += \
	%D%/lib/far.c %D%/lib/far.h \
	%D%/lib/child.c %D%/lib/child.h \
	%D%/lib/child_options.c \
	%D%/lib/child_parent.c \
	%D%/lib/child_link.c \
	%D%/lib/child_endpoint.c

# Ports in options.
ndrvinclude_HEADERS += %D%/include/ndrv/ports.h
%C%_libndrv_a_SOURCES += %D%/lib/ports.c

# Docker's wire format, for the remote driver and for the Docker front. Not installed.
noinst_LIBRARIES += %D%/libwire.a
%C%_libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
%C%_libwire_a_CFLAGS = $(AM_CFLAGS) -fPIC
%C%_libwire_a_SOURCES = \
	%D%/wire/docker.c %D%/wire/docker.h \
	%D%/wire/encode.c %D%/wire/shape.h \
	%D%/wire/decode.c \
	%D%/wire/value.c \
	%D%/wire/errors.c
WIRE_LIBS = -L$(top_builddir)/sdk -lwire
