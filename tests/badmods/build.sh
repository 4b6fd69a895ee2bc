#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh SOURCES OUT LIBNDRV: one small shared object for each way a driver file can be unfit, and some fit ones.
# CC, CPPFLAGS and CFLAGS come from make.
set -eu
sources=$1 out=$2 libndrv=$3
mkdir -p "$out"

# so NAME SOURCE [FLAG...]
so() {
	name=$1 source=$2
	shift 2
	# shellcheck disable=SC2086
	$CC $CPPFLAGS $CFLAGS -std=gnu11 -fPIC -fvisibility=hidden -shared -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
		-o "$out/$name.so" "$sources/$source.c" "$@" "$libndrv"
}

# Fit.
so good plain
so good_2 plain -DANSWER=2
so several plain '-DTYPES="one\0two\0three"'
so dynamic plain '-DTYPES=""' '-DNOTE_EXTRA=.flags = NDRV_DRIVER_DYNAMIC_TYPES'
so old raw '-DOPS_BYTES=offsetof(struct ndrv_ops, network_delete)'
so lazy plain -Wl,-z,lazy -Wl,-z,norelro
so setns plain -DSETNS
so global plain '-DNOTE_EXTRA=.connectivity_scope = NDRV_SCOPE_GLOBAL'
so newer raw '-DNOTE_EXTRA=.abi_minor = 7, .threading = 99'

# The note.
so no_note raw -DNO_NOTE
so wrong_major raw -DMAJOR=2 -DENTRY=ndrv_driver_v2
so note_size raw -DNOTE_SIZE=12
so note_name raw '-DNOTE_EXTRA=.name = "0123456789abcdef0123456789abcdef"'
so note_type raw '-DNOTE_TYPES="Not A Type"'
so note_types_none raw '-DNOTE_TYPES=""'
so note_scope raw '-DNOTE_EXTRA=.data_scope = 3'
so note_schema raw '-DNOTE_EXTRA=.state_version = 1, .state_version_min = 2'
so two_notes raw -DTWO_NOTES
so minor_too_new raw '-DNOTE_EXTRA=.abi_minor_min = 7'
so needs_unknown raw '-DNOTE_EXTRA=.needs_hi = 1u << 8'
so needs_nat raw '-DNOTE_EXTRA=.needs_lo = NDRV_FEATURE_NAT'

# Symbols.
so entry_v2 raw -DENTRY=ndrv_driver_v2
so no_entry raw -DNO_ENTRY
so undefined plain -DUNDEFINED -Wl,-z,lazy
so exports plain -DEXPORT
so constructor_no_note raw -DNO_NOTE "$sources/trace.c"
so constructor_runpath plain "$sources/trace.c" -Wl,-rpath,/opt/example -Wl,--enable-new-dtags

# Note and code disagree.
so liar_name raw '-DCODE_NAME="war"'
so liar_type raw '-DCODE_TYPE="war"'
so liar_scope raw -DCODE_SCOPE=NDRV_SCOPE_GLOBAL
so liar_no_note raw -DCODE_NOTE=NULL
so liar_more raw '-DNOTE_TYPES="raw\0war"'
so bad_scope raw -DCODE_SCOPE=9
so ops_short raw -DOPS_BYTES=12
so ops_huge raw -DOPS_BYTES=0xfffffff8u
so ops_null raw -DOPS=NULL
so ops_other raw '-DNOTE_OPS_BYTES=16'

# The entry function.
so taken plain '-DTYPES="fresh\0good"'
so entry_fails raw -DREGISTERS_NOTHING '-DRESULT=ndrv_fail(err, NDRV_E_KERNEL_LACKS, "this kernel has no frobnicator")'
so entry_says_nothing raw -DREGISTERS_NOTHING -DRESULT=-77
so entry_registers_then_fails raw '-DRESULT=ndrv_fail(err, NDRV_E_INTERNAL, "changed my mind")'
so entry_ignores raw '-DCODE_TYPE="good"' '-DNOTE_TYPES="good"' -DRESULT=0
so registers_nothing raw -DREGISTERS_NOTHING

# The link.
so gone raw -Wl,-soname,libgone.so.1
so needed_missing plain -Wl,--no-as-needed "$out/gone.so"
rm "$out/gone.so"
so needed_foreign plain -Wl,--no-as-needed -lyaml
so runpath plain -Wl,-rpath,/opt/example -Wl,--enable-new-dtags
so rpath plain -Wl,-rpath,/opt/example -Wl,--disable-new-dtags
so audit plain -Wl,--audit,libwatch.so
so execstack plain -Wl,-z,execstack
so static_tls plain -DSTATIC_TLS
so textrel plain -DTEXTREL -Wl,-z,notext
so write_exec plain -DWRITE_EXEC -Wl,--no-warn-rwx-segments

# shellcheck disable=SC2086
$CC $CPPFLAGS $CFLAGS -std=gnu11 -fPIC -c -o "$out/object.so" "$sources/plain.c"
printf 'int main(void) { return 0; }\n' >"$out/program.c"
# shellcheck disable=SC2086
$CC $CFLAGS -fPIE -pie -o "$out/program.so" "$out/program.c"
rm "$out/program.c"
