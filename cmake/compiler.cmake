# Compiler-wide choices as interface targets; nothing here sets a global flag except the sanitizers,
# which every object of a program must share.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What it has to be told of precompiled headers: https://ccache.dev/manual/4.7.5.html#_precompiled_headers
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(pass_warnings INTERFACE)
target_compile_options(pass_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                       # GCC 12 wrongly sees it in inlined comparisons of a moved-from StatusOr<std::string>.
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(PASS_SANITIZE)
  add_compile_options(-fsanitize=${PASS_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PASS_SANITIZE})
endif()
