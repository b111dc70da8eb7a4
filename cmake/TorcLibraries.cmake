# The libraries. Each is compiled once, as position-independent objects, and packed twice: static and
# shared. torc_component(NAME ...) makes
#   torc_NAME          the shared library     (exported as torc::NAME)
#   torc_NAME_static   the static library     (exported as torc::NAME_static)
# and adds NAME to TORC_COMPONENTS, which the tests and the installation go by.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

set(TORC_COMPONENTS "")

function(torc_library target kind component output)
    add_library(${target} ${kind} $<TARGET_OBJECTS:torc_${component}_objects>)
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${output}
        LINKER_LANGUAGE C
        VERSION ${PROJECT_VERSION}
        SOVERSION 0)
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

# torc_component(NAME OUTPUT file-name SOURCES ... [REQUIRES component...] [PACKAGES module...])
# PACKAGES are pkg-config modules of other projects, which the component is built on.
function(torc_component name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT" "SOURCES;REQUIRES;PACKAGES")

    add_library(torc_${name}_objects OBJECT ${arg_SOURCES})
    torc_target(torc_${name}_objects)
    target_include_directories(torc_${name}_objects PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(torc_${name}_objects PRIVATE Threads::Threads)

    torc_library(torc_${name} SHARED ${name} ${arg_OUTPUT})
    torc_library(torc_${name}_static STATIC ${name} ${arg_OUTPUT})
    set_target_properties(torc_${name} PROPERTIES EXPORT_NAME ${name})
    set_target_properties(torc_${name}_static PROPERTIES EXPORT_NAME ${name}_static)
    target_link_options(torc_${name} PRIVATE ${TORC_INSTRUMENT_LINK})
    if(NOT TORC_SANITIZE AND NOT APPLE)
        # A symbol that another library keeps hidden is found here, not in a user's program.
        target_link_options(torc_${name} PRIVATE -Wl,--no-undefined)
    endif()
    target_link_libraries(torc_${name} PRIVATE Threads::Threads)
    target_link_libraries(torc_${name}_static PUBLIC Threads::Threads)
    foreach(required IN LISTS arg_REQUIRES)
        target_link_libraries(torc_${name} PUBLIC torc_${required})
        target_link_libraries(torc_${name}_static PUBLIC torc_${required}_static)
    endforeach()
    if(arg_PACKAGES)
        pkg_check_modules(torc_${name}_packages REQUIRED IMPORTED_TARGET ${arg_PACKAGES})
        target_link_libraries(torc_${name}_objects PRIVATE PkgConfig::torc_${name}_packages)
        target_link_libraries(torc_${name} PRIVATE PkgConfig::torc_${name}_packages)
        target_link_libraries(torc_${name}_static PUBLIC
            $<BUILD_INTERFACE:PkgConfig::torc_${name}_packages>)
    endif()
    set(torc_${name}_needs "${arg_PACKAGES}" PARENT_SCOPE)
    add_library(torc::${name} ALIAS torc_${name})
    add_library(torc::${name}_static ALIAS torc_${name}_static)

    list(APPEND TORC_COMPONENTS ${name})
    set(TORC_COMPONENTS ${TORC_COMPONENTS} PARENT_SCOPE)
endfunction()

set(core_patterns "")
foreach(folder base deferred task reactor reactor/driver transport names endpoint protocol log cred app)
    list(APPEND core_patterns ${PROJECT_SOURCE_DIR}/src/${folder}/*.c)
endforeach()
file(GLOB core_sources CONFIGURE_DEPENDS ${core_patterns})

# A driver is compiled where its system is; the list of drivers in the code has the same conditions.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    list(FILTER core_sources EXCLUDE REGEX "/reactor/driver/(epoll|uring[a-z_]*)\\.c$")
endif()
if(NOT CMAKE_SYSTEM_NAME MATCHES "BSD|Darwin|DragonFly")
    list(FILTER core_sources EXCLUDE REGEX "/reactor/driver/kqueue\\.c$")
endif()
torc_component(core OUTPUT torc SOURCES ${core_sources})

# What builds inside the tree links all of Torc statically, in this order.
set(TORC_STATIC_LIBRARIES torc_core_static)
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/web/*.c)
if(web_sources)
    torc_component(web OUTPUT torc-web SOURCES ${web_sources} REQUIRES core)
    list(PREPEND TORC_STATIC_LIBRARIES torc_web_static)
endif()
# torc_optional_component(NAME PACKAGE): src/NAME; left out where the package is not installed.
macro(torc_optional_component name package)
    file(GLOB ${name}_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
    if(PkgConfig_FOUND AND ${name}_sources)
        pkg_check_modules(torc_${name}_package QUIET ${package})
        if(torc_${name}_package_FOUND)
            torc_component(${name} OUTPUT torc-${name} SOURCES ${${name}_sources} REQUIRES core
                PACKAGES ${package})
        else()
            message(STATUS "torc-${name} is left out: pkg-config finds no ${package}")
        endif()
    endif()
endmacro()

# torc-glib is for programs that have GLib anyway: torcd, which has not, must not load it.
find_package(PkgConfig QUIET)
torc_optional_component(glib glib-2.0)
torc_optional_component(tls openssl)
if(TARGET torc_tls_static)
    list(PREPEND TORC_STATIC_LIBRARIES torc_tls_static)
endif()
file(GLOB testing_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/testing/*.c)
if(testing_sources)
    torc_component(testing OUTPUT torc-testing SOURCES ${testing_sources} REQUIRES core)
    list(PREPEND TORC_STATIC_LIBRARIES torc_testing_static)
endif()
