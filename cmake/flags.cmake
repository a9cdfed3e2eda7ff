# The flags of the project, once, as one interface target.
add_library(cw_flags INTERFACE)
target_include_directories(cw_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(cw_flags INTERFACE _GNU_SOURCE CW_VERSION="${PROJECT_VERSION}")
target_compile_options(cw_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wwrite-strings -Wcast-qual -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wconversion -Wno-sign-conversion -Wformat=2
  -Wnull-dereference -Wimplicit-fallthrough -Wdouble-promotion -Wswitch-enum -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(cw_flags INTERFACE -Wduplicated-cond -Wduplicated-branches -Wlogical-op
    -Wformat-signedness -Wjump-misses-init -Wcast-align=strict)
else()
  target_compile_options(cw_flags INTERFACE -Wcomma -Wassign-enum -Wconditional-uninitialized)
endif()
if(CW_WERROR)
  target_compile_options(cw_flags INTERFACE -Werror)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(cw_flags INTERFACE -msse4.2)
endif()
if(CW_FUZZ)
  target_compile_options(cw_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CW_SANITIZE)
  target_compile_options(cw_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(cw_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(cw_flags INTERFACE -fstack-protector-strong -fstack-clash-protection
    -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON) # clang's needs an archiver of its own
    target_compile_options(cw_flags INTERFACE -ftrivial-auto-var-init=zero)
  endif()
  target_link_options(cw_flags INTERFACE -Wl,-z,relro,-z,now)
  # An assertion that vanishes in the product is a comment: NDEBUG stays off.
  set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(cw_flags INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
