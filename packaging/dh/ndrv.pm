#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# debhelper's sequence "ndrv": Build-Depends: dh-sequence-ndrv, or dh $@ --with ndrv.
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

# Behind dh_strip, since it is the file as shipped that is looked at; before dh_installdeb, which writes the triggers.
insert_before('dh_installdeb', 'dh_ndrv');

1;
