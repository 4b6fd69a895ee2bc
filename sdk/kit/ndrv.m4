# SPDX-License-Identifier: Apache-2.0
# ndrv.m4: configure a network driver for ndrv.

# NDRV_DRIVER([MIN-ABI])
# ----------------------
# Finds the SDK through pkg-config and stops where it is missing, or where its ABI is older than MIN-ABI ("1.2"). Substitutes:
#   NDRV_CFLAGS, NDRV_LIBS    of the SDK
#   NDRV_DRIVER_CFLAGS        what every source of a driver is compiled with
#   NDRV_DRIVER_LDFLAGS       what a driver is linked with; add -Wl,--version-script=FILE of your own
#   driverdir, driverconfdir  where drivers and descriptors go, in words of this package's own $(libdir) and $(prefix): what the SDK
#                             was configured with does not matter, so DESTDIR and `make distcheck` work
#   NDRV_ABI                  the SDK's, as "1.2"
AC_DEFUN([NDRV_DRIVER], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
PKG_CHECK_MODULES([NDRV], [ndrv])
ndrv_major=$($PKG_CONFIG --variable=abi_major ndrv)
ndrv_minor=$($PKG_CONFIG --variable=abi_minor ndrv)
NDRV_ABI=$ndrv_major.$ndrv_minor
m4_ifval([$1], [
AC_MSG_CHECKING([for ndrv ABI $1])
m4_bmatch([$1], [^[0-9]+\.[0-9]+$], [], [m4_fatal([NDRV_DRIVER takes MAJOR.MINOR, not "$1"])])dnl
AS_IF([test "$ndrv_major" -ne "m4_bpatsubst([$1], [\..*])" || test "$ndrv_minor" -lt "m4_bpatsubst([$1], [.*\.])"],
	[AC_MSG_RESULT([no, $NDRV_ABI])
	 AC_MSG_ERROR([the installed SDK of ndrv has ABI $NDRV_ABI, not $1 or a later one of the same major: install another])])
AC_MSG_RESULT([$NDRV_ABI])
])
driverdir=$($PKG_CONFIG --define-variable=libdir='${libdir}' --variable=driverdir ndrv)
driverconfdir=$($PKG_CONFIG --define-variable=prefix='${prefix}' --variable=driverconfdir ndrv)
NDRV_DRIVER_CFLAGS="-std=gnu11 -fPIC -fvisibility=hidden"
NDRV_DRIVER_LDFLAGS="-shared"
AC_SUBST([NDRV_ABI])
AC_SUBST([NDRV_DRIVER_CFLAGS])
AC_SUBST([NDRV_DRIVER_LDFLAGS])
AC_SUBST([driverdir])
AC_SUBST([driverconfdir])
])
