# SPDX-License-Identifier: Apache-2.0
# find_package(ndrv): the SDK for network drivers, as its ndrv.pc says. Defines:
#   ndrv::ndrv                      what a driver links
#   NDRV_ABI_MAJOR, NDRV_ABI_MINOR  of the driver ABI
#   ndrv_add_driver()               below
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
pkg_check_modules(NDRV QUIET IMPORTED_TARGET ndrv)
if(NOT NDRV_FOUND)
  set(ndrv_FOUND FALSE)
  set(ndrv_NOT_FOUND_MESSAGE "pkg-config does not find ndrv.pc, or what it requires: ${PKG_CONFIG_EXECUTABLE} --print-errors ndrv")
  return()
endif()
pkg_get_variable(NDRV_ABI_MAJOR ndrv abi_major)
pkg_get_variable(NDRV_ABI_MINOR ndrv abi_minor)
if(NOT TARGET ndrv::ndrv)
  add_library(ndrv::ndrv INTERFACE IMPORTED)
  target_link_libraries(ndrv::ndrv INTERFACE PkgConfig::NDRV)
endif()

# ndrv_add_driver(NAME SOURCE... [VERSION version] [VERSION_SCRIPT file] [DESCRIPTOR file])
# Builds NAME.so as the target ndrv-driver-NAME and installs it, and its descriptor, where ndrvd with this project's
# CMAKE_INSTALL_PREFIX and CMAKE_INSTALL_LIBDIR looks. VERSION becomes PACKAGE_VERSION in the sources.
function(ndrv_add_driver name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "VERSION;VERSION_SCRIPT;DESCRIPTOR" "")
  include(GNUInstallDirs)
  set(target ndrv-driver-${name})
  add_library(${target} MODULE ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX .so OUTPUT_NAME ${name} C_VISIBILITY_PRESET hidden
    C_STANDARD 11 C_EXTENSIONS ON)
  target_link_libraries(${target} PRIVATE ndrv::ndrv)
  if(arg_VERSION)
    target_compile_definitions(${target} PRIVATE "PACKAGE_VERSION=\"${arg_VERSION}\"")
  endif()
  if(arg_VERSION_SCRIPT)
    get_filename_component(script ${arg_VERSION_SCRIPT} ABSOLUTE)
    target_link_options(${target} PRIVATE "LINKER:--version-script=${script}")
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${script})
  endif()
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --define-variable=libdir=${CMAKE_INSTALL_FULL_LIBDIR} --variable=driverdir ndrv
    OUTPUT_VARIABLE driverdir OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --define-variable=prefix=${CMAKE_INSTALL_PREFIX} --variable=driverconfdir ndrv
    OUTPUT_VARIABLE driverconfdir OUTPUT_STRIP_TRAILING_WHITESPACE)
  install(TARGETS ${target} LIBRARY DESTINATION ${driverdir})
  if(arg_DESCRIPTOR)
    install(FILES ${arg_DESCRIPTOR} DESTINATION ${driverconfdir})
  endif()
endfunction()
