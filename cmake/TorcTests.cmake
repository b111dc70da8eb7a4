# The tests; ctest names them by kind, so that `ctest -R '^unit'` picks one.
#
#   unit.DIR.NAME   tests/unit/DIR/NAME_test.c: one program each, on cmocka
#   fuzz.NAME       tests/fuzz/NAME_fuzz.c over its seeds in tests/fuzz/corpus/NAME/
#   example.NAME    examples/NAME.c, where NAME ends in _test
#   interop.NAME    tests/interop/NAME.sh or .py: real clients against the real programs
#   scenario.FAMILY.MODE  the stories of tests/scenario/FAMILY, played by build/torc-scenario
#   scenario.NAME   tests/scenario/NAME.sh: checks of torc-scenario itself
#   api.NAME        what an installed Torc looks like from outside

set(torc_unit_seconds 60)
if(TORC_SANITIZE OR TORC_COVERAGE)
    set(torc_unit_seconds 180)
endif()
set(torc_sanitizer_environment
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1")

function(torc_add_unit_test source)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/unit
        OUTPUT_VARIABLE relative)
    string(REGEX REPLACE "_test\\.c$" "" path ${relative})
    string(REPLACE "/" "." dotted ${path})
    string(REPLACE "/" "_" target unit_${path}_test)
    cmake_path(GET path PARENT_PATH folder)
    cmake_path(GET source STEM output)

    add_executable(${target} ${source})
    torc_target(${target})
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/unit ${PROJECT_SOURCE_DIR})
    if(TARGET unit_support_objects)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:unit_support_objects>)
    endif()
    if(folder MATCHES "^torcd" AND TARGET torcd_objects)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:torcd_objects>)
    endif()
    if(TARGET torc_${folder}_static)
        target_link_libraries(${target} PRIVATE torc_${folder}_static)
    endif()
    target_link_libraries(${target} PRIVATE ${TORC_STATIC_LIBRARIES} PkgConfig::cmocka)
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${output}
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/unit/${folder})

    # Torture runs everything over and over; a busy machine takes its time for that.
    set(seconds ${torc_unit_seconds})
    if(folder MATCHES "^torture")
        math(EXPR seconds "3 * ${torc_unit_seconds}")
    endif()
    add_test(NAME unit.${dotted} COMMAND ${target})
    set_tests_properties(unit.${dotted} PROPERTIES
        LABELS unit
        TIMEOUT ${seconds}
        ENVIRONMENT "${torc_sanitizer_environment}")
endfunction()

function(torc_add_fuzz_target source)
    cmake_path(GET source STEM stem)
    string(REGEX REPLACE "_fuzz$" "" name ${stem})
    set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})

    add_executable(${stem} ${source})
    torc_target(${stem})
    target_include_directories(${stem} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/fuzz)
    target_link_libraries(${stem} PRIVATE ${TORC_STATIC_LIBRARIES})
    if(TARGET PkgConfig::torc_tls_packages AND name MATCHES "^tls_")
        target_link_libraries(${stem} PRIVATE PkgConfig::torc_tls_packages)
    endif()
    # libFuzzer's own main calls this function, and declares it nowhere.
    target_compile_options(${stem} PRIVATE -Wno-missing-prototypes)
    set_target_properties(${stem} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fuzz)
    if(TORC_FUZZ)
        target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
        add_test(NAME fuzz.${name} COMMAND ${stem} -runs=0 ${corpus})
    else()
        target_sources(${stem} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c)
        add_test(NAME fuzz.${name} COMMAND ${stem} ${corpus})
    endif()
    set_tests_properties(fuzz.${name} PROPERTIES
        LABELS fuzz
        TIMEOUT 120
        ENVIRONMENT "${torc_sanitizer_environment}")
endfunction()

function(torc_add_interop_test source)
    cmake_path(GET source STEM name)
    cmake_path(GET source EXTENSION LAST_ONLY extension)
    if(extension STREQUAL ".py")
        set(runner /usr/bin/python3)
    else()
        set(runner bash)
    endif()
    add_test(NAME interop.${name} COMMAND ${runner} ${source})
    # One at a time: they measure what a peer sees, and two at once would disturb each other.
    set_tests_properties(interop.${name} PROPERTIES
        LABELS interop
        TIMEOUT 300
        SKIP_RETURN_CODE 77
        RESOURCE_LOCK interop
        WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
        ENVIRONMENT "TORCD=${PROJECT_BINARY_DIR}/torcd;EXAMPLES=${PROJECT_BINARY_DIR}/examples;SOURCE=${PROJECT_SOURCE_DIR};${torc_sanitizer_environment}")
endfunction()

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
if(NOT TARGET torc_tls_static)
    list(FILTER fuzz_sources EXCLUDE REGEX "/tls_")
endif()
foreach(source IN LISTS fuzz_sources)
    torc_add_fuzz_target(${source})
endforeach()
if(TORC_FUZZ)
    return()
endif()

file(GLOB_RECURSE unit_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/*_test.c)
file(GLOB unit_support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/support/*.c)
if(unit_sources)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(cmocka QUIET IMPORTED_TARGET cmocka)
    endif()
    # Who only wants the library or the daemon need not have what the tests are written with.
    # `make test` installs it first; a test run without any test is an error of its own.
    if(NOT cmocka_FOUND)
        message(WARNING "the unit tests are left out: pkg-config finds no cmocka (libcmocka-dev)")
        set(unit_sources "")
    endif()
endif()
# What several unit tests share, compiled once. Where there is no kqueue, its driver stands on one of the
# tests' own, and the list of drivers is compiled again, with it: it takes the place of the library's.
if(unit_sources AND unit_support)
    set(kqueue_folder ${PROJECT_SOURCE_DIR}/tests/unit/support/kqueue)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        list(APPEND unit_support ${kqueue_folder}/kqueue_stand_in.c
            ${PROJECT_SOURCE_DIR}/tests/unit/support/iocp/win32_stand_in.c
            ${PROJECT_SOURCE_DIR}/src/reactor/driver/kqueue.c
            ${PROJECT_SOURCE_DIR}/src/reactor/driver/drivers.c)
    endif()
    add_library(unit_support_objects OBJECT ${unit_support})
    torc_target(unit_support_objects)
    target_include_directories(unit_support_objects PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests/unit ${PROJECT_SOURCE_DIR})
    target_link_libraries(unit_support_objects PRIVATE ${TORC_STATIC_LIBRARIES} PkgConfig::cmocka)
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        target_include_directories(unit_support_objects PRIVATE ${kqueue_folder})
        target_compile_definitions(unit_support_objects PRIVATE TORC__HAS_KQUEUE)
    endif()
    if(TARGET torc_tls_static)
        target_compile_definitions(unit_support_objects PRIVATE TORC_TESTS_HAVE_TLS)
    endif()
endif()
if(NOT TARGET torc_glib_static)
    list(FILTER unit_sources EXCLUDE REGEX "/unit/glib/")
endif()
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    list(FILTER unit_sources EXCLUDE REGEX "/unit/(support/kqueue/|.*/iocp_sketch_test)")
endif()
if(NOT TARGET torc_tls_static)
    list(FILTER unit_sources EXCLUDE REGEX "/unit/(tls/|torture/tls_)")
endif()
foreach(source IN LISTS unit_sources)
    torc_add_unit_test(${source})
endforeach()

# examples/NAME_test.c show how a user's tests are written, and are tests themselves.
file(GLOB example_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*_test.c)
foreach(source IN LISTS example_tests)
    cmake_path(GET source STEM name)
    if(TARGET example_${name})
        add_test(NAME example.${name} COMMAND example_${name})
        set_tests_properties(example.${name} PROPERTIES
            LABELS unit
            TIMEOUT ${torc_unit_seconds}
            ENVIRONMENT "${torc_sanitizer_environment}")
    endif()
endforeach()

file(GLOB interop_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/tests/interop/*.sh ${PROJECT_SOURCE_DIR}/tests/interop/*.py)
foreach(source IN LISTS interop_sources)
    torc_add_interop_test(${source})
endforeach()

# torc-scenario plays the stories of a family in one mode after the other.
function(torc_add_scenario_test family mode)
    add_test(NAME scenario.${family}.${mode} COMMAND torc-scenario --${mode} ${ARGN}
        ${PROJECT_SOURCE_DIR}/tests/scenario/${family})
    set_tests_properties(scenario.${family}.${mode} PROPERTIES
        LABELS scenario
        TIMEOUT 600
        SKIP_RETURN_CODE 77
        ENVIRONMENT "${torc_sanitizer_environment}")
endfunction()

file(GLOB scenario_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/scenario/runner/*.c)
if(scenario_sources AND TARGET torc_testing_static)
    add_executable(torc-scenario ${scenario_sources})
    torc_target(torc-scenario)
    target_include_directories(torc-scenario PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(torc-scenario PRIVATE ${TORC_STATIC_LIBRARIES})
    set_target_properties(torc-scenario PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

    foreach(family line web)
        foreach(mode memory cut allocations)
            torc_add_scenario_test(${family} ${mode})
        endforeach()
    endforeach()
    torc_add_scenario_test(line live $<TARGET_FILE:torc-scenario>)
    torc_add_scenario_test(web foreign nginx)
    if(TORC_BUILD_EXAMPLES)
        torc_add_scenario_test(example live ${PROJECT_BINARY_DIR}/examples)
    endif()
    if(TARGET torcd)
        torc_add_scenario_test(web live $<TARGET_FILE:torcd>)
    endif()

    file(GLOB scenario_checks CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/scenario/*.sh)
    foreach(source IN LISTS scenario_checks)
        cmake_path(GET source STEM name)
        add_test(NAME scenario.${name} COMMAND bash ${source})
        set_tests_properties(scenario.${name} PROPERTIES
            LABELS scenario
            TIMEOUT 300
            ENVIRONMENT "SCENARIO=$<TARGET_FILE:torc-scenario>;${torc_sanitizer_environment}")
    endforeach()
endif()

# What a user's compiler makes of the headers and of an installation does not depend on how this
# build is instrumented: one kind of build checks it.
if(NOT TORC_SANITIZE AND NOT TORC_COVERAGE)
    file(GLOB api_checks CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/api/check_*.sh)
    foreach(source IN LISTS api_checks)
        cmake_path(GET source STEM stem)
        string(REGEX REPLACE "^check_" "" name ${stem})
        add_test(NAME api.${name} COMMAND bash ${source})
        set_tests_properties(api.${name} PROPERTIES
            LABELS api
            TIMEOUT 300
            SKIP_RETURN_CODE 77
            ENVIRONMENT "SOURCE=${PROJECT_SOURCE_DIR};BUILD=${PROJECT_BINARY_DIR};CC=${CMAKE_C_COMPILER}")
    endforeach()
endif()
