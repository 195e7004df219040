# pass_library(NAME SOURCES ... DEPS ... [PUBLIC_DEPS ...]): one static library per folder, alias pass::NAME.
# The include root is the repository, so that an include line is the path of the file.
function(pass_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PUBLIC_DEPS" ${ARGN})
  set(target pass_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(pass::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC_DEPS} PRIVATE pass_warnings ${ARG_DEPS})
endfunction()

# The target takes LibTorch's precompiled headers. They fit targets with libtorch's flags alone.
function(pass_reuse_torch_headers name)
  target_precompile_headers(${name} REUSE_FROM pass_torch_headers)
endfunction()

# What every program of a ThreadSanitizer build links besides (tests/support/tsan_absl_mutex.cc).
function(pass_add_sanitizer_support name)
  if(PASS_SANITIZE STREQUAL "thread")
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/tsan_absl_mutex.cc)
    target_link_libraries(${name} PRIVATE absl::synchronization)
  endif()
endfunction()

function(pass_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  pass_add_sanitizer_support(${name})
  target_link_libraries(${name} PRIVATE pass_warnings ${ARG_DEPS})
endfunction()

# pass_test(NAME SOURCES ... DEPS ... [LABELS ...] [TIMEOUT s]): a GoogleTest program and its ctest entry.
# Tests without a label need neither torch nor a network and run in seconds: `ctest -L fast`.
function(pass_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 1800)  # a hang fails; no test fails for time
  endif()
  add_executable(${name} ${ARG_SOURCES})
  pass_add_sanitizer_support(${name})
  target_link_libraries(${name} PRIVATE pass_warnings ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # Tests are compiled more often than they run.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(ARG_DEPS MATCHES "libtorch|pass_random_model")
    pass_reuse_torch_headers(${name})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
