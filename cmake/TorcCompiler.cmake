# What every target is compiled with: torc_target(NAME) applies it.

set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")

set(TORC_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes)
# Without optimisation gcc guesses where it cannot follow a value; the optimised builds do tell.
list(APPEND TORC_WARNINGS
    $<$<AND:$<CONFIG:Debug>,$<C_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>)
if(TORC_WERROR)
    list(APPEND TORC_WARNINGS -Werror)
endif()

# A call inside the library binds to the library itself: no stub, and the compiler may inline it.
set(TORC_CODE_OPTIONS -fno-semantic-interposition -fno-plt -fno-common)

# The places in a failure's trace are names within the source tree, wherever it stood when it was built.
list(APPEND TORC_CODE_OPTIONS -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

set(TORC_INSTRUMENT_COMPILE "")
set(TORC_INSTRUMENT_LINK "")
if(TORC_SANITIZE)
    list(APPEND TORC_INSTRUMENT_COMPILE -fsanitize=${TORC_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    list(APPEND TORC_INSTRUMENT_LINK -fsanitize=${TORC_SANITIZE})
endif()
if(TORC_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "TORC_FUZZ needs clang: use the preset 'fuzz', or set CMAKE_C_COMPILER")
    endif()
    list(APPEND TORC_INSTRUMENT_COMPILE -fsanitize=fuzzer-no-link)
endif()
if(TORC_COVERAGE)
    list(APPEND TORC_INSTRUMENT_COMPILE --coverage -fprofile-update=atomic -DTORC_COVERAGE)
    list(APPEND TORC_INSTRUMENT_LINK --coverage)
endif()

function(torc_target target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11
        C_STANDARD_REQUIRED ON
        C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_compile_options(${target} PRIVATE
        ${TORC_WARNINGS} ${TORC_CODE_OPTIONS} ${TORC_INSTRUMENT_COMPILE})
    target_link_options(${target} PRIVATE ${TORC_INSTRUMENT_LINK})
endfunction()
