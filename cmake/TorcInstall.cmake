# What `cmake --install` leaves behind: headers, both kinds of each library, pkg-config files, the CMake
# package, the daemon and the manual pages.

set(torc_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/torc)
set(torc_core_description "${PROJECT_DESCRIPTION}")
set(torc_web_description "HTTP for Torc")
set(torc_glib_description "Torc inside a GLib main loop")
set(torc_tls_description "TLS for Torc")
set(torc_testing_description "Tests of Torc protocols without sockets and without waiting")

# torc_install_pkgconfig(COMPONENT REQUIRED-PACKAGES [PRIVATELY-REQUIRED-PACKAGES]): a NAME.pc beside the libraries. Paths are
# relative to ${prefix} where the installation's are, so that the whole can be moved.
function(torc_install_pkgconfig component requires)
    get_target_property(TORC_PC_NAME torc_${component} OUTPUT_NAME)
    set(TORC_PC_DESCRIPTION "${torc_${component}_description}")
    set(TORC_PC_REQUIRES "${requires}")
    string(REPLACE ";" ", " TORC_PC_REQUIRES_PRIVATE "${torc_${component}_needs}")
    cmake_path(APPEND TORC_PC_LIBDIR "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
    cmake_path(APPEND TORC_PC_INCLUDEDIR "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
    # The prefix may be given to `cmake --install` only, so the file is written when it runs.
    configure_file(${PROJECT_SOURCE_DIR}/cmake/torc.pc.in
        ${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc.in @ONLY)
    file(READ ${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc.in text)
    string(REGEX REPLACE "^prefix=[^\n]*" "prefix=@CMAKE_INSTALL_PREFIX@" text "${text}")
    file(WRITE ${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc.in "${text}")
    install(CODE "configure_file(
        \"${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc.in\"
        \"${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc\" @ONLY)")
    install(FILES ${PROJECT_BINARY_DIR}/${TORC_PC_NAME}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

set(torc_installed_targets "")
foreach(component IN LISTS TORC_COMPONENTS)
    list(APPEND torc_installed_targets torc_${component} torc_${component}_static)
    if(component STREQUAL core)
        torc_install_pkgconfig(core "")
    else()
        torc_install_pkgconfig(${component} "torc = ${PROJECT_VERSION}")
    endif()
endforeach()

install(TARGETS ${torc_installed_targets} EXPORT torc-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(TORC_COMPONENT_NEEDS "")
foreach(component IN LISTS TORC_COMPONENTS)
    if(torc_${component}_needs)
        string(APPEND TORC_COMPONENT_NEEDS
            "if(PkgConfig_FOUND)\n"
            "    pkg_check_modules(torc_${component} QUIET IMPORTED_TARGET ${torc_${component}_needs})\n"
            "    if(torc_${component}_FOUND)\n"
            "        set_property(TARGET torc::${component}_static APPEND PROPERTY\n"
            "            INTERFACE_LINK_LIBRARIES PkgConfig::torc_${component})\n"
            "    endif()\n"
            "endif()\n")
    endif()
endforeach()
install(EXPORT torc-targets NAMESPACE torc:: DESTINATION ${torc_package_folder})
configure_package_config_file(cmake/torc-config.cmake.in
    ${PROJECT_BINARY_DIR}/torc-config.cmake INSTALL_DESTINATION ${torc_package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/torc-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/torc-config.cmake
    ${PROJECT_BINARY_DIR}/torc-config-version.cmake DESTINATION ${torc_package_folder})

# torc_install_manual(SECTION FILE): a page that the source tree has.
function(torc_install_manual section file)
    if(EXISTS ${PROJECT_SOURCE_DIR}/man/${file})
        install(FILES man/${file} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endfunction()

if(TARGET torcd)
    install(TARGETS torcd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    torc_install_manual(1 torcd.1)
endif()
torc_install_manual(7 torc.7)
