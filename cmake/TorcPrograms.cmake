# The programs: torcd, examples/NAME.c -> examples/NAME, bench/NAME.c -> bench/NAME. All are linked
# statically with the libraries of this build, so that they run from anywhere.

# The daemon. Its files but main.c are objects of their own, so that unit tests can link them.
file(GLOB torcd_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/torcd/*.c ${PROJECT_SOURCE_DIR}/torcd/plugins/*.c)
set(torcd_main ${PROJECT_SOURCE_DIR}/torcd/main.c)
if(TORC_BUILD_TORCD AND torcd_main IN_LIST torcd_sources)
    list(REMOVE_ITEM torcd_sources ${torcd_main})
    add_library(torcd_objects OBJECT ${torcd_sources})
    add_executable(torcd ${torcd_main} $<TARGET_OBJECTS:torcd_objects>)
    foreach(target torcd_objects torcd)
        torc_target(${target})
        target_compile_definitions(${target} PRIVATE TORC_VERSION_TEXT="${PROJECT_VERSION}")
        target_include_directories(${target} PRIVATE
            ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
        target_link_libraries(${target} PRIVATE ${TORC_STATIC_LIBRARIES})
        if(TARGET torc_tls_static)
            target_compile_definitions(${target} PRIVATE TORCD_HAS_TLS)
        endif()
    endforeach()
    set_target_properties(torcd PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
endif()

# An example sees what a user sees: the public headers and nothing else.
if(TORC_BUILD_EXAMPLES)
    file(GLOB example_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
    if(NOT TARGET torc_tls_static)
        list(FILTER example_sources EXCLUDE REGEX "/(start)?tls_")
    endif()
    foreach(source IN LISTS example_sources)
        cmake_path(GET source STEM name)
        add_executable(example_${name} ${source})
        torc_target(example_${name})
        target_link_libraries(example_${name} PRIVATE ${TORC_STATIC_LIBRARIES})
        set_target_properties(example_${name} PROPERTIES
            OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    endforeach()
endif()

# bench/torc_*.c measure Torc, bench/libuv_*.c and bench/libevent_*.c the same job on those, where
# they are installed, and all others stand on the system alone.
if(TORC_BUILD_BENCH)
    file(GLOB bench_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
    file(GLOB bench_common CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/common/*.c)
endif()
if(bench_sources)
    find_package(PkgConfig)
    if(PkgConfig_FOUND)
        pkg_check_modules(libuv QUIET IMPORTED_TARGET libuv)
        pkg_check_modules(libevent QUIET IMPORTED_TARGET libevent)
    endif()
endif()
if(bench_common)
    add_library(bench_common_objects OBJECT ${bench_common})
    torc_target(bench_common_objects)
    target_include_directories(bench_common_objects PRIVATE ${PROJECT_SOURCE_DIR}/bench)
endif()
foreach(source IN LISTS bench_sources)
    cmake_path(GET source STEM name)
    set(links Threads::Threads)
    if(name MATCHES "^(libuv|libevent)_")
        set(peer ${CMAKE_MATCH_1})
        if(NOT ${peer}_FOUND)
            message(STATUS "bench/${name} is left out: ${peer} is not installed")
            continue()
        endif()
        list(APPEND links PkgConfig::${peer})
    elseif(name MATCHES "^torc_")
        list(APPEND links ${TORC_STATIC_LIBRARIES})
    endif()
    add_executable(bench_${name} ${source})
    torc_target(bench_${name})
    if(TARGET bench_common_objects)
        target_sources(bench_${name} PRIVATE $<TARGET_OBJECTS:bench_common_objects>)
    endif()
    target_include_directories(bench_${name} PRIVATE
        ${PROJECT_SOURCE_DIR}/bench ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(bench_${name} PRIVATE ${links})
    set_target_properties(bench_${name} PROPERTIES
        OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endforeach()
